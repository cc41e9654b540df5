# SPDX-License-Identifier: Apache-2.0
"""mcuedit activate: adapters that a device holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import click

from mcuedit._util.errors import McueditError
from mcuedit.cli._shared import devices
from mcuedit.cli._shared.common import example
from mcuedit.cli._shared.options import into, json_option
from mcuedit.fleet.transport import Status, mask_of


@dataclass(frozen=True)
class _Given(devices.Reach):
    names: tuple[str, ...]
    only: bool
    ab: int | None
    boots: int | None
    older: int | None


@click.command(epilog=example("mcuedit activate gitega --to udp:192.168.1.20:1337 --ab 10%"))
@click.argument("names", metavar="NAME|SLOT...", nargs=-1, required=True)
@devices.to_option
@click.option("--only", is_flag=True, help="Activate these alone, not beside the confirmed ones.")
@click.option("--ab", type=devices.Percent(), metavar="P%", help="Share of the inferences that the trial answers.")
@devices.boots_option
@click.option(
    "--older", type=click.IntRange(1), metavar="N", help="Go back, to packages of this security counter and above."
)
@devices.transport_options
@json_option
@into(_Given)
def command(given: _Given) -> None:
    """Start the trial of adapters that a device holds, beside those that are confirmed.

    Of several with one name the newest is meant; it takes the place of a confirmed one of its name. A trial that nobody
    confirms ends by itself.

    A device that obeys operators goes back to a package that was confirmed there earlier, and is older than what came
    after it, only with --older and its counter, as 'mcuedit status' shows it.
    """
    with given.opened() as (device, status):
        slots = devices.chosen(status, given.names)
        if given.older is not None:
            _check(status, slots, given.older)
        wanted = slots if given.only else devices.with_added(status, slots)
        device.activate(mask_of(wanted), given.boots, given.ab, given.older)
        after = device.status()
    devices.report(given.to, after, given.as_json)


def _check(status: Status, slots: Sequence[int], older: int) -> None:
    """That --older is meant as it is given: for this device, and for a package of that counter."""
    if status.open_erases is None:
        raise McueditError(
            "--older is for devices that obey operators", "activate it without: this one obeys everybody"
        )
    counters = sorted({status.slots[i].counter for i in slots})
    if older not in counters:
        had = ", ".join(map(str, counters))
        raise McueditError(
            f"--older {older}: no package that is named has this counter, but {had}", f"--older {counters[0]}"
        )
