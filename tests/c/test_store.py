# SPDX-License-Identifier: Apache-2.0
"""The store, rule by rule (SPEC.md, section 8)."""

from __future__ import annotations

import ctypes
import hashlib
import random
import struct
import zlib
from pathlib import Path

import pytest
from helpers import packages, storage
from helpers.crypto import crypto_sources, foreign_objects, needs_monocypher
from helpers.store_device import EMPTY, PROVEN, REVOKED, Device

from mcuedit.adapter.encoding import encode
from mcuedit.build.external import monocypher

A, B, A2, C, D, E, SELF_TESTED, EXTRA = range(8)  # storage.PACKAGES; A2 has the name of A


@pytest.fixture(scope="session", params=["mapped", "mirrored"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store and a device around it, whose flash is mapped, or is copied to RAM because it is not."""
    flags = ("-O1", "-DMIRRORED") if request.param == "mirrored" else ("-O1",)
    return storage.compile_with(tmp_path_factory.mktemp("store"), None, *flags, output="store.so")


@pytest.fixture
def device(library: Path) -> Device:
    """A factory-new one, powered on."""
    made = Device(library)
    assert made.boot() == "OK"
    return made


def slot(device: Device, package: int) -> int:
    """Installs a package."""
    got = device.install(package)
    assert isinstance(got, int), got
    return got


def confirm(device: Device, *slots: int) -> None:
    """Makes these slots the confirmed set."""
    assert device.call("activate", sum(1 << i for i in slots), 1, 100) == "OK"
    assert device.call("confirm") == "OK"


def test_a_package_from_upload_to_confirmation_outlives_reboots(device: Device) -> None:
    a = slot(device, A)
    assert list(device.look().masks) == [0, 0]
    assert device.call("activate", 1 << a, 3, 100) == "OK"
    assert list(device.look().masks) == [0, 1 << a]
    assert device.call("confirm") == "OK"
    for _ in range(5):
        assert device.boot() == "OK"
        sight = device.look()
        assert (sight.confirmed, list(sight.masks), sight.minimum_counter) == (1 << a, [1 << a, 1 << a], 1)


@pytest.mark.parametrize("boots", [0, 1, 3])
def test_a_trial_that_nobody_confirms_ends_after_its_boots(device: Device, boots: int) -> None:
    a, b = slot(device, A), slot(device, B)
    confirm(device, a)
    assert device.call("activate", 1 << b, boots, 100) == "OK"
    for _ in range(boots):
        assert device.boot() == "OK"
        assert list(device.look().masks) == [1 << a, 1 << b]
    assert device.boot() == "OK"
    sight = device.look()
    assert (list(sight.masks), sight.kept[a], sight.kept[b]) == ([1 << a, 1 << a], PROVEN, REVOKED)
    assert device.install(B) == "E_REVOKED"
    assert device.call("activate", 1 << b, 1, 100) == "E_REVOKED"


def test_a_failing_self_test_revokes_what_is_new(device: Device) -> None:
    a, tested = slot(device, A), slot(device, SELF_TESTED)
    confirm(device, a)
    device.lib.device_set(1, 0, 1)
    assert device.call("activate", 1 << a | 1 << tested, 3, 100) == "E_SELF_TEST"
    sight = device.look()
    assert (sight.confirmed, list(sight.masks), sight.in_trial) == (1 << a, [1 << a] * 2, 0)
    assert (sight.kept[a], sight.kept[tested]) == (PROVEN, REVOKED)


def test_self_tests_that_hold_let_a_trial_begin(device: Device) -> None:
    tested = slot(device, SELF_TESTED)
    assert device.call("activate", 1 << tested, 3, 100) == "OK"


def test_two_slots_of_one_name_are_never_active_together(device: Device) -> None:
    a, a2 = slot(device, A), slot(device, A2)
    assert device.call("activate", 1 << a | 1 << a2, 1, 100) == "E_NAME"
    assert device.look().in_trial == 0


def test_counters_bound_going_back_and_going_far(device: Device) -> None:
    a, b = slot(device, A), slot(device, B)
    confirm(device, b)
    assert device.call("activate", 1 << a, 1, 100) == "E_COUNTER"
    model = packages.model()
    far = packages.package(model, name="far", counter=2 + 65_537)
    assert device.install(far) == "E_COUNTER"
    assert device.install(packages.package(model, name="near", counter=2 + 65_536)) not in {"E_COUNTER"}
    assert device.install(packages.package(model, name="old", counter=2)) == "E_COUNTER"
    assert device.look().confirmed == 1 << b


def test_what_was_confirmed_before_can_come_back(device: Device) -> None:
    a = slot(device, A)
    confirm(device, a)
    b = slot(device, B)
    confirm(device, b)
    assert device.call("activate", 1 << a, 1, 100) == "OK"  # its counter is below the floor
    assert device.call("rollback") == "OK"  # ends the trial: proven, so not revoked
    assert device.look().kept[a] == PROVEN
    assert device.call("rollback") == "OK"  # b -> a
    assert device.look().confirmed == 1 << a
    assert device.call("rollback") == "OK"  # a -> the factory's
    assert (device.look().confirmed, device.call("rollback")) == (0, "E_STATE")


def test_the_factorys_state_can_be_had_without_key_and_without_flash(device: Device) -> None:
    a = slot(device, A)
    confirm(device, a)
    device.lib.device_set(0, 0, 0)
    device.lib.device_cut(0, 0, 0, 0)
    assert device.call("activate", 0, 1, 100) == "E_FLASH"
    assert device.look().masks[1] == 0
    device.lib.device_power()
    assert device.call("activate", 1 << a, 1, 100) == "E_KEY"
    device.boot()
    assert (list(device.look().masks), device.look().damage) == ([0, 0], 16)  # E_KEY: no key, no adapter


def test_without_keys_nothing_is_accepted(device: Device) -> None:
    device.lib.device_set(0, 0, 0)
    assert device.install(A) == "E_KEY"
    assert device.look().kept[1] == EMPTY


def test_the_same_bytes_are_answered_with_their_slot(device: Device) -> None:
    a = slot(device, A)
    before = device.look().operations
    assert slot(device, A) == a
    assert device.look().operations == before


def test_a_damaged_upload_leaves_the_slot_empty(device: Device) -> None:
    good = storage.package(A)
    for wrong, error in (
        (good[:-1], "E_SIZE"),
        (good + b"\0", "E_SIZE"),
        (good[:60] + bytes([good[60] ^ 1]) + good[61:], "E_HASH"),
        (good[:100] + bytes([good[100] ^ 1]) + good[101:], "E_FORM"),
        (good[:-64] + bytes(64), "E_SIGNATURE"),
        (packages.package(packages.model(3), name="a"), "E_BASE"),
        (packages.package(packages.model(), name="a", signer=9), "E_KEY"),
        (bytes(2049), "E_SIZE"),
        (b"", "E_SIZE"),
    ):
        assert device.install(wrong) == error
    assert set(device.look().kept) == {EMPTY}


def test_uploads_go_on_where_they_are_wanted_and_nowhere_else(device: Device) -> None:
    data = storage.package(A)
    slot_number = ctypes.c_uint8()
    begin = device.lib.mcuedit_store_begin(device.store, len(data), None, ctypes.byref(slot_number))
    append = device.lib.mcuedit_store_append
    assert begin == 0
    assert append(device.store, 0, data, 33) == 0
    assert device.name(append(device.store, 0, data, 33)) == "E_STATE"
    assert device.name(append(device.store, 34, data[34:], 1)) == "E_STATE"
    assert device.name(device.lib.mcuedit_store_end(device.store, ctypes.byref(slot_number))) == "E_STATE"
    assert device.name(append(device.store, 33, data[33:] + b"x", len(data) - 32)) == "E_STATE"
    assert append(device.store, 33, data[33:], len(data) - 33) == 0
    assert device.lib.mcuedit_store_end(device.store, ctypes.byref(slot_number)) == 0
    assert device.look().package[slot_number.value] == A


@pytest.mark.parametrize("unit", [1, 2, 4, 8, 16, 32])
@pytest.mark.parametrize("piece", [1, 7, 32, 33, 400])
def test_pieces_of_any_size_fit_any_program_unit(library: Path, unit: int, piece: int) -> None:
    device = Device(library, (unit, 1024, 1024, 4, 2))
    device.boot()
    got = device.install(A, piece=piece)
    assert isinstance(got, int)
    assert device.look().package[got] == A


@pytest.mark.parametrize("geometry", [(4, 4096, 4096, 4, 2), (8, 2048, 2048, 4, 2), (32, 131_072, 131_072, 4, 2)])
@pytest.mark.parametrize("piece", [400, 230])
def test_install_and_activation_take_few_flash_operations(
    library: Path, geometry: tuple[int, int, int, int, int], piece: int
) -> None:
    data = storage.package(SELF_TESTED)
    worst = 0
    for fill in range(40):  # a new page of the journal is begun somewhere
        device = Device(library, geometry)
        device.boot()
        for _ in range(fill):
            device.call("erase", 3)
        before = device.look().operations
        got = device.install(data, piece=piece)
        assert isinstance(got, int)
        assert device.call("activate", 1 << got, 3, 100) == "OK"
        worst = max(worst, device.look().operations - before)
    assert worst <= 9  # 20 are allowed


def test_at_most_four_adapters_are_parsed_at_once(device: Device) -> None:
    slots = [slot(device, package) for package in (A, B, C, D, E)]
    confirm(device, *slots[:3])
    assert device.call("activate", 1 << slots[3] | 1 << slots[4], 1, 100) == "E_FULL"
    assert device.call("activate", 1 << slots[2] | 1 << slots[3], 1, 100) == "OK"


def test_what_a_running_inference_reads_is_not_erased(device: Device) -> None:
    a, b = slot(device, A), slot(device, B)
    confirm(device, a)
    assert device.call("activate", 1 << b, 1, 100) == "OK"
    assert device.pick(1) == 1  # an inference runs with b
    assert device.call("rollback") == "OK"
    assert device.call("erase", b) == "E_BUSY"
    upload = [device.install(package) for package in (C, D, E, EXTRA)]
    assert b not in upload
    assert device.pick(1) == 0  # the next one: no trial any more
    assert device.call("erase", b) == "OK"
    assert device.call("erase", a) == "E_STATE"


def test_three_sets_are_enough_and_a_fourth_waits(device: Device) -> None:
    a, b, c, d = (slot(device, package) for package in (A, B, C, D))
    confirm(device, a)
    assert device.call("activate", 1 << b, 9, 100) == "OK"
    device.pick(1)
    assert device.call("activate", 1 << c, 9, 100) == "OK"
    assert device.call("activate", 1 << d, 9, 100) == "E_BUSY"
    device.lib.device_idle()
    assert device.call("activate", 1 << d, 9, 100) == "OK"


def test_revoking_a_confirmed_slot_brings_back_the_factorys_state(device: Device) -> None:
    a = slot(device, A)
    confirm(device, a)
    b = slot(device, B)
    confirm(device, b)
    assert device.call("revoke", b) == "OK"
    assert (device.look().confirmed, device.look().kept[b], list(device.look().masks)) == (0, REVOKED, [0, 0])
    assert device.call("activate", 1 << a, 1, 100) == "OK"
    assert device.call("revoke", a) == "OK"
    assert (device.look().in_trial, list(device.look().masks)) == (0, [0, 0])
    assert device.call("revoke", 200) == "E_STATE"


def test_slots_are_taken_in_turn_and_never_what_is_needed(device: Device) -> None:
    a = slot(device, A)
    confirm(device, a)
    model = packages.model()
    for i in range(24):
        got = device.install(packages.package(model, name=f"n{i}", counter=100 + i))
        assert isinstance(got, int)
        assert got != a
    erases = [device.look().erases[i] for i in range(6) if i != a]
    assert max(erases) - min(erases) <= 1


def test_erases_are_counted_as_the_flash_counts_them(device: Device) -> None:
    for i in range(30):
        assert isinstance(device.install(packages.package(packages.model(), name=f"n{i}", counter=100 + i)), int)
    device.boot()
    sight = device.look()
    assert list(sight.erases) == list(sight.flash_slot_erases)
    assert min(sight.erases[:6]) > 0
    assert sight.pages == sight.flash_erases > 0


def test_adapters_made_here_need_permission(device: Device) -> None:
    model = packages.model()
    data = encode(packages.fact(model), model)
    slot_number = ctypes.c_uint8()
    stage = device.lib.mcuedit_store_stage_local
    assert device.name(stage(device.store, data, len(data), ctypes.byref(slot_number))) == "E_STATE"
    device.lib.device_set(0, 1, 1)
    assert stage(device.store, data, len(data), ctypes.byref(slot_number)) == 0
    confirm(device, slot_number.value)
    device.boot()
    assert device.look().masks[0] == 1 << slot_number.value
    other = encode(packages.fact(model, seed=9), model)
    assert device.install(other) == "E_SIZE"  # over the link only packages are taken


def test_a_damaged_confirmed_slot_is_not_run(library: Path) -> None:
    device = Device(library)
    device.boot()
    a = slot(device, A)
    confirm(device, a)
    b = slot(device, B)
    confirm(device, b)
    device.lib.device_damage.restype = None
    device.lib.device_damage(b, 60)
    device.boot()
    sight = device.look()
    assert (list(sight.masks), sight.damage) == ([1 << a] * 2, 15)  # E_HASH; what was confirmed before runs
    assert device.call("activate", 1 << a, 1, 100) == "OK"


def test_any_flash_contents_are_an_empty_store(library: Path) -> None:
    rng = random.Random(1)
    for fill in (b"\0", b"\xff", b"\xa5", None):
        device = Device(library)
        size = 2048 * 8
        data = rng.randbytes(size) if fill is None else fill * size
        device.lib.device_fill(data, size)
        assert device.boot() == "OK"
        assert list(device.look().masks) == [0, 0]
        assert device.call("activate", 1, 1, 100) == "E_STATE"
        confirm(device, slot(device, A))


def test_the_journal_ends_at_the_last_sequence_number(library: Path) -> None:
    device = Device(library)
    record = bytearray(128)  # of an empty store
    struct.pack_into("<I", record, 0, 0xFFFF_FFF8)
    size, slots = device.geometry[2:4]
    struct.pack_into("<I", record, 28, zlib.crc32(record[32:], zlib.crc32(record[:28], size + slots)))
    device.lib.device_fill(bytes(record), len(record))
    assert device.boot() == "OK"
    a = slot(device, A)  # takes two records
    confirm(device, a)  # two
    assert [device.call("erase", 5) for _ in range(3)] == ["OK", "OK", "E_FLASH"]
    assert device.boot() == "OK"
    before = device.look()
    assert (before.sequence, before.masks[0]) == (0xFFFF_FFFF, 1 << a)
    assert device.call("activate", 0, 1, 100) == "E_FLASH"
    after = device.look()
    assert after.masks[1] == 0  # obeyed until the next reset
    assert after.operations == before.operations  # nothing is worn in vain


def test_geometries_that_do_not_fit_are_refused(library: Path) -> None:
    for geometry in ((64, 2048, 2048, 4, 2), (8, 2048, 2048, 9, 2), (8, 2048, 2048, 4, 1)):
        assert Device(library, geometry).boot() == "E_FIELD"


def test_the_log_is_a_chain(device: Device) -> None:
    confirm(device, slot(device, A))
    records = device.log()
    assert [record[4] for record in records] == [1, 2, 4, 6]  # erase, stage, trial, confirm
    chain = bytes(8)
    for record in records:
        chain = hashlib.sha256(record[:20] + chain).digest()[:8]
        assert record[20:28] == chain
    key = bytes.fromhex(packages.public().sha256)
    assert records[1][12:16] == key[:4]
    assert records[1][16:20] in storage.package(A)


def test_erases_of_the_journal_are_spread_and_counted(library: Path) -> None:
    device = Device(library, (8, 2048, 2048, 3, 4))
    device.boot()
    for _ in range(200):
        assert device.call("erase", 2) == "OK"
    sight = device.look()
    assert (sight.erases[2], sight.pages) == (200, 13)  # 16 records a page
    assert len(device.log()) >= 3 * 16


@needs_monocypher
def test_with_real_signatures(tmp_path: Path) -> None:
    found = monocypher.present()
    assert found is not None
    objects = foreign_objects(found, tmp_path)
    real = [path for path in crypto_sources() if not path.stem.startswith("sha")]
    flags = ["-O1", *found.flags, "-DREAL_SIGNATURES"]
    device = Device(storage.compile_with(tmp_path, None, *flags, output="real.so", more=real, objects=objects))
    device.boot()
    confirm(device, slot(device, A))
    good = storage.package(B)
    assert device.install(good[:-1] + bytes([good[-1] ^ 1])) == "E_SIGNATURE"
    device.boot()
    assert device.look().masks[0] != 0
