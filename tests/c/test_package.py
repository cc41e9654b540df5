# SPDX-License-Identifier: Apache-2.0
"""What a device makes of packages, under sanitizers: nothing but the signed bytes, whole, gets through."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

import pytest
from helpers import packages, tamper
from helpers.checked import Checked
from helpers.crypto import needs_monocypher
from helpers.packages import key, model, package, public

from mcuedit.package import Refused, SelfTest, open_package
from mcuedit.package.self_test import CHANGED, UNCHANGED

pytestmark = needs_monocypher

KEYS = [public(0).raw]
# What refuses a change of any single bit, by the part that it is in. Form refuses before anything is hashed.
REFUSED_BY = {
    "magic": {"E_MAGIC"},
    "load address": {"E_FORM"},
    "header size": {"E_FORM"},
    "protected size": {"E_FORM", "E_SIZE"},
    "payload size": {"E_FORM", "E_SIZE"},
    "flags": {"E_FORM"},
    "version": {"E_HASH"},
    "pad": {"E_FORM"},
    "adapter start": {"E_HASH"},
    "adapter size": {"E_FORM"},
    "adapter": {"E_HASH"},
    "self_tests": {"E_FORM", "E_HASH"},
    "protected head": {"E_FORM"},
    "counter": {"E_HASH"},
    "base head": {"E_FORM"},
    "base": {"E_HASH"},
    "manifest head": {"E_FORM"},
    "manifest": {"E_HASH"},
    "name": {"E_FORM", "E_HASH"},
    "hash head": {"E_FORM"},
    "hash": {"E_HASH"},
    "key hash head": {"E_FORM"},
    "key hash": {"E_KEY"},
    "signature head": {"E_FORM"},
    "signature": {"E_SIGNATURE"},
}


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    return Checked(model(), tmp_path_factory.mktemp("device"))


def asking() -> bytes:
    return package(self_tests=packages.self_tests(model(), packages.fact()))


def verdict(device: Checked, data: bytes) -> str:
    (found,) = device.verdicts([data], KEYS)
    return found


def test_good_ones(device: Checked) -> None:
    odd = SelfTest(CHANGED, 5, ((3, 1),)), SelfTest(UNCHANGED, 0, ()), SelfTest(CHANGED, 1, ((15, -128),))
    good = [package(name=n * "a") for n in range(1, 25)] + [package(self_tests=odd[:n]) for n in (1, 2, 3)] + [asking()]
    good += [package(name="a-z_0.9", version="255.255.65535+4294967295", counter=2**32 - 1)]
    assert device.verdicts(good, KEYS) == len(good) * ["OK"]


@pytest.mark.parametrize("part", REFUSED_BY)
def test_every_single_bit(device: Checked, part: str) -> None:
    data = asking()
    parts = tamper.parts(data)
    assert list(parts) == list(REFUSED_BY)
    assert set(device.verdicts(tamper.flips(data, parts[part]), KEYS)) == REFUSED_BY[part]


def test_every_truncation(device: Checked) -> None:
    for data in package(), asking():
        assert set(device.verdicts((data[:n] for n in range(len(data))), KEYS)) == {"E_SIZE"}


def test_every_appended_byte(device: Checked) -> None:
    data = package()
    longer = [data + bytes([value]) for value in range(256)] + [data + n * b"\0" for n in (2, 3, 4, 144, 65_536)]
    assert set(device.verdicts([*longer, data + data], KEYS)) == {"E_SIZE"}


@pytest.mark.parametrize("offset", [1, 2, 3])
def test_alignment(device: Checked, offset: int) -> None:
    assert device.verdicts([package()], KEYS, offset=offset) == ["E_ALIGN"]


def test_keys(device: Checked) -> None:
    by = [package(signer=n) for n in range(3)]
    assert device.verdicts(by, KEYS) == ["OK", "E_KEY", "E_KEY"]
    assert device.verdicts(by, [public(2).raw, public(1).raw]) == ["E_KEY", "OK", "OK"]
    assert device.verdicts(by, []) == 3 * ["E_KEY"]


def test_without_a_key_only_a_development_build_accepts(device: Checked) -> None:
    data = package()
    unsigned = data[:-64] + bytes(64)
    changed = next(tamper.flips(data, tamper.parts(data)["adapter"]))
    given = [unsigned, changed, data[:-1]]
    assert device.verdicts(given, []) == ["E_KEY", "E_HASH", "E_SIZE"]
    assert device.verdicts(given, [], development=True) == ["OK", "E_HASH", "E_SIZE"]
    assert device.verdicts([data, unsigned], KEYS, development=True) == ["OK", "E_SIGNATURE"]


def test_another_base(device: Checked) -> None:
    other = model(1)
    assert verdict(device, package(other)) == "E_BASE"
    assert verdict(device, package(other, base_sha256=model().sha256)) == "E_BASE"  # the adapter's own field
    assert verdict(device, package(base_sha256=other.sha256)) == "E_BASE"


def test_the_order_of_the_checks(device: Checked) -> None:
    """With everything wrong, each check refuses before the next one looks."""
    data = bytearray(package(model(1), payload=bytes([77, 67, 69, 1, 0, 0, 5, 0]) + bytes(12), signer=1))
    seen = []
    for mend in (
        lambda d: None,  # one byte too many, hash, key, signature, base, adapter
        lambda d: d.pop(),  # hash, key, signature, base, adapter
        lambda d: d.__setitem__(slice(None), tamper.sign_again(bytes(d), key(1))),  # key, base, adapter
        lambda d: d.__setitem__(slice(44 - 144, 76 - 144), bytes.fromhex(public(0).sha256)),  # signature, ...
        lambda d: d.__setitem__(slice(None), tamper.sign_again(bytes(d), key(0))),  # base, adapter
        lambda d: d.__setitem__(slice(None), package(payload=bytes(d[32:52]))),  # adapter
    ):
        if not seen:
            data.append(0)
            data[20] ^= 1  # the version: hashed, never judged
        mend(data)
        seen.append(verdict(device, bytes(data)))
    assert seen == ["E_SIZE", "E_HASH", "E_KEY", "E_SIGNATURE", "E_BASE", "E_CRC"]


def moved(data: bytes, change: Callable[[bytearray, dict[str, range]], None]) -> bytes:
    """Changed, and signed again by the trusted key."""
    out = bytearray(data)
    change(out, tamper.parts(data))
    return tamper.sign_again(bytes(out), key(0))


def swap_tlvs(data: bytearray, parts: dict[str, range]) -> None:
    """The base's TLV before the counter's."""
    at, cut, end = parts["protected head"].start + 4, parts["base head"].start, parts["manifest head"].start
    data[at:end] = data[cut:end] + data[at:cut]


def extra_tlv(data: bytearray, parts: dict[str, range]) -> None:
    """An unknown TLV of 4 bytes, all lengths right, as imgtool's verify takes it."""
    data[parts["name"].stop : parts["name"].stop] = struct.pack("<HHI", 0xA7, 4, 0)
    for at in (parts["protected size"].start, parts["protected head"].start + 2):
        struct.pack_into("<H", data, at, struct.unpack_from("<H", data, at)[0] + 8)


