# SPDX-License-Identifier: Apache-2.0
"""What `mcuedit edit` is given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from mcuedit._util.errors import McueditError
from mcuedit.api.inputs import edit_set
from mcuedit.cli._shared import options
from mcuedit.cli._shared.files import are_tensors, keep_set
from mcuedit.cli._shared.options import TEXT, Real, Writing, is_given, path
from mcuedit.cli._shared.private import dp_options
from mcuedit.cli._shared.training import Training, effort_option, training_options
from mcuedit.training import Options, TextEdits

FLOOR = 0.9  # share of what is to be kept that must stay


@dataclass(frozen=True)
class Given(Training, Writing):
    """The arguments and options of the verb."""

    base_path: Path
    edit_paths: tuple[Path, ...]
    keep_path: Path | None
    beside: tuple[Path, ...]
    onto: Path | None
    name: str | None
    adapter_version: str
    merged: bool
    private: str | None
    dp_rate: float
    dp_unit: str | None
    dp_delta: float | None
    floor: float
    output_name: str | None
    effort: float
    as_json: bool

    @property
    def tensors(self) -> bool:
        """Whether the edits are tensors; else they are text."""
        return are_tensors(self.edit_paths[0])

    def text(self, keep: str = "prompts") -> TextEdits:
        """The edits of text, and what must stay."""
        kept = keep_set(self.keep_path, keep)
        return TextEdits(edit_set(self.edit_paths), kept)

    def check(self) -> None:
        """Refuses what does not go together."""
        if self.private is not None:
            self._check_private()
        if (self.private is not None or self.merged) and is_given("floor"):
            raise McueditError("--floor with --dp or --merged", "nothing is certified there: leave it away")
        for option in ("dp_rate", "dp_unit", "dp_delta"):
            if self.private is None and is_given(option):
                raise McueditError(f"--{option.replace('_', '-')} without --dp", "add --dp SIGMA,CLIP,STEPS")
        if self.merged and (self.beside or self.onto):
            raise McueditError("--merged beside an adapter", "merge all edits into one file, without --with and --onto")

    def _check_private(self) -> None:
        if self.merged or self.beside or self.onto is not None:
            raise McueditError("--dp beside --merged, --with or --onto", "train one adapter for all private edits")
        for option in ("gated", "bits", "gate_place", "new_labels"):
            if is_given(option):
                name = "--" + option.replace("_", "-")
                raise McueditError(f"--dp with {name}", "private training has random gates of 8 bits: leave it away")


edit_options = options.together(
    options.base_argument,
    options.edit_sets_option("Edits: .jsonl, or .npz of tensors."),
    options.keep_option("Prompts whose answers must not change.", metavar="K", required=False),
    options.output_option("DIR", "Folder that the adapter is written to."),
    path("--with", "beside", multiple=True, metavar="ADAPTER", help="Adapter that is in force beside the new one."),
    path("--onto", metavar="ADAPTER", help="Adapter whose edits are trained again together with the new ones."),
    click.option("--name", type=TEXT, help="Name of the adapter; DIR's name if not given."),
    click.option("--adapter-version", default=Options.version, show_default=True, help="Version of the adapter."),
    options.force_option("Replace DIR even if it holds files that mcuedit did not write."),
    click.option("--merged", is_flag=True, help="Change weights of one op instead: DIR is the .tflite to write."),
    click.option(
        "--dp",
        "private",
        metavar="SIGMA,CLIP,STEPS",
        help="Train with differential privacy: SIGMA,CLIP,STEPS, such as 200,50,30.",
    ),
    dp_options,
    click.option(
        "--floor",
        type=Real(0, 1),
        default=FLOOR,
        show_default=True,
        help="Exit code 1 if a smaller share of what is to be kept keeps its answer or, with gates, its output bytes.",
    ),
    options.output_name_option,
    effort_option,
    training_options,
    options.json_option,
)
