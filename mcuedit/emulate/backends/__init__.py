# SPDX-License-Identifier: Apache-2.0
"""The emulators: one module each. Adding one is a module with a record, and a line here."""

from __future__ import annotations

from collections.abc import Callable

from mcuedit._util.errors import McueditError
from mcuedit.emulate.backends import host, oracle_device, qemu, renode, unicorn
from mcuedit.emulate.backends.backend import Backend

BACKENDS: dict[str, Backend] = {
    backend.name: backend
    for backend in (unicorn.BACKEND, qemu.BACKEND, renode.BACKEND, host.BACKEND, oracle_device.BACKEND)
}
DEFAULT = next(iter(BACKENDS))  # what pip installs


def names(which: Callable[[Backend], object] = lambda backend: True) -> tuple[str, ...]:
    """Names of those that satisfy `which`, in their order."""
    return tuple(name for name, backend in BACKENDS.items() if which(backend))


def on_boards() -> tuple[str, ...]:
    """Names of those that execute an ELF file on a board."""
    return names(lambda backend: backend.session)


def flash_keeping() -> str:
    """Name of the first that keeps a flash.

    Raises:
        StopIteration: never, while one of this package does.
    """
    return names(lambda backend: backend.keeps_flash)[0]


def get(name: str) -> Backend:
    """An emulator by its name.

    Raises:
        McueditError: there is none of that name.
    """
    if name not in BACKENDS:
        raise McueditError(f"no emulator {name!r}", f"one of {', '.join(BACKENDS)}")
    return BACKENDS[name]
