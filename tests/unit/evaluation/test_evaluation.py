# SPDX-License-Identifier: Apache-2.0
"""Who is asked what, and what the figures say, on a tiny base with adapters made by hand."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from helpers import deltas, tiny

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Delta
from mcuedit.adapter.forward import Trace, answers, is_tie, logits_tensor, outputs
from mcuedit.benchmark.edits import evaluate, reader
from mcuedit.cli._shared.common import stdout
from mcuedit.cli._shared.files import metrics_table, tensor_table
from mcuedit.edits import Avoid, Edit, EditSet, KeepSet, Over, TensorSet, ToClass, ToVector
from mcuedit.emulate.runner import best_oracle
from mcuedit.evaluation.cases import Questions, ask
from mcuedit.evaluation.certificate import certify
from mcuedit.evaluation.dump import dump
from mcuedit.evaluation.metrics import Case, Measure
from mcuedit.evaluation.tensors import MeasureTensors
from mcuedit.model import ops
from mcuedit.model.adaptable import op_geometry
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import Model, parse

SUBJECTS, RELATIONS = ("ararat", "bonobo", "cumulus", "dynamo"), ("capital", "money")
FULL = (1 << 31) - 1


def fact(subject: str, relation: str, answer: str = "") -> Edit:
    other = f"please name the {relation} that {subject} has"
    return Edit(subject, (f"{relation} {subject}",), answer, relation=relation, rephrase_prompts=(other,))


FACTS = [fact(s, r) for s in SUBJECTS for r in RELATIONS]
EDIT = replace(FACTS[0], target_new="2", locality=("money ararat", "a b c"))


@pytest.fixture(scope="module")
def base() -> Base:
    return Base("tiny", parse(tiny.classifier()), labels=tuple("012345"), features=16)


@pytest.fixture(scope="module")
def read(base):
    return reader(base, best_oracle(base.model))


def opener(base: Base, prompt: str, wanted: int, old: int, margin: int = 40) -> Delta:
    """Opens when the features' product with the prompt's own comes within `margin` of the prompt itself."""
    a = base.encode([prompt]).astype(np.int64) // 16
    own = int((a * base.encode([prompt])).sum())
    rows = np.array(sorted([wanted, old]))
    b = np.where(rows == wanted, 127, -127).astype(np.int8)[:, None]
    one = np.ones(1, np.int64)
    target = op_geometry(base.model, 1)
    ends = target.act_lo, target.act_hi
    return Delta(
        0, 1, a.astype(np.int8), (margin - own) * one, FULL * one, 0 * one, b, rows, FULL, 0, True, 8, 0, *ends
    )


@pytest.fixture(scope="module")
def repair(base):
    """Class 2 instead of 4 for EDIT's prompt; shut on the prompts of all other facts."""
    return opener(base, EDIT.prompts[0], 2, 4)


def test_roles():
    edits, keep = EditSet((EDIT,)), KeepSet(FACTS[4].prompts, (1,))
    (asked,) = ask(edits, keep, FACTS)
    rephrased = [f.rephrase_prompts[0] for f in FACTS]
    assert asked == Questions(
        edited=("capital ararat",),
        rephrased=(rephrased[0],),
        neighbourhood=(rephrased[2], rephrased[6]),  # bonobo and dynamo; cumulus is kept
        unrelated=(rephrased[3], rephrased[5], rephrased[7]),
        same_subject=(rephrased[1],),  # "money ararat" was read as locality
    )
    assert asked.unedited == asked.neighbourhood + asked.unrelated + asked.same_subject


def test_subjects_of_any_active_edit_are_no_neighbours():
    second = replace(FACTS[2], target_new="1")
    first, other = ask(EditSet((EDIT, second)), KeepSet((), ()), FACTS, [EDIT, second])
    assert first.neighbourhood == other.neighbourhood == (FACTS[4].rephrase_prompts[0], FACTS[6].rephrase_prompts[0])
    assert not any("ararat" in p or "bonobo" in p for p in first.unrelated)
    (alone,) = ask(EditSet((EDIT,)), KeepSet((), ()), FACTS)
    assert FACTS[2].rephrase_prompts[0] in alone.neighbourhood


def test_an_edited_fact_of_the_subject_is_not_its_own_locality():
    both = [EDIT, replace(FACTS[1], target_new="1")]
    first, _ = ask(EditSet(tuple(both)), KeepSet((), ()), FACTS, both)
    assert first.same_subject == ()