def named(name: bytes) -> Callable[[bytearray, dict[str, range]], None]:
    def change(data: bytearray, parts: dict[str, range]) -> None:
        data[parts["name"].start : parts["name"].stop] = name
        for at in (parts["protected size"].start, parts["protected head"].start + 2, parts["manifest head"].start + 2):
            wanted = struct.unpack_from("<H", data, at)[0] + len(name) - len(parts["name"])
            struct.pack_into("<H", data, at, wanted)

    return change


def payload(tail: bytes) -> Callable[[bytearray, dict[str, range]], None]:
    """`tail` behind the adapter."""

    def change(data: bytearray, parts: dict[str, range]) -> None:
        data[parts["self_tests"].start : parts["self_tests"].stop] = tail
        struct.pack_into("<I", data, parts["payload size"].start, parts["self_tests"].start + len(tail) - 32)

    return change


ILL_FORMED = {
    "TLVs in another order": swap_tlvs,
    "one TLV more": extra_tlv,
    "no name": named(b""),
    "a name of 25 bytes": named(25 * b"a"),
    "an upper-case name": named(b"FIX"),
    "a name with a NUL": named(b"fi\0"),
    "a name with a slash": named(b"a/b"),
    "a bootable image": lambda d, p: d.__setitem__(p["flags"].start, 0),
    "a payload of half a word": payload(b"\0\0"),
    "an empty self-test section": payload(bytes(4)),
    "five self-tests": payload(struct.pack("<BB", 5, 0) + 5 * struct.pack("<BBHH", 1, 0, 0, 0)),
    "no self-test where one is promised": payload(struct.pack("<BBH", 1, 0, 1)),
    "a self-test of an unknown kind": payload(struct.pack("<BBBBHH", 1, 0, 3, 0, 0, 0)),
    "a self-test of kind 0": payload(struct.pack("<BBBBHH", 1, 0, 0, 0, 0, 0)),
    "a self-test with more steps than bytes": payload(struct.pack("<BBBBHH", 1, 0, 1, 0, 0, 1)),
    "bytes behind the self-tests": payload(struct.pack("<BBBBHHHH", 1, 0, 1, 0, 0, 0, 0, 0)),
    "padding that is not zero": payload(struct.pack("<BBBBHHBBBB", 1, 0, 1, 0, 0, 1, 0, 1, 0, 1)),
    "an adapter longer than the payload": lambda d, p: struct.pack_into("<H", d, 38, 0xFFFF),
    "an adapter shorter than its header": lambda d, p: struct.pack_into("<H", d, 38, 4),
}


