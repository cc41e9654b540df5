# SPDX-License-Identifier: Apache-2.0
"""Folders, files, registries and names of strangers: whatever they hold, a verb ends in two lines or shows it harmless.

Each case is made in an empty folder and given to a verb, with and without a terminal: no exception passes `invoke`, no
character that a terminal obeys is written, and nothing that is refused leaves a file.
"""

from __future__ import annotations

import io
import json
import os
import re
import sqlite3
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import packages, tiny
from helpers.standin import Served, Standin
from safetensors.numpy import load_file, save_file

from mcuedit import cli
from mcuedit.adapter import folder
from mcuedit.package import keys

EVIL = "a\x1b]0;pwn\x07\x9b2J\u202e[bold]b[/]"
DEEP = "[" * 200_000
BARS = ("fleet",)  # what is drawn while a verb works
OBEYED = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028]")
RICH = re.compile(r"\x1b\[\??[0-9;]*[A-Za-z]|\r")  # colours, and how a bar is drawn anew; none of them is in EVIL
EDIT = {"subject": "s", "prompts": ["what is s"], "target_new": "t", "relation": "r"}
STATUS = ["status", "--to", "udp:127.0.0.1:9", "--tries", "1"]
CASES: dict[str, Callable[[Path], list[str]]] = {}


def adapter(place: Path) -> Path:
    folder.save(packages.fact(), place / "fix")
    return place / "fix"


def base(place: Path, *, labels: str = "", preprocess: str = "") -> Path:
    made = place / "base"
    made.mkdir()
    (made / "model.tflite").write_bytes(tiny.classifier())
    if labels:
        (made / "labels.txt").write_text(labels, "utf-8")
    if preprocess:
        (made / "preprocess.json").write_text(preprocess, "utf-8")
    return made


def config(place: Path, **changed: object) -> list[str]:
    file = adapter(place) / folder.CONFIG
    values = json.loads(file.read_text("utf-8"))
    values["mcuedit"] |= changed
    file.write_text(json.dumps(values), "utf-8")
    return ["inspect", "fix"]


def tensors(place: Path, **changed: np.ndarray) -> list[str]:
    file = adapter(place) / folder.TENSORS
    save_file(load_file(file) | {f"delta.0.{name}": value for name, value in changed.items()}, file)
    return ["inspect", "fix"]


def raw(place: Path, name: str, data: bytes | str) -> list[str]:
    (adapter(place) / name).write_bytes(data.encode() if isinstance(data, str) else data)
    return ["inspect", "fix"]


# Adapter folders.

CASES |= {
    "a config nested without end": lambda p: raw(p, folder.CONFIG, DEEP),
    "a config nested in ours": lambda p: raw(p, folder.CONFIG, '{"mcuedit": ' + DEEP),
    "a config that is a list": lambda p: raw(p, folder.CONFIG, "[]"),
    "a config that is no text": lambda p: raw(p, folder.CONFIG, b"\xff\xfe\xff"),
    "a config with an evil name": lambda p: config(p, name=EVIL),
    "a config with an evil version": lambda p: config(p, version=EVIL),
    "a config with an evil label": lambda p: config(p, labels={"5": EVIL}),
    "a config with an evil key": lambda p: config(p, **{EVIL: EVIL}, deltas=[{EVIL: 1}]),
    "a config with an evil format": lambda p: config(p, format=EVIL),
    "a config with edits of no list": lambda p: config(p, info={"edits": 7}),
    "a config for a base that is a path": lambda p: config(p, base_sha256="../" * 20),
    "a config of PEFT with an evil model": lambda p: raw(
        p, folder.CONFIG, json.dumps({"peft_type": EVIL, "base_model_name_or_path": EVIL})
    ),
    "tensors that are none": lambda p: raw(p, folder.TENSORS, b"\0" * 100),
    "tensors whose header has no end": lambda p: raw(p, folder.TENSORS, b"\xff" * 8 + b"{"),
    "tensors without a byte": lambda p: raw(p, folder.TENSORS, b""),
    "a c of NaN": lambda p: tensors(p, c=np.array([np.nan], np.float32)),
    "a c of the least int64": lambda p: tensors(p, c=np.array([np.iinfo(np.int64).min])),
    "an m beyond 32 bits": lambda p: tensors(p, m=np.array([1 << 40])),
    "rows of floats": lambda p: tensors(p, rows=np.array([0.0, np.inf])),
    "an A of nothing": lambda p: tensors(p, **{"lora_A.weight": np.zeros((0, 0), np.int8)}),
}


