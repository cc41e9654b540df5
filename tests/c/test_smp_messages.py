# SPDX-License-Identifier: Apache-2.0
"""SMP messages: requests encoded and responses decoded by the `smp` package, the device in between in C."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import cbor2
import numpy as np
import pytest
from helpers import packages
from helpers.smp_node import V1, Node, raw_header
from hypothesis import given, settings
from hypothesis import strategies as st
from smp import error, image_management, os_management

from mcuedit.model.bundle import Base

STATUS, ACTIVATE, CONFIRM, ROLLBACK, ARMS, LOG, SLOT, RUN = 0, 1, 2, 3, 4, 5, 6, 8
USER, IMAGE = 64, 1
CODES = {"E_BASE": 4, "E_FIELD": 6, "E_HASH": 15, "E_KEY": 16, "E_COUNTER": 18, "E_NAME": 19, "E_STATE": 20}
STAGED, TRIAL, CONFIRMED, REVOKED = 1, 2, 3, 4


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    base = Base("base", packages.model())
    return Node(base, [packages.public()], tmp_path_factory.mktemp("node"))


@pytest.fixture
def flash(tmp_path: Path) -> Path:
    return tmp_path / "flash"


@pytest.fixture(autouse=True)
def started(node: Node, flash: Path) -> None:
    assert node.start(flash) == "OK"


def refused(name: str) -> dict[str, Any]:
    return {"err": {"group": USER, "rc": CODES[name]}}


def chunk(node: Node, off: int, data: bytes, whole: bytes | None = None, **more: Any) -> Any:
    fields: dict[str, Any] = {"off": off, "data": data, **more}
    if whole is not None:
        fields |= {"len": len(whole), "sha": hashlib.sha256(whole).digest()}
    return node.ask(IMAGE, 1, fields, write=True)


def upload(node: Node, package: bytes, size: int = 200) -> Any:
    """Uploads from the start; the last answer."""
    answer = chunk(node, 0, package[:size], package)
    while "off" in answer and answer["off"] < len(package):
        at = answer["off"]
        answer = chunk(node, at, package[at : at + size])
    return answer


def install(node: Node, **given: Any) -> int:
    """Puts a package into a slot, which the store chooses; its number."""
    package = packages.package(**given)
    assert upload(node, package) == {"off": len(package), "match": True}
    return where(node, package)


def where(node: Node, package: bytes) -> int:
    """The slot that has this package."""
    found = [slot for slot in range(8) if slots(node)[slot].get("hash", b"no") in package]
    assert len(found) == 1
    return found[0]


def installed(node: Node, **given: Any) -> dict[str, Any]:
    """Puts a package into a slot; what the device says of it."""
    slot = install(node, **given)
    return slots(node)[slot]


def slots(node: Node) -> list[dict[str, Any]]:
    return [node.ask(USER, STATUS, {"slot": slot}) for slot in range(8)]


def states(node: Node) -> list[int]:
    """Of the slots that are not empty."""
    return [slot["state"] for slot in slots(node) if slot["state"]]


# Group 0


def test_echo(node: Node) -> None:
    for text in ("", "hello", "ü" * 200):
        assert node.exchange(os_management.EchoWriteRequest(d=text), os_management.EchoWriteResponse).r == text


def test_parameters(node: Node) -> None:
    request = os_management.MCUMgrParametersReadRequest()
    found = node.exchange(request, os_management.MCUMgrParametersReadResponse)
    assert (found.buf_size, found.buf_count) == (1024, 1)


def test_reset_is_asked_for_and_the_response_comes_first(node: Node) -> None:
    assert not node.lib.updatable_wants_reset()
    node.exchange(os_management.ResetWriteRequest(), os_management.ResetWriteResponse)
    assert node.lib.updatable_wants_reset()


# Group 1


def test_an_empty_store_has_no_images(node: Node) -> None:
    request = image_management.ImageStatesReadRequest()
    assert node.exchange(request, image_management.ImageStatesReadResponse).images == []


def test_images(node: Node) -> None:
    one = install(node, version="1.2.3+4")
    other = install(node, name="other", counter=2, seed=1)
    assert one < other
    node.ask(USER, ACTIVATE, {"mask": 1 << one}, write=True)
    request = image_management.ImageStatesReadRequest()
    first, second = node.exchange(request, image_management.ImageStatesReadResponse).images
    assert (first.slot, first.version, first.image) == (one, "1.2.3.4", None)
    assert first.hash == slots(node)[one]["hash"]
    assert (first.bootable, first.pending, first.confirmed, first.active) == (True, True, None, True)
    assert (second.slot, second.pending, second.confirmed, second.active) == (other, None, None, None)
    node.ask(USER, CONFIRM, write=True)
    first, second = node.exchange(request, image_management.ImageStatesReadResponse).images
    assert (first.pending, first.confirmed, first.active) == (None, True, True)


def test_an_upload_of_any_chunk_size(node: Node, tmp_path: Path) -> None:
    package = packages.package()
    for size in (1, 7, 32, 100, 399, 1000):
        node.start(tmp_path / f"flash{size}")
        assert upload(node, package, size) == {"off": len(package), "match": True}
        assert states(node) == [STAGED]


def test_any_offset_is_answered_by_the_one_wanted_next(node: Node) -> None:
    package = packages.package()
    assert chunk(node, 100, b"abc") == {"off": 0}  # there is no upload
    assert chunk(node, 0, package[:64], package) == {"off": 64}
    for at in (1, 63, 65, len(package), 4_000_000_000):
        assert chunk(node, at, b"abc") == {"off": 64}
    assert chunk(node, 0, package[:10], package) == {"off": 64}  # the same upload once more: it goes on
    assert chunk(node, 64, package[64:]) == {"off": len(package), "match": True}
    assert chunk(node, 64, package[64:]) == {"off": len(package), "match": True}  # the answer got lost
    assert chunk(node, 64, package[64:-1]) == {"off": 0}


def test_a_package_that_is_there_needs_no_upload(node: Node) -> None:
    install(node)
    package = packages.package()
    assert chunk(node, 0, package[:10], package) == {"off": len(package), "match": True}
    assert states(node) == [STAGED]


def test_another_upload_waits_until_the_first_one_is_idle(node: Node) -> None:
    package, other = packages.package(), packages.package(name="other")
    assert chunk(node, 0, package[:10], package) == {"off": 10}
    assert chunk(node, 0, other[:10], other) == {"rc": 10}
    assert chunk(node, 10, package[10:20]) == {"off": 20}
    assert chunk(node, 0, other[:20], other) == {"rc": 10}
    assert chunk(node, 0, other[:20], other) == {"off": 20}
    assert chunk(node, 20, other[20:]) == {"off": len(other), "match": True}


def test_who_trickles_along_does_not_keep_the_store_for_ever(node: Node) -> None:
    package, other = packages.package(), packages.package(name="other")
    chunk(node, 0, package[:1], package)
    for at in range(1, 17):
        assert chunk(node, 0, other[:10], other) == {"rc": 10}
        assert chunk(node, at, package[at : at + 1]) == {"off": at + 1}
    assert chunk(node, 0, other[:10], other) == {"off": 10}


def test_an_upload_without_hash_gives_way_at_once(node: Node) -> None:
    package, other = packages.package(), packages.package(name="other")
    assert chunk(node, 0, package[:10], len=len(package)) == {"off": 10}
    assert upload(node, other) == {"off": len(other), "match": True}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"signer": 1}, "E_KEY"),
        ({"base_sha256": "ab" * 32}, "E_BASE"),
        ({"counter": 1_000_000}, "E_COUNTER"),
    ],
)
def test_a_package_that_is_refused_leaves_nothing(node: Node, change: dict[str, Any], name: str) -> None:
    package = packages.package(**change)
    assert upload(node, package) == refused(name)
    assert states(node) == []
    assert chunk(node, 10, b"more") == {"off": 0}


def test_bytes_other_than_announced_are_refused(node: Node) -> None:
    package = packages.package()
    chunk(node, 0, package[:100], package)
    assert chunk(node, 100, bytes(len(package) - 100)) == refused("E_HASH")


def test_more_bytes_than_announced_are_refused(node: Node) -> None:
    package = packages.package()
    chunk(node, 0, package[:100], package)
    assert "err" in chunk(node, 100, package[100:] + b"more")
    assert chunk(node, 100, package[100:])["off"] in (0, len(package))


def test_a_slot_is_erased(node: Node) -> None:
    slot = install(node)
    node.exchange(image_management.ImageEraseRequest(slot=slot), image_management.ImageEraseResponse)
    assert states(node) == []
    assert node.ask(IMAGE, 5, {"slot": 200}, write=True) == refused("E_FIELD")
    assert node.ask(IMAGE, 5, {}, write=True) == {"rc": 3}


def test_a_hash_is_tried_and_confirmed_as_mcumgr_does(node: Node) -> None:
    slot = installed(node)
    write = image_management.ImageStatesWriteRequest
    answer = image_management.ImageStatesWriteResponse
    assert node.ask(IMAGE, 0, {"hash": bytes(32)}, write=True) == refused("E_NAME")
    assert node.ask(IMAGE, 0, {"hash": slot["hash"], "confirm": True}, write=True) == refused("E_STATE")
    assert node.exchange(write(hash=slot["hash"]), answer).images[0].pending
    assert node.exchange(write(hash=slot["hash"], confirm=True), answer).images[0].confirmed
    # Of the same name: it takes the place of the first.
    newer = installed(node, version="1.3.0", counter=2, seed=3)
    images = node.exchange(write(hash=newer["hash"]), answer).images
    assert [image.active for image in images] == [None, True]
    assert node.exchange(write(confirm=True), answer).images[1].confirmed


# Group 64


def test_status(node: Node) -> None:
    found = node.ask(USER, STATUS)
    assert found == {
        "base": bytes.fromhex(packages.model().sha256),
        "id": "device",
        "floor": 0,
        "slots": 8,
        "room": 4096,
        "mask": 0,
        "good": 0,
        "trial": 0,
        "test": False,
        "boots": 0,
        "ab": 0,
        "dev": False,
        "log": found["log"],
        "head": found["head"],
        "wear": found["wear"],
    }
    package = packages.package()
    chunk(node, 0, package[:50], package)
    assert node.ask(USER, STATUS)["up"] == [50, len(package)]
    assert node.ask(USER, STATUS, {"slot": 0})["state"] == 0
    assert node.ask(USER, STATUS, {"slot": 8}) == refused("E_FIELD")
    assert node.ask(USER, STATUS, {"slot": 256}) == refused("E_FIELD")


def test_a_slot_tells_what_is_in_it(node: Node) -> None:
    given = {"name": "capital.bi", "version": "1.2.0+7", "counter": 5}
    found, package = installed(node, **given), packages.package(**given)
    assert (found["name"], found["ver"], found["ctr"]) == ("capital.bi", "1.2.0+7", 5)
    assert (found["state"], found["size"]) == (STAGED, len(package))
    assert found["key"].hex() == packages.public().sha256
    assert found["hash"] in package


def test_trial_confirm_and_rollback(node: Node, flash: Path) -> None:
    mask = 1 << install(node)
    assert node.ask(USER, ACTIVATE, {"mask": mask, "boots": 2, "ab": 30}, write=True) == {"mask": mask}
    found = node.ask(USER, STATUS)
    assert (found["trial"], found["test"], found["boots"], found["ab"], found["good"]) == (mask, True, 2, 30, 0)
    assert states(node) == [TRIAL]
    assert node.ask(USER, CONFIRM, write=True) == {"mask": mask}
    assert states(node) == [CONFIRMED]
    assert node.start(flash) == "OK"
    assert node.ask(USER, STATUS)["good"] == mask
    assert node.ask(USER, ROLLBACK, write=True) == {"mask": 0}
    assert node.ask(USER, ROLLBACK, write=True) == refused("E_STATE")
    assert node.ask(USER, CONFIRM, write=True) == refused("E_STATE")


def test_a_change_that_came_twice_is_made_once(node: Node) -> None:
    """Its copies name an device log record that is written by then."""
    mask, old = 1 << install(node), {"rc": 6}

    def log() -> dict[str, int]:
        return {"log": node.ask(USER, STATUS)["log"]}

    at = log()
    assert node.ask(USER, ACTIVATE, {"mask": mask, **at}, write=True) == {"mask": mask}
    kept = log()
    assert node.ask(USER, CONFIRM, kept, write=True) == {"mask": mask}
    assert node.ask(USER, ACTIVATE, {"mask": mask, **at}, write=True) == old  # would begin another trial
    assert node.ask(USER, STATUS)["test"] is False
    gone = log()
    assert node.ask(USER, ROLLBACK, gone, write=True) == {"mask": 0}
    before = log()
    for command in (ROLLBACK, CONFIRM):
        assert node.ask(USER, command, kept, write=True) == old
        assert node.ask(USER, command, gone, write=True) == old
    assert node.ask(USER, SLOT, {"slot": 0, "erase": True, **gone}, write=True) == old
    assert log() == before


@pytest.mark.parametrize(
    "fields", [{"mask": 1 << 16}, {"mask": 0, "boots": 256}, {"mask": 0, "ab": 0}, {"mask": 0, "ab": 101}]
)
def test_activation_out_of_range(node: Node, fields: dict[str, int]) -> None:
    assert node.ask(USER, ACTIVATE, fields, write=True) == refused("E_FIELD")


def test_an_empty_slot_cannot_be_activated(node: Node) -> None:
    assert node.ask(USER, ACTIVATE, {"mask": 2}, write=True) == refused("E_STATE")


def test_revoke_and_erase(node: Node) -> None:
    slot = install(node)
    assert node.ask(USER, SLOT, {"slot": slot}, write=True)["state"] == REVOKED
    assert "err" in upload(node, packages.package())
    assert node.ask(USER, SLOT, {"slot": slot, "erase": True}, write=True)["state"] == 0
    assert node.ask(USER, SLOT, {"slot": 8}, write=True) == refused("E_FIELD")


def test_the_log_is_read_in_parts(node: Node) -> None:
    for i in range(4):
        mask = 1 << install(node, name=f"n{i}", counter=i + 1, seed=i)
        assert node.ask(USER, ACTIVATE, {"mask": mask}, write=True) == {"mask": mask}
        node.ask(USER, ROLLBACK, write=True)
    records, at = [], 0
    while True:
        answer = node.ask(USER, LOG, {"from": at})
        if not answer["log"]:
            assert answer["at"] == answer["next"]
            break
        assert len(answer["log"]) % 32 == 0
        found = [answer["log"][i : i + 32] for i in range(0, len(answer["log"]), 32)]
        assert int.from_bytes(found[0][:4], "little") == answer["at"]
        records += found
        at = int.from_bytes(found[-1][:4], "little") + 1
    assert [int.from_bytes(r[:4], "little") for r in records] == list(range(answer["first"], answer["next"]))
    assert len(records) > 6


def test_answers_and_arms(node: Node) -> None:
    model = packages.model()
    adapter = packages.fact(model, seed=0)
    package = packages.package(adapter=adapter)
    upload(node, package)
    x = np.random.default_rng(1).integers(-128, 128, (60, 16)).astype(np.int8)
    before = packages.answer(model, [], x)
    after = packages.answer(model, [adapter], x)
    assert (before != after).any()

    def ask(row: np.ndarray, **more: Any) -> Any:
        return node.ask(USER, RUN, {"in": row.tobytes(), **more}, write=True)

    assert [ask(row)["answer"] for row in x] == before.tolist()
    node.ask(USER, ACTIVATE, {"mask": 1 << where(node, package), "ab": 40}, write=True)
    arms = [ask(row, who=f"user {i}") for i, row in enumerate(x)]
    assert 10 < sum(found["arm"] for found in arms) < 40
    for i, found in enumerate(arms):
        assert found["answer"] == (after if found["arm"] else before)[i]
        value = 2166136261
        for byte in b"device\0" + f"user {i}".encode():
            value = (value ^ byte) * 16777619 % 2**32
        assert found["arm"] == (value % 100 < 40)
    assert node.ask(USER, ARMS)["runs"] == [60 - sum(f["arm"] for f in arms), sum(f["arm"] for f in arms)]
    assert node.ask(USER, ARMS, {"arm": 1, "good": True}, write=True) == {}
    assert node.ask(USER, ARMS, {"arm": 0, "good": False}, write=True) == {}
    assert node.ask(USER, ARMS, {"arm": 2, "good": False}, write=True) == refused("E_FIELD")
    found = node.ask(USER, ARMS)
    assert (found["good"], found["bad"]) == ([0, 1], [1, 0])
    node.ask(USER, CONFIRM, write=True)
    answers = [ask(row, out=True) for row in x]
    assert [a["answer"] for a in answers] == after.tolist()
    assert {len(a["out"]) for a in answers} == {6}
    assert node.ask(USER, RUN, {"in": b"short"}, write=True) == {"err": {"group": USER, "rc": 1}}
    assert node.ask(USER, RUN, {"text": "no text base"}, write=True) == {"err": {"group": USER, "rc": 11}}
    assert node.ask(USER, RUN, {}, write=True) == {"rc": 3}


def test_a_failed_self_test_ends_the_trial(node: Node) -> None:
    model, adapter = packages.model(), packages.fact()
    good = packages.package(adapter=adapter, self_tests=packages.self_tests(model, adapter), counter=3)
    bad = packages.package(
        adapter=adapter, self_tests=packages.self_tests(model, adapter, lie=True), name="bad", counter=2
    )
    upload(node, bad)
    tested = node.ask(USER, ACTIVATE, {"mask": 1 << where(node, bad)}, write=True)
    assert tested == {"err": {"group": USER, "rc": 22}}
    assert (states(node), node.ask(USER, STATUS)["mask"]) == ([REVOKED], 0)
    assert upload(node, good) == {"off": len(good), "match": True}
    mask = 1 << where(node, good)
    assert node.ask(USER, ACTIVATE, {"mask": mask}, write=True) == {"mask": mask}


# Requests that are none


def test_commands_that_are_not_there(node: Node) -> None:
    for group, command in [(0, 1), (0, 7), (0, 255), (1, 2), (1, 6), (8, 0), (63, 0), (64, 7), (64, 9), (65535, 0)]:
        for write in (False, True):
            assert node.ask(group, command, write=write) == {"rc": 8}
    assert node.ask(0, 5) == {"rc": 8}  # a reset is written
    assert node.ask(USER, STATUS, write=True) == {"rc": 8}


def test_version_1_has_plain_errors(node: Node) -> None:
    assert node.ask(USER, CONFIRM, write=True, version=V1) == {"rc": 1, "rsn": "E_STATE"}
    request = image_management.ImageEraseRequest(slot=9, version=V1)
    found = node.exchange(request, image_management.ImageManagementErrorV1)
    assert (found.rc, found.rsn) == (error.MGMT_ERR.EUNKNOWN, "E_FIELD")


def test_later_versions_are_too_new(node: Node) -> None:
    assert node.ask(0, 6, version=2) == {"rc": 13}
    assert node.ask(0, 6, version=3) == {"rc": 13}


@pytest.mark.parametrize(
    "message",
    [
        b"",
        bytes(7),
        raw_header(1, 1, 1, 0, 0, 6) + b"\xa0",  # a response
        raw_header(4, 1, 1, 0, 0, 6) + b"\xa0",
        bytes([0x28]) + raw_header(0, 1, 1, 0, 0, 6)[1:] + b"\xa0",  # reserved bits
        raw_header(0, 1, 0, 0, 0, 6) + b"\xa0",
        raw_header(0, 1, 2, 0, 0, 6) + b"\xa0",
    ],
)
def test_no_response_to_what_is_no_request(node: Node, message: bytes) -> None:
    assert node.handle(message) == b""


GOOD = cbor2.dumps({"d": "x"})


@pytest.mark.parametrize(
    "body",
    [
        b"\xa1",  # ends too soon
        GOOD + b"\x00",  # a byte more
        b"\x80",
        b"\x00",
        cbor2.dumps({"d": 5}),
        cbor2.dumps({"d": b"bytes"}),
        cbor2.dumps({5: "x"}),
        cbor2.dumps({"d": "x", "other": [1]}),
        b"\xa2" + GOOD[1:] + cbor2.dumps("other") + b"\x81" * 900 + b"\x00",  # would recurse 900 deep
        b"\xa2" + GOOD[1:] + cbor2.dumps("other") + b"\xc1" * 900 + b"\x00",
        b"\xa2" + 2 * GOOD[1:],
        b"\xa1" + cbor2.dumps("d") + b"\x7f\x61x\xff",  # a string in parts
        b"\xa1" + cbor2.dumps("d") + b"\x7b" + b"\xff" * 8 + b"x",
        b"\xbb" + b"\xff" * 8,
    ],
)
def test_malformed_bodies(node: Node, body: bytes) -> None:
    assert node.ask(0, 0, GOOD, write=True) == {"r": "x"}
    assert node.ask(0, 0, body, write=True) == {"rc": 3}


def test_unknown_fields_are_skipped(node: Node) -> None:
    fields = {"a": 1, "b": -1, "c": b"x", "d": "text", "e": True, "f": None, "g": 1.5}
    assert node.ask(0, 0, fields, write=True) == {"r": "text"}
    indefinite = b"\xbf" + cbor2.dumps("d") + cbor2.dumps("text") + b"\xff"
    assert node.ask(0, 0, indefinite, write=True) == {"r": "text"}


def test_a_response_without_room_is_an_error(node: Node) -> None:
    request = bytes(os_management.EchoWriteRequest(d="x" * 100))
    assert cbor2.loads(node.handle(request, 64)[8:]) == {"rc": 7}
    assert node.handle(request, 47) == b""
    for capacity in range(48, 120):
        assert cbor2.loads(node.handle(request, capacity)[8:]) in ({"rc": 7}, {"r": "x" * 100})
    failing = raw_header(2, 1, 0, USER, 0, CONFIRM)
    assert cbor2.loads(node.handle(failing, 48)[8:]) == refused("E_STATE")
    assert cbor2.loads(node.handle(raw_header(2, 0, 0, USER, 0, CONFIRM), 48)[8:])["rsn"] == "E_STATE"


@settings(max_examples=400, deadline=None)
@given(
    group=st.sampled_from([0, 1, 64]),
    command=st.integers(0, 9).filter(lambda command: command != 5),  # group 1's needs no erased slots here
    write=st.booleans(),
    body=st.one_of(
        st.binary(max_size=60),
        st.dictionaries(
            st.sampled_from(["off", "data", "len", "sha", "slot", "mask", "boots", "ab", "in", "who", "erase", "from"]),
            st.one_of(st.integers(0, 2**33), st.binary(max_size=40), st.text(max_size=9), st.booleans()),
        ).map(cbor2.dumps),
    ),
)
def test_any_body_is_answered(node: Node, group: int, command: int, write: bool, body: bytes) -> None:
    assert isinstance(node.ask(group, command, body, write=write), dict)
