# SPDX-License-Identifier: Apache-2.0
"""The harnesses of tests/fuzz: built with clang's libFuzzer, AddressSanitizer and UBSan, seeded, run."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import struct
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cbor2

from helpers import packages
from helpers.crypto import crypto_sources
from helpers.native import includes, source
from mcuedit import codegen
from mcuedit._util import resources
from mcuedit.build import compilers
from mcuedit.build.external import zcbor
from mcuedit.model.bundle import Base

HERE = Path(__file__).resolve().parents[1] / "fuzz"
TARGETS = ("package", "adapter", "journal", "smp", "authority")
CLANG = "clang"
_COMPILER = compilers.Compiler("clang", (CLANG,))
LIMITS = {"package": 4096, "adapter": 2048, "journal": 512, "smp": 4096, "authority": 8192}  # bytes of an input
_FLAGS = ("-g", "-O2", "-fsanitize=fuzzer-no-link,address,undefined", "-fno-sanitize-recover=all")
_AUTHORITY = "-DMCUEDIT_AUTHORITY=1"  # the target `authority` is `smp` with it
_UNSEEN = "-fno-sanitize=fuzzer-no-link"  # loops over all bytes, which would tell libFuzzer nothing
_WARNINGS = ("-std=gnu11", "-Wall", "-Wextra", "-Werror")
_CORE = ("adapter", "argmax", "delta", "dot", "error", "package", "self_test", "context", "window")
_ALONE = ("adapter", "package")  # need no store
_COUNT = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_COVERED = re.compile(r"cov: (\d+)")


@cache
def why_not() -> str:
    """Why no harness can be built; empty if one can."""
    if shutil.which(CLANG) is None:
        return "clang is not installed"
    link = [CLANG, "-fsanitize=fuzzer,address,undefined", "-x", "c", "-", "-o", "/dev/null"]
    program = "int LLVMFuzzerTestOneInput(const char *d, long n);\nint LLVMFuzzerTestOneInput(const char *d, long n)\n"
    done = subprocess.run(link, input=program + "{ return d && n < 0; }", capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else "clang has no libFuzzer (Debian: libclang-rt-dev)"


@dataclass(frozen=True)
class Outcome:
    """What a run came to: `ok`, or the end of what it said."""

    target: str
    ok: bool
    executions: int
    covered: int
    said: str


class Fuzzers:
    """The harnesses, built.

    Args:
        folder: gets objects, programs, and the corpus and findings of each target.
    """

    def __init__(self, folder: Path, targets: tuple[str, ...] = TARGETS) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._generate()
        firmware = resources.path("firmware")
        self._core = self._objects([source("crc32")], _UNSEEN)
        self._core += self._objects(source(name) for name in _CORE)
        self._core += self._objects([*firmware.glob("kernels/*.c"), HERE / "common.c"])
        self._core += self._objects(folder.glob("base*.c"))
        found = zcbor.find()
        for target in targets:
            more = []
            kind = (_AUTHORITY,) if target == "authority" else ()
            if target not in _ALONE:
                more += self._objects((source(name) for name in ("store", "slots")), *kind)
                more += [] if target == "journal" else self._objects([source("journal")], *kind)  # it includes it
                more += self._objects([HERE / "flash.c", firmware / "testing" / "flash_model.c"], _UNSEEN, *kind)
                more += self._objects(crypto_sources(signatures=False), _UNSEEN)
            if target in ("smp", "authority"):
                more += self._objects(firmware.glob("smp/*.c"), *found.flags, *kind)
                more += self._objects(found.sources, *found.flags, "-w")
            own = self._objects([HERE / f"{'smp' if kind else target}.c"], *kind)
            libraries = [*own, *more, *self._core]
            _COMPILER.run(["-fsanitize=fuzzer,address,undefined", *libraries, "-o", f"fuzz-{target}"], folder)
            self._seed(target)

    def _generate(self) -> None:
        base = Base("base", packages.model())
        files = codegen.render_base(base) | codegen.render_model_header(base)
        files["key.h"] = f"#define FUZZ_KEY {_bytes(packages.public().raw)}\n"
        given = list(_packages())
        rows = ",\n".join(_bytes(data + bytes(max(map(len, given)) - len(data))) for data in given)
        files["packages.h"] = (
            f"enum {{ FUZZ_PACKAGES = {len(given)} }};\n"
            f"static const uint32_t fuzz_sizes[] = {_bytes([len(data) for data in given])};\n"
            f"static const uint8_t fuzz_packages[][{max(map(len, given))}] = {{{rows}}};\n"
        )
        for name, text in files.items():
            (self.folder / name).write_text(text, encoding="utf-8")

    def _objects(self, sources: Any, *flags: str) -> list[str]:
        """Compiles what is not there yet."""
        command = [*(_WARNINGS if "-w" not in flags else ()), *_FLAGS, *flags, *includes(), f"-I{HERE}", "-I."]

        def compile_one(source: Path) -> str:
            kind = "authority_" if _AUTHORITY in flags else ""
            name = f"{kind}{source.parent.name}_{source.stem}.o"
            if not (self.folder / name).is_file():
                _COMPILER.compile([*command, "-c", str(source), "-o", name], self.folder)
            return name

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(compile_one, sorted(sources)))

    def _seed(self, target: str) -> None:
        corpus = self.folder / f"corpus-{target}"
        corpus.mkdir(exist_ok=True)
        for data in seeds(target):
            (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)

    def run(self, target: str, *options: str) -> Outcome:
        """Fuzzes with libFuzzer's options; inputs that say something new are kept in the corpus."""
        findings = self.folder / f"findings-{target}"
        findings.mkdir(exist_ok=True)
        fixed = ["-seed=1", "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1", f"-max_len={LIMITS[target]}"]
        command = [f"./fuzz-{target}", *fixed, *options, f"-artifact_prefix={findings}/", f"corpus-{target}"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, errors="replace", check=False)
        count, covered = _COUNT.search(done.stderr), _COVERED.findall(done.stderr)
        said = done.stdout + done.stderr
        executions = int(count[1]) if count else 0
        return Outcome(target, done.returncode == 0, executions, int(covered[-1]) if covered else 0, said[-4000:])


