# SPDX-License-Identifier: Apache-2.0
"""The command line: one file per verb, loaded when the verb is used.

A verb is the click command named `command` in `mcuedit.cli.<verb>`. What it returns is the exit code: None or 0 for
ok, 1 for a check that failed. Bad input is a McueditError, anywhere below: exit code 2 and two lines on stderr. Any
other exception is a fault of ours: two lines, too, and exit code 70.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Sequence
from difflib import get_close_matches

import click

from mcuedit import __version__
from mcuedit._util import system
from mcuedit._util.errors import McueditError
from mcuedit.cli._shared import messages, streams

OK, FAILED, BAD_INPUT, UNEXPECTED, INTERRUPTED = 0, 1, 2, 70, 130  # 70 is EX_SOFTWARE of sysexits.h

# Verbs in the order of use; the text is here so that --help loads no verb.
VERBS = {
    "demo": "Repair a real fact on a virtual Cortex-M4, end to end.",
    "zoo": "List the bases that ship with mcuedit, or write one to a folder.",
    "quantize": "Make an int8 base of a Keras model or a SavedModel.",
    "inspect": "Show what is in a base or an adapter.",
    "edit": "Train an adapter that makes the corrections of an edit set.",
    "eval": "Measure an adapter against its untouched base.",
    "wake": "Repair a wake word's net with recordings.",
    "bench": "Train and measure whole edit sets.",
    "emit": "Write a base and its adapters as C sources, or as one .tflite.",
    "strip": "Take adapters out of a .tflite that emit --augment wrote.",
    "run": "Build the firmware and execute it on a virtual board.",
    "flash": "Write firmware or an adapter to a board.",
    "keygen": "Make a key that signs packages, or write public keys as C.",
    "pack": "Sign adapters as a package that devices take.",
    "firmware": "Build a device that packages can be pushed to.",
    "verify": "Check a package as a device does.",
    "push": "Bring a package to a device or to a fleet, in stages.",
    "status": "Show a device: its base, its slots, its trial.",
    "activate": "Start the trial of adapters that a device holds.",
    "deactivate": "Take adapters out of force on a device.",
    "confirm": "Keep the trial of a device.",
    "rollback": "Return a device to what it ran before.",
    "revoke": "Make and sign a list of keys that were stolen.",
    "log": "Read a device log and verify it.",
    "learn": "Let a virtual device learn corrections, and measure it.",
    "federate": "Make one adapter of those that many devices learned.",
    "registry": "Show what was packed, and where it went.",
    "boards": "List the boards.",
    "doctor": "Check compilers, emulators and runtimes.",
}


# Where a verb's module is.
_ROOMS = {
    "repair": "demo zoo quantize inspect edit eval wake learn federate".split(),
    "board": "emit strip run flash firmware boards doctor".split(),
    "ship": "keygen pack verify push status activate deactivate confirm rollback revoke log registry".split(),
}
_MODULES = {verb: f"{room}.{verb}" for room, verbs in _ROOMS.items() for verb in verbs}


class LazyGroup(click.Group):
    """The verbs of VERBS; each module is imported when its verb is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"mcuedit.cli.{_MODULES.get(name, name)}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            close = get_close_matches(args[0], VERBS, 1)
            hint = f"did you mean {close[0]!r}?" if close else "'mcuedit --help' lists the verbs"
            raise McueditError(f"no such verb: {args[0]}", hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nExample:\n  mcuedit demo",
)
@click.version_option(__version__, message="mcuedit %(version)s")
@click.option("-v", "--verbose", count=True, help="Say on stderr which programs are run; -vv: retries and cache hits.")
def command(verbose: int) -> None:
    """Repair an INT8 model in the field with a delta of a few hundred bytes."""
    messages.log((logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)])


def invoke(args: Sequence[str] | None = None) -> int:
    """Runs one command line; errors go to stderr.

    Returns:
        The exit code.
    """
    try:
        code = command.main(args, prog_name="mcuedit", standalone_mode=False)
        sys.stdout.flush()
    except McueditError as error:
        messages.complain(error.message, error.hint)
        return BAD_INPUT
    except click.ClickException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # click 8.2; earlier ones print the help themselves
            click.echo(error.format_message(), err=True)
        else:
            messages.complain(" ".join(error.format_message().split()), _usage_hint(error))
        return BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except OSError as error:
        if (told := system.told(error)) is None:
            raise
        messages.complain(told.message, told.hint)
        return BAD_INPUT
    return code if isinstance(code, int) else OK


def main() -> None:
    """The console script: what nobody expected is told in two lines, too, and its traceback goes to a file."""
    streams.guard()
    try:
        code = invoke()
    except Exception as error:
        from mcuedit._util import unexpected

        told = unexpected.told(error)
        messages.complain(told.message, told.hint)
        code = UNEXPECTED
    except KeyboardInterrupt:  # between two errors
        code = INTERRUPTED
    sys.exit(code)


def _usage_hint(error: click.ClickException) -> str:
    ctx = getattr(error, "ctx", None)
    return f"'{ctx.command_path} --help' shows how" if ctx is not None else ""
