# SPDX-License-Identifier: Apache-2.0
"""What training promises, on the base `facts` with a keep set cut small, and on a tiny model of tensors."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import product
from pathlib import Path
from string import ascii_lowercase

import numpy as np
import pytest
from helpers import tiny
from helpers.fitting import train, train_beside, train_tensors

from mcuedit import cli, zoo
from mcuedit._util.errors import McueditError
from mcuedit.adapter import encoding
from mcuedit.adapter import folder as adapter_dir
from mcuedit.adapter.delta import Adapter
from mcuedit.adapter.forward import answers, outputs
from mcuedit.benchmark.edits import EditTask, bench, evaluate, reader
from mcuedit.edits import Edit, EditSet, KeepSet, load_edits, load_facts, load_keep, load_tensors
from mcuedit.emulate.runner import best_oracle
from mcuedit.evaluation.metrics import Measure
from mcuedit.model import bundle as bases
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Reader
from mcuedit.model.text import text_features
from mcuedit.model.tflite import parse
from mcuedit.training import Edited, InForce, Options
from mcuedit.training.placement.pairs import find_op, logits_op, pairs

COUNT, SEED = 6, 11

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """edits.jsonl as drawn, and keep.jsonl with two wordings of each fact."""
    path = tmp_path_factory.mktemp("drawn")
    edits, keep = zoo.draw_edits("facts", COUNT, SEED)
    lines = [json.loads(line) for line in keep.splitlines()]
    (path / "edits.jsonl").write_text(edits, encoding="utf-8")
    small = [json.dumps({**line, "prompts": line["prompts"][:2]}) + "\n" for line in lines]
    (path / "keep.jsonl").write_text("".join(small), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def base() -> Base:
    return bases.load(zoo.folder("facts"))


@pytest.fixture(scope="module")
def read(base) -> Reader:
    return reader(base, best_oracle(base.model))


@pytest.fixture(scope="module")
def edits(folder) -> EditSet:
    return load_edits(folder / "edits.jsonl")


@pytest.fixture(scope="module")
def keep(folder) -> KeepSet:
    return load_keep(folder / "keep.jsonl")


@pytest.fixture(scope="module")
def fixed(base) -> Options:
    """The logits, read from a layer in the middle: no trial of placements."""
    last = logits_op(base.model)
    return Options(tap=str(last // 2), target=str(last))


@pytest.fixture(scope="module")
def trained(read, edits, keep, fixed) -> Edited:
    """The first edit alone."""
    return train(read, only(edits, 0), keep, fixed)


def only(edits: EditSet, *which: int) -> EditSet:
    return replace(edits, edits=tuple(edits.edits[i] for i in which))


def given(read: Reader, prompts: tuple[str, ...], *made: Edited) -> list[int]:
    """Classes with adapters active, and none where another class ties."""
    seen = Measure(read).see(prompts, [d for t in made for d in t.adapter.deltas])
    return [-1 if tie else int(c) for c, tie in zip(seen.after, seen.tie, strict=True)]


def holds(read: Reader, one: Edited, *stack: Edited) -> bool:
    """Whether every prompt of an adapter's edits gets its new answer, beside others."""
    wanted = zip(one.edits.edits, one.classes, strict=True)
    return all(set(given(read, e.prompts, one, *stack)) == {int(c)} for e, c in wanted)


@pytest.mark.parametrize(("bits", "limit"), [(8, 150), (4, 90)])
def test_one_edit_by_default(base, read, edits, keep, bits, limit):
    """One gated rank-1 factor, placed by auto: it holds, it is small, and the keep set is byte-identical."""
    made = train(read, only(edits, 0), keep, Options(bits=bits))
    (delta,) = made.adapter.deltas
    assert (delta.rank, delta.gated, delta.bits) == (1, True, bits)
    assert holds(read, made)
    assert made.adapter.factor_bytes <= limit
    assert made.certificate.holds
    assert made.certificate.total >= len(keep.prompts)
    assert made.overlapping == ()
    assert made.placement[0].score == max(candidate.score for candidate in made.placement)
    found = encoding.decode(encoding.encode(made.adapter, base.model), base.model)
    assert found.deltas[0].factor_bytes == delta.factor_bytes


