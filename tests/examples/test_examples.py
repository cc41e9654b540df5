# SPDX-License-Identifier: Apache-2.0
"""Every example does what its README says."""

from __future__ import annotations

import shutil
import socket

import pytest
from helpers import examples

from mcuedit.build.external import monocypher


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
