# SPDX-License-Identifier: Apache-2.0
"""A package is taken whole, from a trusted signer, for this base and in order, or not at all (SPEC.md, section 7)."""

from __future__ import annotations

import hashlib
import json
import struct
from collections import Counter

import pytest
from helpers import packages
from imgtool.image import Image, VerifyResult

from mcuedit import cli
from mcuedit._util.errors import McueditError
from mcuedit.adapter.encoding import encode
from mcuedit.package import Refused, open_package, parse
from mcuedit.package.container import COUNTER_STEP, signed_bytes
from mcuedit.package.self_test import CHANGED, SelfTest

MODEL = packages.model()
KEYS = [packages.public()]


def code(data: bytes, **options: object) -> str:
    """Why it is refused; nothing if it is taken."""
    try:
        open_package(data, **{"keys": KEYS, "model": MODEL, **options})
    except Refused as error:
        assert error.message
        assert error.hint
        return error.code
    return ""


def resealed(data: bytes) -> bytes:
    """The same with hash and signature made right again: what an attacker with the key could send."""
    at = signed_bytes(data)
    digest = hashlib.sha256(data[:at]).digest()
    return data[: at + 8] + digest + data[at + 40 : at + 80] + packages.key().sign_digest(digest)


def test_what_it_says():
    data = packages.package(
        name="gitega-2", version="3.4.500+70000", counter=9, self_tests=(SelfTest(CHANGED, 2, ((0, 5),)),)
    )
    found = open_package(data, KEYS, model=MODEL, minimum_counter=8)
    assert (found.name, found.version, found.counter) == ("gitega-2", "3.4.500+70000", 9)
    assert found.base_sha256 == MODEL.sha256
    assert found.manifest_sha256 == hashlib.sha256(packages.MANIFEST).hexdigest()
    assert found.adapter == encode(packages.fact(), MODEL)
    assert found.self_tests == (SelfTest(CHANGED, 2, ((0, 5),)),)
    assert found.key_sha256 == packages.public().sha256
    assert found.digest == hashlib.sha256(data[: signed_bytes(data)]).hexdigest()
    assert found.size == len(data) == 260 + len("gitega-2") + len(found.adapter) + 12
    assert parse(packages.package(version="1.2.0")).version == "1.2.0"


@pytest.mark.parametrize("self_tests", [(), packages.self_tests(MODEL, packages.fact())])
def test_every_changed_bit_is_refused(self_tests):
    data = packages.package(self_tests=self_tests)
    assert code(data) == ""
    at, why = signed_bytes(data), Counter[str]()
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        found = code(bytes(changed))
        why[found] += 1
        place = bit // 8 - at
        if 8 <= place < 40:
            assert found == "E_HASH", bit
        elif 44 <= place < 76:
            assert found == "E_KEY", bit
        elif place >= 80:
            assert found == "E_SIGNATURE", bit
        else:
            assert found in ("E_SIZE", "E_MAGIC", "E_FORM", "E_HASH"), bit
    assert sum(why.values()) == 8 * len(data)


@pytest.mark.parametrize("self_tests", [(), packages.self_tests(MODEL, packages.fact())])
def test_every_truncation_is_refused_by_its_length(self_tests):
    data = packages.package(self_tests=self_tests)
    assert {code(data[:size]) for size in range(len(data))} == {"E_SIZE"}


def test_every_appended_byte_is_refused():
    data = packages.package()
    assert {code(data + bytes([byte])) for byte in range(256)} == {"E_SIZE"}
    for more in (bytes(4), b"\xff" * 512, data):
        assert code(data + more) == "E_SIZE"


def test_imgtool_alone_would_take_what_is_refused_here(tmp_path):
    """Why there is a check of the form at all."""
    data, file = packages.package(), tmp_path / "package"
    at, taken = signed_bytes(data), 0
    for place in range(len(data)):
        file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        try:
            taken += Image.verify(str(file), KEYS[0].imgtool())[0] == VerifyResult.OK
        except Exception:  # its parser trusts what it reads
            continue
    assert taken > 30
    swapped = data[:at] + struct.pack("<HH", 0x6907, 144) + data[at + 40 : at + 76] + data[at + 4 : at + 40]
    file.write_bytes(swapped + data[at + 76 :])
    assert code(swapped + data[at + 76 :]) == "E_FORM"


def test_the_checks_stand_in_the_order_of_the_device():
    """What fails more than one check is refused for the first."""
    other = packages.model(1)
    good = {"model": MODEL, "minimum_counter": 0}
    stranger = packages.package(signer=1, counter=9)
    assert code(stranger, **good) == "E_KEY"
    assert code(packages.package(base_sha256=other.sha256, counter=1), model=MODEL, minimum_counter=5) == "E_BASE"
    broken = packages.package(payload=encode(packages.fact(), MODEL)[:-4] + bytes(4))
    assert code(broken, **good) == "E_FORM"
    assert code(broken, model=MODEL, minimum_counter=5) == "E_COUNTER"
    assert code(packages.package(of=other), **good) == "E_BASE"
    forged = bytearray(packages.package(of=other, signer=1))
    forged[40] ^= 1
    assert code(bytes(forged), model=MODEL, minimum_counter=5) == "E_HASH"
    claimed = packages.package(signer=1)
    at = signed_bytes(claimed) + 44
    claimed = claimed[:at] + bytes.fromhex(KEYS[0].sha256) + claimed[at + 32 :]
    assert code(claimed, **good) == "E_SIGNATURE"