def test_neighbours_stay(read, trained, keep):
    facts = load_facts(zoo.folder("facts") / "facts.jsonl").edits
    metrics, _ = evaluate(read, [trained.adapter], trained.edits, keep, facts)
    assert metrics.efficacy == 1.0
    assert metrics.paraphrase is not None
    assert metrics.neighbourhood >= 0.98
    assert metrics.unrelated >= 0.99
    assert metrics.same_subject >= 0.8  # of 15 wordings that training has not read, beside a keep set cut small
    assert (metrics.identical_keep, metrics.ties) == (1.0, 0)
    assert abs(metrics.drawdown) <= 0.01


def test_the_same_seed_gives_the_same_bytes(base, read, edits, keep, fixed, trained):
    again = train(read, only(edits, 0), keep, fixed)
    assert encoding.encode(again.adapter, base.model) == encoding.encode(trained.adapter, base.model)


def test_paraphrases_are_never_read(base, read, edits, keep, fixed, trained):
    bare = replace(edits.edits[0], rephrase_prompts=(), ground_truth="", line=99)
    again = train(read, EditSet((bare,)), keep, fixed)
    assert encoding.encode(again.adapter, base.model) == encoding.encode(trained.adapter, base.model)
    assert again.adapter.info == trained.adapter.info


def test_facts_are_never_read(base, folder, fixed, tmp_path):
    """`mcuedit edit` on a base without facts.jsonl and edits without paraphrases writes the same tensors."""
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("model.tflite", "labels.txt", "preprocess.json"):
        shutil.copy(zoo.folder("facts") / name, bare)
    lines = [json.loads(line) for line in (folder / "edits.jsonl").read_text(encoding="utf-8").splitlines()[:2]]
    full, cut = tmp_path / "full.jsonl", tmp_path / "cut.jsonl"
    full.write_text("".join(json.dumps(line) + "\n" for line in lines))
    cut.write_text("".join(json.dumps({**line, "rephrase_prompts": []}) + "\n" for line in lines))
    where = ["--tap", fixed.tap, "--target", fixed.target, "--keep", str(folder / "keep.jsonl")]
    for place, file, out in (zoo.folder("facts"), full, "one"), (bare, cut, "two"):
        assert cli.invoke(["edit", str(place), "--edits", str(file), "-o", str(tmp_path / out), *where]) == 0
    one, two = ((tmp_path / out / adapter_dir.TENSORS).read_bytes() for out in ("one", "two"))
    assert one == two


def test_edits_trained_together_know_each_other(read, edits, keep, fixed):
    made = train(read, edits, keep, fixed)
    assert len(made.adapter.deltas) == len(made.edits.edits) == COUNT
    assert holds(read, made)
    assert made.certificate.holds
    for delta, edit in product(made.adapter.deltas, made.edits.edits):
        opened = delta.project(tap_rows(read, delta.tap, edit.prompts)) > 0
        own = made.adapter.deltas[made.edits.edits.index(edit)] is delta
        assert opened.all() if own else not opened.any()


def tap_rows(read: Reader, tap: int, prompts: tuple[str, ...]) -> np.ndarray:
    values = read(prompts)[read.base.model.ops[tap].inputs[0]]
    return values.reshape(len(values), -1)


def test_a_shared_plain_delta_of_rank_4(base, read, edits, keep, fixed):
    made = train(read, only(edits, 0), keep, replace(fixed, tap=fixed.target, rank=4, gated=False))
    (delta,) = made.adapter.deltas
    assert (delta.tap, delta.target, delta.rank, delta.gated) == (int(fixed.target),) * 2 + (4, False)
    assert holds(read, made)
    encoding.encode(made.adapter, base.model)


