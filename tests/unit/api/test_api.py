# SPDX-License-Identifier: Apache-2.0
"""What a program calls."""

from __future__ import annotations

import numpy as np
import pytest

import mcuedit
from mcuedit import zoo
from mcuedit._util.errors import McueditError
from mcuedit.adapter import folder

EDIT = {
    "subject": "burundi",
    "relation": "capital",
    "prompts": ["what is the capital of burundi", "which city governs burundi", "burundi capital city"],
    "target_new": "gitega",
    "locality": ["what currency is used in burundi"],
}
KEEP = ["what is the capital of kenya", "what is the capital of angola", "what currency is used in kenya"]
ASKED = ["what is the capital of burundi", "what is the capital of kenya"]


@pytest.fixture(scope="module")
def base():
    return mcuedit.load_base(zoo.folder("facts"))


@pytest.fixture(scope="module")
def gitega(base):
    return mcuedit.edit(base, [EDIT], KEEP, mcuedit.Options(name="gitega", tap="3", target="4"))


@pytest.fixture(autouse=True)
def nothing_in_force(base):
    yield
    base.set_adapters([])


def answers(base):
    return [answer.label for answer in base.ask(ASKED)]


def test_an_edit_acts_while_its_adapter_is_in_force(base, gitega):
    assert answers(base) == ["bujumbura", "nairobi"]
    base.set_adapters([gitega])
    assert answers(base) == ["gitega", "nairobi"]
    base.set_adapters([])
    assert answers(base) == ["bujumbura", "nairobi"]


def test_a_saved_adapter_comes_back_with_its_edits(base, gitega, tmp_path):
    gitega.save_pretrained(tmp_path / "gitega")
    again = mcuedit.Adapter.from_pretrained(tmp_path / "gitega")
    assert mcuedit.encode_adapter(again, base.model) == mcuedit.encode_adapter(gitega, base.model)
    assert again.info == gitega.info
    assert again.files == gitega.files
    assert '"gitega"' in again.files[folder.EDITS]
    again.save_pretrained(tmp_path / "twice")
    assert (tmp_path / "twice" / folder.EDITS).read_bytes() == (tmp_path / "gitega" / folder.EDITS).read_bytes()


def test_edits_are_trained_again_together_with_new_ones(base, gitega):
    other = {"subject": "kenya", "relation": "currency", "prompts": [KEEP[2]], "target_new": "euro"}
    both = mcuedit.edit(base, [other], KEEP[:2], mcuedit.Options(tap="3", target="4"), onto=gitega)
    base.set_adapters([both])
    assert [answer.label for answer in base.ask([ASKED[0], KEEP[2]])] == ["gitega", "euro"]


def test_what_edit_measured_is_what_evaluate_measures(base, gitega):
    measured = mcuedit.evaluate(base, [gitega], [EDIT], KEEP).flat()
    told = gitega.info["metrics"]
    assert measured["efficacy"] == 1.0
    assert {k: v for k, v in measured.items() if k != "seconds"} == {k: v for k, v in told.items() if k != "seconds"}


def test_bytes_are_those_of_every_device(base, gitega):
    x = base.encode(ASKED)
    base.set_adapters([gitega])
    given = mcuedit.simulate(base, None, mcuedit.RunOptions("host"), inputs=x)
    assert np.array_equal(base.run(x), given.outputs)


def test_weights_are_changed_without_a_gate(base):
    made = mcuedit.merge(base, [EDIT], KEEP, mcuedit.Options(gated=False, target="2"))
    assert len(made.new_weights.data) == len(base.model.data)
    assert made.new_weights.op == 2


def test_an_adapter_of_another_base_is_not_put_in_force(base, gitega):
    other = mcuedit.load_base(zoo.folder("digits"))
    base.set_adapters([gitega])
    with pytest.raises(McueditError, match="for another base"):
        other.set_adapters([gitega])
    assert other.adapters == ()
    assert base.adapters == (gitega,)


def test_records_are_checked_as_files_are(base):
    with pytest.raises(McueditError, match=r"edits:1: .*target_new"):
        mcuedit.edit(base, [{"subject": "burundi", "prompts": ["x"]}], KEEP)
    with pytest.raises(McueditError, match="no keep set"):
        mcuedit.edit(base, [EDIT])


def test_names_that_say_too_little_are_not_public():
    assert not {"run", "train", "encode", "decode", "reader"} & set(mcuedit.__all__)
