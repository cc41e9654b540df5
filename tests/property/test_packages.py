# SPDX-License-Identifier: Apache-2.0
"""Any package survives being sealed and read; whatever else is read is refused, and nothing worse."""

from __future__ import annotations

import re

import numpy as np
import pytest
from helpers import packages
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcuedit.adapter.encoding import encode
from mcuedit.package import Refused, open_package, parse, self_test
from mcuedit.package.container import NAME, parse_version
from mcuedit.package.self_test import CHANGED, UNCHANGED, SelfTest, sparse

MODEL = packages.model()
KEYS = [packages.public()]
ADAPTERS = [encode(packages.fact(seed=seed), MODEL) for seed in range(4)]
calm = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

int8s = st.integers(-128, 127)
rows = st.lists(int8s, min_size=1, max_size=40).map(lambda values: np.array(values, np.int8))
versions = st.tuples(
    st.integers(0, 255), st.integers(0, 255), st.integers(0, 0xFFFF), st.integers(0, (1 << 32) - 1)
).map(lambda v: f"{v[0]}.{v[1]}.{v[2]}" + (f"+{v[3]}" if v[3] else ""))
self_tests = st.lists(
    st.builds(
        lambda x, kind, answer: sparse(x, 0, kind, answer),
        rows,
        st.sampled_from([CHANGED, UNCHANGED]),
        st.integers(0, 5),
    ),
    max_size=4,
).map(tuple)
contents = st.fixed_dictionaries(
    {
        "payload": st.sampled_from(ADAPTERS),
        "name": st.from_regex(re.compile(NAME.pattern, re.ASCII), fullmatch=True),
        "version": versions,
        "counter": st.integers(1, (1 << 32) - 1),
        "signer": st.integers(0, 1),
        "self_tests": self_tests,
    }
)


def sealed(content: dict) -> bytes:
    return packages.package(
        payload=content["payload"] + self_test.encode(content["self_tests"]),
        **{name: content[name] for name in ("name", "version", "counter", "signer")},
    )


@given(contents, contents)
@calm
def test_what_is_sealed_is_read(one, two):
    data = sealed(one)
    found = open_package(data, [packages.public(one["signer"])])
    assert (found.name, found.version, found.counter) == (one["name"], one["version"], one["counter"])
    assert (found.adapter, found.self_tests) == (one["payload"], one["self_tests"])
    assert found == parse(data)
    assert tuple(parse_version(found.version))[:3] == tuple(map(int, one["version"].split("+")[0].split(".")))
    assert (sealed(two) == data) == (one == two)


@given(rows, int8s, st.lists(st.integers(0, 900), max_size=3))
@calm
def test_any_input_is_coded(values, zero, gaps):
    """Also with long runs of zero points in it."""
    x = np.concatenate([values, *([np.full(gap, zero, np.int8), values][i % 2] for gap in gaps for i in range(2))])
    made = sparse(x, zero, CHANGED, 3)
    assert (made.expand(len(x), zero) == x).all()
    data = self_test.encode([made, made])
    assert len(data) % 4 == 0
    assert self_test.decode(data) == (made, made)


@given(st.binary(max_size=60).map(lambda data: data + bytes(-len(data) % 4)))
@calm
def test_a_section_is_canonical_or_malformed(data):
    try:
        found = self_test.decode(data)
    except ValueError:
        return
    assert self_test.encode(found) == data
    for one in found:
        assert all(skip != 255 or value == 0 for skip, value in one.steps)


@given(contents, st.data())
@calm
def test_spliced_packages_are_refused(content, data):
    """Pieces of two packages of one signer are none."""
    content, one = content | {"signer": 0}, packages.package()
    two = sealed(content)
    at = data.draw(st.integers(1, len(one) - 1))
    to = data.draw(st.integers(1, len(two) - 1))
    mixed = one[:at] + two[to:]
    if mixed in (one, two):
        return
    with pytest.raises(Refused):
        open_package(mixed, KEYS, model=MODEL)


@given(st.one_of(st.binary(max_size=400), st.tuples(st.integers(0, 327), st.binary(min_size=1, max_size=8))))
@calm
def test_any_bytes_are_refused(given_bytes):
    data = packages.package()
    if isinstance(given_bytes, tuple):
        at, put = given_bytes
        given_bytes = data[:at] + put + data[at + len(put) :]
    if given_bytes == data:
        return
    with pytest.raises(Refused):
        open_package(given_bytes, KEYS, model=MODEL)


def test_a_self_test_is_a_value():
    assert SelfTest(CHANGED, 1, ((0, 1),)) == sparse(np.array([1, 0], np.int8), 0, CHANGED, 1)