def test_a_target_before_the_logits(base, read, edits, keep, fixed):
    """The column of B is then what the later layers turn into the new answer."""
    middle = str(int(fixed.target) - 1)
    made = train(read, only(edits, 0), keep, replace(fixed, target=middle))
    (delta,) = made.adapter.deltas
    assert (delta.tap, delta.target) == (int(fixed.tap), int(middle))
    assert holds(read, made)
    assert made.certificate.holds
    encoding.encode(made.adapter, base.model)


def test_gate_place_trades_wordings_for_calm(read, edits, keep, fixed, trained):
    """Nearer the keep set the gate opens for whatever it opened for nearer the edit, and for more."""
    offsets = [
        train(read, only(edits, 0), keep, replace(fixed, gate_place=place)).adapter.deltas[0].c[0] for place in (0, 1)
    ]
    assert offsets[0] > trained.adapter.deltas[0].c[0] > offsets[1]


def test_an_adapter_beside_another(base, read, edits, keep, fixed, trained):
    """`--with`: the new gates stay shut on the earlier edits, and both hold in one stack."""
    beside = train(read, only(edits, 1), keep, fixed, active=[trained.adapter], earlier=trained.edits.edits)
    assert len(beside.adapter.deltas) == 1
    assert holds(read, beside, trained)
    assert holds(read, trained, beside)
    assert not beside.adapter.deltas[0].project(tap_rows(read, int(fixed.tap), trained.edits.edits[0].prompts)).any()
    assert beside.certificate.holds  # what the earlier adapter changes is no matter of the new one's
    assert beside.keep == trained.keep


def test_adapters_of_another_base_are_refused_before_training(read, edits, keep, fixed, trained):
    alien = replace(trained.adapter, base_sha256="00" * 32)
    with pytest.raises(McueditError, match="another base"):
        train(read, only(edits, 1), keep, fixed, active=[alien])


def test_new_names_take_spare_slots_and_keep_them(base, read, edits, keep, fixed):
    """A name given once is the same class for whoever trains beside it (`active`) or in its place (`names`)."""
    new = EditSet((replace(edits.edits[0], target_new="zubrowka prime"),))
    first = train(read, new, keep, fixed)
    ((slot, name),) = first.adapter.labels.items()
    assert (name, base.labels[slot].startswith("<spare")) == ("zubrowka prime", True)
    assert any("new name" in note for note in first.notes)
    second = EditSet(
        tuple(replace(e, target_new=t) for e, t in zip(edits.edits[1:3], ("zubrowka prime", "qixat"), strict=True))
    )
    beside = train(read, second, keep, fixed, active=[first.adapter], earlier=new.edits)
    assert beside.classes[0] == slot
    assert beside.adapter.labels == {int(beside.classes[1]): "qixat"}
    assert beside.classes[1] != slot
    onto = train(read, replace(new, edits=(*new.edits, second.edits[1])), keep, fixed, names={slot: "zubrowka prime"})
    assert onto.adapter.labels == {slot: "zubrowka prime", int(onto.classes[1]): "qixat"}


def test_what_the_base_answers_already_trains_nothing(read, edits, keep, fixed):
    """Alone it leaves no delta; beside another edit that one is what it is by itself, to the byte."""
    same = replace(edits.edits[0], target_new=edits.edits[0].ground_truth)
    made = train(read, EditSet((same,), "file"), keep, fixed)
    assert made.adapter.deltas == ()
    assert (made.trained_edits, made.certified, made.acting.efficacy) == ((), True, 1.0)
    assert any("already" in note for note in made.notes)
    assert holds(read, made)
    both = train(read, EditSet((same, edits.edits[1])), keep, fixed)
    alone = train(read, only(edits, 1), keep, fixed)
    assert both.trained_edits == alone.trained_edits == (edits.edits[1],)
    assert encoding.encode(both.adapter, read.base.model) == encoding.encode(alone.adapter, read.base.model)


SIMILAR = [("austria", "australia"), ("niger", "nigeria"), ("sudan", "south sudan"), ("north korea", "south korea")]


