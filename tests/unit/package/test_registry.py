# SPDX-License-Identifier: Apache-2.0
"""The host's record of packages and devices survives whatever happens to the process that writes it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import packages
from helpers.waiting import WAIT

from mcuedit import cli
from mcuedit._util.errors import McueditError
from mcuedit.package.registry import Deployment, Registry, default_path, open_registry
from mcuedit.package.registry.database import connect, transaction

TESTS = Path(__file__).parents[2]
BASE = packages.model().sha256


@pytest.fixture
def registry(tmp_path):
    with open_registry(tmp_path / "registry.sqlite") as opened:
        yield opened


def add(registry: Registry, **options: object) -> str:
    return registry.add_package(packages.package(**options), packages.MANIFEST).digest


def test_where_it_is(monkeypatch, tmp_path):
    monkeypatch.delenv("MCUEDIT_REGISTRY", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_path() == tmp_path / "mcuedit" / "registry.sqlite"
    monkeypatch.delenv("XDG_DATA_HOME")
    assert default_path() == Path.home() / ".local" / "share" / "mcuedit" / "registry.sqlite"
    monkeypatch.setenv("MCUEDIT_REGISTRY", str(tmp_path / "mine"))
    assert default_path() == tmp_path / "mine"


def test_a_package_is_found_by_name_version_and_digest(registry):
    old, new = add(registry, version="1.0.0"), add(registry, version="1.1.0", counter=2)
    other = add(registry, name="other", of=packages.model(1), counter=7)
    assert [p.digest for p in registry.find("fix")] == [new, old]
    assert [p.digest for p in registry.find("fix@1.0.0")] == [old]
    assert [p.digest for p in registry.find(other[:6])] == [other]
    assert registry.find("fix", base_sha256=packages.model(1).sha256) == []
    assert registry.find("fi") == registry.find(other[:5]) == registry.find("fix@2.0.0") == []
    (found,) = registry.find(other)
    assert found.data == packages.package(name="other", of=packages.model(1), counter=7)
    assert (found.name, found.version, found.counter, found.size) == ("other", "1.2.0", 7, len(found.data))
    assert found.manifest == registry.manifest(found.manifest_sha256) == json.loads(packages.MANIFEST)
    assert registry.manifest("0" * 64) is None


def test_adding_twice_is_adding_once(registry):
    assert add(registry) == add(registry)
    assert len(registry.packages()) == 1


def test_a_manifest_that_is_not_the_packages_is_refused(registry):
    for manifest in (b"{}", packages.MANIFEST + b" "):
        with pytest.raises(McueditError, match="the manifest's hash"):
            registry.add_package(packages.package(), manifest)
    assert registry.packages() == []


def test_counters_rise_by_base_and_follow_what_was_packed_by_hand(registry):
    assert [registry.next_counter(BASE) for _ in range(3)] == [1, 2, 3]
    assert registry.next_counter("f" * 64) == 1
    add(registry, counter=40)
    assert registry.next_counter(BASE) == 41
    add(registry, counter=5, version="1.3.0")
    assert registry.next_counter(BASE) == 42
    add(registry, counter=(1 << 32) - 1, version="1.4.0")
    with pytest.raises(McueditError, match="used up"):
        registry.next_counter(BASE)


def test_devices_and_their_history(registry):
    digest = add(registry)
    registry.record(Deployment("a", slot=0, state="staged", digest=digest), address="udp:1:2", base_sha256=BASE)
    registry.record(Deployment("a", slot=1, state="failed", digest=None, result="E_FULL"))
    registry.record(Deployment("a", slot=0, state="trial", digest=digest, counter=1))
    registry.record(Deployment("b", slot=None, state="unreachable", digest=None))
    one, two = registry.devices()
    assert (one.device, one.address, one.base_sha256) == ("a", "udp:1:2", BASE)
    assert {slot: d.state for slot, d in one.slots.items()} == {0: "trial", 1: "failed"}
    assert (two.device, two.slots, two.log_sequence) == ("b", {}, None)
    assert [d.state for d in registry.history("a")] == ["staged", "failed", "trial"]
    assert [d.device for d in registry.history(digest=digest)] == ["a", "a"]
    with pytest.raises(McueditError, match="without a name"):
        registry.record(Deployment("", slot=0, state="staged", digest=None))


def test_how_far_a_log_was_verified(registry):
    assert registry.known_log("a") is None
    registry.remember_log("a", 12, "0011223344556677")
    registry.remember_log("a", 15, "8899aabbccddeeff")
    registry.record(Deployment("a", slot=0, state="trial", digest=None))
    assert registry.known_log("a") == (15, "8899aabbccddeeff")


def test_export_and_import(registry, tmp_path):
    add(registry)
    add(registry, counter=2, version="2.0.0")
    registry.next_counter(BASE)
    registry.record(Deployment("a", slot=0, state="staged", digest=None))
    registry.remember_log("a", 12, "00")
    lines = list(registry.export())
    assert {json.loads(line)["kind"] for line in lines} == {
        *("manifests", "adapters", "packages", "counters", "devices", "deployments")
    }
    with open_registry(tmp_path / "other.sqlite") as other:
        assert other.load(iter(lines)) == len(lines)
        assert other.load(iter(lines)) == 0
        assert list(other.export()) == lines
        assert other.packages() == registry.packages()
        assert other.next_counter(BASE) == 4


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lines: [*lines, "{"],
        lambda lines: [*lines, '{"kind": "sqlite_master"}'],
        lambda lines: [*lines, "[]"],
        lambda lines: [line.replace('"name": "fix"', '"name": "fox"') for line in lines],
        lambda lines: [line.replace('"counter": 1', '"counter": 2') for line in lines],
        lambda lines: [line.replace('"data": "T', '"data": "U') for line in lines],  # MCE of the adapter
        lambda lines: [line for line in lines if '"kind": "manifests"' not in line],
    ],
)
def test_a_spoilt_export_changes_nothing(registry, tmp_path, spoil):
    add(registry)
    lines = list(registry.export())
    with open_registry(tmp_path / "other.sqlite") as other:
        with pytest.raises(McueditError, match=r"line \d+: no row of a registry"):
            other.load(iter(spoil(lines)))
        assert other.packages() == [] == list(other.export())


def test_every_line_that_is_no_row_is_named(registry, tmp_path):
    add(registry)
    lines = [
        line.replace('"counter": 1', '"counter": "1"').replace('"last": 1', '"last": 1.5') for line in registry.export()
    ]
    with open_registry(tmp_path / "other.sqlite") as other:
        with pytest.raises(McueditError) as caught:
            other.load(iter([*lines, "{"]))
        assert list(other.export()) == []
    assert caught.value.message.split("\n") == [
        "line 3: no row of a registry (field 'packages.counter': expected an integer, found '1')",
        "line 4: no row of a registry (field 'counters.last': expected an integer, found 1.5)",
        "line 5: no row of a registry (malformed JSON (EOF while parsing an object at line 1 column 1))",
    ]


def test_what_is_no_registry(tmp_path):
    text = tmp_path / "text"
    text.write_text("no database at all, and longer than the header of one: " + "x" * 100)
    with pytest.raises(McueditError, match="not a database"):
        Registry(text)
    foreign = tmp_path / "foreign"
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE mine (x)")
    with pytest.raises(McueditError, match="no registry"):
        Registry(foreign)
    later = tmp_path / "later"
    Registry(later).close()
    with sqlite3.connect(later) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(McueditError, match="format 99 is unknown"):
        Registry(later)
    with pytest.raises(McueditError, match="registry"):
        Registry(text / "below")


WRITER = """
import sys
from helpers import packages
from mcuedit.package.registry import Deployment, open_registry
path, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
ready = [packages.package(version=f"1.0.{i}", counter=i + 1) for i in range(first, first + count)]
print("ready", flush=True)
sys.stdin.readline()
with open_registry(path) as registry:
    for i, data in enumerate(ready):
        found = registry.add_package(data, packages.MANIFEST)
        registry.record(Deployment(f"device {first}", slot=i, state="staged", digest=found.digest))
        print(found.digest, registry.next_counter("e" * 64), flush=True)
