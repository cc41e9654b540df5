# SPDX-License-Identifier: Apache-2.0
"""What the base answers as wanted already trains nothing, by whatever method."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mcuedit import cli, privacy, zoo
from mcuedit.adapter.forward import answers, logits_tensor
from mcuedit.benchmark import edits as benchmark
from mcuedit.edits import Edit, EditSet, KeepSet, load_facts
from mcuedit.emulate.runner import best_oracle
from mcuedit.model import bundle
from mcuedit.model.oracle import Reader
from mcuedit.training import Options, Problem, TextEdits, fit
from mcuedit.training.factors.frozen_a import MARGIN
from mcuedit.training.methods import private

FACTS = zoo.folder("facts")
PLAIN = Options(gated=False, target="3")


@pytest.fixture(scope="module")
def read() -> Reader:
    base = bundle.load(FACTS)
    return benchmark.reader(base, best_oracle(base.model))


@pytest.fixture(scope="module")
def facts(read: Reader) -> tuple[Edit, ...]:
    """Those that the base answers as it should, whatever the wording."""
    labels = read.base.labels or ()
    found = [f for f in load_facts(FACTS / "facts.jsonl").edits[:60] if f.locality == ()]
    return tuple(f for f in found if {labels[c] for c in _answers(read, f.prompts)} == {f.target_new})


@pytest.fixture(scope="module")
def keep(facts: tuple[Edit, ...]) -> KeepSet:
    """The first wordings of facts that no test edits."""
    lines = [(p, i) for i, f in enumerate(facts[4:]) for p in f.prompts[:2]]
    return KeepSet(tuple(p for p, _ in lines), tuple(i for _, i in lines), "keep")


@pytest.fixture
def files(tmp_path: Path, facts: tuple[Edit, ...], keep: KeepSet) -> list[str]:
    """Arguments: a base, an edit that asks for what is there, a keep set."""
    given = replace(facts[0], prompts=facts[0].prompts[:3])
    (tmp_path / "edits.jsonl").write_text(json.dumps(given.to_dict()) + "\n", "utf-8")
    lines = [json.dumps({"prompts": f.prompts[:2]}) for f in facts[4:]]
    (tmp_path / "keep.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return [str(FACTS), "--edits", str(tmp_path / "edits.jsonl"), "--keep", str(tmp_path / "keep.jsonl")]


def _answers(read: Reader, prompts: tuple[str, ...]) -> list[int]:
    found: list[int] = answers(read(prompts)[logits_tensor(read.base.model)]).tolist()
    return found


def test_no_weights_change_where_nothing_is_left(files, tmp_path, capsys):
    output = tmp_path / "new.tflite"
    assert cli.invoke(["edit", *files, "--merged", "-o", str(output), "--json"]) == 0
    said = capsys.readouterr()
    assert not output.exists()
    assert "nothing is left to train" in " ".join(said.err.split())
    assert (json.loads(said.out)["model"], json.loads(said.out)["efficacy"]) == (None, 1.0)


def test_a_file_that_is_there_is_not_taken_for_a_result(files, tmp_path, capsys):
    output = tmp_path / "new.tflite"
    output.write_bytes(b"old")
    assert cli.invoke(["edit", *files, "--merged", "-o", str(output), "--force", "--json"]) == 1
    assert output.read_bytes() == b"old"
    assert "left as it was" in " ".join(capsys.readouterr().err.split())


def test_weights_are_trained_on_what_is_left_and_keep_the_rest(read, facts, keep):
    new = replace(facts[1], prompts=facts[1].prompts[:3], target_new=facts[2].target_new)
    given = replace(facts[0], prompts=facts[0].prompts[:3])
    made = fit("merged", Problem(read, TextEdits(EditSet((given, new)), keep)), PLAIN)
    assert made.given.tolist() == [True, False]
    assert made.trained_edits == (new,)
    assert set(given.prompts) <= set(made.keep.prompts)
    assert any("already" in note for note in made.notes)
    found = benchmark.measure_edited(read, made, (), benchmark.repaired(read.base, made, best_oracle))
    assert found.efficacy == 1.0


def test_no_private_prompt_adds_to_a_sum_while_its_answer_stands(read, facts, keep, monkeypatch):
    """Of prompts whose right answer leads by less than the margin that edits are trained for."""
    prompts = [(p, f) for f in facts for p in f.rephrase_prompts]
    logits = read([p for p, _ in prompts])[logits_tensor(read.base.model)].reshape(len(prompts), -1)
    top = np.sort(logits.astype(int), axis=1)
    lead = top[:, -1] - top[:, -2]
    labels = np.array(read.base.labels)[answers(logits)]
    near = [i for i, (_, f) in enumerate(prompts) if 0 < lead[i] < MARGIN and labels[i] == f.target_new]
    asked = {prompts[i][1].subject: replace(prompts[i][1], prompts=(prompts[i][0],), rephrase_prompts=()) for i in near}
    sums = []
    clipped_sum = private.clipped_sum

    def seen(*arguments):
        sums.append(clipped_sum(*arguments))
        return sums[-1]

    monkeypatch.setattr(private, "clipped_sum", seen)
    budget = privacy.budget("1,50,1", 1.0, privacy.Protected(len(asked)))
    config = private.Config(budget=budget, rank=64, random=privacy.seeded(1))
    fit("private", Problem(read, TextEdits(EditSet(tuple(asked.values())), keep)), config)
    assert [np.abs(total).max() for total in sums] == [0]


def test_a_device_is_told_nothing_that_it_answers_already(files, capsys):
    assert cli.invoke(["learn", *files, "--replay", "8", "--json"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert (found["factor_bytes"], found["efficacy"], found["given"]) == (0.0, 1.0, 1)
    assert "already" in said.err