def similar(names: tuple[str, str], how: str) -> tuple[EditSet, EditSet]:
    """Eight wordings of the capitals of two subjects that a few words of a keep set do not tell apart."""
    facts = {f.subject: f for f in load_facts(zoo.folder("facts") / "facts.jsonl").edits if f.relation == "capital"}
    one, two = (facts[name] for name in names)
    first = two.target_new if how == "swapped" else "gitega"
    made = [replace(f, prompts=f.prompts[:8], target_new=t) for f, t in ((one, first), (two, one.target_new))]
    return EditSet((made[0],)), EditSet((made[1],))


@pytest.fixture(scope="module")
def few(keep) -> KeepSet:
    """A keep set that says little about either of them."""
    return replace(keep, prompts=keep.prompts[::25], lines=keep.lines[::25])


def unconditional(adapter: Adapter) -> Adapter:
    """As adapters were before deltas asked what the base answers."""
    return replace(adapter, deltas=tuple(replace(d, conditional=False) for d in adapter.deltas))


@pytest.mark.parametrize("how", ["the other's old answer", "swapped"])
@pytest.mark.parametrize("names", SIMILAR)
def test_edits_of_other_answers_act_beside_each_other_whatever_opens_their_gates(read, few, fixed, names, how):
    old, new = similar(names, how)
    first = train(read, old, few, replace(fixed, name="first"))
    assert all(delta.conditional for delta in first.adapter.deltas)
    both = train(read, new, few, fixed, active=[first.adapter], earlier=old.edits)
    assert (both.acting.efficacy, both.certified) == (1.0, True)


@pytest.mark.parametrize("how", ["the other's old answer", "swapped"])
@pytest.mark.parametrize("names", SIMILAR)
def test_an_edit_that_cannot_act_beside_another_is_trained_again_with_it(read, few, fixed, names, how):
    """Both gates open on the new edit's prompts, and what one pushes down the other cannot push up."""
    old, new = similar(names, how)
    first = unconditional(train(read, old, few, replace(fixed, name="first")).adapter)
    alone = train(read, new, few, fixed, active=[first], earlier=old.edits)
    assert alone.certificate.holds
    assert alone.acting.efficacy < 0.5
    assert not alone.certified
    assert (alone.acting.together, alone.acting.failing) == (("first", "adapter"), (names[1],))
    made, left = train_beside(read, new, few, fixed, [InForce(first, old.edits)])
    assert (left, made.replaces, made.acting.together) == ((), ("first",), ("adapter",))
    assert [e.subject for e in made.trained_edits] == list(names)
    assert (made.acting.efficacy, made.acting.asked) == (1.0, 16)
    assert holds(read, made)
    assert any("replaces first" in note for note in made.notes)


def test_adapters_whose_edits_are_unknown_stay_and_the_edit_is_not_certified(read, few, fixed):
    old, new = similar(SIMILAR[0], "swapped")
    first = unconditional(train(read, old, few, fixed).adapter)
    made, left = train_beside(read, new, few, fixed, [InForce(first)])
    assert (left, made.replaces, made.certified) == ((first,), (), False)


def test_an_edit_that_acts_beside_others_replaces_none(read, edits, keep, fixed, trained):
    beside = [InForce(trained.adapter, trained.edits.edits)]
    made, left = train_beside(read, only(edits, 1), keep, fixed, beside)
    again = train(read, only(edits, 1), keep, fixed, active=[trained.adapter], earlier=trained.edits.edits)
    assert (left, made.replaces, made.certified) == ((trained.adapter,), (), True)
    assert encoding.encode(made.adapter, read.base.model) == encoding.encode(again.adapter, read.base.model)


def twins() -> tuple[str, str]:
    """Two words that text features cannot tell apart."""
    seen: dict[bytes, str] = {}
    for word in map("".join, product(ascii_lowercase, repeat=3)):
        key = text_features(word).tobytes()
        if key in seen:
            return seen[key], word
        seen[key] = word
    raise AssertionError