def file(place: Path, name: str, data: bytes | str) -> str:
    (place / name).write_bytes(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)
    return name


def endless(place: Path, name: str) -> str:
    (place / name).symlink_to("/dev/zero")
    return name


def pipe(place: Path, name: str) -> str:
    """That nobody writes to: whoever opens it as any other file waits for ever."""
    (place / name).unlink(missing_ok=True)
    os.mkfifo(place / name)
    return name


def circle(place: Path) -> str:
    (place / "circle").symlink_to("circle")
    return "circle"


def bomb(place: Path) -> str:
    """Forty gigabytes of zeros in some kilobytes, as its directory says."""
    with zipfile.ZipFile(place / "e.npz", "w", zipfile.ZIP_DEFLATED) as made:
        for number in range(3):
            made.writestr(f"x{number}.npy", b"\0" * 1000)
    data = bytearray((place / "e.npz").read_bytes())
    at = data.find(b"PK\1\2")
    while at >= 0:
        data[at + 24 : at + 28] = (0xFFFFFFF0).to_bytes(4, "little")
        at = data.find(b"PK\1\2", at + 4)
    (place / "e.npz").write_bytes(data)
    return "e.npz"


def edit(place: Path, name: str, keep: str = "") -> list[str]:
    base(place)
    keep = keep or file(place, "keep.txt", "what is a\nwhat is b\n")
    return ["edit", "base", "--edits", name, "--keep", keep, "-o", "out"]


def line(**changed: object) -> str:
    return json.dumps(EDIT | changed) + "\n"


