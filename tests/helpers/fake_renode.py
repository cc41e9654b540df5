# SPDX-License-Identifier: Apache-2.0
"""Plays Renode, well or badly: reads what `mcuedit.emulate.backends.renode` types, and echoes what its UART hears.

FAKE_RENODE says how; "unicorn" has that execute the ELF file behind Renode's back. Run as a program. What it does was
seen of Renode 1.16.1: several lines at once take it longer than anyone waits, a core that it stops is told of in the
log file alone, and virtual time stands still from then on.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

MODE = os.environ.get("FAKE_RENODE", "good")
LOG = os.environ.get("FAKE_RENODE_LOG")  # gets the commands, and the process ids of what was started


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def log(text: str) -> None:
    if LOG:
        with Path(LOG).open("a") as file:
            file.write(text + "\n")


class Machine:
    """A UART with nothing behind it but an echo."""

    def __init__(self) -> None:
        self.uart = Path("uart.txt")
        self.log: Path | None = None
        self.server: socket.socket | None = None
        self.line: socket.socket | None = None
        self.runs = 0
        self.elf = ""
        self.core: Any = None  # a unicorn session

    def do(self, command: str) -> None:
        log(command)
        say(f"\x1b[33m(machine-0)\x1b[0m {command}\r\n")
        if printed := re.fullmatch(r"python \"print '(.*)'\"", command):
            say(f"{printed[1]}\r\n")
        elif path := re.fullmatch("logFile @(.*) true", command):
            self.log = Path(path[1])
        elif path := re.fullmatch(r"\$(uart|elf)=@(.*)", command):
            if path[1] == "uart":
                self.uart = Path(path[2])
            else:
                self.elf = path[2]
        elif port := re.match(r"emulation CreateServerSocketTerminal (\d+)", command):
            if MODE != "deaf":
                self.server = socket.create_server(("127.0.0.1", int(port[1])))
                self.server.setblocking(False)
        elif script := re.fullmatch("include @(.*)", command):
            if MODE == "unicorn":
                self.core = start_unicorn(Path(script[1]).stem, self.elf)
            if MODE == "refusing":
                self.report("ERROR", "cpu: no such thing")
                say("There was an error executing command 'include'\r\n")
            if MODE == "ending":
                say("Unhandled exception: no more of this\n")
                sys.exit(0)  # means nothing
        elif command.startswith("emulation RunFor"):
            self.run()
        elif command.endswith("ExecutedInstructions"):
            say("0x00000000000F4240\r\n" if MODE != "dumb" else "\r\n")
        elif command.startswith("sysbus ReadDoubleWord"):
            say("0x0000002A\r\n" if MODE != "dumb" else "0x00000000\r\n")
        elif command.endswith("GetRegistersValues"):
            say(
                "| R0 | 0 | 0x1 |\r\n| R13 / SP | 13 | 0x20001FF8 |\r\n| R15 / PC | 15 | 0x80001A2 |\r\n"
                if MODE != "dumb"
                else "nothing of the kind\r\n"
            )
        elif command == "quit":
            if MODE == "stubborn":
                time.sleep(600)
            sys.exit(3)  # means nothing

    def run(self) -> None:
        self.runs += 1
        if MODE == "hanging" and self.runs > 1:
            self.report("ERROR", "Failed to download from https://nowhere (attempt 1/5)")
            time.sleep(600)
        if MODE == "aborting" and self.runs > 1:
            self.report("ERROR", "cpu: CPU abort [PC=0x104066B4]: Trying to execute code outside RAM or ROM.")
            self.report("INFO", "machine-0: Machine paused.")
            time.sleep(600)
        if MODE == "crashing" and self.runs > 1:
            say("corrupted memory\n")
            os.abort()
        if MODE == "silent":
            return
        if self.core:
            self.core.write(self.hear())
            self.put(until_it_waits(self.core))
            return
        if MODE == "garbage":
            self.put(b"\xff\x00" * 10000)
            return
        if self.runs == 1:
            self.put(b"echo ready 45\n")
            return
        if MODE == "faulty":
            self.put(b"\nfault exception=3 pc=0x080001a2\n")
        heard = self.hear()
        if MODE != "shy" or not heard.startswith(b"#"):
            self.put(heard)

    def report(self, level: str, text: str) -> None:
        if self.log:
            with self.log.open("a") as file:
                file.write(f"12:00:00.0000 [{level}] {text}\n")

    def put(self, data: bytes) -> None:
        with self.uart.open("ab") as file:
            file.write(data)

    def hear(self) -> bytes:
        if self.server is None:
            return b""
        with contextlib.suppress(BlockingIOError):
            self.line = self.line or self.server.accept()[0]
        if self.line is None:
            return b""
        self.line.settimeout(0.05)
        with contextlib.suppress(TimeoutError):
            heard = self.line.recv(1 << 16)
            if heard.count(b"\n") > 1:
                time.sleep(600)
            return heard
        return b""


def start_unicorn(board: str, elf: str) -> Any:
    from mcuedit.boards import board as boards
    from mcuedit.emulate import open_session

    return open_session("unicorn", boards.load(board), Path(elf))


def until_it_waits(core: Any) -> bytes:
    """What a device says until it waits for input."""
    from mcuedit.emulate import Timeout

    said = b""
    with contextlib.suppress(Timeout):
        while True:
            said += core.read_line().encode() + b"\n"
    return said


def main() -> None:
    if "--version" in sys.argv:
        say("Renode v1.16.1.0\n")
        return
    if MODE == "quitting":
        return
    machine = Machine()
    log(f"proxy {os.environ.get('https_proxy')}")
    if MODE == "breeding":
        log(f"child {subprocess.Popen(['sleep', '600']).pid}")
    if MODE == "mute":
        time.sleep(600)
    for command in sys.argv[sys.argv.index("-e") + 1].split("; "):
        machine.do(command)
    for command in sys.stdin:
        machine.do(command.strip())


if __name__ == "__main__":
    main()
