# SPDX-License-Identifier: Apache-2.0
"""A list of revoked keys onto devices: one message to each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from mcuedit._util import unexpected
from mcuedit._util.errors import McueditError
from mcuedit.fleet import remembered
from mcuedit.fleet.inventory import Member
from mcuedit.fleet.transport import Device, Refused, Status, TransportError
from mcuedit.fleet.transport.reasons import REFUSED
from mcuedit.package.revocation import Revocation

_OLD = "E_COUNTER"  # a device's error: the list is not newer than the one in force


@dataclass(frozen=True)
class Answer:
    """What became of one device.

    Attributes:
        device: its id; the member's name until it has told it.
        version: of the list in force there; 0 if it did not say.
        lapsed: slots in force whose signer is revoked: so they stay until the device's next boot.
        already: the list was in force before.
        error: why not; None if it is.
    """

    device: str
    address: str
    version: int = 0
    lapsed: tuple[int, ...] = ()
    already: bool = False
    error: McueditError | None = None


def revoke(device: Device, revocation: Revocation, registry: Path | None = None) -> tuple[Answer, Status]:
    """Brings a list to a device that is open; once more does no harm.

    Raises:
        TransportError: the device knows no roots, has a newer list, or refuses this one.
    """
    status, _ = remembered.look(device, registry)
    known, at = status.revocation, device.address
    if known is None:
        what = f"{at}: {remembered.name_of(device, status)} knows no root keys"
        raise TransportError(REFUSED, what, "'mcuedit firmware --root' builds devices that do")
    if known < revocation.version:
        _bring(device, revocation)
    after = remembered.keep(device, status, registry)
    if after.revocation != revocation.version or set(after.revoked) != set(revocation.keys):
        what = f"{at}: refused: it has another list in force, of version {after.revocation}"
        raise TransportError(
            _OLD, what, f"sign a list of version {(after.revocation or 0) + 1}, with the same keys in it"
        )
    lapsed = tuple(slot.index for slot in after.lapsed if slot.index in after.active)
    name = remembered.name_of(device, after)
    return Answer(name, str(at), revocation.version, lapsed, known >= revocation.version), after


def _bring(device: Device, revocation: Revocation) -> None:
    try:
        device.revoke_keys(revocation.data)
    except Refused as error:
        if error.name != _OLD:  # it may be the answer to a copy: the status tells
            raise


def revoke_all(
    members: Sequence[Member],
    revocation: Revocation,
    connect: Callable[[Member], Device],
    jobs: int = 8,
    registry: Path | None = None,
) -> Iterator[tuple[str, Answer]]:
    """Brings a list to many devices, side by side; none waits for another, and what goes wrong is in its answer.

    Yields:
        A member's name and what became of it, as they come.
    """

    def one(member: Member) -> Answer:
        try:
            with connect(member) as device:
                return revoke(device, revocation, registry)[0]
        except McueditError as error:
            return Answer(member.name, str(member.address), error=error)
        except Exception as error:  # whatever it was, it is about this device alone
            return Answer(member.name, str(member.address), error=unexpected.told(error))

    with ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(one, member): member.name for member in members}
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        except BaseException:  # Ctrl-C: no further device is begun
            pool.shutdown(cancel_futures=True)
            raise
