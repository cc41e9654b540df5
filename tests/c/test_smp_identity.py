# SPDX-License-Identifier: Apache-2.0
"""What a device proves by a key of its own, in its C, against the host's check, which shares no code with it."""

from __future__ import annotations

import ctypes
import hmac
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cbor2
import pytest
from helpers import operated, packages
from helpers.crypto import needs_monocypher, psa
from helpers.smp_node import Node, raw_header

from mcuedit.fleet.transport.authority import DeviceKey, Identity
from mcuedit.fleet.transport.authority.proving import SHARED, SIGNED
from mcuedit.fleet.transport.authority.signing import Moment, signed
from mcuedit.model.bundle import Base

OS, IMAGE, OWN = 0, 1, 64
STATUS, ARMS, LOG, AUTHORITY, IDENTITY = 0, 4, 5, 9, 10
E_BUSY, E_AUTHORITY = 24, 32
KEYS = {SIGNED: DeviceKey(SIGNED, packages.public(operated.SEED).raw), SHARED: DeviceKey(SHARED, bytes(range(32)))}
READS = [
    (OWN, STATUS, {}), (OWN, STATUS, {"slot": 1}), (OWN, LOG, {}), (OWN, ARMS, {}), (OWN, AUTHORITY, {}),
    (OWN, IDENTITY, {}), (IMAGE, 0, {}), (OS, 6, {}),
]  # fmt: skip


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    operators = [packages.public(operated.SEED)]
    return Node(
        Base("base", packages.model()), [packages.public()], tmp_path_factory.mktemp("node"), operators=operators
    )


@pytest.fixture(autouse=True)
def started(node: Node, tmp_path: Path) -> Iterator[None]:
    assert node.start(tmp_path / "flash") == "OK"
    yield
    judge = node.lib.updatable_authority()
    judge.prove, judge.identity = (node.ffi.NULL,) * 2


def proving(node: Node, key: DeviceKey, error: int = 0) -> Any:
    """Gives the device a key, or one that fails; the callback, which has to be kept."""

    @node.ffi.callback("int(void *, const uint8_t *, uint8_t *)")
    def prove(context: Any, what: Any, to: Any) -> int:
        told = bytes(node.ffi.buffer(what, 32))
        made = operated.OPERATOR.sign(told) if key.kind == SIGNED else hmac.digest(key.raw, told, "sha256")
        node.ffi.buffer(to, len(made))[:] = made
        return error or len(made)

    node.lib.updatable_authority().prove = prove
    return prove


def request(group: int, command: int, fields: dict[str, Any]) -> bytes:
    body = cbor2.dumps({**fields, "nonce": bytes(16)})
    return raw_header(0, 1, len(body), group, 1, command) + body


@pytest.mark.parametrize("kind", KEYS)
def test_whatever_is_read_is_proved_to_who_asks_for_it(node: Node, kind: str) -> None:
    kept = proving(node, KEYS[kind])
    told = node.ask(OWN, STATUS)
    who = Identity(told["id"], told["base"], KEYS[kind])
    seen = [(asked := request(*read), node.handle(asked)) for read in READS]
    assert [[who.proves(asked, answer) for asked, _ in seen] for _, answer in seen] == [
        [i == j for i in range(len(READS))] for j in range(len(READS))
    ]
    assert all("proof" not in node.ask(*read) for read in READS)
    assert not Identity("other", who.base, who.key).proves(*seen[0])
    assert not Identity(who.device, bytes(32), who.key).proves(*seen[0])
    assert kept


def test_the_devices_own_key_is_told(node: Node) -> None:
    assert node.ask(OWN, IDENTITY) == {"rc": 8}
    kept = proving(node, KEYS[SHARED])
    assert node.ask(OWN, IDENTITY).keys() == {"base", "id"}
    public = node.ffi.new("uint8_t[32]", KEYS[SIGNED].raw)
    node.lib.updatable_authority().identity = public
    assert node.ask(OWN, IDENTITY)["key"] == KEYS[SIGNED].raw
    assert kept


def test_a_device_without_a_key_proves_nothing(node: Node) -> None:
    assert "proof" not in cbor2.loads(node.handle(request(OWN, STATUS, {}))[8:])


@pytest.mark.parametrize("nonce", [b"", bytes(15), bytes(17), "text", 1])
def test_a_nonce_has_sixteen_bytes(node: Node, nonce: Any) -> None:
    kept = proving(node, KEYS[SHARED])
    assert node.ask(OWN, STATUS, {"nonce": nonce}) == {"rc": 3}
    assert kept


def test_an_answer_that_cannot_be_proved_is_none(node: Node) -> None:
    """The key may be in a part that fails, and the answer longer than there is room for."""
    kept = [proving(node, KEYS[SHARED], -E_BUSY)]
    assert cbor2.loads(node.handle(request(OWN, STATUS, {}))[8:]) == {"err": {"group": OWN, "rc": E_BUSY}}
    kept.append(proving(node, KEYS[SHARED]))
    asked = request(OWN, IDENTITY, {})
    full = len(node.handle(asked))
    assert [len(node.handle(asked, room)) for room in (full - 1, full, full + 1)] == [14, full, full]


@needs_monocypher
def test_keys_in_psa_check_commands_and_prove_answers(node: Node, tmp_path: Path) -> None:
    """firmware/crypto/mcuedit_psa.h in place of crypto.h, whole: commands by MAC, nonces at random, proofs."""
    judge, ffi = node.lib.updatable_authority(), node.ffi
    over, secret = ctypes.CDLL(str(psa(tmp_path))), b"of commands".ljust(32, b"\0")
    own = ffi.new("uint32_t[2]", [11, 12])
    judge.context = own
    for name in "mac", "random":
        setattr(judge, name, ffi.cast("void *", ctypes.cast(getattr(over, f"psa_{name}"), ctypes.c_void_p).value))
    judge.prove = ffi.cast("void *", ctypes.cast(over.psa_prove_mac, ctypes.c_void_p).value)
    try:
        told = node.ask(OWN, AUTHORITY)
        assert node.ask(OWN, STATUS)["log"] == 0  # no record SESSION: its nonces are random
        body = cbor2.dumps({"arm": 0, "good": True})
        message = raw_header(2, 1, len(body), OWN, 77, ARMS) + body
        moment = Moment(told["base"], told["id"], told["nonce"])
        forged = signed(message, moment, lambda what: bytes(32), 32)
        assert cbor2.loads(node.handle(forged)[8:]) == {"err": {"group": OWN, "rc": E_AUTHORITY}}
        good = signed(message, moment, lambda what: hmac.digest(secret, what, "sha256"), 32)
        assert cbor2.loads(node.handle(good)[8:]) == {}
        assert cbor2.loads(node.handle(good)[8:]) == {"err": {"group": OWN, "rc": E_AUTHORITY}}
        who = Identity(told["id"], told["base"], DeviceKey(SHARED, b"of answers".ljust(32, b"\0")))
        asked = request(OWN, STATUS, {})
        assert who.proves(asked, node.handle(asked))
        own[0] = own[1] = 77  # keys that are not there
        moment = replace(moment, nonce=node.ask(OWN, AUTHORITY)["nonce"])
        again = signed(message, moment, lambda what: hmac.digest(secret, what, "sha256"), 32)
        assert cbor2.loads(node.handle(again)[8:]) == {"err": {"group": OWN, "rc": E_AUTHORITY}}
        assert "proof" not in cbor2.loads(node.handle(asked)[8:])
    finally:
        judge.context, judge.mac, judge.random = (ffi.NULL,) * 3
