# SPDX-License-Identifier: Apache-2.0
"""One package onto one device, from whatever state it is in: every step looks first, so that it can be repeated."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from mcuedit._util import unexpected
from mcuedit._util.errors import McueditError
from mcuedit.fleet import device_log, remembered
from mcuedit.fleet.transport import Device, Limits, Refused, Slot, SlotState, Status, TransportError, mask_of, upload
from mcuedit.fleet.transport.reasons import GARBAGE, OTHER_BASE, REFUSED, UNREACHABLE
from mcuedit.package import Package
from mcuedit.package.registry import Deployment, open_registry

OTHER_TRIAL, SILENT, UNEXPECTED = "trial", "silent", "unexpected"  # reasons beside those of transport and memory


class State(StrEnum):
    """What was reached on a device; the first three are goals, too."""

    STAGED = "staged"
    TRIAL = "trial"
    CONFIRMED = "confirmed"
    ALREADY = "already"  # nothing to do: it is confirmed there
    NEWER = "newer"  # nothing to do: something newer was active
    FAILED = "failed"
    UNHEALTHY = "unhealthy"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True)
class Rollout:
    """What is to happen on each device.

    Attributes:
        data, package: the bytes, and what they say.
        goal: STAGED, TRIAL or CONFIRMED.
        ab: percent of inferences that the trial's set answers.
        boots: that a trial may take to be confirmed.
        hold: seconds for which a trial must be healthy before it is confirmed; looked at every `pause` seconds.
        worst: largest share of bad outcomes that the trial's arm may report.
        registry: file of the registry; None is the default one.
    """

    data: bytes
    package: Package
    goal: State = State.STAGED
    ab: int | None = None
    boots: int | None = None
    hold: float = 0.0
    pause: float = 1.0
    worst: float = 0.1
    limits: Limits | None = None
    registry: Path | None = None
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Outcome:
    """What became of one device.

    Attributes:
        device: its id; the member's name, or the address, until it has told it.
        state: the last one that it reached.
        step: the one it ended in: status, upload, activate, health, confirm.
        reason: one word why not; message and hint say it in full.
        slot: where the package lies.
        before: name@version of what it replaced.
        new_key: by which the device proves to be itself, where it was seen for the first time.
    """

    device: str
    address: str
    state: State = State.FAILED
    step: str = "status"
    reason: str = ""
    message: str = ""
    hint: str = ""
    slot: int | None = None
    base: str = ""
    minimum_counter: int = 0
    before: str = ""
    new_key: str = ""

    @property
    def failed(self) -> bool:
        """Whether the device is not as it was to be."""
        return self.state in (State.FAILED, State.UNHEALTHY, State.ROLLED_BACK)

    def ended(self, reason: str, error: McueditError) -> Outcome:
        """It went no further: unhealthy if that is the trial's doing, as silence is from its activation on."""
        message, hint = error.message, error.hint
        if reason in (UNREACHABLE, GARBAGE) and self.state in _BEGUN:
            reason, message = SILENT, f"silent since its trial began: {message}"
            hint = f"restart it, which ends a trial after some boots; then 'mcuedit status --to {self.address}'"
        state = State.UNHEALTHY if reason in _OF_THE_TRIAL else State.FAILED
        return replace(self, state=state, reason=reason, message=message, hint=hint)


_BEGUN = (State.TRIAL, State.CONFIRMED, State.UNHEALTHY)
_OF_THE_TRIAL = ("E_SELF_TEST", State.UNHEALTHY, SILENT)


