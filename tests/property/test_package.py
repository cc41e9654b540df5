# SPDX-License-Identifier: Apache-2.0
"""Any valid adapter survives its device bytes and its folder; no two of them share bytes."""

from __future__ import annotations

import tempfile
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
from helpers import deltas, tiny
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mcuedit.adapter import encoding, folder
from mcuedit.adapter.delta import Delta
from mcuedit.model.tflite import parse

N_IN = 13, 7
MODEL = parse(tiny.classifier((*N_IN, 6)))  # odd widths: rows of A and tables of rows need padding


@st.composite
def random_deltas(draw):
    tap, target = draw(st.sampled_from([(0, 0), (0, 1), (1, 1)]))
    width = 7 if target == 0 else 6
    return deltas.delta(
        MODEL,
        tap,
        target,
        rank=draw(st.sampled_from([1, 2, 3, 9])),
        bits=draw(st.sampled_from([8, 4])),
        gated=draw(st.booleans()),
        rows=draw(st.none() | st.integers(1, width)),
        seed=draw(st.integers(0, 1000)),
        width=draw(st.none() | st.sampled_from([w for w in (0, 4, 8, 12) if w <= N_IN[tap]])),
    )


labels = st.dictionaries(st.integers(0, 5), st.text(min_size=1, max_size=60), max_size=4)


@given(st.lists(random_deltas(), min_size=1, max_size=4), labels)
@settings(max_examples=60)
def test_round_trip(made, names):
    names = {k: v for k, v in names.items() if v.isprintable()}
    adapter = deltas.adapter(MODEL, *made, labels=names)
    data = encoding.encode(adapter, MODEL)
    assert len(data) % 4 == 0
    assert (
        len(data)
        <= 20 + sum(d.factor_bytes + 20 + 1 + 3 for d in made) + sum(3 + len(v.encode()) for v in names.values()) + 3
    )
    found = encoding.decode(data, MODEL)
    assert found.labels == names
    assert encoding.encode(found, MODEL) == data
    in_order = sorted(made, key=lambda d: (d.target, d.tap))
    for one, other in zip(in_order, found.deltas, strict=True):
        for field in fields(Delta):
            assert np.array_equal(getattr(one, field.name), getattr(other, field.name)), field.name


@given(random_deltas())
@settings(max_examples=20)
def test_folder_and_device_agree(delta):
    adapter = deltas.adapter(MODEL, delta)
    with tempfile.TemporaryDirectory() as place:
        folder.save(adapter, Path(place) / "a")
        found = folder.load(Path(place) / "a")
    assert encoding.encode(found, MODEL) == encoding.encode(adapter, MODEL)


@given(random_deltas(), st.data())
@settings(max_examples=60)
def test_any_other_factor_gives_other_bytes(delta, data):
    name = data.draw(st.sampled_from(["a", "b", "c"]))
    values = getattr(delta, name).copy()
    inside = np.ones_like(values, bool)
    if name == "a" and delta.first is not None:  # outside of its windows A is 0, or it has no bytes at all
        place = np.arange(values.shape[1]) - delta.first[:, None]
        inside = (place >= 0) & (place < delta.width)
    assume(inside.any())
    at = data.draw(st.sampled_from(np.flatnonzero(inside).tolist()))
    flat = values.reshape(-1)
    flat[at] -= np.sign(flat[at]) or 1
    changed = replace(delta, **{name: values})
    one, other = (encoding.encode(deltas.adapter(MODEL, d), MODEL) for d in (delta, changed))
    assert one != other
