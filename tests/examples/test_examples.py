# SPDX-License-Identifier: Apache-2.0
"""Every example does what its README says."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import examples
from helpers.emitted import CMAKE
from helpers.tflm_here import host_library, needs_tree

from mcuedit._util.atomic import write_folder
from mcuedit.build.external import monocypher, tflm
from mcuedit.codegen.emission import emit
from mcuedit.conformance.synthetic import adapters
from mcuedit.model import bundle

LIBRARY = host_library()
cmake = pytest.mark.skipif(not (CMAKE and shutil.which("cc") and shutil.which("c++")), reason="needs cmake, cc and c++")


def test_every_example_is_listed_and_run_here():
    folders = {path.parent.name for path in (examples.ROOT / "examples").glob("*/README.md")}
    index = (examples.ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\((\w+)/README\.md\)", index)) == folders
    run = re.findall(r'examples\.run\("(\w+)"', Path(__file__).read_text(encoding="utf-8"))
    assert set(run) == folders
    notebooks = {path.name for path in (examples.ROOT / "examples" / "notebooks").glob("*.ipynb")}
    assert set(re.findall(r"\]\(notebooks/(\w+\.ipynb)\)", index)) == notebooks


def test_facts_are_repaired_in_python(tmp_path):
    examples.run("repair_python", tmp_path)


@pytest.mark.skipif(not (shutil.which("make") and shutil.which("cc")), reason="needs make and cc")
def test_a_base_and_its_adapter_are_built_by_make(tmp_path):
    examples.run("bare_make", tmp_path)


@pytest.mark.skipif(monocypher.present() is None, reason="Monocypher's sources are not here: `make sources`")
def test_a_device_takes_a_signed_repair(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    registry = str(tmp_path / "registry.sqlite")
    examples.run("updatable_device", tmp_path, PORT=str(port), MCUEDIT_REGISTRY=registry)


@cmake
def test_an_emitted_folder_is_a_part_of_a_cmake_project(tmp_path):
    examples.run("tflm_cmake", tmp_path)


@cmake
@needs_tree
@pytest.mark.skipif(LIBRARY is None, reason="no libtensorflow-microlite.a for this machine: TFLM_LIB, or TFLM_ROOT/gen")
def test_an_emitted_folder_runs_in_tensorflow_lite_micro(tmp_path):
    examples.run("tflm_cmake", tmp_path, TFLM_ROOT=str(tflm.root()), TFLM_LIB=str(LIBRARY))


@cmake
@needs_tree
def test_an_emitted_folder_compiles_with_the_headers_of_tensorflow_lite_micro(tmp_path, facts):
    base = bundle.load(facts)
    repair = replace(adapters(base.model, 1)[0], name="repair")
    app = Path(shutil.copytree(examples.ROOT / "examples" / "tflm_cmake", tmp_path / "app"))
    write_folder(app / "out", emit(base, [repair], runtime="tflm"))
    options = ["-S", str(app), "-B", str(tmp_path / "build"), f"-DTFLM_ROOT={tflm.root()}", "-G", "Unix Makefiles"]
    for words in ([CMAKE, *options], ["make", "-C", tmp_path / "build", "facts", "answer_tflm.o", "ask.o"]):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
