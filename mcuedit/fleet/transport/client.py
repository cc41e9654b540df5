# SPDX-License-Identifier: Apache-2.0
"""One device over any transport, synchronously: what can be asked, and why it gave up."""

from __future__ import annotations

import asyncio
import errno
import random
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Self, TypeVar

from pydantic import ValidationError
from smpclient import SMPClient
from smpclient.generics import error, error_v2

from mcuedit._util.closing import Closing
from mcuedit.fleet.transport import address as addresses
from mcuedit.fleet.transport import messages as m
from mcuedit.fleet.transport import other_groups
from mcuedit.fleet.transport.authority import DeviceKey, DeviceKeys, Identity, Operator, Padding, Signing, proving
from mcuedit.fleet.transport.exchange import Exchange, Garbage, Silent, Unheard
from mcuedit.fleet.transport.reasons import BUSY, GARBAGE, IDENTITY, UNREACHABLE, Refused, TransportError
from mcuedit.fleet.transport.state import Answer, Arms, Records, Slot, Status, slot_of, status_of
from mcuedit.fleet.transport.wire import Wire

T = TypeVar("T")
RECORD = 32  # bytes of a record of the device log
_AGAIN = 3  # tries to be told of the slot that was asked for
_CHANGES = 4  # how many times the tries a change is asked for, while the device answers other requests
_UNKNOWN = "ENOTSUP"  # no such command
_MOVED_ON = "EBADSTATE"  # its log is not as the request says: it was carried out, or something else happened


