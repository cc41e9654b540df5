# SPDX-License-Identifier: Apache-2.0
"""From adapters to a package: joined, numbered, self-tested, signed and kept in the registry."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import deltas, packages

from mcuedit import cli
from mcuedit._util import atomic
from mcuedit._util.errors import McueditError
from mcuedit.adapter import folder, weight_patch
from mcuedit.adapter.delta import Adapter
from mcuedit.adapter.encoding import decode, encode
from mcuedit.edits import Edit, load_tensors
from mcuedit.model import bundle
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Tflm
from mcuedit.model.tflite import Model
from mcuedit.package import choice, keys, open_package, parse
from mcuedit.package.registry import Deployment, open_registry
from mcuedit.package.self_test import CHANGED, UNCHANGED, SelfTest, sparse

MODEL = packages.model()


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Each test has a registry, a key and a base of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MCUEDIT_REGISTRY", str(tmp_path / "registry.sqlite"))
    keys.generate(tmp_path / "key.pem")
    (tmp_path / "tiny.tflite").write_bytes(MODEL.data)
    return tmp_path


def save(adapter: Adapter, edits: tuple[Edit, ...] = ()) -> str:
    lines = "".join(json.dumps(edit.to_dict()) + "\n" for edit in edits)
    folder.save(replace(adapter, files={folder.EDITS: lines} if edits else {}), adapter.name)
    return adapter.name


def pack(*arguments: str, code: int = 0, of: str = "tiny.tflite", version: str = "1.2.0") -> bytes:
    command = ["pack", *arguments, "--base", of, "--version", version, "--key", "key.pem", "-o", "fix.mcu"]
    assert cli.invoke(command) == code
    return Path("fix.mcu").read_bytes() if code == 0 else b""


def opened(data: bytes):
    return open_package(data, [keys.load_public(Path("key.pub"))], model=MODEL, minimum_counter=0)


def test_one_adapter(capfd):
    data = pack(save(packages.fact()), "--json")
    told = json.loads(capfd.readouterr().out)
    found = opened(data)
    assert (found.name, found.version, found.counter) == ("fix", "1.2.0", 1)
    assert found.adapter == encode(packages.fact(), MODEL)
    assert told["digest"] == found.digest
    parts = ("container", "header", "factor", "label", "self_test")
    assert told["bytes"] == len(data) == sum(told[f"{part}_bytes"] for part in parts)
    assert told["signer"] == keys.load_public(Path("key.pub")).sha256


def test_one_fact_of_the_real_base_fits_400_bytes(facts, capfd):
    """4-bit A on a tap of 128 elements, two rows of logits: what `mcuedit edit facts/ --bits 4` trains for one fact."""
    of = bundle.load(facts)
    delta = deltas.delta(of.model, 3, 4, bits=4)
    assert (delta.a.shape, delta.b.shape) == ((1, 128), (2, 1))
    named = deltas.adapter(of.model, delta, name="gitega", labels={of.model.output.size - 1: "gitega"})
    plain = replace(named, name="a-name-of-17-char", labels={})
    for adapter, size in (named, 398), (plain, 397):
        assert len(pack(save(adapter), of=str(facts))) == size
    table = capfd.readouterr().out
    for line in ("container 266", "header 40", "factor 80", "label 12", "self-test 0", "total 398"):
        assert line in " ".join(table.split()), table


def test_the_same_things_give_the_same_bytes():
    adapter = save(packages.fact())
    assert pack(adapter, "--counter", "3") == pack(adapter, "--counter", "3")


def test_counters_come_from_the_registry(capfd):
    adapter = save(packages.fact())
    assert [parse(pack(adapter, version=f"1.0.{i}")).counter for i in range(3)] == [1, 2, 3]
    assert parse(pack(adapter, "--counter", "9")).counter == 9
    assert parse(pack(adapter, version="2.0.0")).counter == 10
    assert "note" not in capfd.readouterr().err
    assert parse(pack(adapter, "--counter", "4", version="2.0.1")).counter == 4
    assert "security counter 10 was packed for this base before" in capfd.readouterr().err


def test_the_manifest_stays_here_and_its_hash_travels():
    edit = Edit("burundi", ("what is the capital of burundi",), "gitega", relation="capital")
    adapter = replace(packages.fact(), info={"metrics": {"efficacy": 1.0}, "options": {"seed": 0}})
    found = parse(pack(save(adapter, (edit,)), "--manifest", "m.json"))
    raw = Path("m.json").read_bytes()
    assert found.manifest_sha256 == hashlib.sha256(raw).hexdigest()
    values = json.loads(raw)
    assert raw == json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert (values["name"], values["version"], values["counter"]) == ("fix", "1.2.0", 1)
    assert values["base_sha256"] == MODEL.sha256
    (told,) = values["adapters"]
    assert told["edits"][0]["target_new"] == "gitega"
    assert told["edits"][0]["sha256"] == edit.sha256
    assert told["metrics"] == {"efficacy": 1.0}
    assert told["sha256"] == hashlib.sha256(found.adapter).hexdigest()
    with open_registry() as registry:
        assert registry.manifest(found.manifest_sha256) == values
        assert [p.digest for p in registry.find("fix@1.2.0")] == [found.digest]


def test_several_adapters_become_one():
    """Their sum: what each adds is added, whatever their order."""
    one, two = packages.fact(seed=1, name="one", labels={4: "x"}), packages.fact(seed=2, name="two", labels={5: "y"})
    found = opened(pack(save(one), save(two)))
    assert found.name == "one-two"
    joined = decode(found.adapter, MODEL)
    assert joined.labels == {4: "x", 5: "y"}
    x = np.random.default_rng(0).integers(-128, 128, (200, 16)).astype(np.int8)
    assert (packages.answer(MODEL, [joined], x) == packages.answer(MODEL, [two, one], x)).all()
    assert (packages.answer(MODEL, [joined], x) != packages.answer(MODEL, [one], x)).any()
    Path("two.bin").write_bytes(encode(two, MODEL))
    mixed = opened(pack("one", "two.bin", "--name", "both"))
    assert (mixed.name, mixed.adapter) == ("both", found.adapter)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (packages.fact(seed=2, name="two", labels={4: "y"}), "class 4 is named 'x' by one adapter and 'y' by two"),
        (packages.fact(seed=1, name="two", labels={4: "x"}), "adapters one and two are one and the same"),
        (packages.fact(packages.model(1), name="two"), "for another base"),
    ],
)
def test_adapters_that_do_not_go_together(second, message, capfd):
    first = packages.fact(seed=1, name="one", labels={4: "x"})
    pack(save(first), save(second), code=2)
    assert message in capfd.readouterr().err
    assert not Path("fix.mcu").exists()


def test_edits_that_contradict_each_other(capfd):
    edits = [Edit("burundi", ("capital of burundi",), answer) for answer in ("gitega", "bujumbura")]
    names = [save(packages.fact(seed=i, name=f"a{i}"), (edits[i],)) for i in range(2)]
    pack(*names, code=2)
    assert "wants 'gitega'" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--name", "Fix"), "name 'Fix' does not fit a package"),
        (("--name", "x" * 25), "does not fit a package"),
        (("--name", ""), "does not fit a package"),
        (("--counter", "0"), "security counter 0 is not in 1..4294967295"),
        (("--counter", str(1 << 32)), "is not in 1..4294967295"),
        (("--self-test", "nonsense"), "--self-test 'nonsense' is none"),
        (("--self-test", "auto"), "does not remember its edits"),
        (("--self-test", "a=b"), "takes tensors, not text"),
    ],
)
def test_bad_input(arguments, message, capfd):
    pack(save(packages.fact()), *arguments, code=2)
    assert message in capfd.readouterr().err
    assert not Path("fix.mcu").exists()
    with open_registry() as registry:
        assert registry.packages() == []


@pytest.mark.parametrize(
    "version", ["", "1.", "v1", "1.2.3.4", "01.2.3", "256.0.0", "1.256.0", "1.2.65536", "1.2.3+4294967296"]
)
def test_bad_versions(version, capfd):
    pack(save(packages.fact()), version=version, code=2)
    assert f"version {version!r}" in capfd.readouterr().err


def test_a_key_that_others_may_read_signs_nothing(capfd):
    Path("key.pem").chmod(0o644)
    pack(save(packages.fact()), code=2)
    assert "others may read this private key" in capfd.readouterr().err


def test_device_bytes_need_their_base(capfd):
    Path("fact.bin").write_bytes(encode(packages.fact(), MODEL))
    command = ["pack", "fact.bin", "--version", "1.0.0", "--key", "key.pem", "-o", "fix.mcu"]
    assert cli.invoke(command) == 2
    assert "add --base BASE" in capfd.readouterr().err


def test_an_interrupted_write_leaves_the_old_package(monkeypatch):
    adapter = save(packages.fact())
    before = pack(adapter)
    monkeypatch.setattr(atomic, "_fill", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    pack(adapter, version="2.0.0", code=2)
    assert Path("fix.mcu").read_bytes() == before
    monkeypatch.undo()


def test_what_was_packed_can_be_written_again(tmp_path, monkeypatch):
    data = pack(save(packages.fact()))
    Path("fix.mcu").unlink()
    assert cli.invoke(["registry", "show", "fix", "-o", "again.mcu", "--manifest", "m.json"]) == 0
    assert Path("again.mcu").read_bytes() == data
    assert hashlib.sha256(Path("m.json").read_bytes()).hexdigest() == parse(data).manifest_sha256


def test_self_tests_of_tensors():
    adapter = packages.fact()
    rng = np.random.default_rng(3)
    x = rng.integers(-128, 128, (300, 16)).astype(np.int8)
    x[150:, 3:] = 0  # shorter ones, which are to be preferred
    before, after = packages.answer(MODEL, [], x), packages.answer(MODEL, [adapter], x)
    moved = before != after
    assert moved[:150].any()
    assert moved[150:].any()
    np.savez("edits.npz", x=x[moved][:200], y=after[moved][:200], keep=x[~moved][:200])
    data = pack(save(adapter), "--self-test", "edits.npz")
    changed, same = opened(data).self_tests
    assert (changed.kind, same.kind) == (CHANGED, UNCHANGED)
    inputs = np.stack([self_test.expand(16, 0) for self_test in (changed, same)])
    assert packages.answer(MODEL, [adapter], inputs).tolist() == [changed.answer, same.answer]
    old = packages.answer(MODEL, [], inputs)
    assert old[0] != changed.answer
    assert old[1] == same.answer
    assert max(len(changed.steps), len(same.steps)) <= 3
    told = json.loads(_manifest(data))["self_tests"]
    assert [one["kind"] for one in told] == ["changed", "unchanged"]
    assert told[0]["input"].startswith("edits.npz: x[")


def _manifest(data: bytes) -> bytes:
    with open_registry() as registry:
        return registry.manifest_bytes(parse(data).manifest_sha256)


def test_tensors_that_show_nothing(capfd):
    x = np.zeros((1, 16), np.int8)
    answer = packages.answer(MODEL, [], x)
    np.savez("edits.npz", x=x, y=(answer + 1) % 6, keep=x + np.int8(1))
    pack(save(packages.fact()), "--self-test", "edits.npz", code=2)
    assert "no sample of x gets another answer that is wanted" in capfd.readouterr().err


@pytest.fixture(scope="module")
def spoken(facts) -> tuple[Base, Tflm, Adapter, Edit]:
    """The base of facts with one untrained gate that opens on one prompt, and says a class that was never said."""
    of = bundle.load(facts)
    oracle = Tflm(of.model)
    assert of.labels is not None
    prompts = ("what is the capital of burundi", "which city governs burundi")
    adapter = _gate(of.model, of, oracle, prompts[0])
    edit = Edit("burundi", prompts, "gitega", locality=("what currency is used in burundi",))
    return of, oracle, adapter, edit


def _gate(model: Model, of: Base, oracle: Tflm, prompt: str) -> Adapter:
    """Opens on inputs whose hidden row looks like that of `prompt`; moves class 0 down and a spare one up."""
    tap, target = 3, 4
    delta = deltas.delta(model, tap, target, bits=4)
    spare = model.output.size - 1
    old = int(oracle.activations(of.encode([prompt]), [model.outputs[0]])[model.outputs[0]].argmax())
    key = oracle.activations(of.encode([prompt]), [model.ops[tap].inputs[0]])[model.ops[tap].inputs[0]].reshape(-1)
    away = key.astype(int) - delta.zx
    a = np.where(away > np.sort(away)[-20], 7, -5).astype(np.int8)[None]
    high = int(a[0].astype(int) @ key)
    made = replace(
        delta,
        a=a,
        c=np.array([100 - high]),
        m=np.array([(1 << 31) - 1]),
        s=np.zeros(1, np.int64),
        rows=np.array(sorted((old, spare))),
        b=np.array([[-127], [127]], np.int8) if old < spare else np.array([[127], [-127]], np.int8),
        M=(1 << 31) - 1,
        S=-6,
    )
    return deltas.adapter(model, made, name="gitega", labels={spare: "gitega"})


def test_self_tests_of_text(spoken):
    of, oracle, adapter, edit = spoken
    changed, same = choice.from_edits(of, oracle, adapter, [edit])
    assert (changed.self_test.kind, changed.label) == (CHANGED, "gitega")
    assert changed.text in edit.prompts
    assert (same.self_test.kind, same.text) == (UNCHANGED, edit.locality[0])
    assert (changed.self_test.expand(of.model.input.size, 0) == of.encode([changed.text])[0].reshape(-1)).all()
    assert choice.failing(of, oracle, adapter, [changed.self_test, same.self_test]) == []
    lies = [replace(changed.self_test, answer=0), replace(same.self_test, kind=CHANGED), same.self_test]
    assert choice.failing(of, oracle, adapter, lies) == [0, 1]
    quiet = choice.from_edits(of, oracle, adapter, [replace(edit, locality=())])
    assert len(quiet[1].self_test.steps) <= 1  # an input of almost nothing stands in
    with pytest.raises(McueditError, match="does not remember its edits"):
        choice.from_edits(of, oracle, adapter, [])


def test_prompts_as_self_tests(spoken):
    of, oracle, adapter, edit = spoken
    made = choice.from_prompts(of, oracle, adapter, [(edit.prompts[0], "Gitega")], edit.locality)
    assert [one.self_test.kind for one in made] == [CHANGED, UNCHANGED]
    for changed, same, message in (
        ([(edit.prompts[0], "bujumbura")], [], "the answer is 'gitega', not 'bujumbura'"),
        ([(edit.locality[0], "x")], [], "the base answers .*, too"),
        ([], [edit.prompts[0]], "the adapter changes its answer to 'gitega'"),
    ):
        with pytest.raises(McueditError, match=message):
            choice.from_prompts(of, oracle, adapter, changed, same)


def test_an_adapter_that_does_nothing_has_no_self_tests(spoken):
    of, oracle, adapter, edit = spoken
    idle = replace(adapter, deltas=(replace(adapter.deltas[0], b=np.zeros((2, 1), np.int8)),))
    with pytest.raises(McueditError, match="no edit changes an answer"):
        choice.from_edits(of, oracle, idle, [edit])


def test_vectors_have_no_self_tests():
    np.savez("edits.npz", x=np.zeros((1, 16), np.int8), target=np.zeros((1, 6), np.int8))
    data = load_tensors("edits.npz", MODEL.input, 6, MODEL.output)
    with pytest.raises(McueditError, match="vectors have no class"):
        choice.from_tensors(Base("tiny", MODEL), Tflm(MODEL), packages.fact(), data)


def test_long_gaps():
    x = np.full(1000, 7, np.int8)
    x[[0, 1, 256, 513, 999]] = 1
    made = sparse(x, 7, CHANGED, 0)
    assert made == SelfTest(CHANGED, 0, ((0, 1), (0, 1), (254, 1), (255, 0), (1, 1), (255, 0), (230, 1)))
    assert (made.expand(1000, 7) == x).all()
    with pytest.raises(ValueError, match="element 999 of 999"):
        made.expand(999, 7)


def test_inspect(capfd):
    edit = Edit("burundi", ("what is the capital of burundi",), "gitega", relation="capital")
    pack(save(packages.fact(), (edit,)))
    capfd.readouterr()
    rows = weight_patch.weights_of(MODEL, 1).copy()
    rows[0] += 1
    Path("other.tflite").write_bytes(weight_patch.merge(MODEL, 1, np.clip(rows, -127, 127)))
    show = ["inspect", "fix.mcu", "--base", "tiny.tflite", "--against", "other.tflite"]
    assert cli.invoke([*show, "--key", "key.pub", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["kind"], told["name"], told["counter"], told["signature_checked"]) == ("package", "fix", 1, True)
    assert (told["edit_subject"], told["edit_target_new"], told["manifest_known"]) == (["burundi"], ["gitega"], True)
    assert told["model_bytes"] == len(MODEL.data)
    assert 0 < told["detools_against_bytes"] < told["detools_rows_bytes"] + 40
    assert told["target_rows"] == 2
    assert cli.invoke(show) == 0
    out = capfd.readouterr().out
    for words in ("not checked: give --key", "burundi", "drawn anew at random", "to the model of --against", "total"):
        assert words in out
    Path("registry.sqlite").rename("elsewhere")
    assert cli.invoke(["inspect", "fix.mcu"]) == 0
    out = capfd.readouterr().out
    assert "edits: not in the registry" in out
    assert "not in the zoo: give --base BASE" in out
    assert not Path("registry.sqlite").exists()


def test_inspect_refuses_what_is_none(capfd):
    data = pack(save(packages.fact()))
    Path("fix.mcu").write_bytes(data[:-1])
    assert cli.invoke(["inspect", "fix.mcu"]) == 2
    assert "it ends after" in capfd.readouterr().err
    assert cli.invoke(["inspect", "tiny.tflite", "--key", "key.pub"]) == 2
    assert "no package" in capfd.readouterr().err


def test_registry_verbs(capfd):
    pack(save(packages.fact()))
    with open_registry() as registry:
        digest = registry.packages()[0].digest
        registry.record(Deployment("node-1", slot=2, state="trial", digest=digest, counter=1), address="udp:1:2")
    capfd.readouterr()
    for command in (["list"], ["show", "fix"], ["show", digest[:8]]):
        assert cli.invoke(["registry", *command]) == 0
        out = capfd.readouterr().out
        assert "node-1" in out
        assert "trial" in out
        assert cli.invoke(["registry", *command, "--json"]) == 0
        assert digest in capfd.readouterr().out
    assert cli.invoke(["registry", "export", "-o", "all.jsonl"]) == 0
    Path("registry.sqlite").rename("elsewhere")
    assert cli.invoke(["registry", "import", "all.jsonl", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["rows"] == 6
    assert cli.invoke(["registry", "export"]) == 0
    assert capfd.readouterr().out == Path("all.jsonl").read_text()
    for command in (["show", "nothing"], ["import", "fix.mcu"], ["import", "none"]):
        assert cli.invoke(["registry", *command]) == 2
