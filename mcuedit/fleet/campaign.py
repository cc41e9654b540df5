# SPDX-License-Identifier: Apache-2.0
"""A roll-out in stages: canaries to a healthy trial, then confirmed, then the others; it stops when too many fail."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace

from mcuedit._util import unexpected
from mcuedit._util.errors import McueditError
from mcuedit.fleet.deliver import SILENT, UNEXPECTED, Delivery, Outcome, Rollout, State
from mcuedit.fleet.inventory import Member
from mcuedit.fleet.results import Results
from mcuedit.fleet.transport import Device, TransportError
from mcuedit.fleet.transport.reasons import REFUSED

CANARY, REST = "canary", "rest"
_log = logging.getLogger(__name__)
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
        begun: told the member of each device that is asked, once for each phase.
        done: told the member and the outcome of each device, as they come.
    """

    def __init__(
        self,
        rollout: Rollout,
        stages: Stages,
        results: Results,
        *,
        connect: Callable[[Member], Device] = lambda member: Device(member.address),
        begun: Callable[[str], None] = lambda member: None,
        done: Callable[[str, Outcome], None] = lambda member, outcome: None,
    ) -> None:
        self._rollout, self._results, self._connect = rollout, results, connect
        self._begun, self._done = begun, done
        self._max, self._jobs = stages.max_failures, stages.jobs
        self.report, self._failures = Report(), 0
        self._ill = {name for name, state in results.last.items() if state == State.UNHEALTHY}  # in an earlier run
        reached = {name for name, state in results.last.items() if self._reached(state)}
        self.report.skipped = [m.name for m in stages.members if m.name in reached]
        self._canary = [m for m in stages.canary if m.name not in reached]
        first = {m.name for m in stages.canary}
        self._rest = [m for m in stages.members if m.name not in reached and m.name not in first]

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
        self._each(self._in_trial(), CANARY, Delivery.finish, replace(self._rollout, goal=State.TRIAL))
        healthy = (State.TRIAL, State.ALREADY, State.NEWER)
        if not any(outcome.state in healthy for outcome in self.report.outcomes.values()):
            self.report.stopped = self.report.stopped or "no canary got as far as a healthy trial"
        if not self.report.stopped and self._rollout.goal == State.CONFIRMED:
            self._each(self._in_trial(), CANARY, Delivery.finish, replace(self._rollout, hold=0.0))
        if self.report.stopped:
            self._each(self._in_trial(), CANARY, Delivery.undo, always=True)

    def _in_trial(self) -> list[Member]:
        states = {name: outcome.state for name, outcome in self.report.outcomes.items()}
        return [m for m in self._canary if states.get(m.name) == State.TRIAL]

    def _each(
        self, members: Sequence[Member], stage: str, work: Work, rollout: Rollout | None = None, *, always: bool = False
    ) -> None:
        """Does the same to several, side by side, until too many have failed (`always`: to all of them)."""
        todo, running = deque(members), dict[Future[Outcome], Member]()
        with ThreadPoolExecutor(self._jobs) as pool:
            try:
                while todo or running:
                    while todo and len(running) < self._jobs and (always or not self.report.stopped):
                        member = todo.popleft()
                        running[pool.submit(self._one, member, work, rollout or self._rollout)] = member
                        self._begun(member.name)
                    if not running:
                        break
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        self._take(running.pop(future), stage, future.result())
            except BaseException:  # Ctrl-C, or a full disk: no further device is begun, those in the middle end
                _log.warning("no further device is begun; waiting for %d that are in the middle", len(running))
                pool.shutdown(cancel_futures=True)
                with suppress(McueditError):
                    for future, member in running.items():
                        if not future.cancelled():
                            self._take(member, stage, future.result())
                raise

    def _take(self, member: Member, stage: str, outcome: Outcome) -> None:
        self._results.put(member.name, stage, outcome)
        before = self.report.outcomes.get(member.name)
        self._failures += outcome.failed - (before is not None and before.failed)
        self.report.outcomes[member.name] = outcome
        if stage == CANARY and outcome.state == State.UNHEALTHY:
            what = "fell silent after its activation" if outcome.reason == SILENT else "is not healthy"
            self.report.stopped = self.report.stopped or f"canary {member.name} {what}"
        if self._failures > self._max:
            self.report.stopped = self.report.stopped or f"{self._failures} devices failed"
        self._done(member.name, outcome)

    def _one(self, member: Member, work: Work, rollout: Rollout) -> Outcome:
        before = self.report.outcomes.get(member.name)  # of an earlier phase of this campaign
        if before is None and member.name in self._ill:
            before = Outcome(member.name, str(member.address), State.UNHEALTHY)
        known = before or Outcome(member.name, str(member.address))
        try:
            with self._connect(member) as device:
                delivery = Delivery(device, rollout, member.name)
                delivery.outcome = known
                return work(delivery)
        except TransportError as error:
            return known.ended(error.reason, error)
        except McueditError as error:
            return known.ended(REFUSED, error)
        except Exception as error:  # whatever it was, it is about this device alone
            return known.ended(UNEXPECTED, unexpected.told(error))

    def _reached(self, state: State) -> bool:
        if state in (State.ALREADY, State.NEWER):
            return True
        return state in _RANK and _RANK[state] >= _RANK[self._rollout.goal]