def test_gates_that_overlap_are_named(read, keep, fixed):
    """A keep prompt with the very features of the edited one: the edit wins, and the report says so."""
    one, other = twins()
    edit = Edit("burundi", (f"capital of burundi {one}",), "gitega")
    crowded = replace(keep, prompts=(*keep.prompts, f"capital of burundi {other}"), lines=(*keep.lines, 999))
    made = train(read, EditSet((edit,)), crowded, fixed)
    assert made.overlapping == ("burundi",)
    assert holds(read, made)
    assert made.certificate.touched == (f"capital of burundi {other}",)
    assert any("overlap" in note and "burundi" in note for note in made.notes)
    assert any(other in note for note in made.notes)


def test_contradictions_and_empty_keep_sets(read, edits, keep, fixed):
    first = edits.edits[0]
    with pytest.raises(McueditError, match="wants"):
        train(read, EditSet((first, replace(first, target_new="europe"))), keep, fixed)
    with pytest.raises(McueditError, match="empty keep set"):
        train(read, only(edits, 0), KeepSet(first.prompts, (1,) * len(first.prompts)), fixed)


def test_two_answers_for_one_input_in_other_words(read, keep, fixed):
    """The hash of the text front end makes one input of both prompts: no training can tell them apart."""
    one, other = twins()
    both = (
        Edit("burundi", (f"capital of burundi {one}",), "gitega", line=1),
        Edit("burundi", (f"capital of burundi {other}",), "kigali", line=2),
    )
    with pytest.raises(McueditError, match=r"e:1 wants 'gitega' .* e:2 wants 'kigali' .* both are one input"):
        train(read, EditSet(both, "e"), keep, fixed)


@pytest.mark.parametrize(
    ("values", "message"),
    [({"rank": 0}, "rank 0"), ({"rank": 256}, "rank 256"), ({"bits": 5}, "bits 5"), ({"gate_place": 1.5}, "place 1.5")],
)
def test_options_out_of_range(values, message):
    with pytest.raises(McueditError, match=message):
        Options(**values)


def test_ops_are_found_by_index_or_name(base, tiny_model):
    assert [find_op(tiny_model, text) for text in ("0", "1", "hidden0", "logits", "hidd")] == [0, 1, 0, 1, 0]
    for index in range(logits_op(base.model) + 1):
        assert find_op(base.model, base.model.tensors[base.model.ops[index].outputs[0]].name) == index


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nope", "no tensor is called 'nope'"),
        ("dense", "tensors have names with 'dense'"),
        ("99", "the model has ops"),
    ],
)
def test_ops_that_are_not_found(base, text, message):
    with pytest.raises(McueditError, match=message) as caught:
        find_op(base.model, text)
    assert caught.value.hint


def test_pairs_to_try(tiny_model):
    assert sorted(pairs(tiny_model, "auto", "auto")) == [(0, 1), (1, 1)]
    assert pairs(tiny_model, "hidden0", "logits") == [(0, 1)]
    assert pairs(tiny_model, "auto", "0") == [(0, 0)]
    with pytest.raises(McueditError, match="tap comes after the target"):
        pairs(tiny_model, "1", "0")


def test_pairs_of_ops_with_several_rows():
    def three_rows(m):
        for t in m.subgraphs[0].tensors:
            if t.buffer == 0:
                t.shape = [3, t.shape[1]]

    model = parse(tiny.altered(tiny.classifier(softmax=False), three_rows))
    assert pairs(model, "auto", "auto") == [(1, 1)]
    with pytest.raises(McueditError, match="one position in both ops"):
        pairs(model, "0", "1")


def save_tensors(path: Path, model) -> tuple[np.ndarray, np.ndarray]:
    """Three inputs to get class 5 and two to get class 3, among forty to keep."""
    rng = np.random.default_rng(0)
    x = rng.integers(-60, 61, (45, 1, 16)).astype(np.int8).reshape(45, *model.input.shape[1:])
    y = np.array([5, 5, 5, 3, 3])
    np.savez(path, x=x[:5], y=y, keep=x[5:])
    return x, y


