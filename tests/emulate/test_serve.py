# SPDX-License-Identifier: Apache-2.0
"""A device's UART as a TCP port."""

from __future__ import annotations

import socket

import pytest
from helpers.virtual import ONE_EACH, BuildEcho

from mcuedit._util.errors import McueditError
from mcuedit.boards import board
from mcuedit.emulate import Fault
from mcuedit.emulate.devices.serve import serve

TIMEOUT = 20


def hear(connection: socket.socket, size: int) -> bytes:
    heard = b""
    while len(heard) < size and (more := connection.recv(size - len(heard))):
        heard += more
    return heard


@pytest.mark.parametrize(("name", "emulator"), ONE_EACH)
def test_one_connection_after_the_other(echo: BuildEcho, name: str, emulator: str) -> None:
    sent = bytes(range(0x61, 0x7B)) * 100
    with serve(emulator, board.load(name), echo(name).elf) as port:
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
                connection.sendall(sent)
                assert hear(connection, len(sent)) == sent
                connection.sendall(b"more")
                assert hear(connection, 4) == b"more"


def _provoke_a_fault(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
        connection.sendall(b"@")
        assert hear(connection, 1) == b""


def test_a_fault_closes_the_connection_and_is_told(echo: BuildEcho) -> None:
    device = serve("unicorn", board.load("virt-m4"), echo("virt-m4").elf)
    port = device.__enter__()
    _provoke_a_fault(port)
    with pytest.raises(Fault, match="pc="):
        device.__exit__(None, None, None)


def test_which_emulators(echo: BuildEcho) -> None:
    device = serve("renode", board.load("virt-m4"), echo("virt-m4").elf)
    with pytest.raises(McueditError, match="no port for emulator 'renode'"):
        device.__enter__()
