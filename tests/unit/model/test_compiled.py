# SPDX-License-Identifier: Apache-2.0
"""A model that an accelerator runs, with what it was compiled from: taken together, matched, and refused alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import tiny, vela
from helpers.vela import needs_vela

from mcuedit import cli, zoo
from mcuedit._util.errors import McueditError
from mcuedit.codegen.emission import emit
from mcuedit.emulate.runner import best_oracle
from mcuedit.model import bundle
from mcuedit.model.tflite import parse

SOURCE = tiny.classifier((16, 24, 6))


def folder(at: Path, compiled: bytes, source: bytes | None = SOURCE) -> Path:
    at.mkdir()
    (at / "model.tflite").write_bytes(compiled)
    if source is not None:
        (at / "source.tflite").write_bytes(source)
    return at


def edits(at: Path) -> Path:
    rng = np.random.default_rng(0)
    x, keep = (rng.integers(-60, 61, (n, 16)).astype(np.int8) for n in (4, 60))
    np.savez(at / "edits.npz", x=x, y=np.full(4, 2), keep=keep)
    return at / "edits.npz"


def test_alone_it_is_inspected_and_refused_by_its_name_elsewhere(tmp_path: Path, capsys: Any) -> None:
    net = folder(tmp_path / "net", vela.in_its_form(SOURCE), None)
    assert cli.invoke(["inspect", str(net), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["op_kinds"], said["taps"], said["targets"], said["tflm"]) == (["ethos-u"], [0], [0], False)
    for verb in (
        ["edit", str(net), "--edits", str(edits(tmp_path)), "-o", str(tmp_path / "fix")],
        ["run", str(net), "--random", "1", "--emulator", "tflm"],
    ):
        assert cli.invoke(verb) == 2
        said = " ".join(capsys.readouterr().err.split())
        assert "custom op 'ethos-u': compiled by Vela for an Arm Ethos-U" in said
        assert "as source.tflite, the int8 .tflite that Vela read" in said
    assert cli.invoke(["run", str(net), "--random", "1"]) == 2
    assert "an accelerator's, which the bare runtime does not drive" in " ".join(capsys.readouterr().err.split())


def test_with_its_source_it_is_edited_and_emitted(tmp_path: Path, capsys: Any) -> None:
    net = folder(tmp_path / "net", vela.in_its_form(SOURCE))
    assert cli.invoke(["inspect", str(net), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tflm"] is True
    fix = tmp_path / "fix"
    for tap in ("0", "0:output", "auto"):
        code = cli.invoke(
            ["edit", str(net), "--edits", str(edits(tmp_path)), "-o", str(fix), "--tap", tap, "--force", "--json"]
        )
        found = json.loads(capsys.readouterr().out)
        assert found["target"] == 0
        assert tap in ("auto", str(found["tap"]))
        if tap != "0:output":  # what a random net gives tells little
            assert (code, found["efficacy"]) == (0, 1.0)
    base = bundle.load(net)
    code = emit(base, [], runtime="tflm")["net_resolver.h"].decode()
    assert "mcuedit::WrapAccelerator<mcuedit::Custom<Register_ETHOSU>>()" in code
    with pytest.raises(McueditError, match="an accelerator's, which the bare runtime does not drive"):
        emit(base, [])


def test_what_it_holds_is_what_its_source_computes(tmp_path: Path) -> None:
    model, source = bundle.load(folder(tmp_path / "net", vela.in_its_form(SOURCE))).model, parse(SOURCE)
    x = np.random.default_rng(0).integers(-128, 128, (8, 1, 16)).astype(np.int8)
    (ours,) = best_oracle(model).activations(x, model.outputs).values()
    (theirs,) = best_oracle(source).activations(x, source.outputs).values()
    np.testing.assert_array_equal(ours, theirs)
    assert not model.stateful
    assert model.sha256 != source.sha256


def _named(name: str, change: Any) -> bytes:
    def changed(model: Any) -> None:
        (tensor,) = (t for t in model.subgraphs[0].tensors if t.name == name.encode())
        change(tensor)

    return tiny.altered(SOURCE, changed)


OTHERS = {
    "no such tensor": (
        _named("probabilities", lambda t: setattr(t, "name", b"p")),
        "'probabilities', INT8 1x6, .* has none of this name",
    ),
    "another scale": (
        _named("input", lambda t: setattr(t.quantization, "scale", [0.5])),
        "tensor 'input', INT8 1x16, .* that of source.tflite is .* scale .0.5",
    ),
    "another width": (tiny.classifier((16, 24, 7)), "that of source.tflite is INT8 1x7"),
    "compiled, too": (vela.in_its_form(SOURCE), "is compiled for an accelerator, too"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_source_is_refused(name: str, tmp_path: Path) -> None:
    data, why = OTHERS[name]
    with pytest.raises(McueditError, match=why) as caught:
        bundle.load(folder(tmp_path / "net", vela.in_its_form(SOURCE), data))
    assert "the very .tflite that Vela read" in caught.value.hint


def test_a_source_beside_what_no_accelerator_runs(tmp_path: Path) -> None:
    with pytest.raises(McueditError, match="beside a model that no accelerator runs"):
        bundle.load(folder(tmp_path / "net", SOURCE))


@needs_vela
@pytest.mark.parametrize("name", ["facts", "digits"])
def test_what_vela_makes_is_taken(name: str, tmp_path: Path) -> None:
    """Its tensors keep their names, their shapes and their quantization."""
    source = (zoo.folder(name) / "model.tflite").read_bytes()
    (tmp_path / "vela").mkdir()
    found = bundle.load(folder(tmp_path / "net", vela.compiled(source, tmp_path / "vela"), source))
    assert [op.custom for op in found.model.ops] == ["ethos-u"]
    assert found.model.input_names == parse(source).input_names
