# SPDX-License-Identifier: Apache-2.0
"""Training methods by name: one module and one registration make a method."""

from __future__ import annotations

import sys
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from mcuedit._util.errors import McueditError
from mcuedit.benchmark import edits as benchmark
from mcuedit.edits import Edit, EditSet, KeepSet, TensorSet
from mcuedit.emulate.runner import best_oracle
from mcuedit.evaluation.certificate import Certificate
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Reader
from mcuedit.training import Options, Problem, TextEdits, fit, methods

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
    config = methods.load(name).Config
    own = set(vars(config)["__annotations__"])
    for field in fields(config):
        assert field.default is not MISSING or field.default_factory is not MISSING
        assert field.name not in own or f"{field.name}" in config.__doc__


@pytest.mark.parametrize("name", ["tensors"])
def test_a_method_refuses_what_it_cannot_train(name, reader):
    with pytest.raises(McueditError, match="takes edits of tensors"):
        fit(name, Problem(reader, EDITS))


@pytest.mark.parametrize("name", ["text"])
def test_a_method_of_text_refuses_tensors(name, reader):
    with pytest.raises(McueditError, match="takes edits of text"):
        fit(name, Problem(reader, TensorSet.__new__(TensorSet)))


def test_private_training_needs_a_plan(reader):
    with pytest.raises(McueditError, match="without a plan"):
        fit("private", Problem(reader, EDITS))
