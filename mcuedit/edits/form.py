# SPDX-License-Identifier: Apache-2.0
"""What a line of an edit set, of facts.jsonl or of a keep set may hold, once its fields have our names."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    FailFast,
    Field,
    StringConstraints,
    Tag,
)

from mcuedit.edits.sets import Edit, bag_of_words

_MAX_TEXT = 1 << 16  # characters


def _words(text: str) -> str:
    if not bag_of_words(text):
        raise ValueError("a text with a word in it")
    return text


def _printable(text: str) -> str:
    if any(ord(c) < 32 for c in text):
        raise ValueError("a text without control characters")
    return text


def _kind(value: Any) -> str:
    return "class" if isinstance(value, int) and not isinstance(value, bool) else "label"


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _once(texts: list[str]) -> list[str]:
    return list(dict.fromkeys(texts))


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=_MAX_TEXT)]
Prompts = Annotated[
    list[Annotated[Text, AfterValidator(_words)]], FailFast(), BeforeValidator(_listed), AfterValidator(_once)
]
# A JSON integer is a class, "7" is a label.
Class = Annotated[int, Field(ge=0)]
Label = Annotated[Text, AfterValidator(_printable)]
Answer = Annotated[Annotated[Class, Tag("class")] | Annotated[Label, Tag("label")], Discriminator(_kind)]


class Kept(BaseModel):
    """Of which only the prompts count."""

    model_config = ConfigDict(extra="ignore", strict=True)
    prompts: Annotated[Prompts, Field(min_length=1)]


class Line(Kept):
    """An edit; `answer` is what facts.jsonl calls the new answer."""

    subject: Text
    target_new: Answer
    relation: Text = ""
    ground_truth: Answer = ""  # the answer that is wrong today
    rephrase_prompts: Prompts = []
    locality: Prompts = []
    user: Text = ""

    def edit(self, line: int) -> Edit:
        """The edit that stood on a line."""
        new = self.target_new
        return Edit(
            subject=self.subject,
            prompts=tuple(self.prompts),
            target_new=str(new),
            relation=self.relation,
            ground_truth=str(self.ground_truth),
            rephrase_prompts=tuple(self.rephrase_prompts),
            locality=tuple(self.locality),
            user=self.user,
            line=line,
            target_class=new if isinstance(new, int) else None,
        )


class Fact(Line):
    """A line of facts.jsonl, whose new answer is the field `answer`."""

    target_new: Answer = Field(validation_alias="answer")


KNOWN = frozenset(Line.model_fields)
# As good as not there.
EMPTY: dict[str, tuple[object, ...]] = {"relation": ("", []), "ground_truth": ("", []), "user": ("",)}


def filled(values: dict[str, Any]) -> dict[str, Any]:
    """Without what is not there, or as good as not there."""
    return {name: value for name, value in values.items() if value is not None and value not in EMPTY.get(name, ())}