CASES |= {
    # Edit sets and keep sets.
    "an edit nested without end": lambda p: edit(p, file(p, "e.jsonl", '{"prompts": ' + DEEP)),
    "an array nested without end": lambda p: edit(p, file(p, "e.json", DEEP)),
    "an edit with an evil label": lambda p: edit(p, file(p, "e.jsonl", line(target_new=EVIL))),
    "an edit with an evil field": lambda p: edit(p, file(p, "e.jsonl", line(**{EVIL: 1}))),
    "edits of a million lines": lambda p: edit(p, file(p, "e.jsonl", "{}\n" * 1_000_001)),
    "edits in a line without end": lambda p: edit(p, file(p, "e.jsonl", '{"a": "' + "x" * (1 << 21))),
    "edits of a device without end": lambda p: edit(p, endless(p, "e.jsonl")),
    "keep prompts that are evil": lambda p: edit(p, file(p, "e.jsonl", line()), file(p, "k.jsonl", f'["{EVIL}"')),
    "arrays that unpack without end": lambda p: edit(p, bomb(p)),
    "arrays that are pickles": lambda p: edit(p, file(p, "e.npz", b"\x80\x04cos\nsystem\n")),
    "edits in a file with an evil name": lambda p: edit(p, f"{EVIL.replace('/', '')}.jsonl"),
    # Bases.
    "a model cut short": lambda p: ["inspect", file(p, "m.tflite", tiny.classifier()[:200])],
    "a model without end": lambda p: ["inspect", endless(p, "m.tflite")],
    "a front end nested without end": lambda p: ["inspect", str(base(p, preprocess='{"kind":' + DEEP))],
    "a front end of an evil kind": lambda p: [
        "inspect",
        str(base(p, preprocess=json.dumps({"kind": EVIL, "version": 1, "features": 16}))),
    ],
    "labels that are evil, twice": lambda p: ["inspect", str(base(p, labels=f"a\nb\nc\nd\n{EVIL}\n{EVIL}\n"))],
    # Fleets and results.
    "a fleet nested without end": lambda p: fleet(p, "a = " + DEEP),
    "a fleet with an evil name": lambda p: fleet(p, f'[[device]]\nname = {json.dumps(EVIL)}\naddress = "udp:a:1"\n'),
    "a fleet with an evil address": lambda p: fleet(p, f'[[device]]\nname = "a"\naddress = {json.dumps(EVIL)}\n'),
    "a fleet with an evil key": lambda p: fleet(p, f"{json.dumps(EVIL)} = 1\n"),
    "a fleet without end": lambda p: fleet(p, None),
    "results of others": lambda p: results(p, json.dumps({EVIL: EVIL}) + "\n"),
    "results nested without end": lambda p: results(p, DEEP + "\n"),
    # Packages and keys.
    "a package cut short": lambda p: ["inspect", file(p, "fix.mcu", packages.package()[:100])],
    "a package without end": lambda p: ["verify", endless(p, "fix.mcu"), "--key", file(p, "k.pub", b"")],
    "a package with an evil name": lambda p: pack(p, "--name", EVIL),
    "a package with a long name": lambda p: pack(p, "--name", "a" * 25),
    "a package with an evil version": lambda p: pack(p, "--version", EVIL),
    "a key that is none": lambda p: pack(p, "--key", file(p, "evil.pem", b"-----BEGIN PRIVATE KEY-----\n\xff\n")),
    "a key without end": lambda p: pack(p, "--key", endless(p, "evil.pem")),
    "a signer that is evil": lambda p: pack(p, "--key", "key.pub", "--signer", f"{sys.executable} -c 'import {EVIL}'"),
    # Registries.
    "a registry that is a text": lambda p: registry(p, b"text " * 1000),
    "a registry of others": lambda p: registry(p, "CREATE TABLE a (b)"),
    "a registry that is a folder": lambda p: registry(p, None),
    "a registry with an evil trigger": lambda p: trigger(p),
    "an import nested without end": lambda p: ["registry", "import", file(p, "r.jsonl", '{"kind":' + DEEP)],
    "an import of an evil kind": lambda p: ["registry", "import", file(p, "r.jsonl", json.dumps({"kind": EVIL}))],
    "an import of a number without end": lambda p: [
        "registry",
        "import",
        file(p, "r.jsonl", '{"kind": "counters", "base_sha256": "a", "last": ' + "9" * 4000 + "}"),
    ],
    "a package asked for by an evil name": lambda p: ["registry", "show", EVIL],
    # Pipes that nobody writes to.
    "edits in a pipe": lambda p: edit(p, pipe(p, "e.jsonl")),
    "arrays in a pipe": lambda p: edit(p, pipe(p, "e.npz")),
    "a config in a pipe": lambda p: ["inspect", pipe(adapter(p), folder.CONFIG) and "fix"],
    "tensors in a pipe": lambda p: ["inspect", pipe(adapter(p), folder.TENSORS) and "fix"],
    "a model in a pipe": lambda p: ["inspect", pipe(p, "m.tflite")],
    "a package in a pipe": lambda p: ["push", pipe(p, "fix.mcu"), "--to", "udp:127.0.0.1:9"],
    "a key in a pipe": lambda p: pack(p, "--key", pipe(p, "evil.pem")),
    "a fleet in a pipe": lambda p: ["push", file(p, "fix.mcu", packages.package()), "--fleet", pipe(p, "f.toml")],
    "a registry in a pipe": lambda p: ["registry", pipe(p, "registry.sqlite") and "list"],
    "firmware in a pipe": lambda p: ["flash", pipe(p, "a.elf"), "--board", "nrf52840dk", "--dry-run"],
    # Numbers and keys without end, and what is no number.
    "a fleet with a number without end": lambda p: fleet(p, "x = " + "9" * 5000),
    "a fleet with a key of many parts": lambda p: fleet(p, "a." * 20_000 + "b = 1"),
    "keys of devices of many parts": lambda p: [
        *STATUS,
        "--device-keys",
        file(p, "k.toml", '"a" . ' * 20_000 + "b = 1"),
    ],
    "a keys file with a number without end": lambda p: [
        *STATUS,
        "--device-keys",
        file(p, "k.toml", f"a = {'9' * 5000}"),
    ],
    "a host with a name without end": lambda p: ["status", "--to", f"udp:{'a' * 300}:1"],
    "a host that no resolver knows": lambda p: ["status", "--to", "udp:xn--\u00df..:1"],
    "a timeout that is no number": lambda p: [*STATUS, "--timeout", "nan"],
    "a timeout without end": lambda p: [*STATUS, "--timeout", "inf"],
    "a hold that is no number": lambda p: [*fleet(p, ""), "--hold", "nan"],
    "a share without end": lambda p: [*fleet(p, ""), "--worst", "9" * 5000],
    "a floor that is no number": lambda p: [*edit(p, file(p, "e.jsonl", line())), "--floor", "nan"],
    "noise without end": lambda p: [*edit(p, file(p, "e.jsonl", line())), "--dp", f"{'9' * 5000},1,1"],
    "inputs without end": lambda p: ["run", str(base(p)), "--emulator", "host", "--random", "9" * 30],
    "a seed below all": lambda p: ["run", str(base(p)), "--emulator", "host", "--random", "1", "--seed", "-1"],
    # Names on the command line.
    "a verb with an evil name": lambda p: [EVIL],
    "an option with an evil name": lambda p: ["inspect", f"--{EVIL}", "x"],
    "a choice that is evil": lambda p: ["run", "x", "--emulator", EVIL],
    "a device at an evil address": lambda p: ["status", "--to", EVIL],
    "a board with an evil name": lambda p: ["run", str(base(p)), "--board", EVIL],
    "an adapter with an evil name": lambda p: [*edit(p, file(p, "e.jsonl", line())), "--name", EVIL],
    "a name that is no text": lambda p: ["registry", "show", "x\udcff"],
    "a path far too long": lambda p: ["inspect", "a" * 5000],
    "an output far too long": lambda p: [*edit(p, file(p, "e.jsonl", line()))[:-1], "a" * 5000],
    "an output whose links lead in a circle": lambda p: [*edit(p, file(p, "e.jsonl", line()))[:-1], circle(p)],
    "a key without a name": lambda p: ["keygen", "-o", "."],
    "a file as a folder": lambda p: ["inspect", file(p, "f", b"") + "/x"],
    "an output that is evil": lambda p: ["emit", str(base(p)), "--base", str(p / EVIL), "-o", str(p / EVIL / "x")],
}


