# SPDX-License-Identifier: Apache-2.0
"""A new op is a record, the module that it names, a kernel, and its declaration: four files."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers import abs_op

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
    (copy / "kernels" / "abs.c").write_text(abs_op.KERNEL)
    header = copy / "include" / "mcuedit" / "kernels.h"
    before, end, after = header.read_text().rpartition("\n#ifdef __cplusplus\n}")
    header.write_text(before + abs_op.HEADER + end + after)
    monkeypatch.setattr(resources, "path", lambda name: copy if name == "firmware" else find(name))
    return copy


def test_a_record_gives_reference_kernel_call_random_models_and_resolver(
    firmware: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mcuedit.model.oracle import Tflm

    rng = np.random.default_rng(1)
    with pytest.raises(KeyError, match="ABS"):
        random_model("ABS", rng)
    monkeypatch.setitem(KINDS, "ABS", abs_op.RECORD)
    assert "ABS" in ops.kinds()
    for _ in range(3):
        model = parse(random_model("ABS", rng), "abs")
        assert [op.kind for op in model.ops] == ["ABS"]
        x = random_inputs(model, rng, 20)
        wanted = Tflm(model).activations(x, model.outputs)[model.outputs[0]].reshape(len(x), -1)
        reference = ops.operator(model, model.ops[0]).forward(x).reshape(len(x), -1)
        np.testing.assert_array_equal(reference, wanted)
        with open_device(Base("abs", model), options=RunOptions("host")) as device:
            np.testing.assert_array_equal(device.run(x), wanted)
    assert "resolver->AddAbs()," in codegen.render_tflm_base(Base("abs", model))["abs_resolver.h"]
    graphs = [parse(random_graph(np.random.default_rng(seed), 12), "graph") for seed in range(10)]
    assert any(op.kind == "ABS" for model in graphs for op in model.ops)


def test_without_its_record_the_op_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "ABS", abs_op.RECORD)
    model = parse(random_model("ABS", np.random.default_rng(1)), "abs")
    monkeypatch.delitem(KINDS, "ABS")
    with pytest.raises(McueditError, match="op 0 ABS is not in the bare runtime"):
        codegen.plan_arena(model)


@pytest.mark.parametrize("kind", KINDS)
def test_every_part_that_a_record_names_is_there(kind: str) -> None:
    record = KINDS[kind]
    assert all(callable(part(named)) for named in (record.reference, record.lowering, record.generator))
