# SPDX-License-Identifier: Apache-2.0
"""mcuedit bench: one file per subcommand."""

from __future__ import annotations

import click

from mcuedit.cli.bench import bytes, edits, federated, privacy, speed, wake, words


@click.group()
def command() -> None:
    """Train and measure whole edit sets, compare every byte on every core, count instructions."""


command.add_command(edits.command)
command.add_command(bytes.command)
command.add_command(federated.command)
command.add_command(privacy.command)
command.add_command(speed.command)
command.add_command(wake.command)
command.add_command(words.command)
