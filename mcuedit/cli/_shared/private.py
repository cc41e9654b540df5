# SPDX-License-Identifier: Apache-2.0
"""Options of verbs that train with differential privacy, or say what it gives away."""

from __future__ import annotations

from collections.abc import Callable

import click

from mcuedit.cli._shared.options import F, together
from mcuedit.privacy import UNITS


def unit_option(name: str) -> Callable[[F], F]:
    """What differential privacy samples and clips as one."""
    return click.option(
        name,
        type=click.Choice(UNITS),
        help="Clip and sample by prompt or by edit; by edit if one has several wordings and this is not given.",
    )


def delta_option(name: str) -> Callable[[F], F]:
    """The delta of an epsilon."""
    help = "Delta of every epsilon; prompts^-1.1, and 0.001 at most, if not given."
    return click.option(name, type=float, metavar="P", help=help)


dp_options = together(
    click.option("--dp-rate", default=1.0, show_default=True, help="Probability that a unit takes part in a step."),
    unit_option("--dp-unit"),
    delta_option("--dp-delta"),
)
