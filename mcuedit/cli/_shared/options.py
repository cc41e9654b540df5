# SPDX-License-Identifier: Apache-2.0
"""Options that several verbs have, and how a verb takes all of its own as one dataclass."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from mcuedit.build.options import OPTIMIZATIONS, RUNTIMES, TOOLCHAINS, BuildOptions

F = TypeVar("F", bound=Callable[..., Any])
Given = TypeVar("Given")
Told = TypeVar("Told")

PATH = click.Path(path_type=Path)


class Real(click.FloatRange):
    """A number in a range, which NaN is compared to in vain."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is no number that can be counted with", param, ctx)
        return number


SECONDS = Real(0, min_open=True)


def into(kind: Callable[..., Given]) -> Callable[[Callable[[Given], Told]], Callable[..., Told]]:
    """Has a verb take its arguments and options as one dataclass, whose fields are named as they are."""

    def decorate(verb: Callable[[Given], Told]) -> Callable[..., Told]:
        @functools.wraps(verb)
        def call(**given: Any) -> Told:
            return verb(kind(**given))

        return call

    return decorate


def is_given(option: str) -> bool:
    """Whether the user gave that option, rather than its default."""
    return click.get_current_context().get_parameter_source(option) is ParameterSource.COMMANDLINE


def text(value: str) -> str:
    """The type of options whose text goes into a base or a package, hence UTF-8 whatever the locale.

    Paths stay as the system has them.
    """
    try:
        return os.fsencode(value).decode("utf-8")
    except UnicodeError:
        raise click.BadParameter(f"{value!r} is not UTF-8") from None


TEXT = click.types.FuncParamType(text)


def path(*names: str, help: str, **more: Any) -> Callable[[F], F]:
    """A file or a folder."""
    return click.option(*names, type=PATH, help=help, **more)


def whole(name: str, least: int, most: int | None = None, *, help: str, **more: Any) -> Callable[[F], F]:
    """An integer in a range; a default is shown."""
    shown = {"show_default": True} if more.get("default") is not None else {}
    return click.option(name, type=click.IntRange(least, most), help=help, **{**shown, **more})


def choice(*names: str, of: Sequence[str], help: str, default: str | None = None) -> Callable[[F], F]:
    """One of several words, the first of them if no default is given."""
    return click.option(*names, type=click.Choice(of), default=default or of[0], show_default=True, help=help)


def together(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Several options in this order."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


json_option = click.option("--json", "as_json", is_flag=True, help="One flat JSON object on stdout.")
base_argument = click.argument("base_path", metavar="BASE", type=PATH)
adapters_argument = click.argument("adapters", metavar="ADAPTER...", nargs=-1, required=True, type=PATH)
output_name_option = click.option(
    "--output-name",
    "output_name",
    metavar="NAME",
    help="Of several outputs the one that is edited: its name or position. Not needed if one alone is a classifier's.",
)
scales_option = choice(
    "--tflm-scales",
    "scales",
    of=("double", "float", "auto"),
    help="How the bare runtime takes ratios of scales; auto: as TFLM_ROOT does.",
)
runtime_option = choice("--runtime", of=RUNTIMES, help="Run the base by itself, or inside TensorFlow Lite Micro.")
serve_option = click.option(
    "--serve",
    metavar="OP",
    multiple=True,
    help="Op without weights, by index or the name of its output, at which later adapters may act; repeatable.",
)
toolchain_option = choice(
    "--toolchain", of=TOOLCHAINS, help="What compiles firmware; auto: the first that is installed."
)


def opt_option(default: str = "2") -> Callable[[F], F]:
    """How small or fast firmware is."""
    return choice("--opt", of=OPTIMIZATIONS, default=default, help="The compiler's -O.")


def seed_option(help: str) -> Callable[[F], F]:
    """Where random numbers start."""
    return whole("--seed", 0, (1 << 63) - 1, default=0, help=help)


def edits_option(help: str, *, metavar: str = "F.jsonl", required: bool = True) -> Callable[[F], F]:
    """One edit set."""
    return path("--edits", "edit_path", required=required, metavar=metavar, help=help)


def edit_sets_option(help: str, *, metavar: str = "F", required: bool = True) -> Callable[[F], F]:
    """Edit sets, which are taken as one."""
    return path("--edits", "edit_paths", required=required, multiple=True, metavar=metavar, help=help)


def keep_option(help: str, *, metavar: str = "K.jsonl", required: bool = True) -> Callable[[F], F]:
    """What must not change."""
    return path("--keep", "keep_path", required=required, metavar=metavar, help=help)


def keys_option(help: str, **more: Any) -> Callable[[F], F]:
    """Public keys."""
    return path("--key", "key_paths", multiple=True, metavar="KEY", help=help, **more)


root_options = together(
    path("--root", "root_paths", multiple=True, metavar="KEY", help="Public key of a root, who revokes keys; 1 to 3."),
    click.option(
        "--root-threshold",
        type=click.IntRange(1),
        metavar="K",
        help="Roots that it takes to revoke a key; most of them.",
    ),
)


def output_option(metavar: str, help: str, *, required: bool = True) -> Callable[[F], F]:
    """What is written."""
    return path("-o", "--output", required=required, metavar=metavar, help=help)


def force_option(help: str) -> Callable[[F], F]:
    """Leave to replace what is there."""
    return click.option("--force", is_flag=True, help=help)


def boards_option(help: str) -> Callable[[F], F]:
    """Boards to run on."""
    return click.option("--board", "boards", multiple=True, metavar="NAME", help=help)


def board_option(help: str) -> Callable[[F], F]:
    """One board."""
    return click.option("--board", "board_name", metavar="NAME", help=help)


def emulator_option(names: Sequence[str]) -> Callable[[F], F]:
    """Where firmware is executed."""
    return choice("--emulator", of=names, help="What executes it.")


@dataclass(frozen=True)
class Compiling:
    """What verbs that build firmware are given of the compiler."""

    toolchain: str
    opt: str

    def build(self, runtime: str = "bare") -> BuildOptions:
        """How firmware is built."""
        return BuildOptions(runtime, self.toolchain, self.opt)


@dataclass(frozen=True)
class Writing:
    """What verbs that write a folder are given of it; it may be a file for some."""

    output: Path
    force: bool