@pytest.mark.parametrize("what", ILL_FORMED)
def test_form_counts_even_if_signed(device: Checked, what: str) -> None:
    assert verdict(device, moved(package(), ILL_FORMED[what])) == "E_FORM"


@pytest.mark.parametrize(
    ("steps", "wanted"),
    [
        (((15, 1),), "OK"),
        (((16, 1),), "E_SELF_TEST"),
        (((0, 1),) * 16, "OK"),
        (((0, 1),) * 17, "E_SELF_TEST"),
        (((255, 0), (0, 1)), "E_SELF_TEST"),  # element 255
        (((255, 1), (0, 1)), "E_SELF_TEST"),  # skip 255 takes no value
        (((3, 1), (255, 0)), "E_SELF_TEST"),  # leads nowhere
    ],
)
def test_self_tests_that_do_not_fit(device: Checked, steps: tuple[tuple[int, int], ...], wanted: str) -> None:
    section = struct.pack("<BBBBHH", 1, 0, 1, 0, 0, len(steps)) + b"".join(struct.pack("<Bb", *s) for s in steps)
    assert verdict(device, moved(package(), payload(section + bytes(-len(section) % 4)))) == wanted


def host(data: bytes) -> str:
    try:
        open_package(data, [public(0)], model=model())
    except Refused as error:
        return error.code
    return "OK"


def damaged(rng: random.Random) -> bytes:
    """Changed where the form is decided; most of them signed again."""
    out = bytearray(rng.choice((package(), asking())))
    spans = [span for name, span in tamper.parts(asking()).items() if len(span) <= 8 or name == "self_tests"]
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = rng.choice(rng.choice(spans)) % len(out)
        what = rng.randrange(4)
        if what == 0:
            out[at] ^= 1 << rng.randrange(8)
        elif what == 1:
            out[at] = rng.choice((0, 1, 2, 4, 0x20, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif what == 2:
            del out[at : at + rng.choice((1, 2, 4))]
        else:
            out[at:at] = bytes(rng.choice((1, 2, 4)))
    return tamper.sign_again(bytes(out), key(0)) if rng.random() < 0.7 and len(out) > 200 else bytes(out)


def test_host_and_device_refuse_the_same(device: Checked) -> None:
    """They name reasons differently in three places.

    What is wrong within the adapter, the host calls E_FORM, the device by the adapter's own error. A self-test's step
    that leads nowhere is E_FORM to the host, E_SELF_TEST to the device, which looks when it expands it. Of lengths that
    contradict each other, either may find one or the other first.
    """
    rng = random.Random(6)
    data = [damaged(rng) for _ in range(300)]
    here, there = [host(one) for one in data], device.verdicts(data, KEYS)
    assert {name for name in here if here.count(name) > 2} >= {"OK", "E_FORM", "E_SIZE", "E_HASH", "E_MAGIC"}
    for one, by_host, by_device in zip(data, here, there, strict=True):
        adapters = {"E_CRC", "E_MAGIC", "E_SIZE", "E_FIELD", "E_GEOMETRY", "E_BOUND", "E_LABEL", "E_SELF_TEST"}
        assert by_host == by_device or "OK" not in (by_host, by_device), (by_host, by_device, one.hex())
        assert by_host == by_device or {by_host, by_device} & {"E_FORM"}, (by_host, by_device, one.hex())
        assert by_device in {by_host, "E_FORM"} | adapters, (by_host, by_device, one.hex())


def test_bases_that_differ_in_any_bit_of_their_hash_are_told_apart(device: Checked) -> None:
    """Those too whose first 8 bytes, which adapters carry, are the same."""
    data = package()
    base = tamper.parts(data)["base"]
    again = [tamper.sign_again(one, key(0)) for one in tamper.flips(data, base)]
    assert device.verdicts(again, KEYS) == 256 * ["E_BASE"]
    assert {host(one) for one in again} == {"E_BASE"}
