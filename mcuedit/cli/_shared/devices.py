# SPDX-License-Identifier: Apache-2.0
"""What the verbs on devices share: how they are reached, which slots are meant, what is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from mcuedit._util import bounded
from mcuedit._util.errors import McueditError
from mcuedit.cli._shared.common import note, print_json, stdout, table
from mcuedit.cli._shared.options import SECONDS, Told, into, json_option, path, together, whole
from mcuedit.fleet import identity, remembered
from mcuedit.fleet.transport import Device, Slot, SlotState, Status, authority
from mcuedit.fleet.transport.address import FORMS
from mcuedit.fleet.transport.authority import DeviceKeys, Operator


class Percent(click.ParamType[int]):
    """A share such as 10%."""

    name = "percent"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number = bounded.whole(str(value).removesuffix("%"))
        if number is None or not 1 <= number <= 100:
            self.fail(f"{value} is no share from 1% to 100%", param, ctx)
        return number


OPERATOR, DEVICE_KEYS, SIGNER = "MCUEDIT_OPERATOR_KEY", "MCUEDIT_DEVICE_KEYS", "MCUEDIT_OPERATOR_SIGNER"
boots_option = whole("--boots", 0, 255, metavar="N", help="Boots that a trial has, if not the device's number.")
to_option = click.option("--to", required=True, metavar="ADDR", help=f"The device: {FORMS}.")


@dataclass(frozen=True)
class Reach:
    """A device and how long it is waited for: what every verb on one device is given."""

    to: str
    timeout: float
    tries: int
    operator_path: Path | None
    signer: str | None
    device_keys: Path | None
    as_json: bool

    def device(self) -> Device:
        """The device, not opened yet."""
        keys = identity.load_keys(self.device_keys) if self.device_keys else None
        return Device(
            self.to, self.timeout, self.tries, operator=operator_of(self.operator_path, self.signer), keys=keys
        )

    @contextmanager
    def opened(self) -> Iterator[tuple[Device, Status]]:
        """The device as it was remembered, and its status; what is done to it is remembered afterwards."""
        with self.device() as device:
            status, _ = remembered.look(device)
            note_key(device)
            yield device, status
            remembered.keep(device, status)


PROVED = {
    True: "authenticated by the device's own key",
    False: "chained, and not authenticated: this device proves nothing by a key",
}


def note_key(device: Device) -> None:
    """Tells that a device's key was taken as it is, for the first time."""
    if device.is_new and device.identity:
        note(f"{device.identity.device}: its key was seen for the first time and is trusted now: {device.identity.key}")


def operator_of(path: Path | None, signer: str | None = None) -> Operator | DeviceKeys | None:
    """Who signs commands, if anybody does.

    Raises:
        McueditError: a program is to sign for a key that is not named.
    """
    if path is None and signer is not None:
        raise McueditError("--signer: for whom does it sign?", f"--operator-key KEY.pub names it, or {OPERATOR}")
    return authority.load(path, signer) if path is not None else None


def act(reach: Reach, what: Callable[[Device], object]) -> None:
    """Has a device do something, and reports the state that this leaves behind."""
    with reach.opened() as (device, _):
        what(device)
        after = device.status()
    report(reach.to, after, reach.as_json)


transport_options = together(
    click.option(
        "--timeout",
        type=SECONDS,
        default=2.0,
        show_default=True,
        help="Seconds to wait for an answer; a slow transport gets more.",
    ),
    whole("--tries", 1, default=4, help="Timeouts after which a device is given up."),
    path(
        "--operator-key",
        "operator_path",
        metavar="KEY.pem",
        envvar=OPERATOR,
        show_envvar=True,
        help="Private key of an operator, who signs commands; keys of devices in .toml.",
    ),
    click.option(
        "--signer",
        metavar="CMD",
        envvar=SIGNER,
        show_envvar=True,
        help="Program that signs commands: digest on stdin, 64 bytes on stdout; --operator-key is then the public key.",
    ),
    path(
        "--device-keys",
        "device_keys",
        metavar="F.toml",
        envvar=DEVICE_KEYS,
        show_envvar=True,
        help="Keys by which devices prove to be themselves; else the one seen first.",
    ),
)