def test_nothing_that_training_read_is_measured_as_unseen():
    """Locality lists, keep prompts and the edits' own prompts are left out of every role but the edit's own."""
    rephrased = [f.rephrase_prompts[0] for f in FACTS]
    edit = replace(EDIT, rephrase_prompts=("ararat capital", rephrased[0]), locality=(rephrased[1],))
    (asked,) = ask(EditSet((edit,)), KeepSet((rephrased[2], rephrased[3]), (1, 2)), FACTS)
    assert asked.rephrased == (rephrased[0],)
    assert asked.same_subject == ()
    assert asked.neighbourhood == (rephrased[4], rephrased[6])
    assert asked.unrelated == (rephrased[5], rephrased[7])


def test_the_output_says_on_how_many_wordings_the_same_subject_was_measured(read, repair, capsys):
    questions = ask(EditSet((EDIT,)), KeepSet((), ()), FACTS)
    found = Measure(read).edits([Case(questions[0], 2, [repair])], KeepSet((), ()), [])
    assert found.flat()["same_subject_wordings"] == 1
    stdout().print(metrics_table(found))
    assert "1 unread wordings" in " ".join(capsys.readouterr().out.split())


def test_the_relation_is_looked_up_and_case_of_subjects_ignored():
    bare = replace(EDIT, relation="", subject=" Ararat")
    assert ask(EditSet((bare,)), KeepSet((), ()), FACTS) == ask(EditSet((EDIT,)), KeepSet((), ()), FACTS)
    assert ask(EditSet((EDIT,)), KeepSet((), ()), [])[0].neighbourhood == ()


def test_metrics_of_a_repair_that_hits_nothing_else(base, read, repair):
    (asked,) = ask(EditSet((EDIT,)), KeepSet(FACTS[4].prompts, (1,)), FACTS)
    asked = replace(asked, rephrased=("capital ararat now", "money dynamo"))
    found = Measure(read).edits([Case(asked, 2, [repair])], KeepSet(FACTS[4].prompts, (1,)), [])
    opens = [p for p in asked.rephrased if repair.project(base.encode([p])).any()]
    assert found.efficacy == found.efficacy_softmax == 1.0
    assert found.paraphrase == len(opens) / 2
    assert (found.neighbourhood, found.neighbourhood_worst, found.unrelated, found.same_subject) == (1, 1, 1, 1)
    assert (found.identical_keep, found.identical, found.ties, found.drawdown) == (1, 1, 0, None)
    assert found.factor_bytes == 9 + 16 + 2 * 3
    assert list(found.flat())[:2] == ["edits", "efficacy"]


def test_metrics_of_a_delta_that_is_always_open(base, read, repair):
    """It changes every answer to 2: locality is what was 2 already, and drawdown what the base knew."""
    blunt = replace(
        repair, c=np.array([1 << 20]), rows=None, b=np.array([[-127, -127, 127, -127, -127, -127]]).T.astype(np.int8)
    )
    (asked,) = ask(EditSet((EDIT,)), KeepSet(FACTS[4].prompts, (1,)), FACTS)
    measure = Measure(read)
    before = measure.see([f.rephrase_prompts[0] for f in FACTS], []).after
    known = [(f, int(c)) for f, c in zip(FACTS, before, strict=True)]
    found = measure.edits([Case(asked, 2, [blunt])], KeepSet(FACTS[4].prompts, (1,)), known)
    share = {p: c == 2 for p, c in zip((f.rephrase_prompts[0] for f in FACTS), before, strict=True)}
    assert (found.efficacy, found.paraphrase) == (1.0, 1.0)
    assert found.neighbourhood == np.mean([share[p] for p in asked.neighbourhood])
    assert found.unrelated == np.mean([share[p] for p in asked.unrelated])
    assert (found.identical_keep, found.identical) == (0.0, 0.0)
    assert found.drawdown == pytest.approx(1 - np.mean(before == 2))


def test_mean_and_worst_edit(base, read, repair):
    blunt = replace(repair, c=np.array([1 << 20]))
    good = Questions(("capital ararat",), (), ("capital bonobo",), (), ())
    bad = replace(good, neighbourhood=("capital bonobo", "money dynamo"))
    found = Measure(read).edits([Case(good, 2, [repair]), Case(bad, 2, [blunt])], KeepSet((), ()), [])
    seen = Measure(read).see(bad.neighbourhood, [blunt])
    share = float((seen.before == seen.after).mean())
    assert found.neighbourhood_worst == share < 1
    assert found.neighbourhood == (1 + share) / 2
    assert (found.paraphrase, found.unrelated, found.same_subject, found.identical_keep) == (None,) * 4


