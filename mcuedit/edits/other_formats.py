# SPDX-License-Identifier: Apache-2.0
"""Edits as others write them, brought to our names: EasyEdit (KnowEdit), CounterFact (ROME), zsRE (MEND)."""

from __future__ import annotations

from typing import Any

from mcuedit._util.schema import FieldError

_ALIASES = {
    "prompt": "prompts",
    "rephrase": "rephrase_prompts",
    "rephrase_prompt": "rephrase_prompts",
    "paraphrase_prompts": "rephrase_prompts",
    "locality_prompt": "locality",
    "neighborhood_prompts": "locality",
    "src": "prompts",
    "alt": "target_new",
    "answers": "ground_truth",
    "loc": "locality",
}
# What they measure generation and their own models with; the base's answers are what we compare with.
_UNUSED = frozenset(
    "case_id pararel_idx id generation_prompts attribute_prompts locality_ground_truth loc_ans cond pred portability"
    " relation_id target_true question".split()
)
_DEPTH = 8  # of locality: groups, their objects, their lists
_ZSRE_LOCALITY = "nq question: "


def to_ours(values: dict[str, Any]) -> dict[str, Any]:
    """One object with our field names; what has no name of theirs or ours stays as it is.

    Raises:
        FieldError: a field is given under two names, or has not the shape of its benchmark.
    """
    if "requested_rewrite" in values:
        values = _rewritten(values)
    found: dict[str, Any] = {}
    for theirs, value in values.items():
        name = _ALIASES.get(theirs, theirs)
        if name in found:
            raise FieldError(name, "it is given twice")
        if name not in _UNUSED:
            found[name] = value
    if "locality" in found:
        found["locality"] = _locality(found["locality"])
    for name in found.keys() & {"target_new", "ground_truth"}:
        found[name] = _name(found[name], first=name == "ground_truth")
    return found


def _rewritten(values: dict[str, Any]) -> dict[str, Any]:
    """CounterFact: the edit is nested, and its prompt has {} in the subject's place."""
    edit = values["requested_rewrite"]
    if not isinstance(edit, dict):
        raise FieldError("requested_rewrite", f"expected an object, found a {type(edit).__name__}")
    edit = dict(edit)
    prompt, subject = edit.get("prompt"), edit.get("subject")
    if isinstance(prompt, str) and isinstance(subject, str):
        if "{}" not in prompt:
            raise FieldError("requested_rewrite", "expected a prompt with {} for its subject")
        edit["prompt"] = prompt.replace("{}", subject)
    if "target_true" in edit:
        edit["ground_truth"] = edit.pop("target_true")
    rest = {name: value for name, value in values.items() if name != "requested_rewrite"}
    if twice := sorted(edit.keys() & rest.keys()):
        raise FieldError(twice[0], "it is given twice")
    return edit | rest


def _locality(value: Any, depth: int = 0) -> Any:
    """Its prompts: of a list, or of groups by name, of texts or of objects with prompt and ground_truth."""
    if depth > _DEPTH:
        raise FieldError("locality", "it is nested too deeply")
    if isinstance(value, dict):
        if "prompt" in value:
            return _locality(value["prompt"], depth + 1)
        if "ground_truth" in value:
            raise FieldError("locality", "expected a prompt beside its ground_truth")
        value = list(value.values())
    if isinstance(value, list):
        parts = [_locality(item, depth + 1) for item in value]
        return [prompt for part in parts for prompt in (part if isinstance(part, list) else [part])]
    return value.removeprefix(_ZSRE_LOCALITY) if isinstance(value, str) else value


def _name(value: Any, *, first: bool) -> Any:
    """An answer: {"str": ...} is CounterFact's; of a truth's aliases the first is the name."""
    while first and isinstance(value, list) and value:
        value = value[0]
    return value["str"] if isinstance(value, dict) and "str" in value else value