@pytest.mark.parametrize(
    ("counter", "minimum", "why"),
    [
        (1, 0, ""),
        (5, 5, "E_COUNTER"),
        (4, 5, "E_COUNTER"),
        (6, 5, ""),
        (5 + COUNTER_STEP, 5, ""),
        (6 + COUNTER_STEP, 5, "E_COUNTER"),
        ((1 << 32) - 1, 0, "E_COUNTER"),
    ],
)
def test_replay_and_fast_forward(counter, minimum, why):
    assert code(packages.package(counter=counter), minimum_counter=minimum) == why


def test_several_keys_while_one_is_retired():
    for signer in (0, 1):
        data = packages.package(signer=signer)
        assert code(data, keys=[packages.public(0), packages.public(1)]) == ""
        assert code(data, keys=[packages.public(2)]) == code(data, keys=[]) == "E_KEY"


def test_an_adapter_for_another_base_in_a_container_for_this_one():
    other = packages.model(1)
    mixed = packages.package(payload=encode(packages.fact(other), other))
    assert code(mixed) == "E_FORM"
    assert code(mixed, model=None) == ""


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: b"\0" + d[1:],
        lambda d: d[:4] + b"\1" + d[5:],  # a load address
        lambda d: d[:16] + bytes(4) + d[20:],  # bootable
        lambda d: d[:28] + b"\1" + d[29:],
        lambda d: d.replace(struct.pack("<HH", 0xA0, 32), struct.pack("<HH", 0xA2, 32)),
        lambda d: d.replace(b"fix", b"FIX"),
        lambda d: d.replace(b"fix", b"f x"),
        lambda d: d.replace(b"fix", b"f\0x"),
        lambda d: d[:38] + b"\xff\xff" + d[40:],  # the adapter's length
    ],
)
def test_a_form_that_is_signed_and_still_wrong(spoil):
    data = spoil(packages.package())
    assert code(resealed(data)) in ("E_FORM", "E_MAGIC")


@pytest.mark.parametrize(
    "section",
    [
        bytes(4),  # no self-tests
        struct.pack("<BBBBHH", 5, 0, 1, 0, 0, 0),
        struct.pack("<BBBBHH", 1, 1, 1, 0, 0, 0),
        struct.pack("<BBBBHH", 1, 0, 3, 0, 0, 0),
        struct.pack("<BBBBHH", 1, 0, 1, 1, 0, 0),
        struct.pack("<BBBBHH", 1, 0, 1, 0, 0, 9),  # cut short
        struct.pack("<BBBBHHBb2x", 1, 0, 1, 0, 0, 1, 255, 0)[:12],  # ends in a step to nowhere
        struct.pack("<BBBBHHBbBb", 1, 0, 1, 0, 0, 2, 255, 1, 0, 1),
        struct.pack("<BBBBHH4x", 1, 0, 1, 0, 0, 0),  # more padding than a word takes
        struct.pack("<BBBBHHBbH", 1, 0, 1, 0, 0, 1, 0, 1, 7),  # padding that is not zero
    ],
)
def test_malformed_self_tests(section):
    assert len(section) % 4 == 0
    assert code(packages.package(payload=encode(packages.fact(), MODEL) + section)) == "E_FORM"


@pytest.mark.parametrize(
    "self_test",
    [SelfTest(CHANGED, 6, ((0, 1),)), SelfTest(CHANGED, 1, ((16, 1),)), SelfTest(CHANGED, 1, ((255, 0), (0, 1)))],
)
def test_self_tests_beyond_the_base(self_test):
    assert code(packages.package(self_tests=(self_test,))) == "E_SELF_TEST"


def test_too_many_self_tests():
    with pytest.raises(McueditError, match="5 self-tests, at most 4"):
        packages.package(self_tests=(SelfTest(CHANGED, 1, ()),) * 5)


@pytest.fixture
def files(tmp_path, tiny_path):
    """A package, the key that made it and its base."""
    public = tmp_path / "key.pub"
    public.write_bytes(packages.public().imgtool().get_public_pem())
    package = tmp_path / "fix.mcu"
    package.write_bytes(packages.package(self_tests=packages.self_tests(MODEL, packages.fact())))
    return {"package": package, "key": public, "base": tiny_path}


def verify(files: dict, *more: str) -> int:
    return cli.invoke(["verify", str(files["package"]), "--key", str(files["key"]), *more])


def test_verb(files, capfd):
    assert verify(files, "--base", str(files["base"]), "--minimum-counter", "0") == 0
    assert "ok: form, hash, key, signature, base, counter, adapter, self-tests" in capfd.readouterr().out
    assert verify(files, "--json") == 0
    told = json.loads(capfd.readouterr().out)
    assert told["valid"] is True
    assert told["checked"] == ["form", "hash", "key", "signature"]
    assert (told["name"], told["counter"], told["signer"]) == ("fix", 1, packages.public().sha256)


def test_verb_refuses(files, capfd):
    assert verify(files, "--minimum-counter", "1", "--json") == 1
    assert json.loads(capfd.readouterr().out)["error"] == "E_COUNTER"
    files["package"].write_bytes(packages.package(signer=1))
    assert verify(files) == 1
    assert capfd.readouterr().out.startswith("E_KEY: fix.mcu: refused: signed by ")
    files["package"].write_bytes(packages.package(self_tests=packages.self_tests(MODEL, packages.fact(), lie=True)))
    assert verify(files) == 0
    assert verify(files, "--base", str(files["base"])) == 1
    assert "E_SELF_TEST" in capfd.readouterr().out
    files["package"] = files["base"]
    assert verify(files) == 1
    files["package"] = files["base"].parent / "none.mcu"
    assert verify(files) == 2
