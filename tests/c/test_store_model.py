# SPDX-License-Identifier: Apache-2.0
"""The store in C against a model of it in Python, under random commands, with and without power cuts."""

from __future__ import annotations

import copy
import os
import random
from pathlib import Path

import pytest
from helpers import storage
from helpers.store_device import Device
from helpers.store_model import Model, Slot

EFFORT = int(os.environ.get("MCUEDIT_FUZZ", "1"))
GEOMETRIES = ((8, 2048, 2048, 6, 2), (32, 8192, 8192, 4, 3), (1, 256, 512, 8, 2))


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store and a device around it."""
    return storage.compile_with(tmp_path_factory.mktemp("store"), None, "-O1", output="store.so")


def command(rng: random.Random, slots: int) -> tuple[str, tuple[int, ...]]:
    """A verb and its arguments, most of them sensible."""
    verb = rng.choices(
        ("install", "activate", "confirm", "rollback", "revoke", "erase", "boot", "pick", "idle", "lies"),
        (30, 24, 12, 8, 3, 3, 12, 8, 8, 2),
    )[0]
    if verb == "install":
        return verb, (rng.randrange(len(storage.PACKAGES)),)
    if verb == "activate":
        mask = rng.choice((0, 1 << rng.randrange(slots), *(rng.randrange(1 << slots) & rng.randrange(1 << slots),) * 2))
        return verb, (mask, rng.choice((0, 1, 3)))
    if verb in {"revoke", "erase"}:
        return verb, (rng.randrange(slots + 1),)
    return (verb, (rng.randrange(2),)) if verb in {"pick", "lies"} else (verb, ())


def on_device(device: Device, verb: str, arguments: tuple[int, ...]) -> int | str:
    if verb == "install":
        return device.install(arguments[0], piece=97)
    if verb == "activate":
        return device.call("activate", *arguments, 100)
    if verb == "boot":
        return device.boot()
    if verb == "pick":
        return device.pick(*arguments)
    if verb == "idle":
        device.lib.device_idle()
        return "OK"
    return device.call(verb, *arguments)


def on_model(model: Model, verb: str, arguments: tuple[int, ...]) -> int | str:
    answer: int | str | None = getattr(model, verb)(*arguments)
    return "OK" if answer is None else answer


@pytest.mark.parametrize("cuts", [False, True])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_random_commands(library: Path, geometry: tuple[int, int, int, int, int], cuts: bool) -> None:
    seen: dict[str, int] = {}
    for seed in range(40 * EFFORT):
        rng = random.Random(seed)
        device, model = Device(library, geometry), Model([Slot() for _ in range(geometry[3])])
        assert device.boot() == "OK"
        for step in range(60):
            verb, arguments = command(rng, geometry[3])
            where = f"seed {seed} step {step}: {verb}{arguments}"
            if verb == "lies":
                model.lies = bool(arguments[0])
                device.lib.device_set(*arguments, 0, 1)
                continue
            before = copy.deepcopy(model)
            if cuts and rng.random() < 0.2 and verb not in {"pick", "idle"}:
                device.cut_soon(rng, 4)
            got, wanted = on_device(device, verb, arguments), on_model(model, verb, arguments)
            if device.lib.device_power():
                candidates = [before, model, copy.deepcopy(before)]
                if verb == "install":
                    candidates[2].install(*arguments, stop=True)
                assert device.boot() == "OK", where
                for candidate in candidates:
                    candidate.boot()
                fitting = [candidate for candidate in candidates if candidate.fits(device.look())]
                assert fitting, where
                model = fitting[0]
                seen["cut"] = seen.get("cut", 0) + 1
            else:
                assert got == wanted or (
                    got == "E_FULL" and wanted in {"E_COUNTER", "E_NAME", "E_REVOKED", "E_STATE"}
                ), f"{where}: {got}, not {wanted}"
                assert model.fits(device.look()), where
                seen[f"{verb} {got if isinstance(got, str) else 'n'}"] = 1
        wrong = device.lib.device_check_log()
        assert wrong is None, f"seed {seed}: {wrong}"
    assert {"activate E_COUNTER", "install E_REVOKED", "rollback OK", "confirm OK"} <= set(seen)
    assert not cuts or seen["cut"] > 100
