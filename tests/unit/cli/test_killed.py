# SPDX-License-Identifier: Apache-2.0
"""SIGKILL before each file operation of pack and registry: what they write is there whole or not at all.

Python tells of every such operation by an audit event; the n-th one ends the process. push is killed in
test_fleet_verbs.py while a device is asked, a transaction in package/test_registry.py, the writing of a folder, which
is all that edit and emit do at their end, in _util/test_atomic.py.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import packages

from mcuedit import cli
from mcuedit.adapter import folder
from mcuedit.package import keys, open_package
from mcuedit.package.registry import open_registry

RUNS = """
import os, signal, sys
here, nth = os.getcwd(), int(sys.argv[1])
seen = 0
def hook(event, arguments):
    global seen
    if event == "open":
        path, mode, flags = arguments
        if not isinstance(path, str) or not flags & (os.O_WRONLY | os.O_RDWR):
            return
        if path.startswith("/") and not path.startswith(here):
            return
    elif event not in ("os.rename", "os.mkdir", "os.chmod", "os.remove", "os.rmdir", "sqlite3.connect"):
        return
    if any(isinstance(one, str) and "__pycache__" in one for one in arguments):
        return
    seen += 1
    if seen == nth:
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
from mcuedit import cli
sys.exit(cli.invoke(sys.argv[2:]))
"""
MODEL = packages.model()


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MCUEDIT_REGISTRY", str(tmp_path / "registry.sqlite"))
    monkeypatch.setenv("PYTHONPATH", str(Path(cli.__file__).parents[2]))
    Path("tiny.tflite").write_bytes(MODEL.data)
    folder.save(packages.fact(), "fix")
    keys.generate(Path("key.pem"))


def killed(nth: int, *arguments: str) -> bool:
    """Whether it was, before its nth file operation; else it ended well."""
    done = subprocess.run([sys.executable, "-c", RUNS, str(nth), *arguments], capture_output=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


PACK = ("pack", "fix", "--base", "tiny.tflite", "--version", "1.0.0", "--key", "key.pem", "-o", "fix.mcu")


@pytest.mark.skipif(os.name != "posix", reason="no SIGKILL here")
def test_pack_leaves_a_whole_package_or_none_and_a_registry_that_opens():
    nth, counters, old = 1, [0], None
    while killed(nth, *PACK):
        nth += 1
        now = Path("fix.mcu").read_bytes() if Path("fix.mcu").exists() else None
        if now != old:
            assert now is not None
            open_package(now, [keys.load_public(Path("key.pub"))], model=MODEL)
            old = now
        with open_registry() as registry:
            kept = registry.packages()
            for one in kept:
                open_package(one.data, [keys.load_public(Path("key.pub"))], model=MODEL)
            counters.append(max((one.counter for one in kept), default=0))
    assert nth > 5
    assert counters == sorted(counters)
    last = open_package(Path("fix.mcu").read_bytes(), [keys.load_public(Path("key.pub"))], model=MODEL)
    assert last.counter > counters[-1]


@pytest.mark.skipif(os.name != "posix", reason="no SIGKILL here")
def test_export_and_import_are_whole(monkeypatch):
    assert cli.invoke([*PACK]) == 0
    nth = 1
    while killed(nth, "registry", "export", "-o", "r.jsonl"):
        nth += 1
        if Path("r.jsonl").exists():
            assert all(json.loads(line) for line in Path("r.jsonl").read_text().splitlines())
    rows = len(Path("r.jsonl").read_text().splitlines())
    monkeypatch.setenv("MCUEDIT_REGISTRY", str(Path("other.sqlite").resolve()))
    count = 1
    while killed(count, "registry", "import", "r.jsonl"):
        count += 1
        with open_registry() as registry:
            assert len(list(registry.export())) in (0, rows)
    assert min(nth, count) >= 2