def fleet(place: Path, text: str | None) -> list[str]:
    name = endless(place, "f.toml") if text is None else file(place, "f.toml", text)
    return ["push", file(place, "fix.mcu", packages.package()), "--fleet", name]


def results(place: Path, text: str) -> list[str]:
    file(place, "r.jsonl", text)
    return [*fleet(place, '[[device]]\nname = "a"\naddress = "udp:127.0.0.1:9"\n'), "--results", "r.jsonl", "--resume"]


def pack(place: Path, *more: str) -> list[str]:
    adapter(place)
    file(place, "tiny.tflite", packages.model().data)
    keys.generate(place / "key.pem")
    given = ["pack", "fix", "--base", "tiny.tflite", "--version", "1.0.0", "--key", "key.pem", "-o", "out"]
    return [*given, *more]


def registry(place: Path, content: bytes | str | None) -> list[str]:
    path = place / "registry.sqlite"
    if content is None:
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        db = sqlite3.connect(path)
        db.executescript(content)
        db.close()
    return ["registry", "list"]


def trigger(place: Path) -> list[str]:
    assert cli.invoke(["registry", "list"]) == 0
    return registry(place, "CREATE TRIGGER t AFTER INSERT ON devices BEGIN DELETE FROM packages; END")


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MCUEDIT_REGISTRY", str(tmp_path / "registry.sqlite"))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.mark.parametrize("tty", [False, True], ids=["piped", "terminal"])
@pytest.mark.parametrize("what", CASES)
def test_what_strangers_give_is_refused_in_two_lines(what, tty, tmp_path, monkeypatch):
    arguments = CASES[what](tmp_path)
    out, err = (Tty(), Tty()) if tty else (io.StringIO(), io.StringIO())
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    code = cli.invoke(arguments)
    told, said = out.getvalue() + err.getvalue(), err.getvalue()
    if tty:
        told, said = RICH.sub("", told), RICH.sub("", said)
    assert code == cli.BAD_INPUT, told
    assert OBEYED.findall(told) == []
    plain = [text for text in said.splitlines() if text.strip() and not text.endswith(" ...")]
    assert "\n".join(plain).count("error: ") == 1
    assert {text.partition(" ")[0] for text in plain} <= {"error:", "hint:", "note:", "", *BARS}, plain
    assert "Traceback" not in told
    assert not (tmp_path / "out").exists()


