# SPDX-License-Identifier: Apache-2.0
"""mcuedit confirm: keep the trial of a device."""

from __future__ import annotations

from dataclasses import dataclass

import click

from mcuedit._util.errors import McueditError
from mcuedit.cli._shared import devices
from mcuedit.cli._shared.common import example, print_json, stdout
from mcuedit.cli._shared.options import into, json_option
from mcuedit.fleet.transport import SlotState, Status


@dataclass(frozen=True)
class _Given(devices.Reach):
    retire: bool


@click.command(
    epilog=example("mcuedit confirm --to udp:192.168.1.20:1337", "mcuedit confirm --to udp:192.168.1.20:1337 --retire")
)
@devices.to_option
@click.option("--retire", is_flag=True, help="And revoke every package there that is older, for good.")
@devices.transport_options
@json_option
@into(_Given)
def command(given: _Given) -> None:
    """Keep the trial of a device: its set is the confirmed one from now on.

    With --retire no package with a lower security counter than that of the newest in the set can come back, by rollback
    neither: those in the device's slots are revoked, each with a record in its log, and uploads of older ones are
    refused. Given again, also without a trial, it goes on where it was interrupted.
    """
    with given.opened() as (device, status):
        if status.in_trial or not given.retire:
            device.confirm()
        after = device.status()
        older = _older(after) if given.retire else ()
        for slot in older:
            device.drop(slot, erase=False)
        after = device.status() if older else after
    retired = devices.titles(after, older)
    if given.as_json:
        more = {"retired": list(older), "retired_names": retired} if given.retire else {}
        print_json({"address": given.to, **devices.state_of(after)} | more)
        return
    devices.report(given.to, after, False)
    if given.retire:
        stdout().print(f"retired: {', '.join(retired) or 'nothing, there is no older one'}", markup=False)


def _older(status: Status) -> tuple[int, ...]:
    """Slots with packages that are older than the newest of the confirmed set."""
    newest = max((status.slots[i].counter for i in status.confirmed), default=0)
    if not newest:
        raise McueditError(
            "no package is confirmed: nothing is older",
            "'mcuedit deactivate NAME --revoke' revokes what you name",
        )
    return tuple(
        s.index
        for s in status.slots
        if s.digest and s.counter < newest and s.state != SlotState.REVOKED and s.index not in status.confirmed
    )