class Delivery:
    """Brings a rollout to one device.

    Args:
        device: open.
        name: for the outcome until the device has told its id.
        advance: told how many bytes of the package are there.
    """

    def __init__(
        self, device: Device, rollout: Rollout, name: str = "", advance: Callable[[int], None] = lambda there: None
    ) -> None:
        self._device, self._rollout, self._advance = device, rollout, advance
        self._before: Status | None = None
        self.outcome = Outcome(name or str(device.address), str(device.address))

    def run(self) -> Outcome:
        """All of it. What goes wrong is in the outcome, not raised."""
        return self._told(self._run)

    def trial(self) -> Outcome:
        """Up to the trial, and no further, whatever the goal."""
        return self._told(lambda: self._to_trial(self._look()))

    def finish(self) -> Outcome:
        """From the trial on: healthy, then confirmed if that is the goal."""
        return self._told(lambda: self._from_trial(self._look()))

    def undo(self) -> Outcome:
        """Ends the trial of this package, if it is in one."""
        return self._told(self._undo)

    def _told(self, work: Callable[[], None]) -> Outcome:
        try:
            work()
            remembered.keep(self._device, self._before, self._rollout.registry)
        except device_log.Broken as error:
            self._failed(remembered.BROKEN_LOG, error)
        except TransportError as error:
            self._failed(error.name if isinstance(error, Refused) and error.reason == REFUSED else error.reason, error)
        except McueditError as error:
            self._failed(REFUSED, error)
        except Exception as error:  # a fault of ours, or of what this device said: it ends here
            self._failed(UNEXPECTED, unexpected.told(error))
        return self.outcome

    def _failed(self, reason: str, error: McueditError) -> None:
        self.outcome = self.outcome.ended(reason, error)
        if self.outcome.base:  # the device has told who it is
            with open_registry(self._rollout.registry) as registry:
                package, of = self._rollout.package, self.outcome
                found = Deployment(of.device, of.slot, of.state, package.digest, package.counter, of.reason)
                registry.record(found, address=of.address)

    def _run(self) -> None:
        self._to_trial(self._look())
        if self.outcome.state == State.TRIAL:
            self._from_trial(self._device.status())

    def _look(self) -> Status:
        """The device, held against what the host remembers of it."""
        status, _ = remembered.look(self._device, self._rollout.registry)
        name = remembered.name_of(self._device, status)
        self._before = status
        if self._device.is_new and self._device.identity:
            self.outcome = replace(self.outcome, new_key=str(self._device.identity.key))
        self.outcome = replace(self.outcome, device=name, base=status.base, minimum_counter=status.minimum_counter)
        return status

    def _to_trial(self, status: Status) -> None:
        if not self._upload(status) or self._rollout.goal == State.STAGED:
            return
        self._step("activate")
        status = self._device.status()
        slot = self._slot(status)
        if status.in_trial and slot.index not in status.trial:
            what = f"{self._device.address}: a trial of other adapters is running"
            raise TransportError(OTHER_TRIAL, what, "confirm it or roll it back first")
        if slot.index not in status.active:
            leave = [s.index for s in status.slots if s.name == slot.name or s in status.lapsed]
            wanted = [i for i in status.confirmed if i not in leave] + [slot.index]
            self.outcome = replace(self.outcome, state=State.TRIAL)  # from here on its silence is the trial's
            self._device.activate(mask_of(tuple(wanted)), self._rollout.boots, self._rollout.ab)
        self.outcome = replace(self.outcome, state=State.TRIAL)

    def _upload(self, status: Status) -> bool:
        """Whether the package is there now and is still to be activated."""
        package, slot = self._rollout.package, status.find(self._rollout.package.digest)
        others = [s for s in status.slots if s.name == package.name and s.index in status.confirmed and s != slot]
        if others:
            self.outcome = replace(self.outcome, before=f"{others[0].name}@{others[0].version}")
        if not package.base_sha256.startswith(status.base):
            what = f"{self._device.address}: runs base {status.base[:16]}, not {package.base_sha256[:16]}"
            raise TransportError(OTHER_BASE, what, "train and pack for the device's own base")
        if slot and slot.state == SlotState.CONFIRMED and slot.index in status.active and not status.in_trial:
            self.outcome = replace(self.outcome, state=State.ALREADY, slot=slot.index)
            return False
        if not slot and package.counter <= status.minimum_counter:
            self.outcome = replace(self.outcome, state=State.NEWER)
            return False
        self._step("upload")
        for there in upload(self._device, self._rollout.data, self._rollout.limits):
            self._advance(there)
        found = self._slot(self._device.status())
        running = found.state in (SlotState.TRIAL, SlotState.CONFIRMED)
        self.outcome = replace(self.outcome, state=State(found.state.value) if running else State.STAGED)
        self.outcome = replace(self.outcome, slot=found.index)
        return True

    def _from_trial(self, status: Status) -> None:
        self._step("health")
        waited = 0.0
        while True:
            self._healthy(status)
            if waited >= self._rollout.hold:
                break
            self._rollout.sleep(self._rollout.pause)
            waited += self._rollout.pause
            status = self._device.status()
        if self._rollout.goal == State.CONFIRMED:
            self._step("confirm")
            if status.in_trial:
                self._device.confirm()
            self._healthy(self._device.status())
            self.outcome = replace(self.outcome, state=State.CONFIRMED)

    def _healthy(self, status: Status) -> None:
        slot = self._slot(status)
        if slot.index not in status.active or slot.state not in (SlotState.TRIAL, SlotState.CONFIRMED):
            what = f"{self._device.address}: went back by itself: {slot.name}@{slot.version} is {slot.state}"
            raise TransportError(State.UNHEALTHY, what, f"'mcuedit log --to {self._device.address}' says why")
        arms = self._device.arms()
        good, bad = arms.good[1], arms.bad[1]
        if bad > self._rollout.worst * (good + bad):
            what = f"{self._device.address}: {bad} of {good + bad} outcomes of the trial are bad"
            raise TransportError(
                State.UNHEALTHY, what, f"'mcuedit rollback --to {self._device.address}' ends the trial"
            )

    def _undo(self) -> None:
        status = self._look()
        slot = status.find(self._rollout.package.digest)
        if slot and status.in_trial and slot.index in status.trial:
            self._device.rollback()
        self.outcome = replace(self.outcome, state=State.ROLLED_BACK, reason=State.ROLLED_BACK)

    def _slot(self, status: Status) -> Slot:
        slot = status.find(self._rollout.package.digest)
        if slot is None:
            what = f"{self._device.address}: {self._rollout.package.name} is not there any more"
            raise TransportError(REFUSED, what, f"'mcuedit log --to {self._device.address}' says why")
        return slot

    def _step(self, step: str) -> None:
        self.outcome = replace(self.outcome, step=step)
