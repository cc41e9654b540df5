# SPDX-License-Identifier: Apache-2.0
"""Edit sets for bases of text with facts.jsonl and old_world.json, drawn by a seed.

Real changes come first, then counterfactual ones and new entities.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mcuedit.edits import Edit, is_spare, load_facts
from mcuedit.model import bundle

NEW_ENTITIES = 8  # of 50 edits
_SYLLABLES = "ba be di do fa go hu ka ki la lo ma mi na no pa ra ri sa so ta ti va vo wa za".split()


def files(folder: Path, kind: str | None, count: int, seed: int) -> dict[str, str | bytes]:
    """edits.jsonl and keep.jsonl for a base."""
    edits, keep = drawn(folder, count, seed)
    return {"edits.jsonl": edits, "keep.jsonl": keep}


def drawn(folder: Path, count: int, seed: int) -> tuple[str, str]:
    """Lines of edits and of the keep set for a base, JSONL."""
    facts = load_facts(folder / "facts.jsonl").edits
    changes = json.loads((folder / "old_world.json").read_text(encoding="utf-8"))
    edits, keep = draw(facts, bundle.load(folder).labels or (), changes, count, seed)
    kept = [{"subject": f.subject, "relation": f.relation, "prompts": f.prompts, "answer": f.target_new} for f in keep]
    return _lines(e.to_dict() for e in edits), _lines(kept)


def _lines(objects: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(o, ensure_ascii=False) + "\n" for o in objects)


def draw(
    facts: Sequence[Edit], labels: Sequence[str], changes: Sequence[dict[str, Any]], count: int, seed: int
) -> tuple[list[Edit], list[Edit]]:
    """Edits, and the facts to be kept: a random half of those that are not edited.

    Args:
        facts: all of the base, `target_new` being the answer it was taught.
        labels: of the base; its spare slots bound the number of new names.
        changes: real changes, as old_world.json lists them.

    Returns:
        (edits with the training prompts of their subject's other facts as locality, facts to keep)
    """
    rng = np.random.default_rng(seed)
    order = [facts[i] for i in rng.permutation(len(facts))]
    new_answer = {(c["subject"], c["relation"]): c["new"] for c in changes}
    real = [f for f in order if (f.subject, f.relation) in new_answer][:count]
    others = [f for f in order if (f.subject, f.relation) not in new_answer][: count - len(real)]
    spare = sum(is_spare(label) for label in labels) - sum(new_answer[_key(f)] not in labels for f in real)
    entities = min(count * NEW_ENTITIES // 50, max(spare, 0), len(others))
    edited = real + others
    chosen = {_key(f) for f in edited}
    answers = [new_answer[_key(f)] for f in real]
    answers += [_other_answer(f, facts, rng) for f in others[: len(others) - entities]]
    answers += [_name(rng) for _ in range(entities)]
    edits = [
        replace(f, target_new=answer, ground_truth=f.target_new, line=0, locality=_locality(f, facts))
        for f, answer in zip(edited, answers, strict=True)
    ]
    rest = [f for f in order if _key(f) not in chosen]
    return edits, rest[: len(rest) // 2]


def _key(fact: Edit) -> tuple[str, str]:
    return fact.subject, fact.relation


def _locality(fact: Edit, facts: Sequence[Edit]) -> tuple[str, ...]:
    return tuple(p for f in facts if f.subject == fact.subject and _key(f) != _key(fact) for p in f.prompts)


def _other_answer(fact: Edit, facts: Sequence[Edit], rng: np.random.Generator) -> str:
    answers = sorted({f.target_new for f in facts if f.relation == fact.relation} - {fact.target_new})
    return answers[rng.integers(len(answers))]


def _name(rng: np.random.Generator) -> str:
    return "".join(rng.choice(_SYLLABLES, 5))
