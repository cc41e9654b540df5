# SPDX-License-Identifier: Apache-2.0
"""What a device says about itself, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mcuedit.fleet.transport import messages as m
from mcuedit.fleet.transport.reasons import error_of
from mcuedit.fleet.transport.refusals import GROUP


class SlotState(StrEnum):
    """What is in a slot; a device tells it by its place in this list."""

    EMPTY = "empty"
    STAGED = "staged"
    TRIAL = "trial"
    CONFIRMED = "confirmed"
    REVOKED = "revoked"


STATES = tuple(SlotState)


@dataclass(frozen=True)
class Slot:
    """One slot of the store.

    Attributes:
        name, version, counter: of its package; empty and 0 in an empty slot.
        digest: the package's own hash (TLV 0x10), hexadecimal.
        size: bytes of the package.
        key: SHA-256 of the public key that signed it, hexadecimal.
        learned: it is an adapter that was made on the device; devices that obey everybody do not say so.
    """

    index: int
    state: SlotState
    name: str = ""
    version: str = ""
    counter: int = 0
    digest: str = ""
    size: int = 0
    key: str = ""
    learned: bool = False


@dataclass(frozen=True)
class Status:
    """A device.

    Attributes:
        base: SHA-256 of the .tflite that it runs, hexadecimal; its first 8 bytes at least.
        device: its own id.
        minimum_counter: highest counter that was ever activated.
        slot_size: bytes of a slot.
        active, confirmed, trial: slots of each set; the trial of the factory state has none.
        in_trial: whether a trial runs.
        boots: boots that an unconfirmed trial has left; 0 without a trial.
        ab: percent of the inferences that the trial's set answers.
        development: it takes packages without a known signature.
        records, head: sequence of the device log's next record, and the hash that its last one ends with.
        erases: of its journal.
        damage: name of the error for which the confirmed set is not in force; empty if it is.
        upload: (offset, size) of an upload that is open.
        open_erases: of slots for uploads that nobody had signed, since its start; None: it obeys everybody.
        revocation: version of its list of revoked keys, 0 before the first; None: it knows no root keys.
        revoked: ids of these keys, the first 8 bytes of PublicKey.sha256, hexadecimal.
    """

    base: str
    device: str
    minimum_counter: int
    slot_size: int
    active: tuple[int, ...]
    confirmed: tuple[int, ...]
    trial: tuple[int, ...]
    in_trial: bool
    boots: int
    ab: int
    development: bool
    records: int
    head: str
    erases: int
    damage: str
    upload: tuple[int, int] | None
    slots: tuple[Slot, ...]
    open_erases: int | None = None
    revocation: int | None = None
    revoked: tuple[str, ...] = ()

    @property
    def lapsed(self) -> tuple[Slot, ...]:
        """Slots with a package whose signer is revoked."""
        return tuple(slot for slot in self.slots if slot.key and slot.key.startswith(self.revoked or ("-",)))

    def find(self, digest: str) -> Slot | None:
        """The slot that holds a package."""
        return next((slot for slot in self.slots if digest and slot.digest == digest), None)


@dataclass(frozen=True)
class Arms:
    """Counters of an A/B test: (confirmed set, trial set)."""

    runs: tuple[int, ...]
    good: tuple[int, ...]
    bad: tuple[int, ...]


@dataclass(frozen=True)
class Answer:
    """Of one inference: class, its name if it has one, and the arm that answered (0 confirmed, 1 trial)."""

    answer: int
    label: str
    arm: int


@dataclass(frozen=True)
class Records:
    """Part of an device log.

    Attributes:
        first: sequence of the oldest record that the device keeps.
        at: sequence of the first one in `data`.
        next: sequence that the next record will have.
        data: 32 bytes for each record.
        before: hash of the record before the first one in `data`, as the device says; empty if it does not.
    """

    first: int
    at: int
    next: int
    data: bytes
    before: str


def mask_of(slots: tuple[int, ...]) -> int:
    """Bit i is slot i."""
    return sum(1 << i for i in set(slots))


def slots_of(mask: int) -> tuple[int, ...]:
    """The other way round."""
    return tuple(i for i in range(16) if mask >> i & 1)


def slot_of(told: m.SlotResponse) -> Slot:
    """As it stands in an answer."""
    return Slot(
        told.slot,
        STATES[told.state],
        told.name,
        told.package_version,
        told.counter,
        told.hash.hex(),
        told.size,
        told.key.hex(),
        told.learned,
    )


def status_of(told: m.StatusResponse, slots: list[Slot]) -> Status:
    """As it stands in an answer."""
    in_trial = told.in_trial if told.in_trial is not None else bool(told.trial or told.boots)
    mended = told.mask == told.good and not in_trial  # the device's word is of its last start
    return Status(
        base=told.base.hex(),
        device=told.id,
        minimum_counter=told.minimum_counter,
        slot_size=told.slot_size,
        active=slots_of(told.mask),
        confirmed=slots_of(told.good),
        trial=slots_of(told.trial),
        in_trial=in_trial,
        boots=told.boots,
        ab=told.share,
        development=told.development,
        records=told.log,
        head=told.head.hex(),
        erases=told.erases,
        damage=error_of(GROUP, abs(told.damage))[0] if told.damage and not mended else "",
        upload=(told.upload[0], told.upload[1]) if told.upload else None,
        slots=tuple(slots),
        open_erases=told.open_erases,
        revocation=told.revocation,
        revoked=tuple(told.revoked[at : at + 8].hex() for at in range(0, len(told.revoked), 8)),
    )
