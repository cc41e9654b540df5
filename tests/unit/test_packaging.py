# SPDX-License-Identifier: Apache-2.0
"""A wheel carries all that a checkout has, and one version."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from helpers import wheels

import mcuedit

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, unpacked as pip would."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = wheels.build(folder)
    assert wheel.name == f"mcuedit-{mcuedit.__version__}-py3-none-any.whl"
    site = folder / "site"
    zipfile.ZipFile(wheel).extractall(site)
    return site


def run(site: Path, *args: str) -> str:
    env = {"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, *args], cwd=site.parent, env=env, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.mark.parametrize("folder", ["templates", "firmware", "boards"])
def test_wheel_carries(installed, folder):
    there = {p.relative_to(ROOT / folder) for p in (ROOT / folder).rglob("*") if p.is_file()}
    packed = installed / "mcuedit" / "_data" / folder
    assert there == {p.relative_to(packed) for p in packed.rglob("*") if p.is_file()}
    code = f"from mcuedit._util import resources; print(resources.path({folder!r}))"
    assert run(installed, "-c", code).strip() == str(packed)


def test_wheel_works_by_itself(installed, tmp_path):
    assert run(installed, "-m", "mcuedit", "--version") == f"mcuedit {mcuedit.__version__}\n"
    assert "virt-m4" in run(installed, "-m", "mcuedit", "boards")
    exported = json.loads(run(installed, "-m", "mcuedit", "zoo", "export", "facts", str(tmp_path / "facts"), "--json"))
    assert "model.tflite" in exported["files"]


def test_the_oracle_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (oracle,) = [d for d in project["dependencies"] if d.startswith("tflite-micro")]
    requirement, marker = oracle.split(";")
    assert "==" in requirement
    assert "platform_machine == 'x86_64'" in marker
