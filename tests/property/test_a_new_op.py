# SPDX-License-Identifier: Apache-2.0
"""A new op is a record, the module that it names, a kernel, and its declaration: four files."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers import reverse_op

from mcuedit import codegen
from mcuedit._util import resources
from mcuedit._util.errors import McueditError
from mcuedit.conformance.oneop import random_graph, random_inputs, random_model
from mcuedit.emulate.options import RunOptions
from mcuedit.emulate.runner import open_device
from mcuedit.model import ops
from mcuedit.model.bundle import Base
from mcuedit.model.ops.kinds import KINDS, part
from mcuedit.model.tflite import parse


@pytest.fixture
def firmware(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sources with the kernel and the lines of the header."""
    find, copy = resources.path, tmp_path / "firmware"
    shutil.copytree(find("firmware"), copy)
    (copy / "kernels" / "reverse.c").write_text(reverse_op.KERNEL)
    header = copy / "include" / "mcuedit" / "kernels.h"
    before, end, after = header.read_text().rpartition("\n#ifdef __cplusplus\n}")
    header.write_text(before + reverse_op.HEADER + end + after)
    monkeypatch.setattr(resources, "path", lambda name: copy if name == "firmware" else find(name))
    return copy


def test_a_record_gives_reference_kernel_call_random_models_and_resolver(
    firmware: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mcuedit.model.oracle import Tflm

    rng = np.random.default_rng(1)
    with pytest.raises(KeyError, match="REVERSE_V2"):
        random_model("REVERSE_V2", rng)
    monkeypatch.setitem(KINDS, "REVERSE_V2", reverse_op.RECORD)
    assert "REVERSE_V2" in ops.kinds()
    for _ in range(3):
        model = parse(random_model("REVERSE_V2", rng), "reverse")
        assert [op.kind for op in model.ops] == ["REVERSE_V2"]
        x = random_inputs(model, rng, 20)
        wanted = Tflm(model).activations(x, model.outputs)[model.outputs[0]].reshape(len(x), -1)
        reference = ops.operator(model, model.ops[0]).forward(x).reshape(len(x), -1)
        np.testing.assert_array_equal(reference, wanted)
        with open_device(Base("reverse", model), options=RunOptions("host")) as device:
            np.testing.assert_array_equal(device.run(x), wanted)
    assert "resolver->AddReverseV2()," in codegen.render_tflm_base(Base("reverse", model))["reverse_resolver.h"]
    graphs = [parse(random_graph(np.random.default_rng(seed), 12), "graph") for seed in range(10)]
    assert any(op.kind == "REVERSE_V2" for model in graphs for op in model.ops)


def test_without_its_record_the_op_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "REVERSE_V2", reverse_op.RECORD)
    model = parse(random_model("REVERSE_V2", np.random.default_rng(1)), "reverse")
    monkeypatch.delitem(KINDS, "REVERSE_V2")
    with pytest.raises(McueditError, match="op 0 REVERSE_V2 is not in the bare runtime"):
        codegen.plan_arena(model)


@pytest.mark.parametrize("kind", KINDS)
def test_every_part_that_a_record_names_is_there(kind: str) -> None:
    record = KINDS[kind]
    assert all(callable(part(named)) for named in (record.reference, record.lowering, record.generator))
