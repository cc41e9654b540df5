# SPDX-License-Identifier: Apache-2.0
"""Options of the verbs that train."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import click

from mcuedit.cli._shared.options import F, Real, seed_option, together
from mcuedit.training import Options
from mcuedit.training.options import AUTO

effort_option = click.option(
    "--effort",
    type=Real(0, min_open=True),
    default=Options.effort,
    show_default=True,
    help="Bound of the choice of tap and target for tensors, counted in units of about a second of one core.",
)


@dataclass(frozen=True)
class Training:
    """What `training_options` are given."""

    rank: int | None
    gated: bool
    tap: str
    target: str
    bits: str | None
    gate_place: float | None
    seed: int
    new_labels: bool

    def options(self, **more: Any) -> Options:
        """The options of training, with what else a verb knows of them."""
        given = {field.name: getattr(self, field.name) for field in fields(Training)}
        return Options(**{**given, "bits": int(self.bits) if self.bits else None, **more})


def _op(name: str, what: str) -> Callable[[F], F]:
    named = f"{what}: its index, the name of its output, or auto."
    return click.option(name, default=AUTO, show_default=True, metavar="OP", help=named)


def _unset(name: str, kind: Any, chosen: str, help: str) -> Callable[[F], F]:
    """What training chooses by itself if it is not given."""
    return click.option(name, type=kind, show_default=chosen, help=help)


_BITS = "8; for tensors 4 where 8 take over 400 bytes and 4 do as well"
_PLACE = "Where gates stand. 0: next to the keep set, more wordings open them; 1: next to the edit."
training_options = together(
    _unset("--rank", int, "1, up to 4 for tensors", "Factors: 1 is one for each edit; more are shared by all edits."),
    click.option(
        "--gated/--plain",
        default=Options.gated,
        show_default=True,
        help="Whether the factors have gates, which keep them out of all else.",
    ),
    _op("--tap", "Operator whose input the gate reads, or with :output behind it, what it gives"),
    _op("--target", "Operator whose output the delta is added to"),
    _unset("--bits", click.Choice(["8", "4"]), _BITS, "Bits of an element of A."),
    _unset("--gate-place", float, "0.2, more for many edits", _PLACE),
    seed_option("Seed of the noise that training adds."),
    click.option("--new-labels", is_flag=True, help="Take answers that look like misspelt labels as new names."),
)
