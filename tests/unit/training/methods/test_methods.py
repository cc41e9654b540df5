# SPDX-License-Identifier: Apache-2.0
"""Training methods by name: one module and one registration make a method."""

from __future__ import annotations

import re
import sys
from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny

from mcuedit._util.errors import McueditError
from mcuedit.benchmark import edits as benchmark
from mcuedit.edits import Edit, EditSet, KeepSet, TensorSet, ToClass
from mcuedit.emulate.runner import best_oracle
from mcuedit.evaluation.certificate import Certificate
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Reader
from mcuedit.model.tflite import parse
from mcuedit.training import Options, Problem, TextEdits, fit, methods
from mcuedit.training.core.gate_trainer import GateConfig

EDITS = TextEdits(EditSet((Edit("ararat", ("capital ararat",), "b"),)), KeepSet(("money dynamo",), (1,)))


@pytest.fixture
def reader(tiny_model) -> Reader:
    return benchmark.reader(Base("tiny", tiny_model), best_oracle(tiny_model))


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setattr(methods, "_MODULES", dict(methods._MODULES))
    methods.register("toy", "toy_method")
    yield
    sys.modules.pop("toy_method", None)


def test_a_method_is_one_module_and_one_registration(toy, reader):
    assert methods.names()[-1] == "toy"
    found = fit("toy", Problem(reader, EDITS), Options(name="mine"))
    assert (found.adapter.name, found.adapter.deltas, found.notes) == ("mine", (), ("nothing was trained",))
    assert found.certificate == Certificate(0, 0, (), 0)
    config = methods.load("toy").Config(note="else")
    assert fit("toy", Problem(reader, EDITS), config).notes == ("else",)


def test_a_method_is_imported_when_it_is_asked_for(toy):
    assert "toy_method" not in sys.modules
    methods.load("toy")
    assert "toy_method" in sys.modules


def test_names_of_methods_are_told_apart(toy):
    with pytest.raises(McueditError, match="'toy' is there already"):
        methods.register("toy", "other")
    with pytest.raises(McueditError, match="no training method 'magic'") as caught:
        methods.load("magic")
    assert "text, tensors, merged, private, toy" in caught.value.hint


@pytest.mark.parametrize("name", methods.names())
def test_every_field_of_a_configuration_has_a_default_and_is_documented(name):
    left, seen = [methods.load(name).Config()], set()
    while left:
        config = left.pop()
        own = set(vars(type(config))["__annotations__"])
        for field in fields(config):
            assert field.default is not MISSING or field.default_factory is not MISSING
            said = re.search(rf"\b{field.name}\b[\w, ]*:", type(config).__doc__.partition("Attributes:")[2])
            assert field.name not in own or said, f"{type(config).__name__}.{field.name}"
            if is_dataclass(value := getattr(config, field.name)):
                left.append(value)
                seen.add(type(value).__name__)
    assert seen


@pytest.mark.parametrize("name", ["tensors"])
def test_a_method_refuses_what_it_cannot_train(name, reader):
    with pytest.raises(McueditError, match="takes edits of tensors"):
        fit(name, Problem(reader, EDITS))


@pytest.mark.parametrize("name", ["text"])
def test_a_method_of_text_refuses_tensors(name, reader):
    with pytest.raises(McueditError, match="takes edits of text"):
        fit(name, Problem(reader, TensorSet.__new__(TensorSet)))


def test_private_training_needs_a_budget(reader):
    with pytest.raises(McueditError, match="without a budget"):
        fit("private", Problem(reader, EDITS))


def test_what_a_configuration_says_of_a_part_is_done():
    """A gate that is trained for no step is another one; with all of it at its default, it is that of plain options."""
    base = Base("tiny", parse(tiny.classifier((16, 24, 6))))
    x = np.random.default_rng(0).integers(-60, 61, (60, *base.model.input.shape[1:])).astype(np.int8)
    data = TensorSet(x[:4], ToClass(np.full(4, 2)), x[8:])
    options = Options(tap="0", target="1", bits=8)
    config = options.of(methods.load("tensors").Config)
    search = replace(config.delta.search, training=GateConfig(steps=0))
    quick = replace(config, delta=replace(config.delta, search=search))
    problem = Problem(benchmark.reader(base, best_oracle(base.model)), data)
    plain, same, other = (fit("tensors", problem, how).adapter.deltas[0].a for how in (options, config, quick))
    assert np.array_equal(plain, same)
    assert plain.shape != other.shape or not np.array_equal(plain, other)
