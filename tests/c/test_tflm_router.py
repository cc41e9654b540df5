# SPDX-License-Identifier: Apache-2.0
"""Adapters behind a reader inside TFLM's own runtime: what is switched to is added from the next inference on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny
from helpers.deltas import adapter, delta
from helpers.routing import READ, Flash
from helpers.tflm_here import needs_runtime

from mcuedit.codegen import read_routes
from mcuedit.codegen.render import banner
from mcuedit.conformance.bytes import random_inputs
from mcuedit.emulate import runner
from mcuedit.emulate.backends import plugin
from mcuedit.emulate.backends.plugin import PluginDevice
from mcuedit.emulate.devices.firmware import sources
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import parse

pytestmark = needs_runtime
SETS = {1: [0], 2: [1, 2], 3: [2], 4: []}
ROUTES = "default = []\n" + "".join(
    f"[contexts.c{number}]\nid = {number}\nadapters = {[f'a{i}' for i in chosen]}\n" for number, chosen in SETS.items()
)


def test_contexts_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = Base("net", parse(tiny.classifier((16, 24, 12, 8)), "net"))
    made = [
        adapter(base.model, delta(base.model, i, 2, gated=False, rows=None, seed=i), name=f"a{i}") for i in range(3)
    ]
    (tmp_path / "routes.toml").write_text(ROUTES, encoding="utf-8")
    table = read_routes(tmp_path / "routes.toml", made, base.model)
    more = table.render(banner(base), "net") | {
        "tflm_router.c": (Path(__file__).parent / "tflm_router.c").read_text(encoding="utf-8"),
        "cache_here.c": '#include "route/cache.c"\n',
        "router_here.c": '#include "route/router.c"\n',
    }
    monkeypatch.setattr(plugin, "sources", lambda of, loaded, runtime: sources(of, loaded, runtime) | more)
    flash = Flash(bytearray(table.image()))
    read = READ(flash.read)
    with PluginDevice(base, [dataclasses.replace(one, name="spare") for one in made]) as device:
        assert device.status == "OK"
        assert device._library.routed_start(read) == 0
        x = random_inputs(base, 30)

        def outputs(chosen: list[int]) -> np.ndarray:
            return runner.expected(base, [made[i] for i in chosen], runner.best_oracle(base.model), x)

        for number in (1, 2, 3, 1, 4, 77, 2):
            assert device._library.routed_switch(number) == 0
            assert (device.run(x) == outputs(SETS.get(number, []))).all()
        assert (outputs([1, 2]) != outputs([])).any()
        flash.fault = "error"
        assert device._library.host_error(device._library.routed_switch(1)) == b"E_FLASH"
        assert (device.run(x) == outputs([])).all()
        assert device._library.routed_switch(1) == 0
        assert (device.run(x) == outputs([0])).all()
