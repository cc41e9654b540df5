# SPDX-License-Identifier: Apache-2.0
"""mcuedit push: a package onto a device, or onto a fleet in stages."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from mcuedit import fleet
from mcuedit._util.errors import McueditError
from mcuedit.cli._shared import devices, packages
from mcuedit.cli._shared.common import example, json_option, note, print_json, progress, stdout, table
from mcuedit.cli._shared.files import PATH
from mcuedit.fleet import Outcome, Rollout, inventory
from mcuedit.fleet.deliver import State
from mcuedit.fleet.transport import Device, Limits
from mcuedit.fleet.transport.address import FORMS
from mcuedit.package import Package, Refused, open_package, parse
from mcuedit.package.container import signed_bytes


@click.command(
    epilog=example(
        "mcuedit push fix.mcu --to udp:192.168.1.20:1337 --activate --ab 10%",
        "mcuedit push fix.mcu --fleet fleet.toml --canary 5% --max-failures 3 --confirm --results fix.jsonl",
    )
)
@click.argument("path", metavar="PACKAGE", type=PATH)
@click.option("--to", metavar="ADDR", help=f"One device: {FORMS}.")
@click.option(
    "--fleet", "fleet_path", metavar="F.toml", type=PATH, help="TOML file of a fleet: many devices instead of one."
)
@click.option("--key", "key_paths", multiple=True, type=PATH, metavar="KEY", help="Check the signature here, too.")
@click.option("--activate", is_flag=True, help="Start its trial.")
@click.option("--confirm", is_flag=True, help="Start its trial, and keep it if it is healthy.")
@click.option("--ab", type=devices.Percent(), metavar="P%", help="Share of the inferences that the trial answers.")
@devices.boots_option
@click.option("--hold", type=click.FloatRange(0), default=0.0, metavar="S", help="Seconds of health before it is kept.")
@click.option(
    "--worst", type=devices.Percent(), default="10%", metavar="P%", help="Share of bad outcomes of a trial, at most."
)
@click.option(
    "--canary", type=devices.Percent(), default="5%", show_default=True, help="Share of the fleet that goes first."
)
@click.option(
    "--max-failures",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Stop when more devices than this fail.",
)
@click.option("--jobs", type=click.IntRange(1, 256), default=8, show_default=True, help="Number of devices at a time.")
@click.option(
    "--results", type=PATH, metavar="F.jsonl", help="File that gets a line for every device of a fleet, as it comes."
)
@click.option("--resume", is_flag=True, help="Go on with --results: leave out what is done.")
@click.option(
    "--total", type=devices.SECONDS, default=600.0, show_default=True, help="Seconds that an upload may take."
)
@devices.transport_options
@json_option
def command(path: Path, to: str | None, fleet_path: Path | None, as_json: bool, **options: object) -> int:
    """Bring a package to a device, or to a fleet in stages: canaries first, then the others.

    It is checked here first, then held against the device's base and counter; what the device has of it already is not
    sent again. Whatever happened before, the same command goes on from there. Exit code 1 if a device is not as it was
    to be.
    """
    if (to is None) == (fleet_path is None):
        raise McueditError("one of --to and --fleet is needed", "give the address of a device, or the file of a fleet")
    return _push(path, to, fleet_path, as_json, _Options(**options))  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Options:
    """The options by name."""

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

    @property
    def goal(self) -> State:
        """How far the package is to get."""
        return State.CONFIRMED if self.confirm else State.TRIAL if self.activate else State.STAGED


def _push(path: Path, to: str | None, fleet_path: Path | None, as_json: bool, options: _Options) -> int:
    data = packages.read(path)
    package = _checked(data, path, options.key_paths)
    limits = Limits(total=options.total)
    rollout = Rollout(
        data, package, options.goal, options.ab, options.boots, options.hold, worst=options.worst / 100, limits=limits
    )
    if to is not None:
        return _one(rollout, to, as_json, options)
    assert fleet_path is not None
    return _many(rollout, inventory.read(fleet_path), fleet_path, as_json, options)


def _checked(data: bytes, path: Path, key_paths: tuple[Path, ...]) -> Package:
    """The package, if its form and hash hold, and its signature if keys are given."""
    if key_paths:
        return open_package(data, packages.public_keys(key_paths), name=path.name)
    found = parse(data, path.name)
    if hashlib.sha256(data[: signed_bytes(data)]).hexdigest() != found.digest:
        raise Refused("E_HASH", f"{path.name}: refused: its hash is not that of its bytes", "pack it again")
    return found


def _one(rollout: Rollout, to: str, as_json: bool, options: _Options) -> int:
    with progress("push", len(rollout.data)) as advance, Device(to, options.timeout, options.tries) as device:
        there = 0

        def arrived(now: int) -> None:
            nonlocal there
            advance(now - there)
            there = now

        outcome = fleet.Delivery(device, rollout, advance=arrived).run()
        status = device.status() if outcome.base and outcome.reason != "unreachable" else None
    if as_json:
        print_json(_flat(rollout, outcome) | (devices.state_of(status) if status else {}))
        return 1 if outcome.failed else 0
    if outcome.failed:
        raise McueditError(outcome.message, outcome.hint)
    stdout().print(f"{outcome.device}: {_told(rollout, outcome)}", markup=False)
    if status:
        devices.report(to, status, False)
    return 0


def _told(rollout: Rollout, outcome: Outcome) -> str:
    title = f"{rollout.package.name}@{rollout.package.version}"
    match outcome.state:
        case State.ALREADY:
            return f"{title} is confirmed there already, in slot {outcome.slot}"
        case State.NEWER:
            return f"something newer than {title} was active there (counter {outcome.minimum_counter}): nothing to do"
    state = f"in {outcome.state}" if outcome.state == State.TRIAL else outcome.state
    return f"{title} is {state}, slot {outcome.slot}" + (f", after {outcome.before}" if outcome.before else "")


def _flat(rollout: Rollout, outcome: Outcome) -> dict[str, object]:
    package = {"package": rollout.package.name, "version": rollout.package.version, "digest": rollout.package.digest}
    return {**package, "goal": rollout.goal, **asdict(outcome)}


def _many(rollout: Rollout, members: tuple[fleet.Member, ...], path: Path, as_json: bool, options: _Options) -> int:
    results_path = options.results or path.with_suffix(f".{rollout.package.digest[:8]}.jsonl")
    first = -(-len(members) * options.canary // 100)
    canary = inventory.canaries(members, first, rollout.package.digest)
    with (
        fleet.Results(results_path, rollout.package.digest, resume=options.resume) as results,
        progress("fleet", len(members)) as advance,
    ):
        ended: set[str] = set()

        def done(member: str, outcome: Outcome) -> None:
            if member not in ended and (outcome.failed or outcome.state != State.TRIAL or rollout.goal == State.TRIAL):
                ended.add(member)
                advance(1)

        campaign = fleet.Campaign(
            rollout,
            fleet.Stages(members, canary, options.max_failures, options.jobs),
            results,
            connect=lambda member: Device(member.address, options.timeout, options.tries),
            done=done,
        )
        advance(len(campaign.report.skipped))
        report = campaign.run()
    _report(rollout, report, results_path, as_json)
    return 1 if report.failures or report.stopped else 0


def _report(rollout: Rollout, report: fleet.Report, path: Path, as_json: bool) -> None:
    counts: dict[str, int] = {}
    for outcome in report.outcomes.values():
        counts[outcome.state] = counts.get(outcome.state, 0) + 1
    failed = {name: outcome for name, outcome in report.outcomes.items() if outcome.failed}
    if as_json:
        values: dict[str, object] = {"package": rollout.package.name, "version": rollout.package.version}
        values |= {"digest": rollout.package.digest, "goal": rollout.goal}
        values |= {"results": str(path), "stopped": report.stopped}
        values |= {f"count_{state.replace(' ', '_')}": n for state, n in counts.items()}
        values |= {"tried": len(report.outcomes), "done_before": len(report.skipped), "waiting": report.waiting}
        values |= {"failed": list(failed), "reasons": [outcome.reason for outcome in failed.values()]}
        print_json(values)
        return
    rows = [(name, o.address, o.state, o.step, o.reason, o.message) for name, o in failed.items()]
    if rows:
        columns = ("device", "address", "state", "in", "reason", "what")
        stdout().print(table("", columns, rows, left=columns))
    told = ", ".join(f"{n} {state}" for state, n in counts.items()) or "none tried"
    before = f", {len(report.skipped)} done before" if report.skipped else ""
    waiting = f", {len(report.waiting)} not tried" if report.waiting else ""
    stdout().print(f"{rollout.package.name}@{rollout.package.version}: {told}{before}{waiting}; {path}", markup=False)
    if report.stopped:
        note(f"stopped: {report.stopped}; mend it and run the same with --resume")