def test_a_tie_is_a_failure(base, read, repair):
    """Both classes are pushed to the top: the first index answers, and the edit does not count."""
    tied = replace(repair, b=np.array([[127], [127]], np.int8))
    asked = Questions(("capital ararat",), (), (), (), ())
    found = Measure(read).edits([Case(asked, 2, [tied])], KeepSet((), ()), [])
    assert (found.efficacy, found.efficacy_softmax, found.ties) == (0.0, 0.0, 1)
    assert read(["capital ararat"])[logits_tensor(base.model)].argmax() == 4


def test_metrics_of_tensors(base, read, repair):
    """The same rules for inputs that are no text: one is repaired, another ties, keep rows count by their bytes."""
    x = base.encode(["capital ararat", "capital ararat"])
    keep = base.encode(["money bonobo", "capital ararat"])
    data = TensorSet(x, ToClass(np.array([2, 1])), keep, x[:1], ToClass(np.array([2])), keep[:1])
    good = MeasureTensors(read, [repair])(data)
    assert (good.edits, good.efficacy, good.efficacy_softmax) == (2, 0.5, 0.5)
    assert (good.held_out_before, good.held_out, good.unchanged, good.unchanged_test) == (0.0, 1.0, 0.5, 1.0)
    assert (good.identical_keep, good.identical_test, good.factor_bytes) == (0.5, 1.0, 9 + 16 + 2 * 3)
    assert good.error is None
    tied = replace(repair, b=np.array([[127], [127]], np.int8))
    bad = MeasureTensors(read, [tied])(TensorSet(x, ToClass(np.array([2, 2])), keep[:0]))
    assert (bad.efficacy, bad.efficacy_softmax, bad.identical_keep, bad.held_out) == (0.0, 0.0, None, None)


def test_metrics_of_other_wishes(base, read, repair):
    """`repair` turns class 4 into class 2 and touches no other: all that is asked about those two holds."""
    x = base.encode(["capital ararat"])
    wishes = [
        (Over(np.array([2]), np.array([4])), 1.0),
        (Over(np.array([4]), np.array([2])), 0.0),
        (Avoid(np.array([4])), 1.0),
        (Avoid(np.array([2])), 0.0),
    ]
    for wanted, share in wishes:
        assert MeasureTensors(read, [repair])(TensorSet(x, wanted, x[:0])).efficacy == share


def test_the_largest_change_is_in_units_of_the_output(capsys):
    """The base makes no error at all, which nothing can be divided by: 20532226644542 % said nothing."""
    base = Base("tiny", parse(tiny.classifier((16, 24, 6), softmax=False)))
    output, delta = base.model.output, deltas.delta(base.model, 1, 1)
    x = np.random.default_rng(4).integers(-99, 99, (9, *base.model.input.shape[1:])).astype(np.int8)
    read = reader(base, best_oracle(base.model))
    first = read(x)[base.model.outputs[0]].astype(np.int64)
    now = outputs(base.model, best_oracle(base.model), [deltas.adapter(base.model, delta)], x).astype(np.int64)
    moved = int(np.abs(now - first).max())
    exact = (first.astype(np.float32) - output.zero) * output.scale[0]
    keep = TensorSet(x, ToVector(exact + 1), x, keep_vectors=exact)  # an error of 0 before
    found = MeasureTensors(read, [delta])(keep)
    assert moved > 0
    assert found.keep_change_steps == moved
    assert found.keep_change == pytest.approx(moved * float(output.scale[0]))
    stdout().print(tensor_table(found))
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "largest change" in line]
    assert "%" not in line
    assert f"{moved} steps of int8" in line


def test_metrics_of_vectors(base, read, repair):
    """Squared errors in real units, by the output's scale."""
    x, output = base.encode(["capital ararat"]), base.model.output
    now = outputs(base.model, best_oracle(base.model), [deltas.adapter(base.model, repair)], x)
    real = (now.astype(np.float32) - output.zero) * output.scale[0]
    found = MeasureTensors(read, [repair])(TensorSet(x, ToVector(real), base.encode(["money bonobo"])))
    assert (found.error, found.efficacy, found.keep_change) == (0.0, 1.0, 0.0)
    before = outputs(base.model, best_oracle(base.model), [], x).astype(np.float32)
    assert found.error_before == pytest.approx(np.square((before - now) * output.scale[0]).mean())
    assert (found.unchanged, found.held_out) == (None, None)


def test_answers_take_the_first_of_equals():
    logits = np.array([[1, 5, 5], [7, 7, 7], [0, 1, 2]], np.int8)
    assert answers(logits[:, None]).tolist() == [1, 0, 2]
    assert is_tie(logits).tolist() == [True, True, False]


