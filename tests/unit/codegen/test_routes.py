# SPDX-License-Identifier: Apache-2.0
"""Files of routes: what they may hold, and what is said of one that does not go."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from helpers.emitted import adapters, base

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter
from mcuedit.codegen import Routes, read_routes

KITCHEN = '[contexts.kitchen]\nid = 1\nadapters = ["a fact"]\n'


def read(folder: Path, text: str, given: list[Adapter] | None = None) -> Routes:
    (folder / "routes.toml").write_text(text, encoding="utf-8")
    return read_routes(folder / "routes.toml", adapters(base()) if given is None else given, base().model)


def test_what_is_not_said_follows_from_the_adapters(tmp_path: Path) -> None:
    made = read(tmp_path, f'default = []\n{KITCHEN}[contexts.b]\nid = 0\nadapters = ["style-2", "a fact"]\n')
    assert [(route.name, route.id, route.slots) for route in made.routes] == [("b", 0, (0, 1)), ("kitchen", 1, (0,))]
    size = max(map(len, made.raws))
    assert (made.origin, made.pitch, made.size, made.places, made.otherwise) == (0, size, size, 2, ())
    assert (made.rank, made.most) == (3, 2)


def test_what_is_said_holds(tmp_path: Path) -> None:
    text = f'default = ["style-2"]\n[slots]\norigin = 65536\npage = 4096\nsize = 5000\n[cache]\nplaces = 7\n{KITCHEN}'
    made = read(tmp_path, text)
    assert (made.origin, made.pitch, made.size, made.places, made.otherwise) == (65536, 8192, 5000, 7, (1,))
    assert len(made.image()) == 2 * 8192


def test_no_context_but_the_default_one(tmp_path: Path) -> None:
    made = read(tmp_path, 'default = ["a fact"]\ncontexts = {}\n')
    assert (made.routes, made.otherwise, made.places) == ((), (0,), 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (KITCHEN, "key default: it is missing"),
        ("default = []\n", "key contexts: it is missing"),
        (f"default = []\nsize = 3\n{KITCHEN}", "key size: expected no such key"),
        (f"default = []\n[slots]\npage = 6\n{KITCHEN}", "key slots.page: expected a multiple of 4, found 6"),
        (f"default = []\n[slots]\nsize = 16\n{KITCHEN}", "key slots.size: expected 20 or more, found 16"),
        (f"default = []\n[slots]\nsize = 76\n{KITCHEN}", "adapter a fact has 80 bytes, a slot 76"),
        (f"default = []\n[slots]\norigin = 4294967292\n{KITCHEN}", "the slots end beyond 32 bits of offset"),
        (f"default = []\n[cache]\nplaces = 0\n{KITCHEN}", "key cache.places: expected 1 or more, found 0"),
        (
            f'default = ["a fact", "style-2"]\n[cache]\nplaces = 1\n{KITCHEN}',
            "1 places, a route has 2 adapters",
        ),
        (f'default = ["gnu"]\n{KITCHEN}', "key default: no adapter is called 'gnu'"),
        (
            f'default = ["a fact", "a fact"]\n{KITCHEN}',
            "key default: expected each adapter once, a fact stands there 2",
        ),
        (
            f"default = []\n{KITCHEN}[contexts.b]\nid = 1\nadapters = []\n",
            "key contexts.kitchen.id: expected each id once, 1 stands there 2 times",
        ),
        (
            f'default = []\n{KITCHEN}[contexts."Kitchen!"]\nid = 2\nadapters = []\n',
            "key contexts.kitchen: expected names that differ in C, kitchen is there twice",
        ),
        ("default = []\n[contexts.b]\nid = -1\nadapters = []\n", "key contexts.b.id: expected 0 or more, found -1"),
        ("default = []\n[contexts.b]\nid = 4294967296\nadapters = []\n", "key contexts.b.id"),
    ],
)
def test_what_does_not_go_is_named_with_its_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(McueditError) as raised:
        read(tmp_path, text)
    assert message in raised.value.message
    assert raised.value.hint


def test_adapters_of_one_name_and_no_adapter_are_refused(tmp_path: Path) -> None:
    one = adapters(base())[0]
    with pytest.raises(McueditError, match="2 adapters are called 'a fact'"):
        read(tmp_path, f"default = []\n{KITCHEN}", [one, one])
    with pytest.raises(McueditError, match="0 adapters for a table of routes"):
        read(tmp_path, "default = []\ncontexts = {}\n", [])


def test_adapters_that_name_a_class_differently_may_not_be_active_together(tmp_path: Path) -> None:
    fact, style = adapters(base())
    style = dataclasses.replace(style, labels={5: "yak"})
    apart = f'default = ["style-2"]\n{KITCHEN}'
    assert read(tmp_path, apart, [fact, style]).most == 1
    with pytest.raises(McueditError, match="class 5 is named 'gnu' by a fact and 'yak' by style-2"):
        read(tmp_path, f'{apart}[contexts.b]\nid = 2\nadapters = ["a fact", "style-2"]\n', [fact, style])
