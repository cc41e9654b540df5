# SPDX-License-Identifier: Apache-2.0
"""mcuedit rollback: return a device to what it ran before."""

from __future__ import annotations

import click

from mcuedit.cli._shared import devices
from mcuedit.cli._shared.common import example, json_option


@click.command(epilog=example("mcuedit rollback --to udp:192.168.1.20:1337"))
@devices.to_option
@devices.transport_options
@json_option
def command(to: str, timeout: float, tries: int, as_json: bool) -> None:
    """End the trial of a device; without one, return to the set that was confirmed before."""
    with devices.opened(to, timeout, tries) as (device, _):
        device.rollback()
        after = device.status()
    devices.report(to, after, as_json)