def test_there_are_many_of_them():
    assert len(CASES) >= 60


def test_a_device_with_an_evil_name_is_told_harmless(capsys, tmp_path):
    with Served(Standin(name=EVIL)) as (address,):
        for verb in "status", "log", "confirm":
            code = cli.invoke([verb, "--to", address, "--timeout", "1", "--tries", "2"])
            told = capsys.readouterr()
            assert code in (0, 2)
            assert OBEYED.findall(told.out + told.err) == []


def test_names_that_a_registry_keeps_are_shown_harmless(capsys, tmp_path):
    line = {"kind": "devices", "device": EVIL, "address": EVIL, "base_sha256": EVIL, "seen": EVIL}
    row = {"kind": "deployments", "device": EVIL, "slot": 1, "state": EVIL, "digest": None, "counter": None}
    lines = [line | {"log_sequence": None, "log_chain": None}, row | {"result": EVIL, "at": EVIL}]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    assert cli.invoke(["registry", "import", "r.jsonl"]) == 0
    for verb in ["list"], ["list", "--json"], ["export"], ["export", "--json"]:
        assert cli.invoke(["registry", *verb]) == 0
        out = capsys.readouterr().out
        assert OBEYED.findall(out) == []
        assert "pwn" in out
    assert cli.invoke(["registry", "export"]) == 0
    assert [json.loads(text) for text in capsys.readouterr().out.splitlines()] == lines


def test_labels_of_a_base_are_shown_harmless(capsys, tmp_path):
    labels = "".join(f"{EVIL} {i}\n" for i in range(6))
    made = base(tmp_path, labels=labels, preprocess=json.dumps({"kind": "text-hash", "version": 1, "features": 16}))
    for more in [], ["--json"]:
        assert cli.invoke(["run", str(made), "--emulator", "host", "--ask", f"what is {EVIL}?", *more]) == 0
        told = capsys.readouterr()
        assert OBEYED.findall(told.out + told.err) == []
        assert "pwn" in told.out


def test_a_folder_whose_list_of_files_is_evil_stays(capsys, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / ".mcuedit").write_bytes(b"\xff\xfe\x1b[31m\n../../x\n")
    (out / "x").write_text("")
    made = base(tmp_path)
    assert cli.invoke(["emit", "--base", str(made), "-o", str(out)]) == cli.BAD_INPUT
    assert "was not written by mcuedit" in capsys.readouterr().err
