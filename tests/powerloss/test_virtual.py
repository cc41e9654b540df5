# SPDX-License-Identifier: Apache-2.0
"""Power cuts on a virtual Cortex-M: the real device app, cut at its flash operations, and started again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import packages
from helpers.linked import OWN, WRITE, Linked, View

from mcuedit.boards import board
from mcuedit.build.options import BuildOptions
from mcuedit.emulate import PowerCut
from mcuedit.emulate.backends.unicorn import UnicornSession
from mcuedit.emulate.devices.updatable import DeviceSetup, build_device
from mcuedit.emulate.peripherals.flash import Cut, Flash
from mcuedit.model.bundle import Base
from mcuedit.package.keys import PublicKey

A, B, C, EXTRA = (packages.package(name=name, seed=i, counter=i) for i, name in enumerate("abcx", 1))
ROWS = 1000
RECORDS = 24  # of the journal that are there before: a page of it ends in the middle of STEPS
BOOTS = 3  # of a trial; so many pass at most between a state and a look at it

STEPS: list[tuple[str, Callable[[Linked], None]]] = [
    ("install a", lambda device: device.install(A)),
    ("activate a", lambda device: device.activate(A)),
    ("confirm a", Linked.confirm),
    ("install b", lambda device: device.install(B)),
    ("activate a b", lambda device: device.activate(A, B)),
    ("roll back to a", Linked.rollback),
    ("install c", lambda device: device.install(C)),
    ("activate a c", lambda device: device.activate(A, C)),
    ("confirm a c", Linked.confirm),
    ("roll back to a", Linked.rollback),
    ("activate none", Linked.activate),
    ("confirm none", Linked.confirm),
]


def telling_input() -> bytes:
    """One that is answered otherwise by each of the sets."""
    model, (a, b, c) = packages.model(), (packages.fact(seed=i) for i in (1, 2, 3))
    x = np.random.default_rng(0).integers(-128, 128, (ROWS, model.input.size)).astype(np.int8)
    none, one, two, other = (packages.answer(model, active, x) for active in ([], [a], [a, b], [a, c]))
    return x[np.flatnonzero((none != one) & (one != two) & (one != other))[0]].tobytes()


class Bench:
    """A board and its flash, which can be put back to how it was."""

    def __init__(self, name: str, keys: list[PublicKey], folder: Path) -> None:
        it = board.load(name)
        base = Base("tiny", packages.model())
        self.flash = Flash.of(it)
        elf = build_device(
            base, keys, it, folder, setup=DeviceSetup(development=True), options=BuildOptions(opt="s")
        ).elf
        self.session = UnicornSession(it, elf, flash=self.flash)
        self.device = Linked(self.session)
        self._input = telling_input()

    def save(self) -> tuple[bytes, bytes]:
        return bytes(self.flash.content), bytes(self.flash.used)

    def restore(self, saved: tuple[bytes, bytes]) -> None:
        self.flash.content[:], self.flash.used[:] = saved

    def boot(self, cut: Cut | None = None) -> None:
        self.session.power_cycle()
        self.flash.cut(cut)
        self.device.start()
        self.flash.cut(None)

    def look(self) -> View:
        return self.device.view(self._input)

    def looks(self) -> set[View]:
        """What is seen after one boot and more, from here on; the flash is left as it was."""
        saved, seen = self.save(), set()
        for _ in range(BOOTS):
            self.boot()
            seen.add(self.look())
        self.restore(saved)
        return seen


class Sweep:
    """Cuts every step of STEPS.

    Args:
        every: how many of the operations: each, each second, ...
    """

    def __init__(self, bench: Bench, every: int) -> None:
        self._bench, self._every = bench, every
        self.cuts = 0

    def run(self) -> None:
        bench = self._bench
        bench.boot()
        for _ in range(RECORDS):
            bench.device.ask(OWN, 6, WRITE, slot=0, erase=True)
        erased = list(bench.flash.erases)
        for name, step in STEPS:
            start = bench.save()
            before = bench.looks()
            bench.boot()
            begun = bench.flash.operations
            step(bench.device)
            count, end = bench.flash.operations - begun, bench.save()
            after = bench.looks()
            for at in range(0, count, self._every):
                for cut in self._ways(at):
                    bench.restore(start)
                    self._cut(name, step, cut)
                    self._check(f"{name}, {cut}", before | after)
            bench.restore(end)
            self._cut_boot(name, end, after)
        pages = bench.flash.geometry.journal_pages
        assert erased[:pages] != bench.flash.erases[:pages]

    @staticmethod
    def _ways(at: int) -> list[Cut]:
        """Before an operation is after the one before it."""
        torn = [Cut(at, "torn", share) for share in ((0.1, 0.5, 0.9)[at % 3],)]
        return [*([Cut(0, "before")] if at == 0 else []), *torn, Cut(at, "after")]

    def _cut(self, name: str, step: Callable[[Linked], None], cut: Cut) -> None:
        self._bench.boot()
        self._bench.flash.cut(cut)
        with pytest.raises(PowerCut):
            step(self._bench.device)
        self.cuts += 1

    def _cut_boot(self, name: str, saved: tuple[bytes, bytes], expected: set[View]) -> None:
        """A boot writes, too, if a trial is running."""
        bench = self._bench
        begun = bench.flash.operations
        bench.boot()
        count = bench.flash.operations - begun
        for at in range(0, count, self._every):
            for cut in self._ways(at):
                bench.restore(saved)
                with pytest.raises(PowerCut):
                    bench.boot(cut)
                self.cuts += 1
                self._check(f"boot after {name}, {cut}", expected)
        bench.restore(saved)

    def _check(self, what: str, expected: set[View]) -> None:
        self._bench.boot()
        seen = self._bench.look()
        assert seen in expected, f"{what}: {seen}"
        assert seen.active == (seen.trial if seen.in_trial else seen.confirmed)
        if self.cuts % 8 == 0:
            self._bench.device.install(EXTRA)  # and on it goes


@pytest.mark.parametrize(
    ("name", "keys", "every", "at_least"),
    [("virt-m4", [packages.public()], 4, 200), ("virt-m0", [], 32, 100)],  # signatures take a M0 long, at every boot
    ids=["virt-m4", "virt-m0 without keys"],
)
def test_cuts(name: str, keys: list[PublicKey], every: int, at_least: int, tmp_path: Path, figures: list[str]) -> None:
    sweep = Sweep(Bench(name, keys, tmp_path), every)
    sweep.run()
    figures.append(f"{name}{'' if keys else ' without keys'}: {sweep.cuts} cuts, 0 bad")
    assert sweep.cuts >= at_least
