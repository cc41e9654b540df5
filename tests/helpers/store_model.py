# SPDX-License-Identifier: Apache-2.0
"""SPEC.md, section 8 in Python: what a store must answer and be, without flash or journal."""

from __future__ import annotations

from dataclasses import dataclass, field

from helpers.storage import PACKAGES, SELF_TESTED
from helpers.store_device import EMPTY, PROVEN, REVOKED, STAGED, Sight

VIEWS, STEP = 4, 65536


@dataclass
class Slot:
    """What is kept of one."""

    kept: int = EMPTY
    package: int = -1
    erases: int = 0


@dataclass
class Model:
    """Slots are named by bits of masks. Sets are lists, so that they can be told apart."""

    slots: list[Slot]
    confirmed: int = 0
    previous: int = 0
    trial: int | None = None
    boots: int = 0
    minimum_counter: int = 0
    last: int = 0
    lies: bool = False
    arms: list[list[int]] = field(default_factory=lambda: [[0], [0]])
    picked: list[int] = field(default_factory=lambda: [0])

    def _of(self, mask: int) -> list[int]:
        return [i for i in range(len(self.slots)) if mask >> i & 1]

    @property
    def in_use(self) -> int:
        """Slots that must not be erased."""
        return self.confirmed | (self.trial or 0) | self.arms[0][0] | self.arms[1][0] | self.picked[0]

    def boot(self) -> str:
        """Power on."""
        self.picked = [0]
        self.arms = [[self.confirmed]] * 2
        if self.trial is not None:
            if self.boots == 0:
                self._end(REVOKED)
            else:
                self.boots -= 1
                self.arms = [[self.confirmed], [self.trial]]
        return "OK"

    def _end(self, kept: int) -> None:
        self._become(self.trial or 0, kept)
        self.trial = None
        self.boots = 0

    def _become(self, mask: int, kept: int) -> None:
        for i in self._of(mask):
            if self.slots[i].kept == STAGED:
                self.slots[i].kept = kept

    def _clear(self, i: int) -> None:
        self.slots[i] = Slot(erases=self.slots[i].erases + 1)
        self.last = i
        if self.previous >> i & 1:
            self.previous = 0

    def _counter_fits(self, package: int) -> bool:
        return self.minimum_counter < PACKAGES[package][1] <= self.minimum_counter + STEP

    def install(self, package: int, *, stop: bool = False) -> int | str:
        """`stop`: only what happens until the slot is erased."""
        for i, slot in enumerate(self.slots):
            if slot.kept != EMPTY and slot.package == package:
                return "E_REVOKED" if slot.kept == REVOKED else i
        turn = [(self.last + 1 + i) % len(self.slots) for i in range(len(self.slots))]
        free = [i for i in turn if not self.in_use >> i & 1]
        if not free:
            return "E_FULL"
        chosen = min(free, key=lambda i: self.slots[i].kept + 4 * (self.previous >> i & 1))
        self._clear(chosen)
        if stop:
            return chosen
        if not self._counter_fits(package):
            return "E_COUNTER"
        self.slots[chosen].kept, self.slots[chosen].package = STAGED, package
        return chosen

    def _prepare(self, mask: int) -> tuple[str, int, list[int]]:
        """Error, highest counter, the set."""
        if mask == 0:
            return "OK", self.minimum_counter, [0]
        held = {id(one) for one in (*self.arms, self.picked) if one[0]}
        if len(held) == 3:
            return "E_BUSY", 0, []
        highest, names = self.minimum_counter, set()
        full = (self.in_use | mask).bit_count() > VIEWS
        for i in range(16):
            if not mask >> i & 1:
                continue
            if i >= len(self.slots) or self.slots[i].kept == EMPTY:
                return "E_STATE", 0, []
            slot = self.slots[i]
            if slot.kept == REVOKED:
                return "E_REVOKED", 0, []
            name, counter = PACKAGES[slot.package]
            if slot.kept == STAGED and not (self.trial or 0) >> i & 1 and not self._counter_fits(slot.package):
                return "E_COUNTER", 0, []
            if name in names:
                return "E_NAME", 0, []
            names.add(name)
            highest = max(highest, counter)
        return ("E_FULL", 0, []) if full else ("OK", highest, [mask])

    def activate(self, mask: int, boots: int) -> str:
        """A trial."""
        if mask == (self.confirmed if self.trial is None else self.trial) and mask == self.arms[1][0]:
            return "OK"
        error, highest, made = self._prepare(mask)
        if error != "OK":
            return error
        new = [i for i in self._of(mask) if self.slots[i].kept == STAGED]
        self.minimum_counter = highest
        if self.lies and any(self.slots[i].package == SELF_TESTED for i in new):
            self._become(mask & ~(self.trial or 0), REVOKED)
            return "E_SELF_TEST"
        self._become((self.trial or 0) & ~mask, REVOKED)
        self.trial, self.boots = mask, boots
        self.arms[1] = made
        return "OK"

    def confirm(self) -> str:
        """The trial's set stays."""
        if self.trial is None:
            return "E_STATE"
        if self.trial != self.confirmed:
            self.previous = self.confirmed
        self.confirmed = self.trial
        self._end(PROVEN)
        self.arms = [self.arms[1]] * 2
        return "OK"

    def rollback(self) -> str:
        """Out of a trial, or one back."""
        if self.trial is not None:
            self._end(REVOKED)
            self.arms = [self.arms[0]] * 2
            return "OK"
        if self.confirmed == self.previous:
            return "E_STATE"
        error, _, made = self._prepare(self.previous)
        if error == "OK":
            self.confirmed, self.previous = self.previous, 0
            self.arms = [made] * 2
        return error

    def revoke(self, i: int) -> str:
        """For good."""
        if i >= len(self.slots) or self.slots[i].kept == EMPTY:
            return "E_STATE"
        if self.slots[i].kept == REVOKED:
            return "OK"
        was = self.confirmed >> i & 1
        self.slots[i].kept = REVOKED
        if (self.trial or 0) >> i & 1:
            self._end(REVOKED)
        if was:
            self.confirmed, self.arms[0] = 0, [0]
        if was or self.previous >> i & 1:
            self.previous = 0
        if self.trial is None:
            self.arms[1] = self.arms[0]
        return "OK"

    def erase(self, i: int) -> str:
        """A slot that nothing needs."""
        if i >= len(self.slots) or (self.confirmed | (self.trial or 0)) >> i & 1:
            return "E_STATE"
        if self.in_use >> i & 1:
            return "E_BUSY"
        self._clear(i)
        return "OK"

    def pick(self, arm: int) -> int:
        """The arm."""
        arm = arm if self.trial is not None else 0
        self.picked = self.arms[arm]
        return arm

    def idle(self) -> None:
        """No inference."""
        self.picked = [0]

    def fits(self, sight: Sight) -> bool:
        """Is this what is seen?"""
        mine = (self.confirmed, self.previous, self.trial or 0, int(self.trial is not None), self.boots)
        seen = (sight.confirmed, sight.previous, sight.trial, sight.in_trial, sight.boots)
        return (
            mine == seen
            and self.minimum_counter == sight.minimum_counter
            and [self.arms[0][0], self.arms[1][0]] == list(sight.masks)
            and all(
                (slot.kept, slot.erases) == (sight.kept[i], sight.erases[i])
                and (slot.kept == EMPTY or slot.package == sight.package[i])
                for i, slot in enumerate(self.slots)
            )
        )