def seeds(target: str) -> Iterator[bytes]:
    """Inputs to start from."""
    of = packages.model()
    if target == "package":
        yield from _packages()
    elif target == "adapter":
        for data in _packages():
            yield data[32 : 32 + 4 * struct.unpack_from("<H", data, 38)[0]]
    elif target == "journal":
        yield from _SCRIPTS
    else:
        data, auth = packages.package(of), _AUTH if target == "authority" else {}
        yield from (_conversation(*part) for part in _messages(data))
        yield b"".join(_conversation(*part) for part in _messages(data))
        signed = [(op, *rest, fields | (auth if op == 2 else {})) for op, *rest, fields in _messages(data)]
        yield b"".join(_conversation(*part) for part in ((0, 64, 9, {}), *signed))


def _packages() -> Iterator[bytes]:
    of = packages.model()
    fact = packages.fact()
    yield packages.package()
    yield packages.package(name="other", counter=2, seed=1)
    yield packages.package(counter=3, self_tests=packages.self_tests(of, fact))
    yield packages.package(name="liar", counter=4, self_tests=packages.self_tests(of, fact, lie=True))
    yield packages.package(name="windows", counter=6, adapter=packages.windowed())
    yield packages.package(name="n", counter=5, adapter=packages.fact(labels={2: "elk", 5: "dé"}))


# As tests/fuzz/journal.c reads them: install (0), activate (2), confirm (3), rollback (4), revoke (5), erase (6),
# reopen (7), damage (8), a local adapter (9), look (10).
_SCRIPTS = (
    bytes([0, 0, 0, 2, 1, 2, 99, 3, 7, 10]),
    bytes([0, 0, 1, 0, 0, 1, 0, 1, 3, 2, 3, 1, 50, 4, 0, 0, 1, 10]),
    bytes([0, 0, 0, 0, 1, 0, 2, 3, 1, 9, 7, 7, 7, 10]),
    bytes([0, 2, 0, 2, 1, 2, 99, 3, 0, 3, 0, 2, 2, 2, 99, 4, 10]),
    bytes([0, 0, 0, 2, 1, 2, 99, 3, 0, 1, 0, 2, 2, 2, 99, 3, 4, 5, 0, 6, 1, 10]),
    bytes([9, 0, 2, 1, 0, 0, 3, 8, 0, 4, 0, 1, 9, 9, 9, 9, 10]),
    bytes([0, 0, 200, 7, 0, 4, 0, 2, 1, 1, 9, 8, 128, 8, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 10]),
    10 * bytes([0, 0, 0, 2, 1, 2, 99, 3]),
    bytes([6, 1, 8, 0, 4, 0, 1, 253, 255, 255, 255, 6, 1, 6, 1, 10]),  # the last sequence numbers
)


_AUTH = {"auth": b"\xff" * 68}  # the harness takes any signature for good


def _messages(data: bytes) -> Iterator[tuple[int, int, int, Any]]:
    """Operation, group, command, body: a life with one package."""
    yield 2, 0, 0, {"d": "hello"}
    yield 0, 0, 6, {}
    for at in range(0, len(data), 200):
        first = {"len": len(data), "sha": hashlib.sha256(data).digest()} if at == 0 else {}
        yield 2, 1, 1, {"off": at, "data": data[at : at + 200]} | first
    yield 0, 1, 0, {}
    yield 0, 64, 0, {}
    yield 0, 64, 0, {"slot": 1}
    yield 2, 64, 1, {"mask": 2, "boots": 2, "ab": 50}  # the store takes slot 1 first
    yield 2, 64, 4, {"arm": 1, "good": True}
    yield 2, 64, 2, {}
    yield 0, 64, 4, {}
    yield 2, 64, 1, {"mask": 0}
    yield 2, 64, 3, {}
    yield 0, 64, 5, {"from": 0}
    yield 2, 64, 6, {"slot": 1, "erase": False}
    yield 2, 64, 6, {"slot": 0, "erase": True}
    yield 2, 64, 8, {"in": bytes(16), "who": "me", "out": True}
    yield 2, 64, 8, {"text": "who?"}
    yield 2, 1, 0, {"hash": data[-136:-104], "confirm": False}
    yield 2, 1, 5, {"slot": 1}
    yield 2, 0, 5, {}


def _conversation(operation: int, group: int, command: int, body: Any) -> bytes:
    """One message as tests/fuzz/smp.c reads it, of version 2 of SMP."""
    content = cbor2.dumps(body)
    message = struct.pack(">BBHHBB", operation | 1 << 3, 0, len(content), group, 0, command) + content
    return struct.pack("<H", len(message)) + message


def _bytes(values: bytes | list[int]) -> str:
    return "{" + ", ".join(map(str, values)) + "}"
