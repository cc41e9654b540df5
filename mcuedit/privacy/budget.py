# SPDX-License-Identifier: Apache-2.0
"""A schedule, whom it protects, and what it gives away of a prompt, of an edit and of a user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal

from mcuedit._util import bounded
from mcuedit._util.errors import McueditError
from mcuedit.privacy.accountant import Schedule, epsilon, replacement_epsilon

PROMPT, EDIT = "prompt", "edit"
UNITS = (PROMPT, EDIT)
_LARGEST = 1e-3  # delta of a handful of examples


@dataclass(frozen=True)
class Protected:
    """Who is protected, in numbers that are public.

    Attributes:
        prompts, edits: how many there are. Without edits each prompt is one.
        wordings: prompts that an edit has at most.
        users, of_user: how many users, and how many units one of them has at most; None where the data do not say.
        unit: PROMPT or EDIT: what is sampled and clipped as one.
    """

    prompts: int
    edits: int = 0
    wordings: int = 1
    users: int | None = None
    of_user: int = 1
    unit: str = PROMPT

    @classmethod
    def of(cls, prompts: Sequence[Sequence[str]], users: Sequence[str], unit: str | None = None) -> Protected:
        """Of edits: the prompts of each, and its user, "" where the data do not say.

        Args:
            unit: None: EDIT where one has several prompts, else PROMPT.
        """
        each = [set(own) for own in prompts]
        wordings = max(map(len, each), default=1)
        unit = unit or (EDIT if wordings > 1 else PROMPT)
        whose: dict[str, list[set[str]]] = {}
        for i, (own, user) in enumerate(zip(each, users, strict=True)):
            whose.setdefault(f"user {user}" if user else f"edit {i}", []).append(own)
        units = [len(own) if unit == EDIT else len(set().union(*own)) for own in whose.values()]
        known = len(whose) if any(users) else None
        return cls(len(set().union(*each)), len(each), wordings, known, max(units, default=1), unit)


@dataclass(frozen=True)
class Budget:
    """A schedule and what it gives away.

    Attributes:
        delta: of each epsilon.
        prompt: epsilon of whether one prompt is among those of its edit.
        edit: of whether an edit has its prompts or none.
        user: of the same of all edits of a user; None where the data do not say.
    """

    schedule: Schedule
    protected: Protected
    delta: float
    prompt: float
    edit: float
    user: float | None

    @property
    def epsilon(self) -> float:
        """Of one unit."""
        return self.edit if self.protected.unit == EDIT else self.prompt

    def flat(self) -> dict[str, float | int | str]:
        """Keys and values for --json and for what an adapter remembers; no epsilon is rounded down."""
        s, who = self.schedule, self.protected
        given = {"epsilon": self.epsilon, "epsilon_prompt": self.prompt, "epsilon_edit": self.edit}
        given |= {} if self.user is None else {"epsilon_user": self.user}
        values: dict[str, float | int | str] = {name: float(shown(value, 6)) for name, value in given.items()}
        values |= {"delta": self.delta, "unit": who.unit, "sigma": s.sigma, "clip": s.clip}
        values |= {"steps": s.steps, "rate": s.rate, "private_examples": who.prompts}
        values |= {"private_edits": who.edits or who.prompts, "wordings": who.wordings}
        return values | ({} if who.users is None else {"private_users": who.users})

    def __str__(self) -> str:
        s, who = self.schedule, self.protected
        each = [f"epsilon {shown(self.prompt)} for each of {who.prompts:,} prompts"]
        if who.edits:
            each.append(f"{shown(self.edit)} for each of {who.edits:,} edits of at most {who.wordings:,} prompts")
        if self.user is not None:
            each.append(f"{shown(self.user)} for each of {who.users:,} users of at most {who.of_user:,} {who.unit}s")
        how = f"sigma {s.sigma}, clip {s.clip} by {who.unit}, {s.steps} steps, rate {s.rate:g}"
        return f"{', '.join(each)}, at delta {self.delta:.2e} ({how})"


def level(count: int) -> float:
    """The delta that we state unless told otherwise: count^-1.1, well below one in `count`, and 0.001 at most."""
    return min(1 / float(max(count, 1) ** 1.1), _LARGEST)


def budget(text: str, rate: float, protected: Protected, delta: float | None = None) -> Budget:
    """Reads "sigma,clip,steps" as --dp takes it, and says what that gives away.

    Args:
        rate: probability that a unit takes part in a step.
        delta: None: `level` of the prompts, which are the most.

    Raises:
        McueditError: these are not three integers in range, there is nothing to protect, or `delta` protects nothing.
    """
    parts = [number for part in text.split(",") if (number := bounded.whole(part.strip())) is not None]
    if len(parts) != 3 or text.count(",") != 2:
        raise McueditError(f"--dp {text!r}", "three integers: SIGMA,CLIP,STEPS, such as 200,50,30")
    if protected.prompts < 1:
        raise McueditError("nothing to protect", "private training needs at least one example")
    if delta is not None and not 0 < delta <= protected.prompts**-1.1:
        why = f"more than 0, at most {protected.prompts}^-1.1: with more, one of the prompts could be told as it is"
        raise McueditError(f"delta {delta:g} for {protected.prompts:,} prompts", why)
    sigma, clip, steps = parts
    schedule = Schedule(sigma, clip, steps, rate)
    delta = level(protected.prompts) if delta is None else delta
    one, several = epsilon(schedule, delta), protected.wordings > 1
    if protected.unit == EDIT:
        prompt, edit = replacement_epsilon(schedule, delta) if several else one, one
    else:
        prompt, edit = one, epsilon(schedule, delta, protected.wordings) if several else one
    user = None if protected.users is None else epsilon(schedule, delta, protected.of_user)
    return Budget(schedule, protected, delta, prompt, edit, user)


def shown(value: float, digits: int = 4) -> str:
    """An epsilon with so many digits, rounded up."""
    return f"{Decimal(value).normalize(Context(digits, ROUND_CEILING)):f}"
