# SPDX-License-Identifier: Apache-2.0
"""A program that is run to its end, or ended: it and whatever it started."""

from __future__ import annotations

import codecs
import logging
import os
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

_log = logging.getLogger(__name__)

_TAIL = 1 << 16  # characters of output that are kept
_GRACE = 2.0  # seconds between asking and killing
_POLL = 0.05


class TimedOut(Exception):
    """It did not end in time; it has been ended."""


def run(argv: Sequence[str], timeout: float, output: Callable[[str], None]) -> tuple[int, str]:
    """Runs `argv` without input in a process group of its own, which does not outlive the call.

    Args:
        timeout: seconds.
        output: is given what the program writes, as it comes.

    Returns:
        Its exit code, and the end of what it wrote.

    Raises:
        TimedOut: after `timeout`.
        OSError: it cannot be started.
    """
    _log.info("%s", shlex.join(argv))
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        return _follow(process, time.monotonic() + timeout, output)
    finally:
        _end(process)


def _follow(process: subprocess.Popen[bytes], deadline: float, output: Callable[[str], None]) -> tuple[int, str]:
    assert process.stdout is not None
    decoder, tail = codecs.getincrementaldecoder("utf-8")("replace"), ""
    while True:
        if time.monotonic() > deadline:
            raise TimedOut
        ended = process.poll()  # before looking for output: what it wrote last is then there
        data = None
        if select.select([process.stdout], [], [], _POLL if ended is None else 0)[0]:
            data = os.read(process.stdout.fileno(), 4096)
            text = decoder.decode(data)
            output(text)
            tail = (tail + text)[-_TAIL:]
        if ended is not None and not data:
            return ended, tail
        if data == b"":
            time.sleep(_POLL)  # it closed its output and goes on


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the group, also when the program itself is gone and only children of it are left."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):
            break
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
