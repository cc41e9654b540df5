# SPDX-License-Identifier: Apache-2.0
"""Pages of the site that are made when it is built: the top level's documents, and the references."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
_CPP = r"#ifdef __cplusplus\n(?:extern \"C\" \{|\})\n#endif\n"
_FRAME = re.compile(
    rf"{_CPP}|^#ifndef \w+_H\n#define \w+_H\n|^#include (?:<.*>|\"mcuedit/.*\")\n|#endif[^\n]*\n*\Z", re.M
)  # of a header
TOP = {"README.md": "index.md", "CONTRIBUTING.md": "CONTRIBUTING.md", "CHANGELOG.md": "CHANGELOG.md"}


def on_files(files: Files, config: Any) -> Files:
    """Adds what has no file below docs/."""
    made = {page: top_level(name) for name, page in TOP.items()}
    made |= {"reference/cli.md": cli(), "reference/python.md": python(), "reference/c.md": c()}
    for page, text in made.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links to the top level lead to the pages made of it."""
    for name, page in TOP.items():
        markdown = re.sub(rf"(\((?:\.\./)*)\.\./{re.escape(name)}", rf"\g<1>{page}", markdown)
    return markdown


def top_level(name: str) -> str:
    """A document of the top level, with links as seen from docs/."""
    text = re.sub(r"\]\(docs/", "](", (ROOT / name).read_text(encoding="utf-8"))
    return re.sub(r"\[([^\]]+)\]\((examples(?:/[^)]*)?)/[^/)]*\)", r"\1: `\2`", text)  # these are no pages


def cli() -> str:
    """Every verb, from the click commands."""
    from mcuedit.cli import VERBS, command

    parts = ["# Command line\n\nWhat `mcuedit VERB --help` says.\n"]
    context = click.Context(command, info_name="mcuedit")
    for verb in VERBS:
        found = command.get_command(context, verb)
        assert found is not None, verb
        parts += list(of_command(found, context, verb, "##"))
    return "\n".join(parts)


def of_command(command: click.Command, parent: click.Context, name: str, level: str) -> Iterator[str]:
    """A verb: usage, help, options, examples; then its own verbs."""
    context = click.Context(command, parent, info_name=name)
    yield f"{level} {context.command_path}\n"
    yield f"```text\n{command.get_usage(context).removeprefix('Usage: ')}\n```\n"
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        lines = paragraph.split("\n")
        yield ("```text\n" + "\n".join(lines[1:]) + "\n```" if lines[0] == "\b" else prose(paragraph)) + "\n"
    records = [record for param in command.get_params(context) if (record := param.get_help_record(context))]
    if records:
        rows = [f"| <code>{cell(option)}</code> | {cell(help)} |" for option, help in records if help]
        yield "\n".join(["| option | |", "| --- | --- |", *rows]) + "\n"
    if command.epilog:
        yield f"```text\n{inspect.cleandoc(command.epilog.replace(chr(8), '')).strip()}\n```\n"
    for verb, child in (command.commands if isinstance(command, click.Group) else {}).items():
        yield from of_command(child, context, verb, level + "#")


def prose(text: str) -> str:
    """Text of a help page, which is no Markdown."""
    return re.sub(r"([*_\[])", r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;"))


def cell(text: str) -> str:
    """The same in a table."""
    return prose(text).replace("|", "&#124;")


def python() -> str:
    """Every public name, from its docstring."""
    stub = ast.parse((ROOT / "mcuedit" / "__init__.pyi").read_text(encoding="utf-8"))
    public = [
        f"## mcuedit.{name.asname or name.name}\n\n::: {node.module}.{name.name}\n"
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    ]
    return "# Python\n\nThe public names of `mcuedit`, each with where it stands.\n\n" + "\n".join(public)


def c() -> str:
    """The headers of firmware/include/mcuedit, comment by comment."""
    parts = ["# C\n\nThe API is documented in its headers; this page shows them.\n"]
    for header in sorted((ROOT / "firmware" / "include" / "mcuedit").glob("*.h")):
        text = header.read_text(encoding="utf-8")
        parts.append(f"## mcuedit/{header.name}\n\n{declarations(text)}")
    return "\n".join(parts)


def declarations(text: str) -> str:
    """Comments as prose, what stands between them as C."""
    out = []
    text = _FRAME.sub("", text)
    for comment, code in re.findall(r"^/\*(.*?)\*/\n((?:(?!^/\*)[^\n]*\n)*)", text, re.M | re.S):
        prose = re.sub(r"^ ?\* ?", "", comment.strip(), flags=re.M)
        if prose.startswith("SPDX"):
            continue
        out.append(prose.replace("<", "&lt;") + "\n")
        if code.strip():
            out.append(f"```c\n{code.strip()}\n```\n")
    return "\n".join(out)
