# SPDX-License-Identifier: Apache-2.0
"""mcuedit push: a package onto a device, or onto a fleet in stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click

from mcuedit._util.errors import McueditError
from mcuedit.api.pushing import FleetOptions, PushOptions, checked, push, push_fleet, results_of
from mcuedit.cli._shared import devices, options, packages
from mcuedit.cli._shared.common import Flight, example, flight, note, print_json, progress, stdout, table
from mcuedit.cli._shared.options import PATH, SECONDS, Real, into, path, whole
from mcuedit.cli.ship import revoke
from mcuedit.fleet import Outcome, Report, inventory
from mcuedit.fleet.deliver import State
from mcuedit.fleet.transport.address import FORMS
from mcuedit.package import Package, revocation

_LONG = 10  # minutes


@dataclass(frozen=True)
class _Given:
    package_path: Path
    to: str | None
    fleet_path: Path | None
    key_paths: tuple[Path, ...]
    activate: bool
    confirm: bool
    ab: int | None
    boots: int | None
    hold: float
    worst: int
    canary: int
    max_failures: int
    jobs: int
    results: Path | None
    resume: bool
    total: float
    timeout: float
    tries: int
    operator_path: Path | None
    signer: str | None
    device_keys: Path | None
    as_json: bool

    @property
    def goal(self) -> State:
        """How far the package is to get."""
        return State.CONFIRMED if self.confirm else State.TRIAL if self.activate else State.STAGED

    @property
    def options(self) -> PushOptions:
        """What is to happen on each device."""
        timing = self.total, self.timeout, self.tries
        files = self.operator_path, self.device_keys, self.signer
        return PushOptions(self.goal, self.ab, self.boots, self.hold, self.worst, *timing, *files)

    def rollout(self, begun: Callable[[str], None] = lambda member: None) -> FleetOptions:
        """How a fleet is rolled out."""
        return FleetOptions(self.canary, self.max_failures, self.jobs, self.results, self.resume, begun)


@click.command(
    epilog=example(
        "mcuedit push fix.mcu --to udp:192.168.1.20:1337 --activate --ab 10%",
        "mcuedit push fix.mcu --fleet fleet.toml --canary 5% --max-failures 3 --confirm --results fix.jsonl",
    )
)
@click.argument("package_path", metavar="PACKAGE", type=PATH)
@click.option("--to", metavar="ADDR", help=f"One device: {FORMS}.")
@path("--fleet", "fleet_path", metavar="F.toml", help="TOML file of a fleet: many devices instead of one.")
@options.keys_option("Check the signature here, too.")
@click.option("--activate", is_flag=True, help="Start its trial.")
@click.option("--confirm", is_flag=True, help="Start its trial, and keep it if it is healthy.")
@click.option("--ab", type=devices.Percent(), metavar="P%", help="Share of the inferences that the trial answers.")
@devices.boots_option
@click.option("--hold", type=Real(0), default=0.0, metavar="S", help="Seconds of health before it is kept.")
@click.option(
    "--worst", type=devices.Percent(), default="10%", metavar="P%", help="Share of bad outcomes of a trial, at most."
)
@click.option(
    "--canary", type=devices.Percent(), default="5%", show_default=True, help="Share of the fleet that goes first."
)
@whole("--max-failures", 0, default=0, help="Stop when more devices than this fail.")
@whole("--jobs", 1, 256, default=8, help="Number of devices at a time.")
@path("--results", metavar="F.jsonl", help="File that gets a line for every device of a fleet, as it comes.")
@click.option("--resume", is_flag=True, help="Go on with --results: leave out what is done.")
@click.option("--total", type=SECONDS, default=600.0, show_default=True, help="Seconds that an upload may take.")
@devices.transport_options
@options.json_option
@into(_Given)
def command(given: _Given) -> int:
    """Bring a package to a device, or to a fleet in stages: canaries first, then the others.

    It is checked here first, then held against the device's base and counter; what the device has of it already is not
    sent again. Whatever happened before, the same command goes on from there. Exit code 1 if a device is not as it was
    to be. A list of `mcuedit revoke` is brought in the same way, to all devices at once.
    """
    if (given.to is None) == (given.fleet_path is None):
        raise McueditError("one of --to and --fleet is needed", "give the address of a device, or the file of a fleet")
    data = packages.read(given.package_path)
    if revocation.is_list(data):
        return _revoke(revocation.parse(data, given.package_path.name), given)
    package = checked(data, packages.public_keys(given.key_paths), given.package_path.name)
    if given.to is not None:
        return _one(data, package, given.to, given)
    assert given.fleet_path is not None
    return _many(data, package, given.fleet_path, given)


def _revoke(made: revocation.Revocation, given: _Given) -> int:
    pushing = revoke.Pushing(made, given.options, given.jobs, given.as_json)
    return pushing.to(given.to) if given.to is not None else pushing.fleet(given.fleet_path or Path())


def _one(data: bytes, package: Package, to: str, given: _Given) -> int:
    with progress("push", len(data)) as advance:
        there = 0

        def arrived(now: int) -> None:
            nonlocal there
            advance(now - there)
            there = now

        pushed = push(data, to, given.options, arrived=arrived)
    outcome, status = pushed.outcome, pushed.status
    if outcome.new_key:
        note(f"{outcome.device}: its key was seen for the first time and is trusted now: {outcome.new_key}")
    if given.as_json:
        print_json(_flat(package, given, outcome) | (devices.state_of(status) if status else {}))
        return 1 if outcome.failed else 0
    if outcome.failed:
        raise McueditError(outcome.message, outcome.hint)
    stdout().print(f"{outcome.device}: {_told(package, outcome)}", markup=False)
    if status:
        devices.report(to, status, False)
    return 0


def _told(package: Package, outcome: Outcome) -> str:
    title = f"{package.name}@{package.version}"
    match outcome.state:
        case State.ALREADY:
            return f"{title} is confirmed there already, in slot {outcome.slot}"
        case State.NEWER:
            return f"something newer than {title} was active there (counter {outcome.minimum_counter}): nothing to do"
    state = f"in {outcome.state}" if outcome.state == State.TRIAL else outcome.state
    return f"{title} is {state}, slot {outcome.slot}" + (f", after {outcome.before}" if outcome.before else "")


def _identity(package: Package, given: _Given) -> dict[str, object]:
    return {"package": package.name, "version": package.version, "digest": package.digest, "goal": given.goal}


def _flat(package: Package, given: _Given, outcome: Outcome) -> dict[str, object]:
    return _identity(package, given) | asdict(outcome)


@dataclass
class _Watched:
    """What a person sees while a fleet is asked: how many are done, are asked just now, and have failed."""

    bar: Flight
    goal: State
    asked: set[str] = field(default_factory=set)
    over: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)

    def begun(self, member: str) -> None:
        self.asked.add(member)
        self._tell()

    def done(self, member: str, outcome: Outcome | None) -> None:
        self.asked.discard(member)
        if outcome is None or outcome.failed or outcome.state != State.TRIAL or self.goal == State.TRIAL:
            self.over.add(member)
        if outcome is not None and outcome.failed:
            self.failed.add(member)
        self._tell()

    def _tell(self) -> None:
        self.bar.ended(len(self.over))
        self.bar.told(f"{len(self.asked)} asked now, {len(self.failed)} failed")


def _many(data: bytes, package: Package, fleet: Path, given: _Given) -> int:
    count, results = len(inventory.read(fleet)), results_of(fleet, package.digest, given.rollout())
    _warn(count, given)
    try:
        with flight("fleet", count) as bar:
            watched = _Watched(bar, given.goal)
            report = push_fleet(data, fleet, given.options, given.rollout(watched.begun), done=watched.done)
    except KeyboardInterrupt:
        note(f"interrupted: {results} says what was reached; run the same with --resume to go on")
        raise
    _report(package, report, given, results)
    return 1 if report.failures or report.stopped else 0


def _warn(count: int, given: _Given) -> None:
    """What devices that all are silent would take, if that is long: more of them than may fail stop it."""
    silence = given.tries * given.timeout
    most = min(count, given.max_failures + given.jobs)
    minutes = -(-most // given.jobs) * silence / 60
    if minutes >= _LONG:
        what = f"{count:,} devices, {given.jobs} at a time, {silence:g} s for one that is silent"
        note(f"{what}: {minutes:.0f} minutes if all are; --jobs N asks more of them at once")


def _report(package: Package, report: Report, given: _Given, results: Path) -> None:
    counts: dict[str, int] = {}
    for outcome in report.outcomes.values():
        counts[outcome.state] = counts.get(outcome.state, 0) + 1
    failed = {name: outcome for name, outcome in report.outcomes.items() if outcome.failed}
    if given.as_json:
        values = _identity(package, given) | {"results": str(results), "stopped": report.stopped}
        values |= {f"count_{state.replace(' ', '_')}": n for state, n in counts.items()}
        values |= {"tried": len(report.outcomes), "done_before": len(report.skipped), "waiting": report.waiting}
        values |= {"failed": list(failed), "reasons": [outcome.reason for outcome in failed.values()]}
        print_json(values)
        return
    if new := sum(bool(outcome.new_key) for outcome in report.outcomes.values()):
        note(f"keys of {new} devices were seen for the first time and are trusted now")
    rows = [(name, o.address, o.state, o.step, o.reason, o.message) for name, o in failed.items()]
    if rows:
        columns = ("device", "address", "state", "in", "reason", "what")
        stdout().print(table("", columns, rows, left=columns))
    told = ", ".join(f"{n} {state}" for state, n in counts.items()) or "none tried"
    before = f", {len(report.skipped)} done before" if report.skipped else ""
    waiting = f", {len(report.waiting)} not tried" if report.waiting else ""
    stdout().print(f"{package.name}@{package.version}: {told}{before}{waiting}; {results}", markup=False)
    if report.stopped:
        note(f"stopped: {report.stopped}; mend it and run the same with --resume")
