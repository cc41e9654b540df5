# SPDX-License-Identifier: Apache-2.0
"""mcuedit wake: one file per subcommand; a model where a subcommand would stand is repaired."""

from __future__ import annotations

import click

from mcuedit.cli.repair.wake import repair, synth


class _Wake(click.Group):
    """`wake MODEL ...` is `wake repair MODEL ...`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["repair", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Wake)
def command() -> None:
    """Repair the net of a wake word with recordings; 'mcuedit wake MODEL ...' is 'mcuedit wake repair MODEL ...'."""


command.add_command(repair.command)
command.add_command(synth.command)
