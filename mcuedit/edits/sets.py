# SPDX-License-Identifier: Apache-2.0
"""The sets themselves; EasyEdit's field names."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

_WORDS = re.compile(rb"[a-z0-9\x80-\xff]+")


@dataclass(frozen=True)
class Edit:
    """One correction asked for.

    Attributes:
        prompts: the inputs to be answered anew.
        target_new: the new answer; in a line of facts.jsonl, the answer.
        ground_truth: the answer that is wrong today, if it was given.
        rephrase_prompts: other wordings, for evaluation only: training never reads them.
        locality: prompts that must not change.
        user: whose it is, if the file says so: `mcuedit edit --dp` states what it tells of each user.
        line: where it stood in its file, from 1; 0 if it came from none.
        target_class: the new answer, given by the number of its class; None: by its label.
    """

    subject: str
    prompts: tuple[str, ...]
    target_new: str
    relation: str = ""
    ground_truth: str = ""
    rephrase_prompts: tuple[str, ...] = ()
    locality: tuple[str, ...] = ()
    user: str = ""
    line: int = 0
    target_class: int | None = None

    @cached_property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 of what training may read, in canonical JSON."""
        names = ("subject", "relation", "prompts", "target_new", "locality")
        values = {name: getattr(self, name) for name in names} | {"target_new": self.answer}
        canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of one line; empty optional fields are left out."""
        names = ("subject", "relation", "prompts", "target_new", "ground_truth", "rephrase_prompts", "locality", "user")
        values = {name: getattr(self, name) for name in names}
        filled = {k: list(v) if isinstance(v, tuple) else v for k, v in values.items() if v}
        return filled | {"target_new": self.answer}

    @property
    def answer(self) -> str | int:
        """The new answer as it is written: a label, or the number of a class."""
        return self.target_new if self.target_class is None else self.target_class


@dataclass(frozen=True)
class EditSet:
    """Edits in file order.

    Attributes:
        source: the file, for messages.
        notes: what the user should be told; none of it is an error.
    """

    edits: tuple[Edit, ...]
    source: str = "edits"
    notes: tuple[str, ...] = ()

    def where(self, edit: Edit) -> str:
        """`file:line` of an edit, or its subject when it came from no file."""
        return f"{self.source}:{edit.line}" if edit.line else f"{self.source}: {edit.subject}"

    def without_locality(self) -> EditSet:
        """The same edits with empty locality lists."""
        return replace(self, edits=tuple(replace(edit, locality=()) for edit in self.edits))


@dataclass(frozen=True)
class KeepSet:
    """Prompts whose answers must not change, each once, in file order.

    Attributes:
        lines: the line each prompt stood on; prompts of one line are wordings of one question.
    """

    prompts: tuple[str, ...]
    lines: tuple[int, ...]
    source: str = "keep"
    notes: tuple[str, ...] = ()


@lru_cache(1 << 16)
def bag_of_words(prompt: str) -> tuple[bytes, ...]:
    """The sorted words of a prompt. Two prompts with the same bag are one input to a text base (SPEC.md, section 4)."""
    return tuple(sorted(_WORDS.findall(prompt.encode("utf-8", "surrogateescape").lower())))
