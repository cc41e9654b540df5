# SPDX-License-Identifier: Apache-2.0
"""The address and undefined-behaviour sanitizers: the core on damaged adapters, the engine on every kind of op."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from helpers import tiny
from helpers.convs import Conv
from helpers.deltas import adapter, delta
from helpers.graphs import graphs_of_all_kinds, wide_graphs
from helpers.native import SANITIZERS, core_sources, includes, link

from mcuedit import codegen
from mcuedit.build import compilers
from mcuedit.conformance import opsweep
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import parse

PROGRAM = Path(__file__).with_name("sanitized.c")
OPS_PROGRAM = Path(__file__).with_name("sanitized_ops.c")


NETS = {
    "rows": (tiny.classifier((24, 16, 11, 7)), (2, 2), (1, 2)),
    "windows": (Conv(size=(4, 5), stride=(2, 1), dilation=(1, 2)).tflite(), (0, 0), (0, 0)),
}


@pytest.mark.parametrize("net", NETS)
def test_damaged_adapters(compiler: compilers.Compiler, tmp_path: Path, net: str) -> None:
    data, own, other = NETS[net]
    base = Base("net", parse(data, "net"))
    made = [
        delta(base.model, *own, gated=False),
        delta(base.model, *other, bits=4, rank=2, rows=None),
        delta(base.model, *own, bits=4, rows=3, seed=3),
        delta(base.model, *own, rank=2, seed=4, width=4),
        delta(base.model, *other, bits=4, rank=2, seed=5, width=8),
    ]
    made.sort(key=lambda d: (d.target, d.tap))
    it = adapter(base.model, *made, labels={2: "elk", 6: "ibexes"})
    files = codegen.render_base(base) | codegen.render_model_header(base) | codegen.render_adapter(it, base)
    assert int(sanitized(compiler, files, PROGRAM, tmp_path)) > 100


def test_every_kind_of_op(compiler: compilers.Compiler, tmp_path: Path) -> None:
    names = ("READ_VARIABLE", "SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM int16")
    kept = [opsweep.model(kind, 3) for kind in names]
    for model in (*graphs_of_all_kinds(), *wide_graphs(), *kept):
        base = Base("graph", model)
        sanitized(compiler, codegen.render_base(base) | codegen.render_model_header(base), OPS_PROGRAM, tmp_path)


def sanitized(compiler: compilers.Compiler, files: Mapping[str, str], program: Path, folder: Path) -> str:
    """What a program says that ends without a complaint."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    sources = [*(name for name in files if name.endswith(".c")), *core_sources(), program]
    link(folder, sources, *SANITIZERS, *includes(), "-I.", output="sanitized", compiler=compiler)
    done = subprocess.run([folder / "sanitized"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
