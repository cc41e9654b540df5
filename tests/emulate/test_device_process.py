# SPDX-License-Identifier: Apache-2.0
"""Devices as processes: what other people's SMP clients can do with them."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import subprocess
import sysconfig
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from helpers import packages
from smpclient import SMPClient
from smpclient.generics import success
from smpclient.requests.image_management import ImageStatesRead, ImageStatesWrite
from smpclient.requests.os_management import EchoWrite, ResetWrite
from smpclient.transport.udp import SMPUDPTransport

from mcuedit._util.errors import McueditError
from mcuedit.emulate.devices.device_process import POWER_CUT, DeviceProcess, Faults
from mcuedit.emulate.devices.updatable import DeviceSetup

SMPMGR_PORT = 1337  # smpmgr knows no other
TIMEOUT = 60.0  # seconds for an answer that comes, on a machine that may be busy
LOST = 2.0  # for one that may not: it is waited for as long


@pytest.fixture(scope="module")
def program(device_program: Callable[..., Path]) -> Path:
    """Of a device that obeys everybody, as mcumgr's clients need it for more than uploads (test_authority.py)."""
    return device_program(setup=DeviceSetup(development=True))


@pytest.fixture
def flash(tmp_path: Path) -> Path:
    return tmp_path / "flash"


class Transport(SMPUDPTransport):
    """smpclient's, to another port than its own; packets of a small MTU make more of them."""

    def __init__(self, port: int, mtu: int = 160) -> None:
        super().__init__(mtu)
        self.port = port

    async def connect(self, address: str, timeout_s: float, port: int = 0) -> None:
        await super().connect(address, timeout_s, port or self.port)


def client(device: DeviceProcess, timeout: float = TIMEOUT, **given: Any) -> SMPClient:
    return SMPClient(Transport(device.port, **given), "127.0.0.1", timeout)


async def upload(device: DeviceProcess, package: bytes, timeout: float = TIMEOUT, **given: Any) -> list[int]:
    """The offsets that the device answered."""
    async with client(device, timeout, **given) as connection:
        return [at async for at in connection.upload(package, first_timeout_s=timeout)]


async def states(device: DeviceProcess, confirm: bool = False, digest: bytes | None = None) -> list[Any]:
    request = ImageStatesWrite(hash=digest, confirm=confirm) if confirm or digest else ImageStatesRead()
    async with client(device) as connection:
        answer = await connection.request(request)
        assert success(answer), answer
        return list(answer.images)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def test_smpclient_uploads_tries_and_confirms(program: Path, flash: Path) -> None:
    package = packages.package()
    with DeviceProcess(program, flash) as device:
        assert device.error == ""
        offsets = run(upload(device, package))
        assert offsets == sorted(offsets)
        assert len(offsets) > 3
        assert offsets[-1] == len(package)
        (image,) = run(states(device))
        assert image.hash in package
        assert (image.active, image.confirmed) == (None, None)
        (image,) = run(states(device, digest=bytes(image.hash)))
        assert (image.active, image.pending) == (True, True)
        (image,) = run(states(device, confirm=True))
        assert (image.active, image.confirmed) == (True, True)


@pytest.mark.parametrize("mtu", [128, 300, 1500])
def test_uploads_in_packets_of_any_size(program: Path, flash: Path, mtu: int) -> None:
    package = packages.package()
    with DeviceProcess(program, flash) as device:
        assert run(upload(device, package, mtu=mtu))[-1] == len(package)


def test_an_upload_resumes_after_a_broken_link(program: Path, flash: Path) -> None:
    package = packages.package()
    # One datagram of smpclient's greeting and two of the upload arrive; the next two are lost.
    with DeviceProcess(program, flash, faults=Faults(lose_after=3, lose_count=2)) as device:
        with pytest.raises(TimeoutError):
            run(upload(device, package, LOST))
        offsets = resumed(device, package)
        assert offsets[0] > 100
        assert offsets[-1] == len(package)


def resumed(device: DeviceProcess, package: bytes) -> list[int]:
    """Uploads once the link is there again."""
    for _ in range(3):
        try:
            return run(upload(device, package, LOST))
        except TimeoutError:
            continue
    raise AssertionError("the link stays broken")