class Device(Closing):
    """A transport to one device; to be used in a `with`.

    Args:
        address: text or Address.
        timeout: seconds that an answer may take, until the transport's round trip is known.
        tries: so many times the timeout, or what this transport takes if that is longer, nothing is heard before the
            device counts as unreachable; and so often it may be busy.
        sleep: for tests.
        operator: signs what changes something, if the device wants that.
        keys: by which devices prove to be themselves, by id; None: those that were seen first.

    Attributes:
        identity: who proves what it answers from now on; None: nobody does. `fleet.identity` decides.
        is_new: its key was seen for the first time.

    Raises:
        TransportError: at each method, with a reason.
        Refused: likewise; the device said no.
    """

    def __init__(
        self,
        address: str | addresses.Address,
        timeout: float = 2.0,
        tries: int = 4,
        sleep: Callable[[float], None] = time.sleep,
        operator: Operator | DeviceKeys | None = None,
        keys: Mapping[str, DeviceKey] | None = None,
    ) -> None:
        self.address = addresses.parse(address) if isinstance(address, str) else address
        self._timeout, self._tries, self._sleep = timeout, tries, sleep
        self._runner = asyncio.Runner()
        self._wire = Wire(self.address)
        self._exchange = Exchange(self._wire, timeout, tries)
        self._client = SMPClient(self._wire, self.address.host, timeout)
        self._connected = False
        self.keys, self.is_new = keys, False
        self.identity: Identity | None = None
        self._padding = Padding()
        self._signing = Signing(operator, lambda request: self.ask(lambda: request))

    def __enter__(self) -> Self:
        try:
            self._parameters()
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Lets go of the transport."""
        self._disconnect()
        self._runner.close()

    def status(self) -> Status:
        """The device and all of its slots."""
        told = self.ask(lambda: m.StatusRead())
        slots = [self.slot(i) for i in range(told.slots)]
        return status_of(told, slots)

    def slot(self, index: int) -> Slot:
        """One slot. An answer about another one is late, of an earlier process perhaps: it is asked for again."""
        for _ in range(_AGAIN):
            told = self.ask(lambda: m.SlotRead(slot=index))
            if told.slot == index:
                return slot_of(told)
        raise self._garbage(f"asked for slot {index}, told of slot {told.slot}")

    def activate(self, mask: int, boots: int | None = None, ab: int | None = None, older: int | None = None) -> int:
        """Starts the trial of the slots `mask`; returns the mask that is in force.

        Args:
            older: packages that were confirmed earlier may go back to this counter; only for devices with authority.
        """
        given = (("boots", boots), ("share", ab), ("counter", older))
        more: dict[str, Any] = {k: v for k, v in given if v is not None}
        kind: Any = m.ActivateWrite if older is None else m.ReactivateWrite
        return int(self.change(lambda log: kind(mask=mask, log=log, **more)).mask)

    def who(self) -> m.IdentityResponse | None:
        """Who it is by its own key; None if it has none."""
        try:
            return self.ask(lambda: m.IdentityRead())  # type: ignore[no-any-return]
        except Refused as found:
            if found.name != _UNKNOWN:
                raise
            return None

    def confirm(self) -> int:
        """Keeps the trial's set; returns the mask that is in force."""
        return int(self.change(lambda log: m.ConfirmWrite(log=log)).mask)

    def rollback(self) -> int:
        """Ends a trial, or returns to the set confirmed before; returns the mask that is in force."""
        return int(self.change(lambda log: m.RollbackWrite(log=log)).mask)

    def drop(self, index: int, *, erase: bool) -> None:
        """Revokes or erases a slot."""
        self.change(lambda log: m.SlotWrite(slot=index, erase=erase, log=log))

    def revoke_keys(self, revocation: bytes) -> None:
        """Brings a list of revoked keys, which root keys have signed."""
        self.ask(lambda: m.RevokeWrite(keys=revocation))

    def arms(self) -> Arms:
        """What the two arms of an A/B test counted."""
        told = self.ask(lambda: m.ArmsRead())
        return Arms(tuple(told.runs), tuple(told.good), tuple(told.bad))

    def outcome(self, arm: int, good: bool) -> None:
        """Reports that an answer of an arm was good or bad; normally the device's application does."""
        self.ask(lambda: m.ArmsWrite(arm=arm, good=good))

    def infer(self, given: str | bytes, who: str | None = None) -> Answer:
        """One inference on a prompt, or on the bytes of the input tensor; `who` picks the arm of an A/B test."""
        request: dict[str, Any] = {"text": given} if isinstance(given, str) else {"tensor": given}
        if who is not None:
            request["who"] = who
        told = self.ask(lambda: m.RunWrite(**request))
        return Answer(told.answer, told.label, told.arm)

    def chunk(self, package: bytes, at: int, first: bool) -> other_groups.UploadWrite:
        """The largest request that uploads a package from byte `at` on and fits the device's buffer."""
        head: dict[str, Any] = {"len": len(package), "sha": sha256(package).digest()} if first else {}
        _, room = self._client.get_max_cbor_and_data_size(other_groups.UploadWrite(off=at, data=b"", **head))
        if first and self._signing.on:
            room = max(room - Signing.ROOM, 0)
        elif room < 1:
            raise self._garbage("its buffer has no room for data")
        return other_groups.UploadWrite(off=at, data=package[at : at + room], **head)

    def reset(self) -> None:
        """Restarts the device; the answer may be lost with it."""
        self.ask(lambda: other_groups.ResetWrite())

    def records(self, start: int) -> Records:
        """As much of the device log as one answer holds, from sequence `start` on, or from the oldest record kept."""
        told = self.ask(lambda: m.LogRead(start=start))
        if len(told.log) % RECORD:
            raise self._garbage(f"{len(told.log)} bytes of log are no whole records")
        return Records(told.first, told.at, told.next, told.log, (told.before or b"").hex())

    def ask(self, make: Callable[[], Any], patience: int = 1) -> Any:
        """Sends a request until it is answered.

        Args:
            make: gives it anew when a device was busy, or the transport is opened again.
            patience: how many times longer than usual a silent device is waited for; one that refuses is not.
        """
        refused = unheard = 0
        while True:
            try:
                return self._once(make(), patience)
            except Refused as found:
                refused += 1
                if self._padding.again(found.name):
                    continue
                if not (found.reason == BUSY or self._signing.again(found)) or refused == self._tries:
                    raise
            except Unheard as found:
                unheard += 1
                if unheard == _CHANGES * self._tries:
                    raise self._gave_up(found) from found
                continue
            except (Silent, Garbage) as found:
                raise self._gave_up(found) from found
            except OSError as found:
                refused += 1
                if refused == self._tries:
                    raise self._gave_up(found) from found
                self._disconnect()
            self._sleep(min(0.1 * 2**refused, 2.0) * random.uniform(0.75, 1.25))

    def change(
        self, make: Callable[[int], Any], read: Callable[[], Any] = lambda: m.StatusRead(), mark: str = "log"
    ) -> Any:
        """A request that must not be carried out twice; its answer, or what `read` is told if that got lost.

        It carries the length of the log, and a device whose log has grown refuses it: a copy that the transport keeps
        back or repeats does nothing. Whether a request without an answer was carried out, the log's length tells, too.

        Args:
            make: the request, given the log's length.
            read: what else tells whether it was carried out, by its field `mark`.
        """
        self._signing.begin()
        before = getattr(self.ask(read), mark)
        for tries in range(_CHANGES * self._tries):
            try:
                return self._once(make(before), once=True)
            except (OSError, Garbage, Refused) as found:
                again = isinstance(found, Refused) and tries < self._tries and self._signing.again(found)
                if isinstance(found, Refused) and found.name != _MOVED_ON and not again:
                    raise
                if isinstance(found, OSError) and not isinstance(found, TimeoutError):
                    self._disconnect()
                now = self.ask(read)
                if getattr(now, mark) != before:
                    return now
                if tries + 1 == _CHANGES * self._tries or (isinstance(found, Refused) and not again):
                    raise found if isinstance(found, Refused) else self._gave_up(found) from found
        raise AssertionError("no try")

    def _once(self, request: Any, patience: int = 1, *, once: bool = False) -> Any:
        wants = self.identity is not None and proving.wants(request)
        asked = proving.with_nonce(request.BYTES) if wants else request.BYTES
        data, is_signed = self._signing.seal(request, self._padding.of(asked))
        return self._answered(self._runner.run(self._request(request, data, patience, once or is_signed)))

    async def _request(self, request: Any, data: bytes, patience: int, once: bool) -> Any:
        if not self._connected:
            await self._wire.connect(self.address.host, self._timeout)
            self._connected = True
        frame = await self._exchange.ask(data, patience, once=once)
        for kind in (request._Response, request._ErrorV1, request._ErrorV2):
            try:
                told = kind.loads(frame)
                if self.identity and kind is request._Response and proving.wants(request):
                    self._check(self.identity, data, frame)
                return told
            except TransportError:
                raise
            except ValidationError:
                continue
            except Exception as found:  # whatever smp and cbor2 make of bytes that a stranger chose
                raise Garbage(f"{type(found).__name__} in its answer") from found
        raise Garbage("an answer of another form")

    def _check(self, who: Identity, request: bytes, frame: bytes) -> None:
        if not who.proves(request, frame):
            what = f"{self.address}: an answer without a proof by the key of {who.device}"
            raise TransportError(IDENTITY, what, "something else answers there, or changes what the device says")

    def _answered(self, response: Any) -> Any:
        if not error(response):
            return response
        if error_v2(response):
            raise Refused(str(self.address), response.err.group, int(response.err.rc))
        raise Refused(str(self.address), None, int(response.rc))

    def _parameters(self) -> None:
        """Learns the size of the device's buffer; a device that knows no such command has a small one."""
        try:
            self._wire.initialize(self.ask(lambda: other_groups.ParametersRead()).buf_size)
        except Refused:
            self._wire.initialize(0)

    def _disconnect(self) -> None:
        self._connected = False
        self._runner.run(self._wire.disconnect())

    def _garbage(self, what: str) -> TransportError:
        hint = "another program may listen there, or another firmware run: check the address"
        return TransportError(GARBAGE, f"{self.address}: no answer of an mcuedit device ({what})", hint)

    def _gave_up(self, found: Exception) -> TransportError:
        """Why."""
        if isinstance(found, Garbage):
            return self._garbage(str(found))
        why = str(found)
        if isinstance(found, OSError) and not isinstance(found, Silent):
            why = found.strerror or str(found) or f"no connection within {self._timeout:g} s"
            if found.errno in (errno.EAGAIN, errno.EBUSY):
                return TransportError(BUSY, f"{self.address}: {why}", "another program has the port open: close it")
        return TransportError(UNREACHABLE, f"{self.address}: unreachable: {why}", "is it on, and is the address right?")
