# SPDX-License-Identifier: Apache-2.0
"""Before an adapter is signed, what a device reads of it is compared with what it says, field by field."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from helpers import deltas

from mcuedit._util.errors import McueditError
from mcuedit.adapter import encoding, proof
from mcuedit.adapter.delta import Delta

LEAST = np.iinfo(np.int64).min
FOREIGN = [[LEAST, LEAST], [LEAST + 1, 0], [1 << 31, 0], [-(1 << 31) - 1, 0], [np.nan, 0.0], [np.inf, 0.0], [0.5, 0.0]]


def sample(model, **other):
    made = deltas.adapter(model, deltas.delta(model, 1, 1, rank=2), name="fix", labels={5: "gitega"})
    return replace(made, deltas=(replace(made.deltas[0], **other),))


def test_an_adapter_as_training_makes_it_is_proven(tiny_model):
    adapter = sample(tiny_model)
    assert proof.proven(adapter, tiny_model) == encoding.encode(adapter, tiny_model)


@pytest.mark.parametrize("name", ["c", "m", "s"])
@pytest.mark.parametrize("value", FOREIGN)
def test_what_is_no_integer_of_32_bits_is_refused_by_name(tiny_model, name, value):
    """|-2^63| is -2^63 in 64 bits: it held every bound, and the device got 0."""
    with pytest.raises(McueditError, match=f"delta 1 -> 1: {name} holds what is no integer of 32 bits"):
        encoding.encode(sample(tiny_model, **{name: np.array(value)}), tiny_model)


@pytest.mark.parametrize("name", [f.name for f in fields(Delta) if f.name not in ("tap", "target", "first", "width")])
def test_a_field_that_is_read_back_otherwise_is_named(tiny_model, name, monkeypatch):
    """Whatever a fault in `encode` or a cast in `decode` would do."""
    adapter, decode = sample(tiny_model), encoding.decode

    def other(data, model, called):
        found = decode(data, model, called)
        old = getattr(found.deltas[0], name)
        new = None if name == "rows" else ~old if isinstance(old, np.ndarray) else old ^ 1
        return replace(found, deltas=(replace(found.deltas[0], **{name: new}),))

    monkeypatch.setattr(proof, "decode", other)
    with pytest.raises(McueditError, match=f"adapter fix: {name} of delta 1 -> 1: a device would read another value"):
        proof.proven(adapter, tiny_model)


def test_labels_that_are_read_back_otherwise_are_named(tiny_model, monkeypatch):
    decode = encoding.decode
    monkeypatch.setattr(proof, "decode", lambda *given: replace(decode(*given), labels={5: "x"}))
    with pytest.raises(McueditError, match="adapter fix: labels"):
        proof.proven(sample(tiny_model), tiny_model)
