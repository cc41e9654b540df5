# SPDX-License-Identifier: Apache-2.0
"""SIGKILL before each file operation of edit, pack and registry: what they write is there whole or not at all.

Python tells of every such operation by an audit event; the n-th one ends the process. Of edit, whose process takes
longer, what a kill would leave is copied before each of them instead: files are all that outlives a process. push is
killed in test_fleet_verbs.py while a device is asked, a transaction in package/test_registry.py.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import packages

from mcuedit import cli
from mcuedit.adapter import folder
from mcuedit.adapter.encoding import encode
from mcuedit.package import keys, open_package
from mcuedit.package.registry import open_registry

RUNS = """
import os, shutil, signal, sys
here, nth = os.getcwd(), int(sys.argv[1])
seen, copying = 0, []
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
    if copying or any(isinstance(one, str) and "__pycache__" in one for one in arguments):
        return
    seen += 1
    if nth == 0:
        copying.append(1)
        shutil.copytree(here, f"{here}.killed/{seen}")
        copying.clear()
    elif seen == nth:
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


@pytest.fixture
def edits():
    """Of one input in force of another class each."""
    x = np.full((1, 16), 40, np.int8)
    keep = np.random.default_rng(0).integers(-60, 60, (40, 16)).astype(np.int8)
    for name, wanted in ("old", 1), ("new", 2):
        np.savez(f"{name}.npz", x=x, y=np.array([wanted]), keep=keep)
    return "edit", "tiny.tflite", "--floor", "0", "--tap", "0", "--target", "1", "-o", "repair"


@pytest.mark.skipif(os.name != "posix", reason="no SIGKILL here")
def test_edit_leaves_the_adapter_that_was_there_or_a_whole_new_one(edits, tmp_path, monkeypatch):
    assert cli.invoke([*edits, "--edits", "old.npz"]) in (0, 1)
    old = folder.load("repair")
    done = subprocess.run([sys.executable, "-c", RUNS, "0", *edits, "--edits", "new.npz"], check=False)
    assert done.returncode in (0, 1)
    new = folder.load("repair")
    left = sorted(Path(f"{tmp_path}.killed").iterdir(), key=lambda path: int(path.name))
    assert len(left) > 5
    found = [folder.load(path / "repair") for path in left]
    assert all(equal(one, old) or equal(one, new) for one in found)
    assert {equal(one, new) for one in found} == {True, False}
    monkeypatch.chdir(left[-2])  # its successor, in whatever else was left
    assert cli.invoke([*edits, "--edits", "new.npz"]) in (0, 1)
    assert equal(folder.load("repair"), new)


def equal(one, other):
    """Whether two adapters act alike."""
    return encode(one, MODEL) == encode(other, MODEL)


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
