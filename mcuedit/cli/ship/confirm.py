# SPDX-License-Identifier: Apache-2.0
"""mcuedit confirm: keep the trial of a device."""

from __future__ import annotations

import click

from mcuedit.cli._shared import devices
from mcuedit.cli._shared.common import example
from mcuedit.fleet.transport import Device


@click.command(epilog=example("mcuedit confirm --to udp:192.168.1.20:1337"))
@devices.on_a_device
def command(given: devices.Reach) -> None:
    """Keep the trial of a device: its set is the confirmed one from now on."""
    devices.act(given, Device.confirm)
