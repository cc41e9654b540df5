# SPDX-License-Identifier: Apache-2.0
"""What is emitted for firmware with TFLM, letter by letter; as test_golden.py, with the same flag to write it anew."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers import golden, tiny
from helpers.deltas import adapter, delta
from helpers.tflm_here import needs_runtime

from mcuedit import codegen
from mcuedit._util.errors import McueditError
from mcuedit.build.external import tflm
from mcuedit.codegen import render
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import parse

EXPECTED = Path(__file__).with_name("expected_tflm")


def test_golden(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "__version__", "0.0.0")
    base = Base("tiny", parse(tiny.classifier((16, 8, 6)), "tiny"), tuple("abcdef"), features=16)
    fact = adapter(base.model, delta(base.model, 0, 1), name="a fact")
    made = codegen.render_tflm_project(base, [fact]) | codegen.render_tflm_model_header(base)
    got = {name: text for name, text in made.items() if "/" not in name and not name.startswith("a_fact")}
    array = got.pop("tiny_model.c").split("{\n")[1].split("}")[0]
    assert bytes(map(int, array.replace(",", " ").split())) == base.model.data
    golden.compare(request, got, EXPECTED)


def test_what_tflm_has_not_is_named() -> None:
    net = NetBuilder()
    x, y = (net.tensor(name, [1, 8], 0.1, 0) for name in "xy")
    net.op("GELU", [x], y)
    with pytest.raises(McueditError, match="op 0 GELU is not in TensorFlow Lite Micro"):
        codegen.render_tflm_base(Base("net", parse(net.pack(x, y), "net")))


@needs_runtime
@pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")
@pytest.mark.parametrize("int8", [False, True], ids=["reference kernels", "CMSIS-NN"])
def test_the_cmake_project_compiles_as_the_library_was(tmp_path: Path, int8: bool) -> None:
    """Of itself an executable of main.cc, with CMSIS_NN where the library has kernels for int8 alone."""
    base = Base("tiny", parse(tiny.classifier((16, 8, 6)), "tiny"))
    for path, text in codegen.render_tflm_project(base, [adapter(base.model, delta(base.model, 0, 1))]).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    kernel = "int _ZN6tflite29Register_FULLY_CONNECTED_INT8Ev;\n"  # as C++ calls it
    (tmp_path / "some.c").write_text(kernel if int8 else "int some = 1;\n", encoding="utf-8")
    for command in (["cc", "-c", "some.c"], ["ar", "rcs", "libtensorflow-microlite.a", "some.o"]):
        subprocess.run(command, cwd=tmp_path, check=True)
    assert tflm.has_int8(tmp_path / "libtensorflow-microlite.a") is int8
    options = [f"-DTFLM_ROOT={tflm.root()}", f"-DTFLM_LIB={tmp_path}/libtensorflow-microlite.a"]
    options += ["-G", "Unix Makefiles", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", "-B", "build"]
    subprocess.run(["cmake", *options], cwd=tmp_path, check=True, capture_output=True)
    commands = json.loads((tmp_path / "build" / "compile_commands.json").read_text(encoding="utf-8"))
    (main,) = [c["command"] for c in commands if c["file"].endswith("main.cc")]
    assert all(("-DCMSIS_NN" in c["command"].split()) is int8 for c in commands)
    assert "tiny_example.dir" in main
    for target in ("tiny", "main.o"):
        made = subprocess.run(
            ["make", "-C", "build", target], cwd=tmp_path, check=False, capture_output=True, text=True
        )
        assert made.returncode == 0, made.stderr[-2000:]
