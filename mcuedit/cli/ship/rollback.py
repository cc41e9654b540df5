# SPDX-License-Identifier: Apache-2.0
"""mcuedit rollback: return a device to what it ran before."""

from __future__ import annotations

import click

from mcuedit.cli._shared import devices
from mcuedit.cli._shared.common import example
from mcuedit.fleet.transport import Device


@click.command(epilog=example("mcuedit rollback --to udp:192.168.1.20:1337"))
@devices.on_a_device
def command(given: devices.Reach) -> None:
    """End the trial of a device; without one, return to the set that was confirmed before."""
    devices.act(given, Device.rollback)
