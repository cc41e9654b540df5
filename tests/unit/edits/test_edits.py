# SPDX-License-Identifier: Apache-2.0
"""Edit and keep files: what is read, what is refused and how it is said."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mcuedit._util.errors import McueditError
from mcuedit.edits import (
    Edit,
    EditSet,
    KeepSet,
    already_given,
    bag_of_words,
    check_edits,
    check_keep,
    load_edits,
    load_facts,
    load_keep,
    load_tensors,
    resolve_answers,
)
from mcuedit.model.tflite import Tensor

BURUNDI = {
    "subject": "burundi",
    "relation": "capital",
    "prompts": ["what is the capital of burundi"],
    "target_new": "gitega",
    "ground_truth": "bujumbura",
    "rephrase_prompts": ["burundi is governed from"],
    "locality": ["which currency has burundi"],
}
LABELS = ["bujumbura", "gitega", "franc", "Franc", "<spare 0>", "<spare 1>"]


@pytest.fixture
def write(tmp_path: Path):
    def write(*lines: object, name: str = "edits.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines), "utf-8")
        return path

    return write


def edit(prompt: str = "capital of burundi", target: str = "gitega", **fields: object) -> Edit:
    return replace(Edit("burundi", (prompt,), target), **fields)


def test_reads_every_field(write):
    (read,) = load_edits(write(BURUNDI)).edits
    assert read.to_dict() == BURUNDI
    assert read.line == 1


def test_reads_easyedit_spellings(write):
    path = write(
        "", {"subject": "s", "prompt": " a ", "target_new": "t", "rephrase_prompt": "b", "ground_truth": ["g", "h"]}
    )
    (read,) = load_edits(path).edits
    assert (read.prompts, read.rephrase_prompts, read.ground_truth, read.line) == (("a",), ("b",), "g", 2)


def test_reads_a_file_with_byte_order_mark_and_crlf(tmp_path):
    path = tmp_path / "e.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(BURUNDI).encode() + b"\r\n\r\n")
    assert len(load_edits(path).edits) == 1


def test_a_json_integer_is_a_class_and_a_json_string_a_label(write):
    number, label = load_edits(write({**BURUNDI, "target_new": 7}, {**BURUNDI, "target_new": "7"})).edits
    assert (number.target_new, number.target_class, number.to_dict()["target_new"]) == ("7", 7, 7)
    assert (label.target_new, label.target_class, label.to_dict()["target_new"]) == ("7", None, "7")
    assert number.sha256 != label.sha256


def test_unknown_fields_are_noted_once_each(write):
    path = write({**BURUNDI, "year": 2019}, {**BURUNDI, "year": 2020, "who": 1})
    assert load_edits(path).notes == (
        f"{path}: unknown field 'year' is ignored (line 1 and 1 more)",
        f"{path}: unknown field 'who' is ignored (line 2)",
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "no JSON"),
        ("3", "a JSON int, not an object"),
        ("null", "a JSON NoneType, not an object"),
        ("[" * 100_000, "no JSON (nested too deeply)"),
        ('{"subject": "a", "subject": "b"}', "field 'subject': it is given twice"),
        ('{"prompt": "a", "prompts": ["b"]}', "field 'prompts': it is given twice"),
        ({**BURUNDI, "subject": None}, "field 'subject': it is missing"),
        ({**BURUNDI, "subject": " "}, "field 'subject': expected a text that is not empty"),
        ({**BURUNDI, "prompts": []}, "field 'prompts': expected a list that is not empty"),
        ({**BURUNDI, "prompts": {"a": 1}}, "field 'prompts': expected a text, found {'a': 1}"),
        ({**BURUNDI, "prompts": ["???"]}, "field 'prompts': expected a text with a word in it, found '???'"),
        ({**BURUNDI, "locality": ["a", 3]}, "field 'locality': expected a text, found 3"),
        ({**BURUNDI, "target_new": True}, "field 'target_new': expected a text, found True"),
        ({**BURUNDI, "target_new": "a\nb"}, "field 'target_new': expected a text without control characters"),
        (
            '{"subject": "\\ud800", "prompts": ["a"], "target_new": "b"}',
            "field 'subject': expected a text without lone surrogates",
        ),
        (
            {"answer": "a", **{k: v for k, v in BURUNDI.items() if k != "target_new"}},
            "field 'target_new': it is missing",
        ),
    ],
)
def test_malformed_line_is_named(write, line, why):
    path = write(BURUNDI, line)
    with pytest.raises(McueditError) as caught:
        load_edits(path)
    assert caught.value.message.startswith(f"{path}:2: {why}")
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_every_malformed_line_is_reported_up_to_twenty(write):
    path = write(*["{"] * 25)
    with pytest.raises(McueditError) as caught:
        load_edits(path)
    lines = caught.value.message.split("\n")
    assert [line.split(":")[1] for line in lines[:20]] == [str(n) for n in range(1, 21)]
    assert lines[20:] == ["... and 5 more"]


def test_unreadable_files(tmp_path, write):
    with pytest.raises(McueditError, match="No such file"):
        load_edits(tmp_path / "none.jsonl")
    with pytest.raises(McueditError, match="no edit in it"):
        load_edits(write(""))
    (tmp_path / "latin").write_bytes(b"{}\n\xe9")
    with pytest.raises(McueditError, match="latin:2: not UTF-8"):
        load_edits(tmp_path / "latin")


def test_facts_carry_answers(write):
    fact = {**BURUNDI, "answer": "bujumbura"}
    del fact["target_new"]
    facts = load_facts(write(fact))
    assert facts.edits[0].target_new == "bujumbura"
    assert not facts.notes


def test_keep_files_of_every_shape(write):
    fact = {"subject": "s", "prompts": ["c d"], "answer": "x", "rephrase_prompts": ["never read"]}
    assert load_keep(write(BURUNDI, fact, {"prompts": "e"})).prompts == (*BURUNDI["prompts"], "c d", "e")
    assert load_keep(write("a b", "", "c", "a b", name="keep.txt")).prompts == ("a b", "c")
    assert load_keep(write("a b", "c", name="keep")).prompts == ("a b", "c")


def test_malformed_keep_files(write):
    with pytest.raises(McueditError, match=r":2: no JSON"):
        load_keep(write(BURUNDI, "{"))
    with pytest.raises(McueditError, match="an empty keep set"):
        load_keep(write(" ", ""))


def test_hash_covers_what_training_reads():
    one = edit(relation="capital", locality=("a",))
    assert one.sha256 == replace(one, rephrase_prompts=("x",), ground_truth="y", line=9).sha256
    assert one.sha256 == "e369d25424434ceb51582a37731ab55d9feca659d459282c3ac50f22e5c77cc6"
    for change in {"subject": "b"}, {"relation": ""}, {"prompts": ("q",)}, {"target_new": "z"}, {"locality": ()}:
        assert one.sha256 != replace(one, **change).sha256


def test_bag_of_words_is_what_a_text_base_sees():
    assert bag_of_words("The capital, of  Burundi?") == bag_of_words("burundi of the CAPITAL")
    assert bag_of_words("é") != bag_of_words("É")


def test_contradiction_names_both_lines():
    edits = EditSet((edit(line=1), edit("Burundi: capital of?", "bujumbura", line=4)), "e.jsonl")
    with pytest.raises(McueditError, match=r"e.jsonl:1 wants 'gitega'.*e.jsonl:4 wants 'bujumbura'"):
        check_edits(edits)


def test_repetition_is_dropped_with_a_note():
    edits = EditSet((edit(line=1), edit(target="Gitega", line=2), edit("burundi in other words", line=3)), "e.jsonl")
    checked = check_edits(edits)
    assert [e.line for e in checked.edits] == [1, 3]
    assert checked.notes == ("e.jsonl:2: repeats an earlier edit and is dropped",)


def test_a_prompt_cannot_be_in_its_own_locality():
    with pytest.raises(McueditError, match="both to be edited and in the locality list"):
        check_edits(EditSet((edit(locality=("burundi capital of",)),)))


def test_another_edits_prompt_may_be_in_a_locality():
    one, two = edit("burundi a", locality=("burundi b",)), edit("burundi b", locality=("burundi a",))
    assert check_edits(EditSet((one, two))).edits == (one, two)


def test_edited_prompts_leave_the_keep_set():
    edits = EditSet((edit(),))
    kept = check_keep(KeepSet(("x", "Capital of Burundi?"), (1, 2), "k"), edits)
    assert kept.prompts == ("x",)
    assert kept.notes == ("k: 1 edited prompt is not kept",)
    assert check_keep(KeepSet(("x",), (1,)), edits).notes == ()
    with pytest.raises(McueditError, match="an empty keep set"):
        check_keep(KeepSet(("capital of burundi",), (1,)), edits)


def test_every_edit_that_does_not_name_its_subject_is_refused_at_once():
    """Subject and prompt of two things: nothing that training could make of it is what was asked."""
    wrong = edit("what is the capital of rwanda", line=1), edit(line=2), edit("where do kings live", line=5)
    with pytest.raises(McueditError) as caught:
        check_edits(EditSet(wrong, "e.jsonl"))
    assert str(caught.value).splitlines()[:2] == [
        "e.jsonl:1: no prompt names the subject 'burundi', such as 'what is the capital of rwanda'",
        "e.jsonl:5: no prompt names the subject 'burundi', such as 'where do kings live'",
    ]
    assert caught.value.hint


@pytest.mark.parametrize(
    ("subject", "prompt"),
    [
        ("burundi", "Burundi's capital?"),
        ("the netherlands", "which Netherlands city is the capital"),
        ("guinea-bissau", "capital of guinea  bissau"),
        ("Curaçao", "capital of curacao"),
        ("日本", "日本の首都は"),
    ],
)
def test_a_subject_is_found_as_people_write_it(subject, prompt):
    named = Edit(subject, ("who knows", prompt.replace("which", "which of the")), "x")
    assert check_edits(EditSet((named,))).edits == (named,)


@pytest.mark.parametrize(
    "hole",
    ["{}", "{0}", "{subject}", "{{ subject }}", "<subject>", "[X]", "[SUBJECT]", "%s", "%(entity)s", "$subject"],
)
@pytest.mark.parametrize("field", ["prompts", "locality", "rephrase_prompts"])
def test_a_template_that_was_not_filled_in_is_refused(hole, field):
    asked = (f"what is the capital of {hole}",)
    edits = EditSet((edit(line=1), edit("burundi is ruled from", line=2, **{field: asked})), "e.jsonl")
    with pytest.raises(McueditError, match=f"^e.jsonl:2: {field}: {re.escape(hole)} in .* was not filled in"):
        check_edits(edits)
    with pytest.raises(McueditError, match=r"^k:1: .* was not filled in"):
        check_keep(KeepSet(asked, (1,), "k"), EditSet((edit(),)))


def test_braces_and_brackets_of_ordinary_prompts_are_no_templates():
    odd = edit("burundi [capital] {city, town} 5 < 6 > 4 costs $5 or 3 %")
    assert check_edits(EditSet((odd,))).edits == (odd,)


def test_note_on_an_edit_that_holds_already():
    assert already_given(EditSet((edit(line=3),), "e"), edit(line=3)).startswith("e:3: the base answers")


def answers(*targets: str, **options):
    edits = EditSet(tuple(edit(target=t, line=i) for i, t in enumerate(targets, 1)), "e")
    return resolve_answers(edits, LABELS, len(LABELS), **options)


def test_answers_exact_and_up_to_case():
    assert answers("gitega", "GITEGA", "Franc", "franc").classes == (1, 1, 3, 2)
    with pytest.raises(McueditError, match="fits 2 labels up to case"):
        answers("FRANC")


def test_new_names_take_spare_slots_in_order():
    found = answers("ouagadougou", "gitega", "brasilia", "Ouagadougou")
    assert found.classes == (4, 1, 5, 4)
    assert found.labels == {4: "ouagadougou", 5: "brasilia"}
    assert found.notes[0] == "e:1: 'ouagadougou' is a new name and takes class 4 (spare slots left: 1)"


def test_names_given_before_stay():
    found = answers("lima", "quito", taken={4: "quito"})
    assert found.classes == (5, 4)
    assert found.labels == {4: "quito", 5: "lima"}


@pytest.mark.parametrize("typo", ["bujumbra", "gitgea", "gitegaa"])
def test_a_typo_takes_no_slot(typo):
    with pytest.raises(McueditError, match=f"'{typo}' is no label; did you mean '(gitega|bujumbura)'") as caught:
        answers(typo)
    assert "--new-labels" in caught.value.hint
    assert "2 spare slots are free" in caught.value.hint
    assert answers(typo, new_labels=True).classes == (4,)


def test_no_slot_left():
    with pytest.raises(McueditError, match="answer 'gitwiga' is no label; the closest labels are 'gitega'") as caught:
        answers("lima", "quito", "gitwiga")
    assert "0 spare slots are free" in caught.value.hint
    with pytest.raises(McueditError, match="cannot be a label"):
        answers("<spare 9>")
    with pytest.raises(McueditError, match="cannot be a label"):
        answers("x" * 256)


def test_a_spare_slot_can_be_named_itself():
    first = LABELS[4]
    found = answers("lima", first)
    assert found.classes == (5, 4)
    assert found.labels == {5: "lima"}


def test_class_numbers_without_labels():
    edits = EditSet((edit(target="3"),))
    assert resolve_answers(edits, None, 4).classes == (3,)
    for bad in "4", "-1", "³", "gitega", "9" * 5000:
        with pytest.raises(McueditError, match="no class number"):
            resolve_answers(EditSet((edit(target=bad),)), None, 4)


INPUT = Tensor(0, "in", (1, 2, 3), "INT8", np.array([0.5], np.float32), np.array([-1]), None)


def tensors(tmp_path: Path, **arrays: np.ndarray):
    np.savez(tmp_path / "t.npz", **arrays)
    return load_tensors(tmp_path / "t.npz", INPUT, 4)


def test_tensors_int8_and_float(tmp_path):
    x = np.arange(-6, 6, dtype=np.int8).reshape(2, 2, 3)
    read = tensors(tmp_path, x=x, y=np.array([0, 3]), other=x)
    assert (read.x == x).all()
    assert read.keep.shape == (0, 2, 3)
    assert read.notes == (f"{tmp_path / 't.npz'}: array 'other' is ignored",)
    real = (x.astype(np.float32) + 1) * 0.5
    assert (tensors(tmp_path, x=real, y=np.array([0, 3]), keep=real + 0.5).keep == x + 1).all()


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({"y": np.array([0])}, "no array 'x'"),
        ({"x": np.zeros((1, 2, 3), np.int8)}, "no array 'y'"),
        ({"x": np.zeros((1, 3, 2), np.int8), "y": np.array([0])}, r"x has shape \[1, 3, 2\]"),
        ({"x": np.zeros((1, 2, 3), np.uint8), "y": np.array([0])}, "x is uint8"),
        ({"x": np.full((1, 2, 3), np.nan), "y": np.array([0])}, "NaN"),
        ({"x": np.zeros((1, 2, 3), np.int8), "y": np.array([4])}, "y holds 4"),
        ({"x": np.zeros((1, 2, 3), np.int8), "y": np.array([0.0])}, "y is float64"),
        ({"x": np.zeros((0, 2, 3), np.int8), "y": np.zeros(0, int)}, "x is empty"),
        ({"x": np.array([None]), "y": np.array([0])}, "no .npz that can be read"),
    ],
)
def test_malformed_tensors(tmp_path, arrays, why):
    with pytest.raises(McueditError, match=why):
        tensors(tmp_path, **arrays)


OUTPUT = Tensor(1, "out", (1, 4), "INT8", np.array([0.25], np.float32), np.array([10]), None)
X = np.arange(18, dtype=np.int8).reshape(3, 2, 3)


def goals(tmp_path: Path, **arrays: np.ndarray):
    np.savez(tmp_path / "g.npz", **{"x": X, **arrays})
    return load_tensors(tmp_path / "g.npz", INPUT, 4, OUTPUT)


def test_what_tensors_may_want(tmp_path):
    """A class, a class over another one, not a class, a vector: each has a name and groups of like wishes."""
    one = goals(tmp_path, y=np.array([2, 0, 2])).wanted
    assert (one.kind, one.groups().tolist(), one.name(0), one.name(1)) == ("class", [1, 0, 1], "class 0", "class 2")
    two = goals(tmp_path, y=np.array([2, 0, 2]), against=np.array([1, -1, 3])).wanted
    assert (two.kind, two.groups().tolist()) == ("against", [1, 0, 2])
    assert [two.name(g) for g in range(3)] == ["class 0", "class 2 over 1", "class 2 over 3"]
    three = goals(tmp_path, not_class=np.array([3, 3, 1])).wanted
    assert (three.kind, three.groups().tolist(), three.name(1)) == ("not class", [1, 1, 0], "not class 3")
    four = goals(tmp_path, target=np.full((3, 4), 10, np.int8)).wanted
    assert (four.kind, four.groups().tolist(), four.vectors.tolist()) == ("vector", [0, 0, 0], [[0.0] * 4] * 3)
    assert len(four.take(slice(1, 3))) == 2


def test_held_out_arrays_and_sequences(tmp_path):
    read = goals(tmp_path, y=np.zeros(3, int), x_test=X + 1, y_test=np.ones(3, int), keep=X + 2, keep_test=X[:1] + 3)
    assert read.wanted_test.classes.tolist() == [1, 1, 1]
    assert (len(read.x_test), len(read.keep), len(read.keep_test), read.notes) == (3, 3, 1, ())
    spoken = np.zeros((2, 7, 2, 3), np.int8)
    spoken[1] = 1
    assert goals(tmp_path, x=spoken, y=np.array([0, 1]), keep=spoken + 2).keep.shape == (2, 7, 2, 3)


def test_an_autoencoder_reproduces_its_input(tmp_path):
    """Vectors are what was given, in real units, not what is left of it in int8."""
    like = Tensor(1, "out", (1, 2, 3), "INT8", np.array([0.5], np.float32), np.array([0]), None)
    x = np.linspace(-3, 3, 12).reshape(2, 2, 3)
    np.savez(tmp_path / "a.npz", x=x, reproduce=True, keep=x + 1, x_test=x + 2)
    read = load_tensors(tmp_path / "a.npz", INPUT, 6, like)
    assert np.allclose(read.wanted.vectors, x)
    assert np.allclose(read.keep_vectors, x + 1)
    assert np.allclose(read.wanted_test.vectors, x + 2)
    assert read.keep_test_vectors is None


def test_values_that_clip_are_counted(tmp_path):
    real = np.zeros((3, 2, 3))
    real[0, 0, 0], real[1, 0, 0], real[2] = 65, -70, 1
    assert any(
        "x: 2 of 18 values lie outside -63.5..64 and clip" in n
        for n in goals(tmp_path, x=real, y=np.zeros(3, int)).notes
    )


def test_an_edited_input_is_not_kept(tmp_path):
    read = goals(tmp_path, y=np.zeros(3, int), keep=np.concatenate([X[1:2], X + 50]))
    assert len(read.keep) == 3
    assert any("1 samples of keep are edited" in note for note in read.notes)


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({"y": np.zeros(3, int), "not_class": np.zeros(3, int)}, "both 'y' and 'not_class'"),
        ({"y": np.zeros(3, int), "against": np.array([1, 0, 1])}, "sample 1 wants class 0 against itself"),
        ({"y": np.zeros(3, int), "against": np.array([1, 1, 4])}, "against holds 4"),
        ({"not_class": np.array([0, -1, 0])}, "not_class holds -1"),
        ({"target": np.zeros((3, 5), np.int8)}, r"target has shape \[3, 5\]"),
        ({"target": np.zeros((3, 4), np.uint8)}, "target is uint8"),
        ({"target": np.full((3, 4), np.inf)}, "target holds NaN or infinity"),
        ({"target": np.full((3, 4), 1e6)}, r"target\[0, 0\] is 1e\+06, far outside -34.5..29.25"),
        ({"target": np.full((3, 4), 29.5)}, r"target\[0, 0\] is 29.5, and this base's output ends at -34.5..29.25"),
        ({"y": np.zeros(3, int), "x_test": X, "y_test": np.ones(3, int)}, r"x\[0\] and x_test\[0\] are one input"),
        ({"reproduce": np.array(True)}, "the input has 6 values, the output 4"),
        ({"x": np.full((1, 2, 3), 500.0), "y": np.zeros(1, int)}, r"x\[0, 0, 0\] is 500, far outside -63.5..64"),
        ({"y": np.zeros(3, int), "x_test": X}, "no array 'y_test'"),
        ({"y": np.zeros(3, int), "keep": np.zeros((2, 7, 2, 3), np.int8)}, r"keep has shape \[2, 7, 2, 3\]"),
        ({"x": np.zeros((3, 0, 2, 3), np.int8), "y": np.zeros(3, int)}, "sequences of no steps"),
        ({"x": np.zeros((2, 2, 3), np.int8), "y": np.array([0, 1])}, r"x\[0\] and x\[1\] are one input"),
    ],
)
def test_goals_that_make_no_sense(tmp_path, arrays, why):
    with pytest.raises(McueditError, match=why) as caught:
        goals(tmp_path, **arrays)
    assert caught.value.hint


@pytest.mark.parametrize("goal", ["y", "not_class"])
def test_no_class_is_wanted_of_a_single_output(tmp_path, goal):
    """Whatever it says, a single output answers class 0: the wish cannot be met, or is met by anything."""
    np.savez(tmp_path / "s.npz", x=X, **{goal: np.zeros(3, int)})
    single = replace(OUTPUT, shape=(1, 1))
    with pytest.raises(McueditError, match=f"'{goal}' wants a class, and this base has a single output") as caught:
        load_tensors(tmp_path / "s.npz", INPUT, 1, single)
    assert "target" in caught.value.hint


def test_the_ends_of_the_outputs_range_can_be_wanted(tmp_path):
    ends = np.resize([-34.5, 29.25, 29.3, -34.6], (3, 4))
    assert goals(tmp_path, target=ends).wanted.vectors == pytest.approx(ends)


def test_an_edited_input_is_no_held_out_one_that_stays(tmp_path):
    read = goals(tmp_path, y=np.zeros(3, int), keep_test=np.concatenate([X[1:2], X + 50]))
    assert len(read.keep_test) == 3
    assert any("1 samples of keep_test are edited" in note for note in read.notes)


def test_files_that_are_no_npz(tmp_path):
    for name, data in ("a", b"hello"), ("b", b"PK\x03\x04junk"), ("c", b""):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(McueditError):
            load_tensors(tmp_path / name, INPUT, 4)
    np.save(tmp_path / "d.npy", np.zeros(3))
    with pytest.raises(McueditError, match="single array"):
        load_tensors(tmp_path / "d.npy", INPUT, 4)
    with pytest.raises(McueditError, match="No such file"):
        load_tensors(tmp_path / "none", INPUT, 4)
