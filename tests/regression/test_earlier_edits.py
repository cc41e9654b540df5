# SPDX-License-Identifier: Apache-2.0
"""Prompts of earlier edits were filed with those of the new edit as wordings of one question.

The gates are trained to overlook the variation between wordings, so the new gate opened on the earlier edit.
"""

from __future__ import annotations

from mcuedit.edits import Edit, EditSet, KeepSet
from mcuedit.training.examples.text import NoiseConfig, from_text
from mcuedit.training.wishes import with_prompts


def test_earlier_edits_are_questions_of_their_own():
    new = EditSet((Edit("a", ("a one", "a two"), "x"), Edit("b", ("b one",), "y")))
    earlier = [Edit("c", ("c one", "c two"), "z"), Edit("d", ("d one", "kept"), "z")]
    keep = KeepSet(("kept", "kept too"), (1, 7))
    joined = with_prompts(keep, earlier)
    assert joined.prompts == ("kept", "kept too", "c one", "c two", "d one")
    table = from_text(new, joined, [0, 1], NoiseConfig(), 0)
    group = {table.names[i]: int(table.group[i]) for i in range(len(table.names)) if table.clean[i]}
    wordings = [("a one", "a two"), ("b one",), ("kept",), ("kept too",), ("c one", "c two"), ("d one",)]
    assert len({frozenset(group[p] for p in prompts) for prompts in wordings}) == len(wordings)
    assert all(len({group[p] for p in prompts}) == 1 for prompts in wordings)
