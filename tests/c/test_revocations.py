# SPDX-License-Identifier: Apache-2.0
"""Lists of revoked keys in the device's C: who has to sign, in what form, and what a device takes afterwards."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from helpers import packages
from helpers.smp_node import Node

from mcuedit.fleet.transport import protocol
from mcuedit.model.bundle import Base
from mcuedit.package import revocation
from mcuedit.package.revocation import Revocation, Roots, id_of, revoking

STOLEN, SPARE, ROOTS = 0, 1, (20, 21, 22)  # seeds of keys
STATUS, ACTIVATE, CONFIRM, ROLLBACK, LOG, UPLOAD = 0, 1, 2, 3, 5, 1
REVOKE = protocol.command("REVOKE")
OWN, IMAGE = 64, 1
CODES = {name: -value for name, value, _ in protocol.entries("error.h")}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    keys = [packages.public(STOLEN), packages.public(SPARE)]
    roots = Roots.of([packages.public(seed) for seed in ROOTS])
    return Node(Base("base", packages.model()), keys, tmp_path_factory.mktemp("node"), roots=roots)


@pytest.fixture(autouse=True)
def flash(node: Node, tmp_path: Path) -> Path:
    assert node.start(tmp_path / "flash") == "OK"
    return tmp_path / "flash"


def a_list(version: int = 1, keys: tuple[int, ...] = (STOLEN,), by: tuple[int, ...] = ROOTS[:2]) -> Revocation:
    made = revoking([packages.public(seed) for seed in keys], version)
    for seed in by:
        made = made.signed(packages.key(seed))
    return made


def bring(node: Node, data: bytes) -> str:
    """Name of the device's error."""
    told = node.ask(OWN, REVOKE, {"keys": data}, write=True)
    return name_of(told)


def name_of(told: dict[str, Any]) -> str:
    return next((name for name, code in CODES.items() if code == told.get("err", {}).get("rc", 0)), str(told))


def install(node: Node, signer: int, counter: int, name: str = "fix") -> str:
    data = packages.package(signer=signer, counter=counter, name=name, seed=counter)
    told = node.ask(IMAGE, UPLOAD, {"off": 0, "len": len(data), "sha": sha256(data).digest(), "data": data}, write=True)
    return name_of(told) if "err" in told else "OK"


def status(node: Node) -> dict[str, Any]:
    told = node.ask(OWN, STATUS)
    assert isinstance(told, dict)
    return told


def test_after_a_list_the_stolen_key_is_refused_and_the_spare_one_is_not(node: Node, flash: Path) -> None:
    assert status(node)["rev"] == 0
    assert bring(node, a_list().data) == "OK"
    for _ in range(2):  # a reset changes nothing
        told = status(node)
        assert (told["rev"], told["revoked"].hex()) == (1, id_of(packages.public(STOLEN)))
        assert install(node, STOLEN, 1) == "E_REVOKED"
        assert install(node, SPARE, 2) == "OK"
        assert node.start(flash) == "OK"


def test_a_list_that_too_few_roots_have_signed_changes_nothing(node: Node) -> None:
    one = a_list(by=ROOTS[:1])
    entry = one.data[len(one.body) :]
    stranger = a_list(by=(ROOTS[0], 30))
    assert bring(node, one.body) == "E_AUTHORITY"
    assert bring(node, one.data) == "E_AUTHORITY"
    assert bring(node, one.data + entry) == "E_FORM"  # the same root twice
    assert bring(node, stranger.data) == "E_KEY"
    assert bring(node, a_list(by=(STOLEN + 1, ROOTS[0])).data) == "E_KEY"  # a key of packages is no root
    assert status(node)["rev"] == 0
    assert status(node)["log"] == 0
    assert bring(node, a_list(by=ROOTS).data) == "OK"  # more than it takes


def test_no_bit_of_a_list_can_be_changed_and_nothing_be_cut_or_added(node: Node) -> None:
    good = a_list(version=7, by=ROOTS[1:]).data
    for bit in range(8 * len(good)):
        changed = bytearray(good)
        changed[bit // 8] ^= 1 << bit % 8
        assert bring(node, bytes(changed)) not in ("OK", "{}"), bit
    for size in range(len(good)):
        assert bring(node, good[:size]) in ("E_SIZE", "E_AUTHORITY", "E_FORM"), size
    assert bring(node, good + b"\0") == "E_SIZE"
    assert status(node)["log"] == 0
    assert bring(node, good) == "OK"


def test_only_newer_lists_are_taken(node: Node, flash: Path) -> None:
    assert bring(node, a_list(5).data) == "OK"
    assert node.start(flash) == "OK"
    for version in (1, 4, 5):
        assert bring(node, a_list(version, keys=(SPARE,)).data) == "E_COUNTER"
    assert bring(node, a_list(6, keys=()).data) == "OK"  # nothing is revoked any more
    assert install(node, STOLEN, 1) == "OK"


def test_what_is_in_force_by_the_stolen_key_ends_at_the_next_boot(node: Node, flash: Path) -> None:
    assert install(node, STOLEN, 1) == "OK"
    assert node.ask(OWN, ACTIVATE, {"mask": 2}, write=True) == {"mask": 2}
    assert node.ask(OWN, CONFIRM, write=True) == {"mask": 2}
    assert bring(node, a_list().data) == "OK"
    assert status(node)["mask"] == 2
    assert node.start(flash) == "E_REVOKED"  # why the confirmed set is not active
    told = status(node)
    assert (told["mask"], told["good"], told["damage"]) == (0, 2, CODES["E_REVOKED"])
    assert name_of(node.ask(OWN, ACTIVATE, {"mask": 2}, write=True)) == "E_REVOKED"
    assert install(node, SPARE, 2) == "OK"
    assert node.ask(OWN, ACTIVATE, {"mask": 4}, write=True) == {"mask": 4}
    assert node.ask(OWN, CONFIRM, write=True) == {"mask": 4}
    assert name_of(node.ask(OWN, ROLLBACK, write=True)) == "E_REVOKED"  # to what was before
    assert node.start(flash) == "OK"


def test_a_trial_by_the_stolen_key_is_not_confirmed_and_ends_at_the_next_boot(node: Node, flash: Path) -> None:
    assert install(node, STOLEN, 1) == "OK"
    assert node.ask(OWN, ACTIVATE, {"mask": 2}, write=True) == {"mask": 2}
    assert bring(node, a_list().data) == "OK"
    assert name_of(node.ask(OWN, CONFIRM, write=True)) == "E_REVOKED"
    assert node.start(flash) == "OK"
    told = status(node)
    assert (told["mask"], told["test"]) == (0, False)


def test_the_log_tells_of_each_list(node: Node) -> None:
    made = a_list(3)
    assert bring(node, made.data) == "OK"
    record = node.ask(OWN, LOG)["log"]
    assert (record[4], record[5], int.from_bytes(record[8:12], "little")) == (13, 255, 3)
    assert record[16:20] == made.digest[:4]


def test_a_list_holds_as_many_keys_as_a_device_keeps(node: Node) -> None:
    keys = (*range(40, 46), STOLEN)
    assert bring(node, a_list(keys=keys, by=ROOTS).data) == "OK"
    assert len(status(node)["revoked"]) == 7 * revocation.ID
    assert install(node, STOLEN, 1) == "E_REVOKED"
