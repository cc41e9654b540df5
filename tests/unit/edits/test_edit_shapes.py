# SPDX-License-Identifier: Apache-2.0
"""Edit sets of EasyEdit, CounterFact and zsRE as their files are, and files that jq has to convert first."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from mcuedit._util.errors import McueditError
from mcuedit.edits import load_edits, load_facts, load_keep, resolve_answers

COUNTERFACT = {
    "case_id": 0,
    "pararel_idx": 2796,
    "requested_rewrite": {
        "prompt": "The mother tongue of {} is",
        "relation_id": "P103",
        "target_new": {"str": "English", "id": "Q1860"},
        "target_true": {"str": "French", "id": "Q150"},
        "subject": "Danielle Darrieux",
    },
    "paraphrase_prompts": ["Danielle Darrieux, a native"],
    "neighborhood_prompts": ["The native language of Montesquieu is", "Léon Blum spoke"],
    "attribute_prompts": ["J.R.R. Tolkien, a native"],
    "generation_prompts": ["Danielle Darrieux's mother tongue is"],
}
ZSRE = {
    "subject": "Watts Humphrey",
    "src": "What university did Watts Humphrey attend?",
    "pred": "Trinity College",
    "rephrase": "What university did Watts Humphrey take part in?",
    "alt": "University of Michigan",
    "answers": ["Illinois Institute of Technology", "IIT"],
    "loc": "nq question: who played desmond doss father in hacksaw ridge",
    "loc_ans": "Hugo Weaving",
    "cond": "Trinity College >> University of Michigan || What university did Watts Humphrey attend?",
}
EASYEDIT = {
    "case_id": 7,
    "prompt": "What university did Watts Humphrey attend?",
    "target_new": "University of Michigan",
    "subject": "Watts Humphrey",
    "ground_truth": "Illinois Institute of Technology",
    "rephrase_prompt": "What university did Watts Humphrey take part in?",
    "locality_prompt": "who played desmond doss father in hacksaw ridge",
    "locality_ground_truth": "Hugo Weaving",
}
KNOWEDIT = {
    "subject": "Leo Arons",
    "prompt": "The place of death of Leo Arons is",
    "target_new": "Berlin",
    "ground_truth": [["Magdeburg"]],
    "portability": {"Reasoning": [{"prompt": "Where is his grave?", "ground_truth": [["Berlin"]]}]},
    "locality": {
        "Relation_Specificity": [
            {"prompt": "The name of the father of Leo Arons is", "ground_truth": [["Albert"]]},
            {"prompt": "Leo Arons was born in", "ground_truth": [["Berlin"]]},
        ],
        "neighborhood": {"prompt": ["a b", "c d"], "ground_truth": ["e", "f"]},
        "distracting": "g h",
    },
}


SHORT = {"subject": "s", "prompt": "a s", "target_new": "t"}


def dump(path: Path, value: object, **how) -> Path:
    path.write_text(json.dumps(value, ensure_ascii=False, **how), "utf-8")
    return path


@pytest.mark.parametrize("indent", [None, 2])
def test_counterfact_is_read_as_it_is(tmp_path, indent):
    read = load_edits(dump(tmp_path / "counterfact.json", [COUNTERFACT, COUNTERFACT], indent=indent))
    assert read.edits[0].to_dict() == {
        "subject": "Danielle Darrieux",
        "prompts": ["The mother tongue of Danielle Darrieux is"],
        "target_new": "English",
        "ground_truth": "French",
        "rephrase_prompts": ["Danielle Darrieux, a native"],
        "locality": ["The native language of Montesquieu is", "Léon Blum spoke"],
    }
    assert len(read.edits) == 2
    assert read.edits[1].line == (1 if indent is None else 1 + json.dumps(COUNTERFACT, indent=2).count("\n") + 2)
    assert not read.notes


@pytest.mark.parametrize("given", [ZSRE, EASYEDIT])
def test_zsre_and_easyedit_are_read_as_they_are(tmp_path, given):
    (edit,) = load_edits(dump(tmp_path / "e.json", [given])).edits
    assert edit.to_dict() == {
        "subject": "Watts Humphrey",
        "prompts": ["What university did Watts Humphrey attend?"],
        "target_new": "University of Michigan",
        "ground_truth": "Illinois Institute of Technology",
        "rephrase_prompts": ["What university did Watts Humphrey take part in?"],
        "locality": ["who played desmond doss father in hacksaw ridge"],
    }


def test_locality_in_groups_is_read(tmp_path):
    (edit,) = load_edits(dump(tmp_path / "e.json", [KNOWEDIT])).edits
    wanted = ("The name of the father of Leo Arons is", "Leo Arons was born in", "a b", "c d", "g h")
    assert (edit.locality, edit.ground_truth) == (wanted, "Magdeburg")


def test_benchmarks_are_keep_sets_too(tmp_path):
    path = dump(tmp_path / "k.json", [COUNTERFACT, ZSRE, "plain words"])
    assert load_keep(path).prompts == (
        "The mother tongue of Danielle Darrieux is",
        "What university did Watts Humphrey attend?",
        "plain words",
    )
    assert load_keep(path).lines == (1, 2, 3), "questions of one line stay apart"
    assert load_facts(dump(tmp_path / "f.json", [{"subject": "s", "prompts": ["a"], "answer": "b"}])).edits


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"locality": {"a": {"ground_truth": "x"}}}, "field 'locality': expected a prompt beside its ground_truth"),
        ({"locality": {"a": {"prompt": 3}}}, "field 'locality': expected a text, found 3"),
        ({"target_new": {"id": "Q1"}}, "field 'target_new': expected a text, found {'id': 'Q1'}"),
        ({"target_new": -1}, "field 'target_new': expected 0 or more, found -1"),
        ({"src": "again"}, "field 'prompts': it is given twice"),
        ({"prompt": "word " * 20_000}, "field 'prompts': expected a text of at most 65,536 characters"),
        ({"requested_rewrite": 3}, "field 'requested_rewrite': expected an object, found a int"),
        ({"requested_rewrite": {"prompt": "a {}"}}, "field 'prompt': it is given twice"),
        ({"requested_rewrite": {"target_new": "b", "subject": "b"}}, "field 'subject': it is given twice"),
    ],
)
def test_what_has_not_the_shape_is_named(tmp_path, change, why):
    path = dump(tmp_path / "e.json", [SHORT, {**SHORT, **change}], indent=1)
    with pytest.raises(McueditError) as caught:
        load_edits(path)
    line = json.dumps([SHORT], indent=1).count("\n") + 1
    assert caught.value.message.startswith(f"{path}:{line}: {why}"), caught.value.message
    assert len(caught.value.message) < 300


def test_a_template_without_a_place_for_its_subject_is_refused(tmp_path):
    rewrite = {**COUNTERFACT["requested_rewrite"], "prompt": "The mother tongue is"}
    with pytest.raises(McueditError, match=r"a prompt with \{\} for its subject"):
        load_edits(dump(tmp_path / "e.json", [{**COUNTERFACT, "requested_rewrite": rewrite}]))


@pytest.mark.parametrize("text", ["[", "[1", "[{}", '[{"subject": 1,', "[{}] x", "[" * 100_000, "[1 2]", "[,]"])
def test_a_damaged_array_is_named(tmp_path, text):
    path = tmp_path / "e.json"
    path.write_text(text)
    for load in load_edits, load_keep:
        with pytest.raises(McueditError, match=r"e\.json:1: ") as caught:
            load(path)
        assert "no JSON" in caught.value.message


OURS = {"subject": "s", "prompts": ["a s"], "target_new": "t"}
MQUAKE = {"case_id": 1, "requested_rewrite": [COUNTERFACT["requested_rewrite"]] * 2, "questions": ["q"]}


@pytest.mark.parametrize(
    ("text", "what", "count"),
    [
        (json.dumps(OURS, indent=2) + "\n" + json.dumps(OURS, indent=2), "objects over several lines", 2),
        (json.dumps({"edit data": [OURS, OURS, OURS]}), "an object around the edits", 3),
        (json.dumps([MQUAKE, MQUAKE]), "several edits in an object", 4),
        (json.dumps(MQUAKE), "several edits in an object", 2),
    ],
)
def test_what_is_refused_comes_with_the_jq_line_that_converts_it(tmp_path, text, what, count):
    path = tmp_path / "it's mine.json"
    path.write_text(text)
    with pytest.raises(McueditError, match=what) as caught:
        load_edits(path)
    assert caught.value.hint.startswith("jq -c ")
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed: its line was not run")
    subprocess.run(["sh", "-c", caught.value.hint], cwd=tmp_path, check=True)
    assert len(load_edits(tmp_path / "lines.jsonl").edits) == count


def answers(tmp_path: Path, labels: list[str] | None, *given: str | int):
    path = tmp_path / "a.jsonl"
    path.write_text(
        "".join(json.dumps({**OURS, "prompts": [f"p{i}"], "target_new": a}) + "\n" for i, a in enumerate(given))
    )
    return resolve_answers(load_edits(path), labels, 4)


def test_an_integer_is_a_class_of_any_base(tmp_path):
    digits = ["3", "2", "1", "0"]
    assert answers(tmp_path, digits, 3, "3", 0, "0").classes == (3, 0, 0, 3)
    assert answers(tmp_path, ["a", "b", "c", "<spare 0>"], 1, "c", 3).classes == (1, 2, 3)
    assert answers(tmp_path, None, 1, "2").classes == (1, 2)
    for labels in digits, None:
        with pytest.raises(McueditError, match=r"a\.jsonl:1: answer '4' is no class number \(0\.\.3\)"):
            answers(tmp_path, labels, 4)


def test_a_label_and_a_number_may_contradict_each_other(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({**OURS, "target_new": a}) + "\n" for a in ("b", 1, 2)))
    with pytest.raises(McueditError, match=r"a\.jsonl:1 wants class 1, .*a\.jsonl:3 class 2 for 'a s'"):
        resolve_answers(load_edits(path), ["a", "b", "c"], 3)
