# SPDX-License-Identifier: Apache-2.0
"""Who may command what, in the device's C: nonces, signatures, MACs, policies, uploads of nobody, room for answers."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cbor2
import pytest
from helpers import operated, packages
from helpers.smp_node import Node, raw_header

from mcuedit.fleet.transport import protocol
from mcuedit.fleet.transport.authority.signing import Moment, digest, signed
from mcuedit.model.bundle import Base

OS, IMAGE, OWN = 0, 1, 64
STATUS, ACTIVATE, CONFIRM, ROLLBACK, ARMS, LOG, SLOT, RUN, AUTHORITY, REACTIVATE = 0, 1, 2, 3, 4, 5, 6, 8, 9, 9
SIGN = operated.OPERATOR.sign
E_AUTHORITY, E_STALE, E_WEAR, E_STATE, E_BUSY, E_COUNTER = 32, 33, 34, 20, 24, 18
OPEN, LIMITED, SIGNED = range(3)
BUSY, TOO_LONG = {"rc": 10}, {"rc": 7}
ERASES = 4  # MCUEDIT_OPEN_ERASES
ERASE, STAGE, SESSION = 1, 2, 12


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    base = Base("base", packages.model())
    folder = tmp_path_factory.mktemp("node")
    return Node(base, [packages.public()], folder, operators=[packages.public(3), packages.public(operated.SEED)])


@pytest.fixture(autouse=True)
def started(node: Node, tmp_path: Path) -> Iterator[None]:
    assert node.start(tmp_path / "flash") == "OK"
    yield
    judge = node.lib.updatable_authority()
    judge.policy, judge.mac, judge.random = (node.ffi.NULL,) * 3
    node.lib.updatable_peer(0)


def refused(code: int) -> dict[str, Any]:
    return {"err": {"group": OWN, "rc": code}}


def moment(node: Node) -> Moment:
    told = node.ask(OWN, AUTHORITY)
    return Moment(told["base"], told["id"], told["nonce"])


def request(group: int, command: int, fields: dict[str, Any]) -> bytes:
    body = cbor2.dumps(fields)
    return raw_header(2, 1, len(body), group, 77, command) + body


def sign(
    node: Node, group: int, command: int, fields: Any = None, *, within: int = 1000, by: Callable[[bytes], bytes] = SIGN
) -> bytes:
    """A request that is signed for now."""
    return signed(request(group, command, fields or {}), moment(node), by, 64, within)


def send(node: Node, message: bytes) -> dict[str, Any]:
    return dict(cbor2.loads(node.handle(message)[8:]))


def command(node: Node, group: int, number: int, fields: Any = None) -> dict[str, Any]:
    """The answer to a request that is signed."""
    return send(node, sign(node, group, number, fields))


def first(package: bytes, size: int = 100) -> dict[str, Any]:
    return {"off": 0, "data": package[:size], "len": len(package), "sha": hashlib.sha256(package).digest()}


def upload(node: Node, package: bytes) -> dict[str, Any]:
    """Without a signature; the last answer."""
    told = node.ask(IMAGE, 1, first(package), write=True)
    while not told.keys() & {"err", "rc"} and told["off"] < len(package):
        at = told["off"]
        told = node.ask(IMAGE, 1, {"off": at, "data": package[at : at + 100]}, write=True)
    return dict(told)


def events(node: Node) -> list[int]:
    found: list[int] = []
    while log := node.ask(OWN, LOG, {"from": len(found)})["log"]:
        found += [log[at + 4] for at in range(0, len(log), 32)]
    return found


def slots(node: Node) -> list[dict[str, Any]]:
    return [node.ask(OWN, STATUS, {"slot": i}) for i in range(8)]


# Nonces


def test_the_nonce_stays_until_something_was_obeyed_or_recorded(node: Node) -> None:
    one = moment(node)
    assert moment(node) == one
    assert command(node, OWN, ARMS, {"arm": 0, "good": True}) == {}
    two = moment(node)
    assert two != one
    assert "off" in node.ask(IMAGE, 1, first(packages.package()), write=True)
    assert moment(node) != two  # it writes, and a record says so
    two = moment(node)
    upload(node, packages.package())
    assert moment(node) != two


def test_the_first_nonce_of_a_boot_is_a_record_where_nothing_is_random(node: Node, tmp_path: Path) -> None:
    one = moment(node)
    assert events(node) == [SESSION]
    moment(node)
    node.start(tmp_path / "flash")
    assert events(node) == [SESSION]
    assert moment(node) != one
    assert events(node) == [SESSION, SESSION]


def test_random_bytes_take_the_place_of_the_record(node: Node, tmp_path: Path) -> None:
    seen = set()
    for boot in range(3):

        @node.ffi.callback("int(void *, void *, uint32_t)")
        def random(context: Any, to: Any, size: int, boot: int = boot) -> int:
            node.ffi.buffer(to, size)[:] = bytes([boot]) * size
            return 0

        node.lib.updatable_authority().random = random
        node.start(tmp_path / "flash")
        seen.add(moment(node).nonce)
        assert command(node, OWN, ARMS, {"arm": 0, "good": True}) == {}
    assert len(seen) == 3
    assert events(node) == []


def test_nothing_is_obeyed_before_the_nonce_of_this_boot_was_asked_for(node: Node, tmp_path: Path) -> None:
    message = sign(node, OWN, ARMS, {"arm": 0, "good": True})
    node.start(tmp_path / "flash")
    assert send(node, message) == refused(E_AUTHORITY)


# Signatures


def test_a_signed_command_is_obeyed_once(node: Node) -> None:
    upload(node, packages.package())
    message = sign(node, OWN, ACTIVATE, {"mask": 2})
    assert send(node, message) == {"mask": 2}
    assert send(node, message) == refused(E_AUTHORITY)
    assert command(node, OWN, CONFIRM) == {"mask": 2}
    assert send(node, message) == refused(E_AUTHORITY)
    assert command(node, OWN, CONFIRM) == refused(E_STATE)  # authorized, and not possible: used up, too
    assert command(node, OWN, ROLLBACK) == {"mask": 0}


def test_each_operator_is_obeyed(node: Node) -> None:
    for seed in (3, operated.SEED):
        message = sign(node, OWN, ARMS, {"arm": 0, "good": True}, by=packages.key(seed).key.sign)
        assert send(node, message) == {}
    assert send(node, sign(node, OWN, ARMS, {"arm": 0, "good": True}, by=packages.key(0).key.sign)) == refused(
        E_AUTHORITY
    )  # the key of packages is none


@pytest.mark.parametrize("within", [0, 1, 5])
def test_a_command_is_stale_after_so_many_requests(node: Node, within: int) -> None:
    """The nonce counts from when it became what it is; the request that tells it is the first."""
    command(node, OWN, ARMS, {"arm": 0, "good": True})
    message = sign(node, OWN, ARMS, {"arm": 0, "good": True}, within=within)
    for _ in range(within - 1):
        node.ask(OWN, STATUS)
    told = send(node, message)
    assert told == ({} if within else refused(E_STALE))
    late = sign(node, OWN, ARMS, {"arm": 0, "good": True}, within=within)
    for _ in range(within):
        node.ask(OWN, STATUS)
    assert send(node, late) == refused(E_STALE)


def test_nothing_stands_behind_the_signature(node: Node) -> None:
    message = sign(node, OWN, ARMS, {"arm": 0, "good": True})
    more = message[8:] + cbor2.dumps("x") + cbor2.dumps(1)
    for body in (bytes([more[0] + 1]) + more[1:], b"\xbf" + more[1:] + b"\xff"):
        told = send(node, message[:2] + len(body).to_bytes(2, "big") + message[4:8] + body)
        assert told == refused(E_AUTHORITY)


def test_a_map_without_a_length_may_be_signed_too(node: Node) -> None:
    body = b"\xbf" + cbor2.dumps({"arm": 0, "good": True})[1:] + cbor2.dumps("auth") + b"\x58\x44\x0a\0\0\0"
    head = raw_header(2, 1, len(body) + 65, OWN, 1, ARMS)
    assert send(node, head + body + SIGN(digest(moment(node), head, body)) + b"\xff") == {}


@pytest.mark.parametrize("size", [0, 3, 4, 35, 67, 69, 100])
def test_what_is_no_signature_is_none(node: Node, size: int) -> None:
    moment(node)
    assert send(node, request(OWN, CONFIRM, {"auth": b"\xff" * size})) == refused(E_AUTHORITY)


def test_a_mac_by_the_devices_own_key(node: Node, tmp_path: Path) -> None:
    secret = bytes(range(32))

    @node.ffi.callback("int(void *, const uint8_t *, uint8_t *)")
    def mac(context: Any, signed_: Any, to: Any) -> int:
        node.lib.mcuedit_hmac_sha256(secret, signed_, 32, to)
        return 0

    def by(key: bytes) -> dict[str, Any]:
        message = signed(
            request(OWN, ARMS, {"arm": 0, "good": True}),
            moment(node),
            lambda what: hmac.digest(key, what, "sha256"),
            32,
            10,
        )
        return send(node, message)

    assert by(secret) == refused(E_AUTHORITY)
    node.lib.updatable_authority().mac = mac
    assert by(secret) == {}
    assert by(bytes(32)) == refused(E_AUTHORITY)
    assert command(node, OWN, ARMS, {"arm": 0, "good": True}) == {}  # operators are obeyed as before


# Policies


def test_what_must_be_signed_is_told(node: Node) -> None:
    classes = protocol.classes()
    told = node.ask(OWN, AUTHORITY)["signed"]
    assert {name for name, number in classes.items() if told >> number & 1} == set(classes) - {
        *("NOBODY", "ALWAYS", "READ", "RUN", "UPLOAD")
    }


def test_a_policy_opens_closes_and_refuses(node: Node) -> None:
    """A button that lets one command through, a closed door, and what an application never allows."""
    of = {number: name for name, number in protocol.classes().items()}
    pressed = False

    @node.ffi.callback("int(void *, uint8_t)")
    def policy(context: Any, asks: int) -> int:
        answers = {"CONFIRM": OPEN if pressed else -E_BUSY, "READ": SIGNED, "RUN": SIGNED, "RESET": -E_STATE}
        return answers.get(of[asks], SIGNED)

    node.lib.updatable_authority().policy = policy
    for group, number, fields in ((OWN, STATUS, {}), (OWN, LOG, {}), (IMAGE, 0, {}), (OS, 6, {})):
        assert node.ask(group, number, fields) == refused(E_AUTHORITY)
    assert "nonce" in node.ask(OWN, AUTHORITY)
    assert node.ask(OWN, RUN, {"in": bytes(16)}, write=True) == refused(E_AUTHORITY)
    assert "answer" in command(node, OWN, RUN, {"in": bytes(16)})
    assert node.ask(OS, 0, {"d": "x"}, write=True) == refused(E_AUTHORITY)
    assert node.ask(IMAGE, 1, first(packages.package()), write=True) == refused(E_AUTHORITY)
    assert command(node, IMAGE, 1, first(packages.package()))["off"] == 100
    assert node.ask(IMAGE, 1, {"off": 100, "data": bytes(1)}, write=True)["off"] == 101  # belongs to it
    assert command(node, OS, 5) == refused(E_STATE)
    assert not node.lib.updatable_wants_reset()
    for _ in range(2):
        assert command(node, OWN, CONFIRM) == refused(E_BUSY)
    pressed = True
    assert node.ask(OWN, CONFIRM, write=True) == refused(E_STATE)


# Uploads that nobody signed


def test_who_goes_back_to_an_older_package_names_its_counter(node: Node) -> None:
    """It was confirmed, and something newer came after it; what is in force stays activated with others."""
    old, new, other = (packages.package(name=n, counter=c) for n, c in (("a", 1), ("a", 2), ("b", 3)))
    for package in old, new:
        upload(node, package)
        slot = next(i for i, s in enumerate(slots(node)) if s.get("ctr") == (1 if package is old else 2))
        assert command(node, OWN, ACTIVATE, {"mask": 1 << slot}) == {"mask": 1 << slot}
        command(node, OWN, CONFIRM)
    upload(node, other)
    at = {s["ctr"]: 1 << i for i, s in enumerate(slots(node)) if "ctr" in s}
    for fields in {"mask": at[1]}, {"mask": at[1], "ctr": 1}:  # not by this command
        assert command(node, OWN, ACTIVATE, fields) == refused(E_COUNTER)
    by_hash = {"hash": hashlib.sha256(old[:-144]).digest()}
    assert command(node, IMAGE, 0, by_hash) == refused(E_COUNTER)
    back = {"mask": at[1], "ctr": 1}
    assert node.ask(OWN, REACTIVATE, back, write=True) == refused(E_AUTHORITY)
    assert command(node, OWN, REACTIVATE, back | {"ctr": 2}) == refused(E_COUNTER)
    assert command(node, OWN, REACTIVATE, {"mask": at[1]}) == refused(E_COUNTER)
    assert command(node, OWN, ACTIVATE, {"mask": at[2] | at[3]}) == {"mask": at[2] | at[3]}
    command(node, OWN, ROLLBACK)
    assert command(node, OWN, REACTIVATE, back) == {"mask": at[1]}
    assert node.ask(OWN, STATUS)["floor"] == 3
    command(node, OWN, CONFIRM)
    assert command(node, OWN, ROLLBACK) == {"mask": at[2]}  # a command of its own, too


def fill(node: Node, count: int = 8) -> None:
    for i in range(count):
        assert "match" in upload(node, packages.package(name=f"n{i}", counter=i + 1, seed=i))


def test_who_did_not_sign_takes_an_empty_slot_or_none(node: Node) -> None:
    fill(node)
    more = packages.package(name="more", counter=20)
    assert upload(node, more) == refused(E_AUTHORITY)
    assert command(node, IMAGE, 1, first(more))["off"] == 100
    assert events(node)[-1] == ERASE


def test_a_blank_slot_is_not_erased(node: Node) -> None:
    fill(node, 3)
    assert events(node) == [ERASE, STAGE] * 3  # ERASE: it was written to
    assert command(node, OWN, SLOT, {"slot": 7, "erase": True})["state"] == 0  # it is empty and blank
    assert [slot["wear"] for slot in slots(node)] == [0] * 8
    assert events(node) == [ERASE, STAGE] * 3 + [SESSION]
    used = next(slot["slot"] for slot in slots(node) if slot["state"])
    for _ in range(3):
        command(node, OWN, SLOT, {"slot": used, "erase": True})
    assert slots(node)[used]["wear"] == 1
    fill(node, 3)
    assert slots(node)[used]["wear"] == 1


def test_erases_for_uploads_of_nobody_are_bounded_and_told(node: Node, tmp_path: Path) -> None:
    """Begin, write, begin again: each time but the first a slot has to be erased."""
    assert node.ask(OWN, STATUS)["worn"] == 0
    told, tries = {}, 0
    while told != refused(E_WEAR):
        told = node.ask(IMAGE, 1, {"off": 0, "len": 400, "data": bytes([tries % 256]) * 64}, write=True)
        tries += 1
        assert tries < 200
    worn = node.ask(OWN, STATUS)["worn"]
    assert worn == 8 * ERASES
    assert [slot["wear"] for slot in slots(node)] == [ERASES] * 8
    for _ in range(100):
        told = node.ask(IMAGE, 1, {"off": 0, "len": 400, "data": b"x" * 64}, write=True)
        assert told == refused(E_WEAR)
    assert node.ask(OWN, STATUS)["worn"] == worn
    assert command(node, IMAGE, 1, first(packages.package()))["off"] == 100  # an operator is not bounded
    node.start(tmp_path / "flash")
    assert node.ask(OWN, STATUS)["worn"] == 0
    assert upload(node, packages.package())["match"] is True


def test_first_chunks_without_data_keep_nobody_out(node: Node) -> None:
    """They are none, unless they are signed."""
    package = packages.package()
    before = node.ask(OWN, STATUS)
    for i in range(40):
        node.lib.updatable_peer(666)
        assert node.ask(IMAGE, 1, first(bytes([i]) * 300, 0), write=True) == {"rc": 3}
        if i == 20:
            assert node.ask(OWN, STATUS) == before
            node.lib.updatable_peer(1)
            assert node.ask(IMAGE, 1, first(package), write=True) == {"off": 100}
    node.lib.updatable_peer(1)
    assert node.ask(IMAGE, 1, {"off": 100, "data": package[100:]}, write=True)["match"] is True
    assert command(node, IMAGE, 1, first(packages.package(name="other", counter=2), 0)) == {"off": 0}


def test_uploads_of_two_peers_do_not_mix(node: Node) -> None:
    package = packages.package()
    node.lib.updatable_peer(1)
    assert node.ask(IMAGE, 1, first(package), write=True) == {"off": 100}
    node.lib.updatable_peer(2)
    assert node.ask(IMAGE, 1, {"off": 100, "data": b"evil"}, write=True) == BUSY
    assert node.ask(IMAGE, 1, {"off": 50, "data": b"evil"}, write=True) == BUSY
    node.lib.updatable_peer(1)
    assert node.ask(IMAGE, 1, {"off": 100, "data": package[100:200]}, write=True) == {"off": 200}
    node.lib.updatable_peer(3)  # the same host from another port
    assert node.ask(IMAGE, 1, first(package), write=True) == {"off": 200}
    assert node.ask(IMAGE, 1, {"off": 200, "data": package[200:]}, write=True)["match"] is True


def test_a_signed_upload_gives_way_to_signed_ones_alone(node: Node) -> None:
    package, other = packages.package(), packages.package(name="other", counter=2)
    node.lib.updatable_peer(1)
    assert node.ask(IMAGE, 1, first(other), write=True) == {"off": 100}
    node.lib.updatable_peer(2)
    assert command(node, IMAGE, 1, first(package)) == {"off": 100}  # at once
    node.lib.updatable_peer(1)
    for _ in range(40):
        assert node.ask(IMAGE, 1, first(other), write=True) == BUSY
        assert node.ask(IMAGE, 1, first(package), write=True) == {"off": 100}  # told, and not taken over
        assert node.ask(IMAGE, 1, {"off": 100, "data": b"evil"}, write=True) == BUSY
    node.lib.updatable_peer(2)
    assert node.ask(IMAGE, 1, {"off": 100, "data": package[100:200]}, write=True) == {"off": 200}
    node.lib.updatable_peer(3)
    assert command(node, IMAGE, 1, first(package)) == {"off": 200}
    assert node.ask(IMAGE, 1, {"off": 200, "data": package[200:]}, write=True)["match"] is True


# Room for answers


def test_a_request_without_room_for_its_answer_is_not_carried_out(node: Node) -> None:
    upload(node, packages.package())
    message = sign(node, OWN, ACTIVATE, {"mask": 2})
    for capacity in (14, 20, 47):
        assert cbor2.loads(node.handle(message, capacity)[8:]) == TOO_LONG
    assert node.handle(message, 13) == b""
    assert node.ask(OWN, STATUS)["mask"] == 0
    assert cbor2.loads(node.handle(message, 48)[8:]) == {"mask": 2}