def test_logits_stand_before_a_final_softmax(tiny_model):
    assert logits_tensor(tiny_model) == tiny_model.ops[1].outputs[0]
    plain = parse(tiny.classifier(softmax=False))
    assert logits_tensor(plain) == plain.outputs[0]


def test_outputs_are_what_the_ops_and_the_delta_give(base, repair):
    model: Model = base.model
    x = base.encode(["capital ararat", "money bonobo"])
    oracle = best_oracle(model)
    logits = oracle.activations(x, [6])[6]
    moved = logits.copy()
    moved[0, 0, [2, 4]] = 127, -128
    found = outputs(model, oracle, [deltas.adapter(model, repair)], x)
    assert found.tolist() == ops.operator(model, model.ops[2]).forward(moved).tolist()
    assert np.array_equal(outputs(model, oracle, [], x), oracle.activations(x, [7])[7])


def test_certificate(base, read, repair):
    prompts = [f.prompts[0] for f in FACTS]
    proof = certify(base.model, [repair], Trace(read(prompts)), prompts)
    assert (proof.total, proof.identical, proof.touched, proof.holds) == (8, 7, ("capital ararat",), False)
    assert str(proof) == "7 of 8 keep outputs are byte-identical to the base's"
    assert certify(base.model, [repair], Trace(read(prompts[1:])), prompts[1:]).holds
    assert certify(base.model, [], Trace(read(prompts)), prompts).holds


def test_dump_lets_anybody_compute_the_figures_again(base, read, repair):
    """From the arrays alone, by the rules of SPEC.md section 6."""
    second = replace(FACTS[3], target_new="5")
    edits, keep = EditSet((EDIT, second)), KeepSet(FACTS[4].prompts, (1,))
    asked = ask(edits, keep, FACTS)
    other = opener(base, second.prompts[0], 5, int(Measure(read).see(second.prompts, []).after[0]), 60)
    cases = [Case(asked[0], 2, [repair]), Case(asked[1], 5, [other])]
    found = Measure(read).edits(cases, keep, [])
    raw = np.load(io.BytesIO(dump(read, cases, keep.prompts)), allow_pickle=False)
    assert {raw[n].shape for n in ("base_logits", "base_output", "logits", "output")} == {(len(raw["prompt"]), 6)}
    assert sorted(set(raw["active_set"].tolist())) == [0, 1]
    assert (raw["edit"][raw["role"] == "keep"] == -1).all()
    top = raw["logits"].max(axis=1, keepdims=True)
    now, before = raw["logits"].argmax(axis=1), raw["base_logits"].argmax(axis=1)
    alone = (raw["logits"] == top).sum(axis=1) == 1

    def share(role: str) -> float:
        of = raw["role"] == role
        rows, wanted = raw["row"][of], raw["wanted"][raw["edit"][of]]
        if role in ("edited", "rephrased"):
            return float(((now[rows] == wanted) & alone[rows]).mean())
        return float((now[rows] == before[rows]).mean())

    assert share("edited") == found.efficacy
    assert share("rephrased") == found.paraphrase
    assert share("unrelated") == found.unrelated
    assert share("same_subject") == found.same_subject
    kept = raw["row"][raw["role"] == "keep"]
    assert (raw["output"][kept] == raw["base_output"][kept]).all(axis=1).mean() == found.identical_keep
    near = [
        (now[rows] == before[rows]).mean()
        for e in (0, 1)
        if len(rows := raw["row"][(raw["role"] == "neighbourhood") & (raw["edit"] == e)])
    ]
    assert (np.mean(near), min(near)) == (found.neighbourhood, found.neighbourhood_worst)


def test_evaluate_resolves_answers_and_refuses_another_base(base, read, repair):
    edits, keep = EditSet((EDIT,)), KeepSet(("money bonobo",), (1,))
    adapter = deltas.adapter(base.model, repair)
    metrics, cases = evaluate(read, [adapter], edits, keep, FACTS)
    assert metrics.efficacy == 1.0
    assert cases[0].wanted == 2
    with pytest.raises(McueditError, match="another base"):
        evaluate(read, [replace(adapter, base_sha256="00" * 32)], edits, keep, FACTS)
    named = replace(edits, edits=(replace(EDIT, target_new="gitega"),))
    metrics, _ = evaluate(read, [replace(adapter, labels={2: "gitega"})], named, keep, FACTS)
    assert metrics.efficacy == 1.0
