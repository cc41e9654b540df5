# SPDX-License-Identifier: Apache-2.0
"""mcuedit activate: adapters that a device holds."""

from __future__ import annotations

from dataclasses import dataclass

import click

from mcuedit.cli._shared import devices
from mcuedit.cli._shared.common import example
from mcuedit.cli._shared.options import into, json_option
from mcuedit.fleet.transport import mask_of


@dataclass(frozen=True)
class _Given(devices.Reach):
    names: tuple[str, ...]
    only: bool
    ab: int | None
    boots: int | None


@click.command(epilog=example("mcuedit activate gitega --to udp:192.168.1.20:1337 --ab 10%"))
@click.argument("names", metavar="NAME|SLOT...", nargs=-1, required=True)
@devices.to_option
@click.option("--only", is_flag=True, help="Activate these alone, not beside the confirmed ones.")
@click.option("--ab", type=devices.Percent(), metavar="P%", help="Share of the inferences that the trial answers.")
@devices.boots_option
@devices.transport_options
@json_option
@into(_Given)
def command(given: _Given) -> None:
    """Start the trial of adapters that a device holds, beside those that are confirmed.

    Of several with one name the newest is meant; it takes the place of a confirmed one of its name. A trial that nobody
    confirms ends by itself.
    """
    with given.opened() as (device, status):
        slots = devices.chosen(status, given.names)
        device.activate(mask_of(slots if given.only else devices.with_added(status, slots)), given.boots, given.ab)
        after = device.status()
    devices.report(given.to, after, given.as_json)
