# SPDX-License-Identifier: Apache-2.0
"""mcuedit confirm: keep the trial of a device."""

from __future__ import annotations

import click

from mcuedit.cli._shared import devices
from mcuedit.cli._shared.common import example, json_option


@click.command(epilog=example("mcuedit confirm --to udp:192.168.1.20:1337"))
@devices.to_option
@devices.transport_options
@json_option
def command(to: str, timeout: float, tries: int, as_json: bool) -> None:
    """Keep the trial of a device: its set is the confirmed one from now on."""
    with devices.opened(to, timeout, tries) as (device, _):
        device.confirm()
        after = device.status()
    devices.report(to, after, as_json)