def test_a_reset_is_one(program: Path, flash: Path) -> None:
    """The upload under way is lost, what is in flash is not, and the address stays."""

    async def reset() -> None:
        async with client(device) as connection:
            assert success(await connection.request(ResetWrite()))
            assert success(await connection.request(EchoWrite(d="again")))

    package = packages.package()
    with DeviceProcess(program, flash) as device:
        run(upload(device, package))
        port = device.port
        run(reset())
        assert device.port == port
        assert len(run(states(device))) == 1


def test_flash_outlives_the_process(program: Path, flash: Path) -> None:
    with DeviceProcess(program, flash) as device:
        run(upload(device, packages.package()))
        device.stop()
        device.start()
        assert len(run(states(device))) == 1


@pytest.mark.parametrize("mode", ["before", "torn", "after"])
def test_power_is_cut_where_it_is_told(program: Path, flash: Path, mode: str) -> None:
    package = packages.package()
    with DeviceProcess(program, flash, faults=Faults(cut=9, cut_mode=mode)) as device:
        with pytest.raises((TimeoutError, OSError)):
            run(upload(device, package, LOST))
        assert device.wait() == POWER_CUT
        device.stop()
        device.start()
        assert device.error == ""
        assert run(states(device)) == []
        assert run(upload(device, package))[-1] == len(package)


def test_another_geometry(program: Path, flash: Path) -> None:
    with DeviceProcess(program, flash, geometry=(32, 1024, 2048, 4, 3)) as device:
        assert run(upload(device, packages.package()))[-1] == len(packages.package())
        assert flash.stat().st_size == 3 * 1024 + 4 * 2048


def test_twenty_processes_of_one_program(program: Path, tmp_path: Path) -> None:
    devices = [DeviceProcess(program, tmp_path / str(i), device_id=f"pump-{i}") for i in range(20)]
    try:
        assert len({device.port for device in devices}) == 20

        async def all_of_them() -> list[list[int]]:
            return await asyncio.gather(*(upload(device, packages.package()) for device in devices))

        assert {offsets[-1] for offsets in run(all_of_them())} == {len(packages.package())}
    finally:
        for device in devices:
            device.stop()


def test_it_ends_with_its_parent(program: Path, flash: Path) -> None:
    with DeviceProcess(program, flash) as device:
        assert device._process is not None
        assert device._process.stdin is not None
        device._process.stdin.close()
        assert device.wait() == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--flash"], "no value for --flash"),
        (["--port", "x"], "no such option or value: --port"),
        (["--port", "65536"], "no such option or value: --port"),
        (["--flash", "f", "--cut", "3,never"], "no mode of a cut: 3,never"),
        (["--flash", "f", "--geometry", "8,4096"], "no geometry: 8,4096"),
        (["--flash", "f", "--id", "x" * 17], "longer than 16 bytes"),
        ([], "--flash is missing"),
    ],
)
def test_usage(program: Path, tmp_path: Path, arguments: list[str], said: str) -> None:
    done = subprocess.run([program.resolve(), *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_port_that_is_taken(program: Path, flash: Path, tmp_path: Path) -> None:
    with (
        DeviceProcess(program, flash) as device,
        pytest.raises(McueditError, match="no such port"),
    ):
        DeviceProcess(program, tmp_path / "other", port=device.port)


def test_smpmgr_uploads(program: Path, flash: Path, tmp_path: Path) -> None:
    """The ecosystem's own command line, which knows nothing of mcuedit."""
    smpmgr = shutil.which("smpmgr", path=sysconfig.get_path("scripts")) or shutil.which("smpmgr")
    if smpmgr is None:
        pytest.skip("smpmgr is not installed")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", SMPMGR_PORT))
        except OSError:
            pytest.skip(f"UDP port {SMPMGR_PORT}, the only one that smpmgr knows, is taken")
    package = tmp_path / "fix.mcu"
    package.write_bytes(packages.package(version="1.2.3"))

    def smpmgr_does(*arguments: str) -> str:
        command = [smpmgr, "--ip", "127.0.0.1", "--timeout", str(TIMEOUT), *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    with DeviceProcess(program, flash, port=SMPMGR_PORT) as device:
        smpmgr_does("image", "upload", str(package))
        shown = smpmgr_does("image", "state-read")
        assert re.search(r"version='1\.2\.3'", shown), shown
        (image,) = run(states(device))
        assert image.version == "1.2.3"
        smpmgr_does("os", "reset")
        assert len(run(states(device))) == 1