"""


def writer(path: Path, first: int, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), str(first), str(count)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=TESTS, stdin=pipe, stdout=pipe, text=True)


def start(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("go\n")
    process.stdin.flush()


def test_two_processes_at_once(tmp_path):
    """Both make the file, both write to it, and nobody gets a counter that the other has."""
    path, count = tmp_path / "registry.sqlite", 40
    both = [writer(path, first, count) for first in (0, 1000)]
    for process in both:
        start(process)
    told = [line.split() for process in both for line in process.communicate(timeout=WAIT)[0].splitlines()]
    assert [process.returncode for process in both] == [0, 0]
    with open_registry(path) as registry:
        assert {p.digest for p in registry.packages()} == {digest for digest, _ in told}
        assert len(registry.packages()) == len(told) == 2 * count
        assert sorted(int(counter) for _, counter in told) == list(range(1, 2 * count + 1))


def test_who_reads_to_write_has_the_file_for_itself(tmp_path):
    """Else two processes read one counter, and both take the next."""
    path = tmp_path / "registry.sqlite"
    one, two = connect(path), connect(path)
    two.execute("PRAGMA busy_timeout = 0")
    with transaction(one, path):
        with pytest.raises(McueditError, match="locked") as caught, transaction(two, path):
            pass
        assert "another mcuedit is writing" in caught.value.hint
    with transaction(two, path):
        pass
    one.close()
    two.close()


@pytest.mark.parametrize("acknowledged", [1, 7])
def test_a_killed_process_loses_nothing_that_it_was_told_is_done(tmp_path, acknowledged):
    path = tmp_path / "registry.sqlite"
    process = writer(path, 0, 200)
    start(process)
    assert process.stdout is not None
    told = [process.stdout.readline().split() for _ in range(acknowledged)]
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read()  # communicate() would pass over lines that came with those read above
    process.communicate()
    told += [line.split() for line in rest.splitlines() if line.count(" ") == 1]
    assert process.returncode == -signal.SIGKILL
    with open_registry(path) as registry:
        kept = {p.digest for p in registry.packages()}
        assert {digest for digest, _ in told} <= kept
        assert len(told) <= len(kept) <= len(told) + 1
        assert registry.next_counter("e" * 64) in (len(told) + 1, len(told) + 2)
        assert len(registry.history()) in (len(kept) - 1, len(kept))
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


# What a file of others may hold.


@pytest.mark.skipif(os.name != "posix", reason="no modes of files here")
def test_a_registry_is_for_its_owner_alone(tmp_path, monkeypatch):
    old = os.umask(0)
    try:
        with open_registry(tmp_path / "mine" / "registry.sqlite") as registry:
            add(registry)
            modes = [file.stat().st_mode & 0o777 for file in (tmp_path / "mine").iterdir()]
        assert modes == [0o600] * 3  # SQLite's two beside it
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
        monkeypatch.delenv("MCUEDIT_REGISTRY", raising=False)
        with open_registry() as registry:
            registry.path.chmod(0o666)
        with open_registry() as registry:
            assert registry.path.stat().st_mode & 0o777 == 0o600
        with open_registry(tmp_path / "shared.sqlite") as registry:
            registry.path.chmod(0o660)
        with open_registry(tmp_path / "shared.sqlite") as registry:
            assert registry.path.stat().st_mode & 0o777 == 0o660  # a file that was named is its owner's business
        monkeypatch.setenv("MCUEDIT_REGISTRY", str(tmp_path / "shared.sqlite"))
        assert cli.invoke(["registry", "export", "-o", str(tmp_path / "export.jsonl")]) == 0
        assert (tmp_path / "export.jsonl").stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(old)


SCHEMAS = {
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON deployments BEGIN DELETE FROM packages; END",
    "a view": "CREATE VIEW v AS SELECT load_extension('x')",
    "another table": "CREATE TABLE sqlite (a)",
    "a table less": "DROP TABLE counters",
    "a view in place of a table": "DROP TABLE counters; CREATE VIEW counters AS SELECT 'x' AS base_sha256, 1 AS last",
}


@pytest.mark.parametrize("what", SCHEMAS)
def test_a_database_with_other_tables_is_no_registry(what, tmp_path):
    path = tmp_path / "registry.sqlite"
    with open_registry(path) as registry:
        add(registry)
    with sqlite3.connect(path) as db:
        db.executescript(SCHEMAS[what])
    db.close()
    with pytest.raises(McueditError, match="its tables are not those of a registry"), open_registry(path):
        pass


ROWS = {
    "a number for a name": "UPDATE packages SET name = 7.5",
    "text for bytes": "UPDATE packages SET data = 'text'",
    "bytes for text": "UPDATE packages SET version = x'1b5b33316d'",
    "text for a number": "UPDATE packages SET counter = 'many'",
    "no manifest": "PRAGMA ignore_check_constraints = 1; UPDATE manifests SET json = ''",
    "a manifest of text": "UPDATE manifests SET json = '{}'",
    "a manifest that is a list": "UPDATE manifests SET json = CAST('[]' AS BLOB)",
    "a manifest without end": "UPDATE manifests SET json = CAST(replace(hex(zeroblob(50000)), '00', '[') AS BLOB)",
    "a manifest with NaN": "UPDATE manifests SET json = CAST('{\"adapters\": NaN}' AS BLOB)",
    "adapters that are no list": "UPDATE manifests SET json = CAST('{\"adapters\": 3}' AS BLOB)",
    "an adapter without a name": "UPDATE manifests SET json = CAST('{\"adapters\": [{}]}' AS BLOB)",
    "edits without prompts": (
        'UPDATE manifests SET json = CAST(\'{"adapters":[{"name":"a","edits":[{"prompts":[]}]}]}\' AS BLOB)'
    ),
    "bytes for a device": "UPDATE devices SET address = x'ff'",
    "text for a slot": "UPDATE deployments SET slot = 'x'",
    "a package of another kind": "UPDATE packages SET data = x'00'",
    "half a page": "PRAGMA writable_schema = 1; UPDATE sqlite_master SET sql = 'x' WHERE name = 'counters'",
}


@pytest.mark.parametrize("what", ROWS)
@pytest.mark.parametrize("verb", ["list", "list --json", "show fix", "show fix --json", "export"])
def test_rows_that_are_none_are_two_lines(what, verb, tmp_path, monkeypatch, capsys):
    path = tmp_path / "registry.sqlite"
    monkeypatch.setenv("MCUEDIT_REGISTRY", str(path))
    with open_registry() as registry:
        add(registry)
        registry.record(Deployment("pump", 1, "trial", None), address="udp:h:1")
    db = sqlite3.connect(path)
    db.executescript(ROWS[what])
    db.close()
    code = cli.invoke(["registry", *verb.split()])
    told = capsys.readouterr()
    assert code in (0, 2)
    assert code == 2 or "show" not in verb or what in ("bytes for a device", "text for a slot")
    assert len(told.err.splitlines()) == (2 if code else 0), told.err
    assert [c for c in told.out + told.err if not c.isprintable() and c != "\n"] == []


LINES = {
    "a counter beyond SQLite": {"kind": "counters", "base_sha256": "a", "last": 1 << 70},
    "a counter beyond a device": {"kind": "counters", "base_sha256": "a", "last": 1 << 32},
    "a slot below 0": {"kind": "deployments", "device": "d", "slot": -1, "state": "s", "digest": None, "counter": None}
    | {"result": "", "at": ""},
    "a manifest without end": {"kind": "manifests"} | packages.hashed(b"[" * 100_000),
    "a manifest of another form": {"kind": "manifests"} | packages.hashed(b'{"adapters": [3]}'),
}


@pytest.mark.parametrize("what", LINES)
def test_lines_that_are_none_are_named(what, registry):
    with pytest.raises(McueditError, match="line 1: no row of a registry"):
        registry.load(iter([json.dumps(LINES[what])]))
    assert list(registry.export()) == []


def test_lines_nested_without_end_are_named(registry):
    with pytest.raises(McueditError, match="line 1: no row of a registry"):
        registry.load(iter(['{"kind":' + "[" * 200_000]))
