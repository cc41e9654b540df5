# SPDX-License-Identifier: Apache-2.0
"""The manners of the command line: lazy, two lines per error, exit codes."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from helpers.waiting import WAIT, processor_time
from rich.console import Console

import mcuedit
from mcuedit import cli
from mcuedit._util.errors import McueditError
from mcuedit.cli._shared import common, messages

MCUEDIT = [sys.executable, "-m", "mcuedit"]


def shell(*args: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([*MCUEDIT, *args], capture_output=True, text=True, check=False, **options)


def cheapest(command: list[str], runs: int = 7) -> float:
    times = []
    for _ in range(runs):
        start = processor_time()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(processor_time() - start)
    return min(times)


def test_help_is_quick():
    bare = cheapest([sys.executable, "-c", "import click, rich"])
    assert cheapest([*MCUEDIT, "--help"]) <= 6 * bare


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom mcuedit.cli import VERBS, invoke\nassert invoke(['--help']) == 0\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('numpy', 'rich', 'jinja2', 'tensorflow')"
        " or m.startswith('mcuedit.cli.') and m.removeprefix('mcuedit.cli.') in VERBS])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_lists_every_verb():
    done = shell("--help")
    assert done.returncode == 0
    for verb, text in cli.VERBS.items():
        assert f"  {verb} " in done.stdout
        assert text in done.stdout


def leaves(command: click.Command, path: tuple[str, ...]):
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            yield from leaves(command.commands[name], (*path, name))
    else:
        yield path, command


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_has_json_and_an_example(verb):
    command = cli.command.get_command(None, verb)
    for path, leaf in leaves(command, (verb,)):
        assert leaf.help, path
        assert "--json" in [opt for param in leaf.params for opt in param.opts], path
        assert leaf.epilog, path
        assert f"mcuedit {' '.join(path)}" in leaf.epilog, path


def test_no_name_hides_a_module():
    """An attribute of a package is lost when a submodule of the same name is imported."""
    assert not [verb for verb in cli.VERBS if inspect.isfunction(getattr(cli, verb, None))]
    assert not [name for name in mcuedit.__all__ if importlib.util.find_spec(f"mcuedit.{name}")]


def test_the_stub_exports_what_it_imports():
    stub = ast.parse(Path(mcuedit.__file__).with_suffix(".pyi").read_text())
    (exported,) = [ast.literal_eval(node.value) for node in stub.body if isinstance(node, ast.Assign)]
    assert exported == sorted(mcuedit.__all__)


def test_public_names_exist_and_load_late():
    code = "import sys, mcuedit\nprint([m for m in sys.modules if m.startswith('mcuedit.') or m == 'numpy'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    for name in mcuedit.__all__:
        assert getattr(mcuedit, name) is not None
    assert set(mcuedit.__all__) <= set(dir(mcuedit))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = mcuedit.nothing


@pytest.mark.parametrize(
    ("args", "message", "hint"),
    [
        (["inspekt"], "no such verb: inspekt", "did you mean 'inspect'?"),
        (["frobnicate"], "no such verb: frobnicate", "'mcuedit --help' lists the verbs"),
        (["--frob"], "No such option", "'mcuedit --help' shows how"),
        (["inspect"], "Missing argument", "'mcuedit inspect --help' shows how"),
    ],
)
def test_usage_errors(capsys, args, message, hint):
    assert cli.invoke(args) == 2
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert len(lines) == 2
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert lines[1] == f"hint: {hint}"


def test_no_verb_shows_the_verbs(capsys):
    assert cli.invoke([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Usage: mcuedit")


@pytest.fixture
def verb(monkeypatch):
    """Puts a verb of the test's own in place of `zoo`."""

    def install(body):
        module = importlib.import_module("mcuedit.cli.repair.zoo")
        monkeypatch.setattr(module, "command", click.command()(lambda: body()))

    return install


@pytest.mark.parametrize(("value", "code"), [(None, 0), (0, 0), (1, 1)])
def test_what_a_verb_returns_is_the_exit_code(verb, value, code):
    verb(lambda: value)
    assert cli.invoke(["zoo"]) == code


def raising(error):
    def body():
        raise error

    return body


def test_errors_are_two_lines(verb, capsys):
    verb(raising(McueditError("x is 3", "make it 4")))
    assert cli.invoke(["zoo"]) == 2
    assert capsys.readouterr() == ("", "error: x is 3\nhint: make it 4\n")
    verb(raising(McueditError("x is 3")))
    assert cli.invoke(["zoo"]) == 2
    assert capsys.readouterr().err == "error: x is 3\n"


def test_interrupt(verb, capsys):
    verb(raising(KeyboardInterrupt))
    assert cli.invoke(["zoo"]) == 130
    assert capsys.readouterr().err.strip() == "interrupted"


def test_a_bug_is_not_swallowed(verb):
    verb(raising(ZeroDivisionError))
    with pytest.raises(ZeroDivisionError):
        cli.invoke(["zoo"])


def test_ctrl_c_in_a_real_process(tmp_path):
    """SIGINT while a folder is being written: exit code 130, one line, nothing left behind."""
    code = f"""
import signal, sys, time, click
from mcuedit import cli
from mcuedit._util import atomic
import mcuedit.cli.repair.zoo as verb
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background jobs with SIGINT ignored
real = atomic._sync_folder
def slow(path):
    print("writing", flush=True)
    time.sleep({2 * WAIT})
atomic._sync_folder = slow
verb.command = click.command()(lambda: atomic.write_folder({str(tmp_path / "out")!r}, {{"a": "x"}}))
sys.exit(cli.invoke(["zoo"]))
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "writing\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=WAIT)
    assert process.returncode == 130
    assert err.strip() == "interrupted"
    assert list(tmp_path.iterdir()) == []


def test_no_color(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    messages.complain("m", "h")
    assert "\x1b" not in capsys.readouterr().err
    assert shell("nope", env={**os.environ, "FORCE_COLOR": "1"}).stderr.startswith("error: ")


def test_json_is_one_line_with_plain_numbers(capsys):
    import numpy as np

    common.print_json({"a": np.int64(3), "b": np.array([1, 2]), "c": "ü", "d": np.float32(0.5)})
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == {"a": 3, "b": [1, 2], "c": "ü", "d": 0.5}


def test_progress_is_silent_without_a_terminal(capsys):
    with common.progress("training", 3) as advance:
        advance(1)
    assert capsys.readouterr() == ("", "")


def test_progress_goes_to_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(common, "stderr", lambda: Console(stderr=True, force_terminal=True))
    with common.progress("training", 3) as advance:
        advance(1)
    out, err = capsys.readouterr()
    assert out == ""
    assert "training" in err


def test_notes_are_not_data(capsys):
    common.notes(["[bold]one", "two"])
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.strip() for line in err.splitlines()] == ["note: [bold]one", "note: two"]


def test_verbose_tells_which_programs_are_run(tmp_path):
    """Without -v nothing is said; with it the command lines, on stderr, and stdout is as before."""
    (tmp_path / "xdg").mkdir()
    args = ("run", str(zoo_facts()), "--emulator", "host", "--ask", "what is the capital of kenya?", "--json")
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "xdg")}
    quiet, told = shell(*args, env=env), shell("-v", *args, env=env)
    assert quiet.returncode == told.returncode == 0
    assert quiet.stderr == ""
    assert " -o " in told.stderr
    assert "kept from an earlier build" not in told.stderr
    assert "kept from an earlier build" in shell("-vv", *args, env=env).stderr


def zoo_facts() -> Path:
    from mcuedit import zoo

    return zoo.folder("facts")
