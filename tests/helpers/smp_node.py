# SPDX-License-Identifier: Apache-2.0
"""A device's main loop as a shared library: SMP messages in, messages out, flash in a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cbor2
from cffi import FFI
from smp.header import OP, Header, Version

from mcuedit.build import compilers, driver, handwritten
from mcuedit.emulate.devices.updatable import AUTHORITY, DEVELOPMENT, IDENTITY, NO_ROOTS, ROOTS, device_sources
from mcuedit.model.bundle import Base
from mcuedit.package.keys import PublicKey
from mcuedit.package.revocation import Roots

DECLARATIONS = """
typedef struct { void *context; const uint8_t *mapped; uint32_t program_unit, erase_page, slot_size;
    uint8_t slot_count, journal_pages; void *read, *program, *erase, *sync; } mcuedit_flash;
typedef struct { mcuedit_flash part; uint8_t *bytes, *units; uint32_t *erases; void *log;
    uint32_t log_size, by_unit, exit_code, cut_at, cut_kind, cut_amount, cut_seed, operations, dead, smeared;
    uint32_t violations; char violation[80]; } flash_model;
int udp_flash_open(flash_model *flash, const char *path);
int updatable_start(const char *id, const mcuedit_flash *flash);
uint32_t updatable_handle(const uint8_t *request, uint32_t size, uint8_t *response, uint32_t capacity);
int updatable_wants_reset(void);
uint8_t updatable_who(const uint8_t *who, uint32_t size);
void updatable_outcome(uint8_t good);
const char *mcuedit_error_name(int error);
typedef struct { void *context; const uint8_t (*keys)[32]; uint8_t key_count; int (*policy)(void *, uint8_t);
    int (*mac)(void *, const uint8_t *, uint8_t *); int (*random)(void *, void *, uint32_t);
    int (*prove)(void *, const uint8_t *, uint8_t *); const uint8_t *identity; } mcuedit_authority;
mcuedit_authority *updatable_authority(void);
void updatable_peer(uint32_t peer);
void mcuedit_hmac_sha256(const uint8_t *key, const void *bytes, uint32_t size, uint8_t *mac);
"""
GUARD = b"\xaa" * 16


class Node:
    """One base, compiled once; `start` makes it another device or the same one after a reset.

    Args:
        keys: whom it trusts.
        folder: where it is compiled.
        operators: whom it obeys; without any, everybody.
        roots: who revoke keys.
    """

    def __init__(
        self,
        base: Base,
        keys: Sequence[PublicKey],
        folder: Path,
        *,
        development: bool = False,
        operators: Sequence[PublicKey] = (),
        roots: Roots = NO_ROOTS,
    ) -> None:
        external, headers = handwritten.external("device_process")
        own = [path for path in handwritten.apps("device_process") if path.name != "device_process.c"]
        written = [*own, *handwritten.core("device_process"), *external]
        defines = ((DEVELOPMENT,) if development else ()) + ((AUTHORITY, IDENTITY) if operators else ())
        defines += (ROOTS,) if roots else ()
        compiler = compilers.find_host_compiler()
        flags = (*driver._flags("2", defines), "-fPIC", *headers)
        files = device_sources(base, keys, operators=operators, roots=roots)
        objects = driver._compile(compiler, written, files, folder, flags)
        compiler.run(["-shared", *objects, "-o", "node.so"], folder)
        library = folder / "node.so"
        self.ffi = FFI()
        self.ffi.cdef(DECLARATIONS)
        self.lib: Any = self.ffi.dlopen(str(library))

    def start(self, flash: Path, *, slots: int = 8, name: bytes = b"device") -> str:
        """The error at start, "OK" for none."""
        self.flash = self.ffi.new("flash_model *")
        geometry = self.flash.part
        geometry.program_unit, geometry.erase_page, geometry.slot_size = 8, 4096, 4096
        geometry.slot_count, geometry.journal_pages = slots, 2
        self.id = self.ffi.new("char[]", name)
        assert self.lib.udp_flash_open(self.flash, str(flash).encode()) == 0
        return self.error(self.lib.updatable_start(self.id, self.ffi.addressof(geometry)))

    def error(self, code: int) -> str:
        """Name of a mcuedit_error."""
        return self.ffi.string(self.lib.mcuedit_error_name(code)).decode()

    def handle(self, request: bytes, capacity: int = 1024) -> bytes:
        """The response; b"" for none. Nothing may be written behind it."""
        room = self.ffi.new("uint8_t[]", bytes(capacity) + GUARD)
        exact = self.ffi.new("uint8_t[]", request or b"\0")
        size = self.lib.updatable_handle(exact, len(request), room, capacity)
        assert size <= capacity
        assert bytes(room)[capacity:].startswith(GUARD)
        return bytes(room)[:size]

    def ask(self, group: int, command: int, fields: Any = None, *, write: bool = False, version: int = 1) -> Any:
        """The map of the response to a request of any map; `fields` may also be CBOR bytes."""
        body = fields if isinstance(fields, bytes) else cbor2.dumps(fields or {})
        op = OP.WRITE if write else OP.READ
        answer = self.handle(raw_header(op, version, len(body), group, 77, command) + body)
        assert answer[:2] == bytes([(op + 1) | version << 3, 0])
        assert answer[4:8] == bytes([group >> 8, group & 0xFF, 77, command])
        assert int.from_bytes(answer[2:4], "big") == len(answer) - Header.SIZE
        return cbor2.loads(answer[Header.SIZE :])

    def exchange(self, request: Any, response: Any) -> Any:
        """A request of the `smp` package, and the response parsed by it."""
        return response.loads(self.handle(bytes(request)))


def raw_header(op: int, version: int, length: int, group: int, sequence: int, command: int) -> bytes:
    """Any header, right or wrong."""
    return bytes([op | version << 3, 0, *length.to_bytes(2, "big"), *group.to_bytes(2, "big"), sequence, command])


V1, V2 = Version.V1, Version.V2