@pytest.mark.parametrize("softmax", [True, False])
def test_tensor_edits(tmp_path, softmax):
    model = parse(tiny.classifier((16, 24, 6), softmax=softmax))
    x, y = save_tensors(tmp_path / "e.npz", model)
    oracle = best_oracle(model)
    data = load_tensors(tmp_path / "e.npz", model.input, 6)
    made = train_tensors(reader(Base("tiny", model), oracle), data)
    now = outputs(model, oracle, [made.adapter], x[:5])
    assert answers(now).tolist() == y.tolist()
    assert made.certificate.holds == (not made.overlapping)
    if not made.overlapping:
        kept = outputs(model, oracle, [made.adapter], x[5:])
        assert np.array_equal(kept, outputs(model, oracle, [], x[5:]))
    assert len(encoding.encode(made.adapter, model)) == 20 + sum(
        20 + d.factor_bytes + -d.factor_bytes % 4 for d in made.adapter.deltas
    )


def test_tensor_edits_by_command(tmp_path, capsys):
    data = tiny.classifier((16, 24, 6))
    (tmp_path / "tiny.tflite").write_bytes(data)
    save_tensors(tmp_path / "e.npz", parse(data))
    command = ["edit", str(tmp_path / "tiny.tflite"), "--edits", str(tmp_path / "e.npz"), "-o", str(tmp_path / "out")]
    assert cli.invoke([*command, "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    found = adapter_dir.load(tmp_path / "out")
    assert values["adapter_bytes"] == len(encoding.encode(found, parse(data)))
    assert values["efficacy"] == 1.0
    assert found.name == "out"


def test_onto_an_earlier_adapter_by_command(folder, fixed, tmp_path, capsys, read):
    """`--onto` trains the old edits again beside the new ones; what is asked anew overrules, names keep their slots."""
    lines = [json.loads(line) for line in (folder / "edits.jsonl").read_text(encoding="utf-8").splitlines()[:3]]
    lines[0]["target_new"] = "zubrowka prime"
    again = {**lines[1], "target_new": lines[1]["ground_truth"]}
    for name, chosen in (("old", lines[:2]), ("new", [again, lines[2]])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in chosen))
    where = ["--tap", fixed.tap, "--target", fixed.target, "--keep", str(folder / "keep.jsonl"), "--json"]
    facts = str(zoo.folder("facts"))
    old, new = tmp_path / "old", tmp_path / "new"
    assert cli.invoke(["edit", facts, "--edits", f"{old}.jsonl", "-o", str(old), *where]) == 0
    assert cli.invoke(["edit", facts, "--edits", f"{new}.jsonl", "-o", str(new), "--onto", str(old), *where]) == 0
    assert "already" in capsys.readouterr().err
    first, second = adapter_dir.load(old), adapter_dir.load(new)
    assert second.labels == first.labels
    assert list(first.labels.values()) == ["zubrowka prime"]
    remembered = load_edits(new / adapter_dir.EDITS).edits
    assert [e.target_new for e in remembered] == [line["target_new"] for line in (lines[0], lines[2])]
    assert not any(e.rephrase_prompts for e in remembered)
    named = (*read.base.labels[: min(first.labels)], "zubrowka prime")
    for e in remembered:
        classes = Measure(read).see(e.prompts, second.deltas).after
        assert {named[c] for c in classes} == {e.target_new}


@pytest.fixture
def lines_of(folder, fixed, tmp_path):
    """Runs `mcuedit edit` on some lines: (exit code, folder of the adapter)."""
    where = ["--tap", fixed.tap, "--target", fixed.target, "--keep", str(folder / "keep.jsonl"), "--json"]

    def run(name: str, lines: list[dict], *more: str) -> tuple[int, Path]:
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        out = tmp_path / name
        file = str(tmp_path / f"{name}.jsonl")
        return cli.invoke(["edit", str(zoo.folder("facts")), "--edits", file, "-o", str(out), *where, *more]), out

    return run


def test_onto_takes_an_edit_back(folder, lines_of, capsys):
    """Its factor is gone, the other one is what it is without it, and nothing of it is remembered."""
    one, two = [json.loads(line) for line in (folder / "edits.jsonl").read_text(encoding="utf-8").splitlines()[:2]]
    back = {"subject": one["subject"], "prompts": one["prompts"][:3], "target_new": one["ground_truth"]}
    code, both = lines_of("both", [one, two])
    assert code == 0
    code, left = lines_of("left", [back], "--onto", str(both))
    assert code == 0
    assert f"its edit of {one['subject']!r}" in capsys.readouterr().err
    code, alone = lines_of("alone", [two])
    assert code == 0
    assert (left / adapter_dir.TENSORS).read_bytes() == (alone / adapter_dir.TENSORS).read_bytes()
    assert [e.subject for e in load_edits(left / adapter_dir.EDITS).edits] == [two["subject"]]


def test_taking_the_last_edit_back_writes_no_adapter_and_says_what_to_do_on_the_device(folder, lines_of, capsys):
    one = json.loads((folder / "edits.jsonl").read_text(encoding="utf-8").splitlines()[0])
    back = {**one, "target_new": one["ground_truth"]}
    _, old = lines_of("old", [one])
    capsys.readouterr()
    code, out = lines_of("none", [back], "--onto", str(old))
    said = capsys.readouterr()
    assert (code, out.exists(), json.loads(said.out)["adapter"]) == (0, False, None)
    assert "already" in said.err
    assert "mcuedit deactivate" in said.err
    before = (old / adapter_dir.TENSORS).read_bytes()
    code, _ = lines_of("old", [back], "--onto", str(old))
    assert code == 1  # the folder still makes the edit
    assert (old / adapter_dir.TENSORS).read_bytes() == before
    assert "still holds an adapter" in capsys.readouterr().err


def test_an_edit_that_does_not_act_ends_with_exit_code_1_and_says_so(few, lines_of, tmp_path, capsys):
    (tmp_path / "few.jsonl").write_text("\n".join(few.prompts), encoding="utf-8")
    old, new = ([e.to_dict() for e in part.edits] for part in similar(SIMILAR[0], "swapped"))
    less = ["--keep", str(tmp_path / "few.jsonl")]
    _, first = lines_of("first", old, *less)
    adapter_dir.save(replace(unconditional(adapter_dir.load(first)), files={}), first)  # as device bytes have none
    capsys.readouterr()
    code, out = lines_of("second", new, *less, "--with", str(first))
    said = capsys.readouterr()
    values = json.loads(said.out)
    assert (code, values["certified"], values["certificate_active_set"]) == (1, False, ["first", "second"])
    assert values["certificate_efficacy"] == values["efficacy"] < 1
    assert "edited inputs do not get what is wanted beside first (australia)" in said.err
    _, first = lines_of("first", old, *less)
    adapter_dir.save(unconditional(adapter_dir.load(first)), first)
    capsys.readouterr()
    code, out = lines_of("second", new, *less, "--with", str(first), "--force")
    values = json.loads(capsys.readouterr().out)
    assert (code, values["replaces"], values["certificate_active_set"]) == (0, ["first"], ["second"])
    assert {e.subject for e in load_edits(out / adapter_dir.EDITS).edits} == set(SIMILAR[0])


@pytest.mark.parametrize("protocol", ["single", "stacked", "stream"])
def test_bench(read, edits, keep, fixed, protocol):
    steps = []
    found = bench(read, EditTask(only(edits, 0, 1), keep, []), protocol, fixed, steps.append)
    assert (found.metrics.edits, found.metrics.efficacy, found.metrics.identical_keep) == (2, 1.0, 1.0)
    assert found.metrics.efficacy_worst == 1.0
    assert len(found.trained) == (1 if protocol == "stacked" else 2)
    assert len({id(case.deltas) for case in found.cases}) == (2 if protocol == "single" else 1)
    assert sum(steps) == len(found.cases) == 2
    assert found.metrics.seconds > 0
    with pytest.raises(McueditError, match="no benchmark 'both'"):
        bench(read, EditTask(edits, keep, []), "both", fixed)
