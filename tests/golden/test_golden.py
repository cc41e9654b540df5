# SPDX-License-Identifier: Apache-2.0
"""What is emitted, letter by letter. `pytest tests/golden --update-golden` writes it anew; read the diff."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import golden, tiny
from helpers.deltas import adapter, delta
from helpers.emitted import CMAKE, MAIN, adapters, base, project, readme_code
from helpers.native import WARNINGS, Native, core_sources, includes, link

from mcuedit import codegen
from mcuedit._util.errors import McueditError
from mcuedit.adapter.encoding import encode
from mcuedit.build import compilers
from mcuedit.codegen import render
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import load, parse

EXPECTED, WINDOWS = (Path(__file__).with_name(name) for name in ("expected", "expected_windows"))


def test_golden(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "__version__", "0.0.0")
    got = {name: text for name, text in project(base()).items() if not name.startswith("mcuedit/")}
    golden.compare(request, got, EXPECTED)


def test_golden_adapter_with_windows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "__version__", "0.0.0")
    of = base()
    made = delta(of.model, 0, 0, rank=2, width=8), delta(of.model, 0, 1, bits=4, width=12)
    golden.compare(request, codegen.render_adapter(adapter(of.model, *made, name="windows"), of), WINDOWS)


def test_what_is_emitted_has_no_trace_points_and_what_is_measured_has() -> None:
    assert "MCUEDIT_STAGE" not in project(base())["tiny.c"]
    assert (
        codegen.render_base(base())["tiny.c"].count("MCUEDIT_STAGE") == len(codegen.plan_arena(base().model).stages) + 1
    )


def test_two_processes_emit_the_same() -> None:
    program = "import json, test_golden as t; print(json.dumps(t.project(t.base())))"
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1]), *sys.path])
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1


def test_nothing_of_the_machine_is_emitted() -> None:
    for name, text in project(base()).items():
        assert str(Path.home()) not in text, name
        assert str(Path(__file__).parents[2]) not in text, name
        assert max(map(len, text.splitlines())) <= 160 or name == "README.md", name


def write(files: dict[str, str], folder: Path) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


@pytest.mark.skipif(CMAKE is None, reason="cmake is not installed")
@pytest.mark.skipif(shutil.which("cc") is None, reason="cmake finds no C compiler: cc is not installed")
def test_cmake_project_builds(tmp_path: Path) -> None:
    write(project(base()), tmp_path / "emitted")
    (tmp_path / "main.c").write_text(readme_code(base()) + MAIN, encoding="utf-8")
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(app C)\nadd_subdirectory(emitted)\n"
        "add_executable(app main.c)\ntarget_link_libraries(app PRIVATE tiny)\n",
        encoding="utf-8",
    )
    for command in ([CMAKE, "-S", ".", "-B", "build"], [CMAKE, "--build", "build"], ["build/app"]):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_readme_code_compiles_without_warnings(tmp_path: Path) -> None:
    write(project(base()), tmp_path)
    (tmp_path / "main.c").write_text(readme_code(base()) + MAIN, encoding="utf-8")
    sources = ["main.c", *sorted(p.name for p in tmp_path.glob("*.c") if p.name != "main.c")]
    link(tmp_path, [*sources, *core_sources()], *WARNINGS, "-pedantic", "-I.", *includes(), output="app")
    assert subprocess.run([tmp_path / "app"], check=False).returncode == 0


def test_emitted_adapter_is_the_device_bytes(tmp_path: Path) -> None:
    of = base()
    for it in adapters(of):
        names = codegen.adapter_names(it)
        text = codegen.render_adapter(it, of)[f"{names.stem}.c"]
        numbers = re.findall(r"0x[0-9a-f]{2}", re.sub(r"/\*.*?\*/", "", text.split("= {")[1].split("};")[0]))
        assert bytes(int(number, 16) for number in numbers) == encode(it, of.model)
        assert hashlib.sha256(encode(it, of.model)).hexdigest() in text


def test_another_format_is_refused_by_the_compiler(tmp_path: Path) -> None:
    files = codegen.render_base(base())
    write({name: text.replace("MCUEDIT_FORMAT != 1", "MCUEDIT_FORMAT != 2") for name, text in files.items()}, tmp_path)
    with pytest.raises(McueditError, match="generated for another version of mcuedit"):
        compilers.find_host_compiler().run([*WARNINGS, "-I.", *includes(), "-c", "tiny.c"], tmp_path)


def test_damaged_constants_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = codegen.render_base(base())
    start = files["tiny.c"].index("op1_bias[6] = {\n    ") + len("op1_bias[6] = {\n    ")
    files["tiny.c"] = files["tiny.c"][:start] + "7" + files["tiny.c"][start:]
    monkeypatch.setattr(codegen, "render_base", lambda *_, **__: files)
    damaged = Native(base(), tmp_path)
    assert damaged.name(damaged.lib.mcuedit_base_check(damaged.base)) == "E_BASE"


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("facts", "facts"),
        ("1 strange näme/*\\", "n1_strange_name"),
        ("double", "double"),
        ("日本", "n"),
        ("A--B", "a_b"),
    ],
)
def test_any_name_becomes_c(name: str, symbol: str, tmp_path: Path) -> None:
    of = base(name)
    assert codegen.base_names(name).symbol == symbol
    write(codegen.render_base(of), tmp_path)
    compilers.find_host_compiler().run([*WARNINGS, "-I.", *includes(), "-c", f"{symbol}.c"], tmp_path)


def test_equal_names_are_refused() -> None:
    of = base()
    twice = [adapter(of.model, delta(of.model, 0, 1), name=name) for name in ("a b", "a-b")]
    with pytest.raises(McueditError, match="2 of the given things would be called a_b_adapter in C"):
        codegen.render_project(of, twice)


def test_an_op_is_a_call(shared_model: Path) -> None:
    model = load(shared_model)
    calls = codegen.render_base(Base("net", model))["net.c"].count("_s8(")
    assert calls == sum(op.kind != "RESHAPE" for op in model.ops)


def test_unsupported_ops_are_named() -> None:
    net = NetBuilder()
    x, y, z = (net.tensor(name, [1, 8], 0.1, 0) for name in "xyz")
    net.op("RELU", [x], y)
    net.op("ZEROS_LIKE", [y], z)
    with pytest.raises(McueditError, match="op 1 ZEROS_LIKE is not in the bare runtime") as error:
        codegen.render_base(Base("net", parse(net.pack(x, z), "net")))
    assert "FULLY_CONNECTED" in error.value.hint


def test_overflowing_accumulator_is_refused() -> None:
    model = parse(tiny.classifier((16, 8, 6)), "tiny")
    bias = model.tensors[model.ops[0].inputs[2]].data
    assert bias is not None
    huge = np.array(bias)
    huge[3] = (1 << 31) - 1
    tensors = [t if t.data is not bias else type(t)(**{**vars(t), "data": huge}) for t in model.tensors]
    with pytest.raises(McueditError, match="op 0 FULLY_CONNECTED: the accumulator of output 3 could overflow"):
        codegen.plan_arena(type(model)(model.data, tuple(tensors), model.ops, model.inputs, model.outputs))