def chosen(status: Status, names: Sequence[str], *, among: Sequence[int] | None = None) -> tuple[int, ...]:
    """Slots by number or by the name in them; of several with one name, the one with the highest counter.

    Args:
        among: slots that a name may mean; all that hold something if not given.

    Raises:
        McueditError: no such slot, or an empty one.
    """
    found = []
    for text in names:
        number = bounded.whole(text)
        slots = [
            s
            for s in status.slots
            if (s.index == number if number is not None else s.name == text and (among is None or s.index in among))
            and s.state != SlotState.EMPTY
        ]
        usable = [s for s in slots if s.state != SlotState.REVOKED] or slots
        if not usable:
            held = ", ".join(f"{s.index}: {s.name}" for s in status.slots if s.state != SlotState.EMPTY) or "nothing"
            raise McueditError(f"no slot {text}", f"the device holds {held}")
        found.append(max(usable, key=lambda s: s.counter).index)
    return tuple(dict.fromkeys(found))


def with_added(status: Status, added: Sequence[int]) -> tuple[int, ...]:
    """The confirmed set with more slots; who has a name already, or a signer that is revoked, leaves."""
    names, lapsed = {status.slots[i].name for i in added}, {slot.index for slot in status.lapsed}
    stay = [i for i in status.confirmed if (status.slots[i].name not in names and i not in lapsed) or i in added]
    return tuple(sorted({*stay, *added}))


def titles(status: Status, slots: Sequence[int]) -> list[str]:
    """name@version of slots."""
    return [title(status.slots[i]) for i in slots]


def title(slot: Slot) -> str:
    """name@version, or that it is an adapter made on the device."""
    return f"{slot.name}@{slot.version}" if slot.name else f"slot {slot.index} (made there)"


def state_of(status: Status) -> dict[str, Any]:
    """What every verb on a device tells, flat."""
    return {
        "device": status.device,
        "active": list(status.active),
        "active_names": titles(status, status.active),
        "active_learned": [i for i in status.active if status.slots[i].learned],
        "confirmed": list(status.confirmed),
        "trial": list(status.trial),
        "in_trial": status.in_trial,
        "boots_left": status.boots,
        "ab": status.ab,
        "minimum_counter": status.minimum_counter,
        "development": status.development,
        "damage": status.damage,
    }


def report(address: str, status: Status, as_json: bool) -> None:
    """The state that a verb left behind."""
    if status.development:
        note("development build: it takes packages without a known signature")
    if status.damage:
        note(f"the confirmed set does not pass the checks ({status.damage}): push a newer version")
    if as_json:
        print_json({"address": address, **state_of(status)})
        return
    out = stdout()
    active = ", ".join(titles(status, status.active)) or "the base alone (factory state)"
    out.print(f"{status.device or address}: active: {active}", markup=False)
    if status.in_trial:
        share = "" if status.ab == 100 else f", answering {status.ab} %"
        left = f"{status.boots} boots left to confirm it"
        out.print(f"in trial{share}; {left}: mcuedit confirm --to {address}", markup=False)


def slot_table(status: Status) -> object:
    """The slots, for a person."""
    rows = [
        (
            s.index,
            s.state + ("*" if s.index in status.active else ""),
            title(s) if s.state != SlotState.EMPTY else "",
            s.counter or "",
            f"{s.size:,}" if s.size else "",
            s.key[:12],
            s.digest[:12],
        )
        for s in status.slots
    ]
    columns = ("slot", "state", "package", "counter", "bytes", "signer", "digest")
    return table("", columns, rows, left=("state", "package", "signer", "digest"))


def on_a_device(verb: Callable[[Reach], Told]) -> Callable[..., Told]:
    """The options of a verb that needs nothing but a device."""
    return to_option(transport_options(json_option(into(Reach)(verb))))
