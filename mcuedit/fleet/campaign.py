# SPDX-License-Identifier: Apache-2.0
"""A roll-out in stages: canaries to a healthy trial, then confirmed, then the others; it stops when too many fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace

from mcuedit._util import unexpected
from mcuedit._util.errors import McueditError
from mcuedit.fleet.deliver import UNEXPECTED, Delivery, Outcome, Rollout, State
from mcuedit.fleet.inventory import Member
from mcuedit.fleet.results import Results
from mcuedit.fleet.transport import Device, TransportError
from mcuedit.fleet.transport.reasons import REFUSED

CANARY, REST = "canary", "rest"
_RANK = {State.STAGED: 0, State.TRIAL: 1, State.CONFIRMED: 2}
Work = Callable[[Delivery], Outcome]


@dataclass
class Report:
    """What became of a campaign.

    Attributes:
        outcomes: of every device that was tried, by member.
        skipped: members that an earlier run has done.
        waiting: members that were not tried.
        stopped: why it ended early; empty if it did not.
    """

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    stopped: str = ""

    @property
    def failures(self) -> int:
        """Devices that are not as they were to be."""
        return sum(outcome.failed for outcome in self.outcomes.values())


@dataclass(frozen=True)
class Stages:
    """Who is to have it, and in what order.

    Attributes:
        members: all of them.
        canary: those that go first.
        max_failures: it stops when more fail.
        jobs: devices at a time.
    """

    members: Sequence[Member]
    canary: Sequence[Member]
    max_failures: int = 0
    jobs: int = 8


class Campaign:
    """Brings a rollout to many devices.

    Args:
        connect: makes a device; for its timeouts.
        done: told the member and the outcome of each device, as they come.
    """

    def __init__(
        self,
        rollout: Rollout,
        stages: Stages,
        results: Results,
        *,
        connect: Callable[[Member], Device] = lambda member: Device(member.address),
        done: Callable[[str, Outcome], None] = lambda member, outcome: None,
    ) -> None:
        self._rollout, self._results, self._connect, self._done = rollout, results, connect, done
        self._max, self._jobs = stages.max_failures, stages.jobs
        self.report = Report()
        reached = {name for name, state in results.last.items() if self._reached(state)}
        self.report.skipped = [m.name for m in stages.members if m.name in reached]
        self._canary = [m for m in stages.canary if m.name not in reached]
        self._rest = [m for m in stages.members if m.name not in reached and m not in stages.canary]

    def run(self) -> Report:
        """All of it; what goes wrong on a device is in the report."""
        if self._canary:
            self._canaries()
        if not self.report.stopped:
            self._each(self._rest, REST, Delivery.run)
        tried = self.report.outcomes
        self.report.waiting = [m.name for m in (*self._canary, *self._rest) if m.name not in tried]
        return self.report

    def _canaries(self) -> None:
        """All of them in trial, all healthy, and only then confirmed: one that is not takes the others back."""
        if self._rollout.goal == State.STAGED:
            self._each(self._canary, CANARY, Delivery.run)
            return
        self._each(self._canary, CANARY, Delivery.trial)
        trial = self._in_trial()
        self._each(trial, CANARY, lambda delivery: delivery.finish(), replace(self._rollout, goal=State.TRIAL))
        unhealthy = [name for name, outcome in self.report.outcomes.items() if outcome.state == State.UNHEALTHY]
        healthy = [o for o in self.report.outcomes.values() if o.state in (State.TRIAL, State.ALREADY, State.NEWER)]
        if unhealthy or not healthy:
            why = f"canary {unhealthy[0]} is not healthy" if unhealthy else "no canary got as far as a healthy trial"
            self.report.stopped = self.report.stopped or why
        if self.report.stopped:
            self._each(self._in_trial(), CANARY, Delivery.undo, always=True)
        elif self._rollout.goal == State.CONFIRMED:
            self._each(self._in_trial(), CANARY, Delivery.finish, replace(self._rollout, hold=0.0))

    def _in_trial(self) -> list[Member]:
        states = {name: outcome.state for name, outcome in self.report.outcomes.items()}
        return [m for m in self._canary if states.get(m.name) == State.TRIAL]

    def _each(
        self, members: Sequence[Member], stage: str, work: Work, rollout: Rollout | None = None, *, always: bool = False
    ) -> None:
        """Does the same to several, side by side, until too many have failed (`always`: to all of them)."""
        todo, running = list(members), dict[Future[Outcome], Member]()
        with ThreadPoolExecutor(self._jobs) as pool:
            try:
                while todo or running:
                    while todo and len(running) < self._jobs and (always or not self.report.stopped):
                        member = todo.pop(0)
                        running[pool.submit(self._one, member, work, rollout or self._rollout)] = member
                    if not running:
                        break
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        self._take(running.pop(future), stage, future.result())
            except BaseException:  # Ctrl-C, or a full disk: no further device is begun, those in the middle end
                pool.shutdown(cancel_futures=True)
                with suppress(McueditError):
                    for future, member in running.items():
                        if not future.cancelled():
                            self._take(member, stage, future.result())
                raise

    def _take(self, member: Member, stage: str, outcome: Outcome) -> None:
        self._results.put(member.name, stage, outcome)
        self.report.outcomes[member.name] = outcome
        if self.report.failures > self._max:
            self.report.stopped = self.report.stopped or f"{self.report.failures} devices failed"
        self._done(member.name, outcome)

    def _one(self, member: Member, work: Work, rollout: Rollout) -> Outcome:
        try:
            with self._connect(member) as device:
                delivery = Delivery(device, rollout, member.name)
                before = self.report.outcomes.get(member.name)
                if before:  # an earlier phase of this campaign
                    delivery.outcome = before
                return work(delivery)
        except TransportError as error:
            return self._failed(member, error.reason, error)
        except McueditError as error:
            return self._failed(member, REFUSED, error)
        except Exception as error:  # whatever it was, it is about this device alone
            return self._failed(member, UNEXPECTED, unexpected.told(error))

    def _failed(self, member: Member, reason: str, error: McueditError) -> Outcome:
        known = self.report.outcomes.get(member.name, Outcome(member.name, str(member.address)))
        return replace(known, state=State.FAILED, reason=reason, message=error.message, hint=error.hint)

    def _reached(self, state: State) -> bool:
        if state in (State.ALREADY, State.NEWER):
            return True
        return state in _RANK and _RANK[state] >= _RANK[self._rollout.goal]
