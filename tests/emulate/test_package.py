# SPDX-License-Identifier: Apache-2.0
"""Packages checked on Cortex-M0 and M4, whole: Ed25519 too. What that costs, measured with gcc 12."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import packages, tamper
from helpers.bare import Bare
from helpers.checked import HERE, base_in_c, sources
from helpers.crypto import crypto_sources, needs_monocypher
from helpers.native import source
from helpers.packages import model, package, public
from helpers.virtual import needs_gcc

from mcuedit.build import compilers
from mcuedit.build.external import monocypher

pytestmark = [needs_gcc, needs_monocypher]

GCC = compilers.gcc()
KEY = public(0).raw
E_FORM, E_HASH, E_KEY, E_SIGNATURE, E_SIZE, E_BASE = -14, -15, -16, -17, -1, -4


def device(board: str, folder: Path) -> Bare:
    found = monocypher.present()
    assert found
    folder.mkdir(exist_ok=True)
    (folder / "base.h").write_text(base_in_c(model()), encoding="utf-8")
    flags = [*found.flags, f"-I{HERE}"]
    return Bare(board, ["checked"], [*sources(), HERE / "checked.c"], folder, foreign=found.sources, flags=flags)


@pytest.mark.parametrize("board", ["virt-m0", "virt-m4"])
def test_verdicts(board: str, tmp_path: Path) -> None:
    it = device(board, tmp_path)
    good = package(self_tests=packages.self_tests(model(), packages.fact()))
    wanted = {
        "version": E_HASH,
        "flags": E_FORM,
        "protected head": E_FORM,
        "key hash": E_KEY,
        "signature": E_SIGNATURE,
    }
    for data, error in [
        (good, 0),
        (package(), 0),
        (good[:-1], E_SIZE),
        (good + b"\0", E_SIZE),
        (package(base_sha256=model(1).sha256), E_BASE),
        (package(signer=1), E_KEY),
        *((next(tamper.flips(good, tamper.parts(good)[part])), error) for part, error in wanted.items()),
    ]:
        assert it.call("checked", KEY, 1, data, len(data)).result == error


def measure(root: str, files: list[Path], folder: Path) -> Bare:
    found = monocypher.present()
    assert found
    return Bare("virt-m4", [root], files, folder / root, foreign=found.sources, flags=found.flags)


# Bytes of code and constants on M4 at -Os, memcpy and memset among them. Ed25519 includes SHA-512.
CODE = {"mcuedit_package_check": 750, "mcuedit_sha256_of": 1400, "mcuedit_ed25519_check": 9_900}
SELF_TESTS = 160  # more in firmware that asks them
INSTRUCTIONS = 1_900_000  # of one check of a one-fact package: nearly all of them Ed25519's
STACK = 2_300


@pytest.mark.skipif(GCC is None or not GCC.version().startswith("12."), reason="figures are those of gcc 12")
def test_budgets(tmp_path: Path) -> None:
    files = {
        "mcuedit_package_check": [source("package")],
        "mcuedit_sha256_of": crypto_sources(signatures=False),
        "mcuedit_ed25519_check": crypto_sources(),
    }
    sizes = {root: measure(root, files[root], tmp_path) for root in CODE}
    assert all(it.ram == 0 for it in sizes.values())
    assert {root: it.code for root, it in sizes.items() if it.code > CODE[root]} == {}
    self_tests = Bare(
        "virt-m4", ["mcuedit_self_test_read", "mcuedit_self_test_expand"], [source("self_test")], tmp_path / "p"
    )
    data = package()
    taken = device("virt-m4", tmp_path / "whole").call("checked", KEY, 1, data, len(data), count=True)
    assert taken.result == 0
    assert taken.instructions <= INSTRUCTIONS
    assert taken.stack <= STACK
    assert self_tests.code <= SELF_TESTS
