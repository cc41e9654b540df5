# SPDX-License-Identifier: Apache-2.0
"""A package onto a device, or onto a fleet in stages, as functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcuedit._util.errors import McueditError
from mcuedit.fleet import Campaign, Delivery, Outcome, Report, Results, Rollout, Stages, identity, inventory, revoking
from mcuedit.fleet.deliver import State
from mcuedit.fleet.revoking import Answer
from mcuedit.fleet.transport import Device, Limits, Status, authority
from mcuedit.fleet.transport.address import Address
from mcuedit.package import Package, intact, open_package
from mcuedit.package.keys import PublicKey
from mcuedit.package.revocation import Revocation

GOALS = (State.STAGED, State.TRIAL, State.CONFIRMED)


@dataclass(frozen=True)
class PushOptions:
    """What is to happen on each device, and how long it is waited for.

    Attributes:
        goal: how far the package is to get: "staged", "trial" or "confirmed".
        ab: percent of inferences that the trial answers; None: all.
        boots: that a trial may take to be confirmed; None: as the device has it.
        hold: seconds of health before it is confirmed.
        worst: percent of bad outcomes of a trial, at most.
        upload: seconds that an upload may take.
        timeout: seconds to wait for an answer.
        tries: timeouts after which a device is given up.
        operator: file of the private key that signs commands, or of the keys of devices (.toml); None: a device must
            obey everybody, and an upload takes an empty slot or none.
        device_keys: file of the keys by which devices prove to be themselves; None: those that were seen first.
        signer: command line of a program that signs commands, for the public key in `operator`.
    """

    goal: str = State.STAGED
    ab: int | None = None
    boots: int | None = None
    hold: float = 0.0
    worst: int = 10
    upload: float = 600.0
    timeout: float = 2.0
    tries: int = 4
    operator: Path | None = None
    device_keys: Path | None = None
    signer: str | None = None

    def device(self, address: str | Address) -> Device:
        """The device at an address, not opened yet."""
        return self.opening()(address)

    def opening(self) -> Callable[[str | Address], Device]:
        """The same for many devices: the operator's key is read, and its password asked for, once."""
        operator = authority.load(self.operator, self.signer) if self.operator is not None else None
        keys = identity.load_keys(self.device_keys) if self.device_keys is not None else None
        return lambda address: Device(address, self.timeout, self.tries, operator=operator, keys=keys)

    def rollout(self, data: bytes, package: Package) -> Rollout:
        """The same for a package.

        Raises:
            McueditError: no such goal.
        """
        if self.goal not in GOALS:
            raise McueditError(f"no goal {self.goal!r}", f"it is one of {', '.join(GOALS)}")
        limits = Limits(total=self.upload)
        return Rollout(
            data, package, State(self.goal), self.ab, self.boots, self.hold, worst=self.worst / 100, limits=limits
        )


@dataclass(frozen=True)
class FleetOptions:
    """How a fleet is rolled out.

    Attributes:
        canary: percent of the fleet that goes first.
        max_failures: it stops when more fail.
        jobs: devices at a time.
        results: file that gets a line for every device; None: beside the fleet's file, named after the package.
        resume: leave out what those results have as done.
        begun: told the member of each device that is asked, once for each phase.
    """

    canary: int = 5
    max_failures: int = 0
    jobs: int = 8
    results: Path | None = None
    resume: bool = False
    begun: Callable[[str], None] = lambda member: None


@dataclass(frozen=True)
class Pushed:
    """What became of one device; its status, unless it cannot be reached."""

    outcome: Outcome
    status: Status | None


PUSH, FLEET = PushOptions(), FleetOptions()


def checked(data: bytes, keys: Sequence[PublicKey] = (), name: str = "the package") -> Package:
    """A package, if its form and hash hold, and its signature if keys are given.

    Raises:
        Refused: they do not.
    """
    return open_package(data, keys, name=name) if keys else intact(data, name)


def push(
    data: bytes,
    to: str,
    options: PushOptions = PUSH,
    *,
    keys: Sequence[PublicKey] = (),
    arrived: Callable[[int], None] = lambda size: None,
) -> Pushed:
    """Brings a package to a device, from whatever state that is in; what it has already is not sent again.

    Args:
        to: the device's address, such as "udp:192.168.1.20:1337".
        keys: check the signature here, too.
        arrived: told how many bytes the device has by now.

    Raises:
        McueditError: the package is refused here, or the address is none. What goes wrong on the device is told.
    """
    rollout = options.rollout(data, checked(data, keys))
    with options.device(to) as device:
        outcome = Delivery(device, rollout, advance=arrived).run()
        reached = outcome.base and outcome.reason not in ("unreachable", "silent")
        return Pushed(outcome, device.status() if reached else None)


def push_fleet(
    data: bytes,
    fleet: Path,
    options: PushOptions = PUSH,
    how: FleetOptions = FLEET,
    *,
    keys: Sequence[PublicKey] = (),
    done: Callable[[str, Outcome | None], None] = lambda member, outcome: None,
) -> Report:
    """Brings a package to a fleet: canaries first, then the others, until too many fail.

    Args:
        fleet: its TOML file.
        done: told the member and the outcome of each device, as they come; None: an earlier run has done it.

    Raises:
        McueditError: the package or the fleet's file is refused. What goes wrong on devices is in the report.
    """
    rollout, members = options.rollout(data, checked(data, keys)), inventory.read(fleet)
    digest = rollout.package.digest
    canary = inventory.canaries(members, -(-len(members) * how.canary // 100), digest)
    opening = options.opening()
    with Results(results_of(fleet, digest, how), digest, resume=how.resume) as results:
        campaign = Campaign(
            rollout,
            Stages(members, canary, how.max_failures, how.jobs),
            results,
            connect=lambda member: opening(member.address),
            begun=how.begun,
            done=done,
        )
        for name in campaign.report.skipped:
            done(name, None)
        return campaign.run()


def revoke(revocation: Revocation, to: str, options: PushOptions = PUSH) -> tuple[Answer, Status]:
    """Brings a list of revoked keys to a device; once more does no harm.

    Raises:
        McueditError: the address is none, or the device refuses.
    """
    with options.device(to) as device:
        return revoking.revoke(device, revocation)


def revoke_fleet(
    revocation: Revocation, fleet: Path, options: PushOptions = PUSH, jobs: int = 8
) -> Iterator[tuple[str, Answer]]:
    """Brings a list of revoked keys to a fleet, all at once; yields each member and its answer, as they come.

    Raises:
        McueditError: the fleet's file is refused. What goes wrong on devices is in their answers.
    """
    opening = options.opening()
    return revoking.revoke_all(inventory.read(fleet), revocation, lambda member: opening(member.address), jobs)


def results_of(fleet: Path, digest: str, how: FleetOptions = FLEET) -> Path:
    """Where the results of a roll-out stand."""
    return how.results or fleet.with_suffix(f".{digest[:8]}.jsonl")
