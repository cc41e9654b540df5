# SPDX-License-Identifier: Apache-2.0
"""Device logs: what holds, what was tampered with, and what continues what was seen before."""

from __future__ import annotations

from itertools import count

import pytest
from helpers import packages
from helpers.standin import Served, Standin

from mcuedit.fleet import device_log
from mcuedit.fleet.transport import Device


def written(number: int) -> Standin:
    """A device whose log has some records."""
    device = Standin()
    for i in range(number):
        device.record(2 + i % 7, i % 4)
    return device


def data(device: Standin) -> bytes:
    return b"".join(device.log)


def read(device: Standin, known=None, **options) -> device_log.Log:
    with Served(device) as (address,), Device(address) as link:
        return device_log.read(link, link.status(), known, **options)


def test_a_log_is_read_in_parts_and_holds():
    log = read(written(11))
    assert [r.sequence for r in log.records] == list(range(11))
    assert (log.next, log.head, log.tied) == (11, log.records[-1].chain, None)
    assert log.records[0].event == "stage"


def test_records_say_who_and_what():
    device = Standin()
    device.install(packages.package(counter=3))
    device.activate({"mask": 1})
    log = read(device)
    assert [(r.event, r.mask) for r in log.records] == [("stage", 0), ("trial", 1)]
    assert device_log.rows(log.records)[1][:4] == (1, "trial", 1, "")


def test_only_what_is_new_is_read_again():
    device = written(9)
    log = read(device)
    device.record(4, 1)
    again = read(device, (log.next, log.head))
    assert [r.sequence for r in again.records] == [8, 9]  # the last one known, and the new one
    assert again.tied is True
    assert len(read(device, (log.next, log.head), whole=True).records) == 10


def test_an_empty_log_holds():
    log = read(Standin())
    assert (log.records, log.next, log.head) == ((), 0, "00" * 8)
    assert read(Standin(), (0, log.head)).tied is True


def test_every_changed_bit_is_found():
    raw = data(written(3))
    for bit in range(8 * len(raw)):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(device_log.Broken):
            device_log.verify(bytes(changed), 0, "", None)


def test_a_record_that_was_forged_whole_breaks_the_chain():
    """With a CRC and a hash of its own that are right; the next record tells."""
    forger, device = Standin(), written(5)
    forger.log = device.log[:2]
    forger.record(6, 3)
    device.log[2] = forger.log[2]
    with pytest.raises(device_log.Broken, match="record 3 does not continue"):
        device_log.verify(data(device), 0, "", None)


@pytest.mark.parametrize("missing", range(4))
def test_a_record_that_is_missing_is_found(missing):
    device = written(5)
    del device.log[missing]
    with pytest.raises(device_log.Broken):
        device_log.verify(data(device), 0, "", None)


def test_a_log_that_was_cut_short_is_found_by_what_was_seen():
    device = written(6)
    known = 6, device.log[-1][20:28].hex()
    del device.log[4:]
    with pytest.raises(device_log.Broken, match="has 4 records, it had 6"):
        read(device, known)


def test_another_history_of_the_same_length_is_found():
    device, other = written(6), Standin()
    for i in range(8):
        other.record(3, i)
    with pytest.raises(device_log.Broken, match="not the one that was seen before"):
        read(other, (6, device.log[-1][20:28].hex()))


def test_records_that_are_no_longer_kept_are_no_breach():
    """Flash is small: a device forgets its oldest records. The rest holds, but is not tied to what was seen."""
    device = written(9)
    early = device_log.verify(data(device)[: 3 * 32], 0, "", None)
    late = device_log.verify(data(device)[5 * 32 :], 5, device.log[4][20:28].hex(), (early.next, early.head))
    assert (late.tied, late.next) == (False, 9)
    with pytest.raises(device_log.Broken, match="record 5"):
        device_log.verify(data(device)[5 * 32 :], 5, "11" * 8, None)


def test_a_status_that_does_not_fit_the_log_is_found():
    device = written(4)
    honest = device.status
    device.status = lambda: honest() | {"head": bytes(8)}
    with pytest.raises(device_log.Broken, match="its status says otherwise"):
        read(device)


def test_a_log_without_end_is_given_up():
    device = written(4)
    clock = count(0, 50)

    def more(group, command, asked):
        if (group, command) == (64, 5):
            for i in range(4):
                device.record(3, i)

    device.fault = more
    with pytest.raises(device_log.Broken, match="does not end"):
        read(device, clock=lambda: next(clock))
