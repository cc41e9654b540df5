# SPDX-License-Identifier: Apache-2.0
"""Requests that are long enough for their answers.

A device whose peers can send under the address of others answers with at most three times what it was sent
(docs/spec/management.md): a request brings the room for its answer along, as bytes that the device skips.
"""

from __future__ import annotations

from mcuedit.fleet.transport.authority.signing import with_fields

_KEY = "pad"
_OVERHEAD = 7  # bytes of the key and of the head of its value
_LENGTHS = (0, 200, 512)  # of requests; answers of up to 600 bytes cover all but long outputs


class Padding:
    """How long the requests to one device have to be."""

    TOO_LONG = "EMSGSIZE"  # a device's error: it has done nothing

    def __init__(self) -> None:
        self._level = 0

    def again(self, name: str) -> bool:
        """Whether a refusal by an error of this name may be none if the request is longer: it will be."""
        more = name == self.TOO_LONG and self._level + 1 < len(_LENGTHS)
        self._level += more
        return more

    def of(self, request: bytes) -> bytes:
        """The same request."""
        short = _LENGTHS[self._level] - len(request) - _OVERHEAD
        return with_fields(request, {_KEY: bytes(short)}) if short > 0 else request
