# SPDX-License-Identifier: Apache-2.0
"""No text from outside is obeyed by a terminal, read as markup, or hidden from the reader."""

from __future__ import annotations

import ast
import io
import json
import logging
import sys
from pathlib import Path

import pytest
from rich.text import Text

from mcuedit import cli
from mcuedit._util import visible
from mcuedit._util.errors import McueditError
from mcuedit.cli._shared import common, messages, terminal

# What a terminal or a reader could be led by, each with how it is to be shown.
HOSTILE = {
    "\x1b[31m": r"\x1b[31m",
    "\x1b]8;;http://x\x07": r"\x1b]8;;http://x\x07",
    "\x9b2J": r"\x9b2J",
    "\r": r"\r",
    "\b": r"\x08",
    "\x7f": r"\x7f",
    "\u202e": r"\u202e",
    "\u2066": r"\u2066",
    "\u200b": r"\u200b",
    "\u2028": r"\u2028",
    "\ufeff": r"\ufeff",
    "\U000e0041": r"\U000e0041",
    "\udc80": r"\udc80",
    "[bold red]x[/]": "[bold red]x[/]",
    "[link=http://x]x": "[link=http://x]x",
    ":fire:": ":fire:",
}
NAME = "a" + "".join(HOSTILE) + "z"
SHOWN = "a" + "".join(HOSTILE.values()) + "z"


PRINTS = {"print", "click.echo", "click.secho", "Console", "sys.stdout.write", "sys.stderr.write", "Text.assemble"}


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_a_terminal_would_obey_is_escaped_once(hostile):
    shown = HOSTILE[hostile]
    assert (visible.text(hostile), visible.line(hostile)) == (shown, shown)
    assert visible.text(shown) == shown


def test_letters_of_every_script_stay():
    for text in (
        "où est ça",
        "\u4e2d\u6587",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\U0001f469\u200d\U0001f52c",
        "a b",
    ):
        assert (visible.text(text), visible.is_line(text)) == (text, True)
    assert visible.text("a\nb") == "a\nb"
    assert (visible.line("a\nb"), visible.is_line("a\nb")) == (r"a\nb", False)


def test_json_means_the_same_when_it_is_shown(capsys):
    common.print_json({NAME.replace("\udc80", ""): [NAME.replace("\udc80", "")]})
    out = capsys.readouterr().out
    assert not [c for c in out if c in "\x1b\x9b\x7f\u202e\u2066\u200b\u2028\ufeff\U000e0041"]
    assert json.loads(out) == {NAME.replace("\udc80", ""): [NAME.replace("\udc80", "")]}


WAYS = {
    "print": lambda: terminal.stdout().print(NAME),
    "with a style": lambda: terminal.stdout().print(NAME, style="dim"),
    "styled": lambda: terminal.stdout().print(terminal.styled((NAME, "bold"), NAME)),
    "a text of rich": lambda: terminal.stdout().print(Text(NAME), NAME),
    "a cell": lambda: terminal.stdout().print(common.table("", ("a",), [(NAME,)])),
    "a title": lambda: terminal.stdout().print(common.table(NAME, ("a",), [("b",)])),
    "a column": lambda: terminal.stdout().print(common.table("", (NAME, "b"), [("b", "c")])),
    "a note": lambda: terminal.note(NAME),
    "notes": lambda: terminal.notes([NAME] * 30),
    "an error": lambda: messages.complain(NAME, NAME),
    "the log": lambda: (messages.log(logging.INFO), logging.getLogger("mcuedit.x").info("%s", NAME)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("tty", [False, True])
def test_no_way_to_the_terminal_leaves_it_out(way, tty, monkeypatch):
    made = Tty if tty else io.StringIO
    out, err = made(), made()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setenv("COLUMNS", "1000")
    monkeypatch.setenv("TERM", "dumb" if tty else "xterm")
    WAYS[way]()
    told = (out.getvalue() + err.getvalue()).replace("\x1b[1;31m", "").replace("\x1b[1m\x1b[31m", "")
    own = ("\x1b[31m\x1b[1merror\x1b[0m", "\x1b[36m\x1b[1mhint\x1b[0m")  # of complain, around its own words
    for sequence in own:
        told = told.replace(sequence, "")
    whole = "".join(told.split())
    assert "".join(SHOWN.split()) in whole
    assert [c for c in told if not c.isprintable() and c != "\n"] == []


def test_a_bar_shows_what_it_is_called(monkeypatch):
    err = Tty()
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setenv("COLUMNS", "1000")
    monkeypatch.setenv("TERM", "xterm")
    with common.progress(NAME, 1) as advance:
        advance(1)
    with common.working(NAME):
        pass
    assert r"\x9b2J" in err.getvalue()
    assert not [c for c in ("\x9b", "\u202e", "\x1b]8", "\x07", "\b") if c in err.getvalue()]


def test_a_message_cannot_be_forged_by_a_line_end(capsys):
    messages.complain("x\nhint: do it", "h\nerror: y")
    assert capsys.readouterr().err.splitlines() == ["error: x", "  hint: do it", "hint: h", "  error: y"]


def test_nothing_else_prints():
    """Whoever prints past these modules forgets it."""
    root = Path(cli.__file__).parent
    own = {root / "_shared" / name for name in ("messages.py", "terminal.py", "streams.py")} | {root / "__init__.py"}
    found = []
    for path in set(root.rglob("*.py")) - own:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                if name in PRINTS:
                    found.append(f"{path.relative_to(root)}:{node.lineno} {name}")
    assert found == []


def test_errors_of_verbs_are_shown_so(capsys, tmp_path):
    assert cli.invoke(["inspect", str(tmp_path / NAME.replace("/", "").replace("\udc80", ""))]) == cli.BAD_INPUT
    assert cli.invoke(["no\x1b[31mverb"]) == cli.BAD_INPUT
    assert cli.invoke(["inspect", "--no\x1b[31moption", "x"]) == cli.BAD_INPUT
    err = capsys.readouterr().err
    assert [c for c in err if not c.isprintable() and c != "\n"] == []
    assert r"no\x1b[31mverb" in err
    with pytest.raises(McueditError):
        cli.command.main(["no\x1b[31mverb"], standalone_mode=False)
