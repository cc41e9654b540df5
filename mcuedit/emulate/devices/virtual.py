# SPDX-License-Identifier: Apache-2.0
"""The server app on a virtual board (SPEC.md, section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from mcuedit import codegen
from mcuedit._util import system
from mcuedit._util.closing import Closing
from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.adapter.delta import Adapter, serving
from mcuedit.build.driver import BuildResult
from mcuedit.codegen import Stage
from mcuedit.emulate import open_session
from mcuedit.emulate.backends.session import expect
from mcuedit.emulate.devices.device import Answer, Counts, check_active, check_inputs, check_text
from mcuedit.emulate.devices.firmware import build_app
from mcuedit.emulate.options import HERE, RunOptions
from mcuedit.model.bundle import Base

READY = "mcuedit ready"
TEXT_MAX = 255  # firmware/apps/server
_CALIBRATION = 2  # trace points before an inference's first one (firmware/port/trace.c)
_TICKS_MASK = (1 << 32) - 1


class VirtualDevice(Closing):
    """A base with its adapters compiled into the server app, executed from its ELF file; see `Device`.

    Args:
        options: of an emulator that runs firmware; to count, it is built with trace points.

    Raises:
        McueditError: it cannot be built or started, or the firmware refuses the base or an adapter.
    """

    built: BuildResult

    def __init__(
        self,
        base: Base,
        adapters: Sequence[Adapter],
        options: RunOptions = HERE,
    ) -> None:
        board, count = options.machine, options.count
        emulation = board.emulation(options.emulator)
        self.counts: list[Counts] = []
        self._base, self._adapters, self._count = base, len(adapters), count
        self._ticks_per_instruction = emulation.ticks_per_instruction
        plan = codegen.plan_arena(serving(base.model, adapters)) if options.build.runtime == "bare" else None
        self._stages = plan.stages if plan else (Stage("invoke"),)
        defines = ("MCUEDIT_TRACE", f"PORT_TRACE_POINTS={_CALIBRATION + len(self._stages) + 1}") if count else ()
        self._folder = system.folder()
        try:
            here = Path(self._folder.name)
            self.built = build_app("server", base, adapters, board, here, options.build.defining(defines))
            self._session = open_session(options.emulator, board, self.built.elf, count=count, timeout=options.timeout)
        except BaseException:
            self._folder.cleanup()
            raise
        try:
            expect(self._session, READY)
        except BaseException:
            self.close()
            raise

    def use(self, active: Sequence[bool]) -> None:
        bits = sum(on << i for i, on in enumerate(check_active(active, self._adapters)))
        self._session.write(f"use {bits:x}\n".encode())
        expect(self._session, "ok")

    def ask(self, prompts: Sequence[str]) -> list[Answer]:
        check_text(self._base)
        answers = []
        for reply in self._infer([b"ask " + _line(prompt) for prompt in prompts], "answer"):
            index, _, label = reply.partition(" ")
            answers.append(Answer(int(index), label or index))
        return answers

    def run(self, inputs: Int8Array) -> Int8Array:
        samples = check_inputs(self._base, inputs)
        replies = self._infer([b"run " + sample.tobytes().hex().encode() for sample in samples], "out")
        raw = bytes.fromhex("".join(replies))
        return np.frombuffer(raw, np.int8).reshape(len(samples), self._base.model.output_size)

    def stack_peak(self) -> int:
        return self._stat("stack")

    def arena_used(self) -> int:
        return self._stat("arena")

    def _stat(self, word: str) -> int:
        self._session.write(b"stat\n")
        return int(dict(word.split("=") for word in self._reply("stat").split())[word])

    def close(self) -> None:
        """Ends the emulator and removes the build."""
        self._session.close()
        self._folder.cleanup()

    def _infer(self, commands: Sequence[bytes], reply: str) -> list[str]:
        """All commands at once: an emulator is started and stopped as seldom as can be."""
        after = b"\nticks\n" if self._count else b"\n"
        self._session.write(b"".join(command + after for command in commands))
        replies = []
        for _ in commands:
            replies.append(self._reply(reply))
            if self._count:
                self.counts.append(self._counts([int(word) for word in self._reply("ticks").split()]))
        return replies

    def _counts(self, ticks: Sequence[int]) -> Counts:
        if len(ticks) != _CALIBRATION + len(self._stages) + 1:
            raise McueditError(f"the firmware took {len(ticks)} trace points", "a bug: please report it")
        passed = [(after - before) & _TICKS_MASK for before, after in pairwise(ticks)]
        overhead, intervals = passed[0], passed[_CALIBRATION:]
        spent = [round((interval - overhead) / self._ticks_per_instruction) for interval in intervals]
        ops = {stage.op: n for stage, n in zip(self._stages, spent, strict=True) if stage.kind == "op"}
        kernels = {op: n for op, n in ops.items() if op is not None}
        return Counts(sum(spent), kernels, sum(spent) - sum(kernels.values()))

    def _reply(self, word: str) -> str:
        """What stands behind `word` in the next line."""
        line = self._session.read_line()
        found, _, rest = line.partition(" ")
        if found != word:
            raise McueditError(f"the firmware said {line[:80]!r} instead of {word!r}", "")
        return rest


def _line(prompt: str) -> bytes:
    """A prompt as one line; line ends separate words, as spaces do (SPEC.md, section 4)."""
    raw = prompt.encode().replace(b"\n", b" ").replace(b"\r", b" ")
    if len(raw) > TEXT_MAX:
        raise McueditError(f"prompt {prompt[:40]!r}... has {len(raw)} bytes", f"at most {TEXT_MAX} fit")
    return raw
