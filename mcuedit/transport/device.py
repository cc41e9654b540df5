# SPDX-License-Identifier: Apache-2.0
"""One device over any link, synchronously: asks, asks again when nothing answers, and says why it gave up."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Callable
from hashlib import sha256
from types import TracebackType
from typing import Any, Self, TypeVar

from smpclient import SMPClient
from smpclient.generics import error, error_v2

from mcuedit.transport import address as addresses
from mcuedit.transport import messages as m
from mcuedit.transport.reasons import BUSY, GARBAGE, UNREACHABLE, LinkError, Refused
from mcuedit.transport.state import Answer, Arms, Records, Slot, Status, slot_of, status_of
from mcuedit.transport.wire import Garbage, Wire

T = TypeVar("T")
RECORD = 32  # bytes of a record of the audit log


class Device:
    """A link to one device; to be used in a `with`.

    Args:
        address: text or Address.
        timeout: seconds that one answer may take.
        tries: how often a request is sent before the device counts as unreachable, or as busy.
        sleep: for tests.

    Raises:
        LinkError: at each method, with a reason.
        Refused: likewise; the device said no.
    """

    def __init__(
        self,
        address: str | addresses.Address,
        timeout: float = 2.0,
        tries: int = 4,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.address = addresses.parse(address) if isinstance(address, str) else address
        self._timeout, self._tries, self._sleep = timeout, tries, sleep
        self._runner = asyncio.Runner()
        self._wire = Wire(self.address)
        self._client = SMPClient(self._wire, self.address.host, timeout)
        self._connected = False

    def __enter__(self) -> Self:
        try:
            self._parameters()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the link."""
        self._disconnect()
        self._runner.close()

    def status(self) -> Status:
        """The device and all of its slots."""
        told = self.ask(lambda: m.StatusRead())
        slots = [self.slot(i) for i in range(told.slots)]
        return status_of(told, slots)

    def slot(self, index: int) -> Slot:
        """One slot."""
        told = self.ask(lambda: m.SlotRead(slot=index))
        if told.slot != index:
            raise self._garbage(f"asked for slot {index}, told of slot {told.slot}")
        return slot_of(told)

    def activate(self, mask: int, boots: int | None = None, ab: int | None = None) -> int:
        """Starts the trial of the stack of slots `mask`; returns the mask that is in force."""
        more: dict[str, Any] = {k: v for k, v in (("boots", boots), ("ab", ab)) if v is not None}
        return self._change(lambda: m.ActivateWrite(mask=mask, **more))

    def confirm(self) -> int:
        """Keeps the trial's stack; returns the mask that is in force."""
        return self._change(lambda: m.ConfirmWrite())

    def rollback(self) -> int:
        """Ends a trial, or returns to the stack confirmed before; returns the mask that is in force."""
        return self._change(lambda: m.RollbackWrite())

    def drop(self, index: int, *, erase: bool) -> int:
        """Revokes or erases a slot; returns the number of its state."""
        return int(self.ask(lambda: m.SlotWrite(slot=index, erase=erase)).state)

    def arms(self) -> Arms:
        """What the two arms of an A/B test counted."""
        told = self.ask(lambda: m.ArmsRead())
        return Arms(tuple(told.runs), tuple(told.good), tuple(told.bad))

    def outcome(self, arm: int, good: bool) -> None:
        """Reports that an answer of an arm was good or bad; normally the device's application does."""
        self.ask(lambda: m.ArmsWrite(arm=arm, good=good))

    def infer(self, given: str | bytes, who: str | None = None) -> Answer:
        """One inference on a prompt, or on the bytes of the input tensor; `who` picks the arm of an A/B test."""
        request: dict[str, Any] = {"text": given} if isinstance(given, str) else {"in": given}
        if who is not None:
            request["who"] = who
        told = self.ask(lambda: m.RunWrite(**request))
        return Answer(told.answer, told.label, told.arm)

    def chunk(self, package: bytes, at: int, first: bool) -> m.UploadWrite:
        """The largest request that uploads a package from byte `at` on and fits the device's buffer."""
        head: dict[str, Any] = {"len": len(package), "sha": sha256(package).digest()} if first else {}
        _, room = self._client.get_max_cbor_and_data_size(m.UploadWrite(off=at, data=b"", **head))
        if room < 1:
            raise self._garbage("its buffer has no room for data")
        return m.UploadWrite(off=at, data=package[at : at + room], **head)

    def reset(self) -> None:
        """Restarts the device; the answer may be lost with it."""
        self.ask(lambda: m.ResetWrite())

    def records(self, start: int) -> Records:
        """As much of the audit log as one answer holds, from sequence `start` on, or from the oldest record kept."""
        request: dict[str, Any] = {"from": start}
        told = self.ask(lambda: m.LogRead(**request))
        if len(told.log) % RECORD:
            raise self._garbage(f"{len(told.log)} bytes of log are no whole records")
        return Records(told.first, told.at, told.next, told.log, (told.before or b"").hex())

    def ask(self, make: Callable[[], Any], patience: int = 1) -> Any:
        """Sends a request until it is answered.

        Args:
            make: gives it anew, so that the answer to an earlier try is not taken for it.
            patience: how many times longer than usual a silent device is waited for; one that refuses is not.
        """
        silent = refused = others = 0
        while True:
            try:
                return self._answered(self._once(make()))
            except Refused as found:
                refused += 1
                if found.reason != BUSY or refused == self._tries:
                    raise
            except (TimeoutError, Garbage) as found:
                silent += 1
                others += self._wire.garbage + isinstance(found, Garbage)
                if silent >= self._tries * patience:
                    raise self._gave_up(found, others) from found
                continue
            except OSError as found:
                refused += 1
                if refused == self._tries:
                    raise self._gave_up(found, others) from found
                self._disconnect()
            self._sleep(min(0.1 * 2**refused, 2.0))

    def _change(self, make: Callable[[], Any]) -> int:
        """A request that must not be carried out twice: whether a lost one was carried out, the log's length tells."""
        before = self.ask(lambda: m.StatusRead()).log
        for tries in range(self._tries):
            try:
                return int(self._answered(self._once(make())).mask)
            except (TimeoutError, OSError, Garbage) as found:
                if isinstance(found, OSError) and not isinstance(found, TimeoutError):
                    self._disconnect()
                now = self.ask(lambda: m.StatusRead())
                if now.log != before:
                    return int(now.mask)
                if tries + 1 == self._tries:
                    raise self._gave_up(found, 0) from found
        raise AssertionError("no try")

    def _once(self, request: Any) -> Any:
        return self._runner.run(self._request(request))

    async def _request(self, request: Any) -> Any:
        if not self._connected:
            await self._wire.connect(self.address.host, self._timeout)
            self._connected = True
        try:
            return await self._client.request(request, self._timeout)
        except (OSError, Garbage):  # TimeoutError is an OSError
            raise
        except Exception as found:  # whatever smp, pydantic and cbor2 make of bytes that a stranger chose
            raise Garbage(f"{type(found).__name__} in its answer") from found

    def _answered(self, response: Any) -> Any:
        if not error(response):
            return response
        if error_v2(response):
            raise Refused(str(self.address), response.err.group, int(response.err.rc))
        raise Refused(str(self.address), None, int(response.rc))

    def _parameters(self) -> None:
        """Learns the size of the device's buffer; a device that knows no such command has a small one."""
        try:
            self._wire.initialize(self.ask(lambda: m.ParametersRead()).buf_size)
        except Refused:
            self._wire.initialize(0)

    def _disconnect(self) -> None:
        self._connected = False
        self._runner.run(self._wire.disconnect())

    def _garbage(self, what: str) -> LinkError:
        hint = "another program may listen there, or another firmware run: check the address"
        return LinkError(GARBAGE, f"{self.address}: no answer of an mcuedit device ({what})", hint)

    def _gave_up(self, found: Exception, others: int) -> LinkError:
        """Why; `others` messages came that were no answers."""
        if isinstance(found, Garbage) or others:
            return self._garbage(str(found) if isinstance(found, Garbage) else f"{others} other messages")
        why = f"no answer in {self._tries} tries of {self._timeout:g} s"
        if isinstance(found, OSError) and not isinstance(found, TimeoutError):
            why = found.strerror or str(found) or type(found).__name__
            if found.errno in (errno.EAGAIN, errno.EBUSY):
                return LinkError(BUSY, f"{self.address}: {why}", "another program has the port open: close it")
        return LinkError(UNREACHABLE, f"{self.address}: unreachable: {why}", "is it on, and is the address right?")
