# SPDX-License-Identifier: Apache-2.0
"""A base and its adapters as one .tflite: what is in the file, and what it computes."""

from __future__ import annotations

import ctypes
import importlib.util
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from helpers import deltas, rims
from helpers.augmented import compared

from mcuedit import cli
from mcuedit._util.errors import McueditError
from mcuedit.adapter import folder
from mcuedit.adapter.delta import Adapter, Delta
from mcuedit.adapter.forward import outputs
from mcuedit.build import compilers
from mcuedit.codegen.augment import CHAINED, INPUTS, WIDENED, Limits, allowed, base_of, extend, read
from mcuedit.codegen.augment.ops import ESPHOME
from mcuedit.codegen.augment.scales import Step, chain
from mcuedit.codegen.augment.stock import LiteRt, StockTflm
from mcuedit.codegen.augment.widened import widening
from mcuedit.conformance.oneop import random_inputs
from mcuedit.model.fixedpoint import mbqm, quantize_multiplier
from mcuedit.model.oracle import Tflm
from mcuedit.model.tflite import Model, parse
from mcuedit.training.core.gates import FULL


def full(model: Model, gate: int, rows: dict[int, int], *, conditional: bool = False) -> Delta:
    """A delta as edits of facts have: multipliers of 1, each open gate adds to some rows."""
    made = deltas.delta(model, 0, 1, rank=1, rows=len(rows), seed=gate, conditional=conditional)
    one, listed = np.ones(1, np.int64), np.array(sorted(rows))
    b = np.array([[rows[row]] for row in sorted(rows)], np.int8)
    return replace(made, m=FULL[0] * one, s=FULL[1] * one, M=FULL[0], S=FULL[1], rows=listed, b=b)


def adapter(model: Model, *made: Delta) -> Adapter:
    return Adapter("fix", "1.0", model.sha256, made, {})


@pytest.fixture(scope="module")
def pair(tiny_model: Model) -> tuple[Model, Adapter]:
    """A base, and two deltas of which one raises what the other lowers."""
    first, second = full(tiny_model, 1, {0: 127, 3: -127}), full(tiny_model, 2, {0: -90, 5: 127})
    return tiny_model, adapter(tiny_model, first, second)


def test_all_that_the_file_had_is_still_there(pair: tuple[Model, Adapter]) -> None:
    model, made = pair
    data = extend(model, [made], CHAINED).data
    old, new = (schema.ModelT.InitFromPackedBuf(raw, 0) for raw in (model.data, data))
    for a, b in zip(old.buffers, new.buffers, strict=False):
        assert (a.data is None and b.data is None) or bytes(a.data) == bytes(b.data)
    for a, b in zip(old.subgraphs[0].tensors, new.subgraphs[0].tensors, strict=False):
        assert (a.name, a.type, a.buffer, list(a.shape)) == (b.name, b.type, b.buffer, list(b.shape))
        for what in ("scale", "zeroPoint", "quantizedDimension"):
            np.testing.assert_array_equal(getattr(a.quantization, what), getattr(b.quantization, what))
    codes = [op.builtinCode for op in new.operatorCodes]
    kept = [op for op in new.subgraphs[0].operators if max([*op.inputs, *op.outputs]) < len(old.subgraphs[0].tensors)]
    assert [codes[op.opcodeIndex] for op in kept][:1] == [old.operatorCodes[0].builtinCode]
    changed = [i for i, op in enumerate(old.subgraphs[0].operators) if not any(_same(op, other) for other in kept)]
    assert changed == [1]  # it writes beside its output, which the last of the new ops writes
    assert list(new.subgraphs[0].outputs) == list(old.subgraphs[0].outputs)
    assert list(new.subgraphs[0].inputs) == list(old.subgraphs[0].inputs)


def _same(a: object, b: object) -> bool:
    options = (vars(op.builtinOptions) if op.builtinOptions else None for op in (a, b))
    listed = ([list(op.inputs), list(op.outputs), op.opcodeIndex, next(options)] for op in (a, b))
    return next(listed) == next(listed)


def test_constants_stay_where_they_are_aligned(pair: tuple[Model, Adapter]) -> None:
    """TensorFlow Lite Micro reads them in place."""
    data = extend(pair[0], [pair[1]], CHAINED).data
    old, new = (_places(raw) for raw in (pair[0].data, data))
    assert [at % 16 for at in new[: len(old)]] == [at % 16 for at in old]
    assert {at % 16 for at in new[len(old) :]} == {0}


def _places(data: bytes) -> list[int]:
    """Where the constants of a file begin."""
    root, whole = schema.Model.GetRootAs(data, 0), np.frombuffer(data, np.uint8)
    filled = [b for b in (root.Buffers(i) for i in range(root.BuffersLength())) if b.DataLength()]
    first = whole.__array_interface__["data"][0]
    return [b.DataAsNumpy().__array_interface__["data"][0] - first for b in filled]


def test_the_verbs_write_show_and_take_apart(tiny_path, pair: tuple[Model, Adapter], tmp_path, capsys) -> None:
    pair[1].save_pretrained(tmp_path / "fix")
    file, back = tmp_path / "repaired.tflite", tmp_path / "base.tflite"
    given = ["emit", str(tmp_path / "fix"), "--base", str(tiny_path), "--augment", "chained"]
    assert cli.invoke([*given, "-o", str(file), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["bytes"] == file.stat().st_size == tiny_path.stat().st_size + figures["added_bytes"]
    assert cli.invoke(["inspect", str(file), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["kind"], shown["form"], shown["adapters"]) == ("augmented", "chained", ["fix"])
    assert shown["base_sha256"] == pair[0].sha256
    assert cli.invoke(["strip", str(file), "-o", str(back)]) == 0
    assert back.read_bytes() == tiny_path.read_bytes()
    assert cli.invoke([*given, "-o", str(file), "--project", "arduino"]) == cli.BAD_INPUT
    assert cli.invoke([*given, "-o", str(tmp_path)]) == cli.BAD_INPUT
    assert cli.invoke(["strip", str(tiny_path), "-o", str(tmp_path / "none")]) == cli.BAD_INPUT
    assert not (tmp_path / "none").exists()


def test_a_base_that_was_changed_in_the_file_is_refused(pair: tuple[Model, Adapter]) -> None:
    data = bytearray(extend(pair[0], [pair[1]], CHAINED).data)
    assert read(bytes(data)) is not None
    data[-40] ^= 1
    with pytest.raises(McueditError, match="not the one that was extended"):
        base_of(bytes(data), "f")


def test_sums_beyond_8_bits_are_exact(pair: tuple[Model, Adapter]) -> None:
    """One delta raises a row by more than there is room for, another lowers it."""
    made = extend(pair[0], [pair[1]], CHAINED)
    assert "QUANTIZE" in made.kinds
    differing, changed = compared(pair[0], [pair[1]], CHAINED)
    assert differing == 0
    assert changed


def test_deltas_that_share_no_row_share_their_ops(tiny_model: Model) -> None:
    made = [full(tiny_model, k, {2 * k: 127, 2 * k + 1: -127}) for k in range(3)]
    kinds = extend(tiny_model, [adapter(tiny_model, one) for one in made], CHAINED).kinds
    assert kinds == ("FULLY_CONNECTED",) * 3 + ("ADD",) * 2
    assert compared(tiny_model, [adapter(tiny_model, *made)], CHAINED)[0] == 0


def test_the_second_question_is_exact(tiny_model: Model) -> None:
    made = [full(tiny_model, k, {k: -127, k + 1: 127}, conditional=True) for k in (0, 1, 4)]
    differing, changed = compared(tiny_model, [adapter(tiny_model, *made)], CHAINED)
    assert differing == 0
    assert changed
    without = [replace(one, conditional=False) for one in made]
    assert compared(tiny_model, [adapter(tiny_model, *without)], CHAINED)[1] > changed


def test_fast_and_plain_kernels_of_litert_agree_where_multipliers_are_1(tiny_model: Model) -> None:
    """Each against its own base: LiteRT rounds once where TensorFlow Lite Micro rounds twice."""
    made = adapter(
        tiny_model, full(tiny_model, 0, {0: -127, 1: 127}, conditional=True), full(tiny_model, 3, {1: 90, 2: -127})
    )
    for reference in (False, True):
        assert (
            compared(tiny_model, [made], CHAINED, runtime=lambda m, d, r=reference: LiteRt(m, d, reference=r))[0] == 0
        )


def test_other_types_at_the_ends_are_kept() -> None:
    model = parse(rims.rimmed("FLOAT32", "UINT8"))
    target = next(op.index for op in model.ops if op.kind == "FULLY_CONNECTED")
    made = adapter(model, deltas.delta(model, target, target, rank=2, rows=None))
    data = extend(model, [made], CHAINED).data
    assert [t.dtype for t in (parse(data).tensors[i] for i in parse(data).file_inputs)] == ["FLOAT32"]
    differing, changed = compared(model, [made], CHAINED)
    assert differing == 0
    assert changed


def test_scales_give_the_very_multipliers() -> None:
    rng = np.random.default_rng(0)
    for k in range(20):
        gated = k % 2 == 0
        inward = Step(
            int(rng.integers(1 << 30, 1 << 31)), -int(rng.integers(4, 14)), 0 if gated else -127, 127, 1 << 22
        )
        outward = Step(int(rng.integers(1 << 30, 1 << 31)), -int(rng.integers(0, 9)), -255, 255, 3 * 127 * 127)
        x, y = (float(np.float32(v)) for v in rng.uniform(0.001, 2, 2))
        made = chain(inward, outward, x, y, symmetric=not gated)
        for step, ratio in (inward, x * made.a / made.h), (outward, made.h * made.b / y):
            values = rng.integers(-step.most, step.most + 1, 20000)
            got = mbqm(values, *quantize_multiplier(ratio)).clip(step.low, step.high)
            np.testing.assert_array_equal(got, mbqm(values, step.m, step.s).clip(step.low, step.high))
        if not gated:
            assert round(1 / np.float32(made.h)) == 127


def test_adapters_of_another_base_and_none_are_refused(pair: tuple[Model, Adapter]) -> None:
    with pytest.raises(McueditError, match="another base"):
        extend(pair[0], [replace(pair[1], base_sha256="0" * 64)], CHAINED)
    with pytest.raises(McueditError, match="no adapters"):
        extend(pair[0], [], CHAINED)


def test_widened_leaves_closed_rows_and_is_what_the_specification_says(tiny_model: Model) -> None:
    one = full(tiny_model, 1, {0: 127, 3: -127})
    made, x = adapter(tiny_model, one), random_inputs(tiny_model, np.random.default_rng(1), 200)
    extended = extend(tiny_model, [made], WIDENED)
    assert extended.kinds == ("FULLY_CONNECTED", "CONCATENATION")
    source, weights, bias = (tiny_model.tensors[t] for t in tiny_model.ops[1].inputs)
    end = tiny_model.tensors[tiny_model.ops[1].outputs[0]]
    base = Tflm(tiny_model).activations(x, [end.index, source.index, tiny_model.inputs[0]])
    added = widening(tiny_model, one).amount(base[tiny_model.inputs[0]][:, 0])
    row = base[source.index][:, 0].astype(np.int64) - source.zero
    sums = row @ weights.data.T.astype(np.int64) + bias.data + added
    ratio = float(source.scale[0]) * float(weights.scale[0]) / float(end.scale[0])
    wanted = (mbqm(sums, *quantize_multiplier(ratio)) + end.zero).clip(-128, 127)
    got = StockTflm(tiny_model, extended.data).activations(x, [end.index])[end.index][:, 0]
    np.testing.assert_array_equal(got, wanted)
    closed = ~added.any(axis=1)
    assert 20 < closed.sum() < 180
    np.testing.assert_array_equal(got[closed], base[end.index][:, 0][closed])


def test_what_widened_cannot_express_is_refused_by_name(tiny_model: Model) -> None:
    one = full(tiny_model, 1, {0: 127, 3: -127})
    for wrong, why in (
        (replace(one, conditional=True), "conditional"),
        (replace(one, gated=False), "no gate"),
    ):
        with pytest.raises(McueditError, match=why):
            extend(tiny_model, [adapter(tiny_model, wrong)], WIDENED)
    assert extend(tiny_model, [adapter(tiny_model, one)]).form == WIDENED
    second = extend(tiny_model, [adapter(tiny_model, replace(one, conditional=True))])
    assert second.form == CHAINED
    assert "conditional" in second.notes[0]


def test_what_the_firmware_lacks_is_refused_by_name(tiny_model: Model, tmp_path) -> None:
    one = full(tiny_model, 1, {0: 127, 3: -127})
    listed = tmp_path / "ops.txt"
    listed.write_text("# of my resolver\nAddFullyConnected\nSOFTMAX\nADD\n")
    limits = Limits(allowed(str(listed)), "ops.txt")
    assert extend(tiny_model, [adapter(tiny_model, one)], limits=limits).form == CHAINED
    asks = adapter(tiny_model, replace(one, conditional=True))
    with pytest.raises(McueditError, match="chained needs ARG_MAX, GATHER, MINIMUM"):
        extend(tiny_model, [asks], CHAINED, limits)
    with pytest.raises(McueditError, match="esphome has no SOFTMAX, which the base itself needs"):
        extend(tiny_model, [asks], CHAINED, Limits(allowed("esphome"), "esphome"))
    made = extend(tiny_model, [asks], CHAINED)
    for limits in (Limits(arena=made.arena - 1), Limits(size=len(made.data) - 1)):
        with pytest.raises(McueditError, match="at most"):
            extend(tiny_model, [asks], CHAINED, limits)
    listed.write_text("FULY_CONNECTED\n")
    with pytest.raises(McueditError, match="is no op"):
        allowed(str(listed))


def test_the_ops_of_esphome_are_those_of_the_package() -> None:
    package = importlib.util.find_spec("esphome")
    if package is None or package.origin is None:
        pytest.skip("esphome is not installed")
    source = Path(package.origin).parent / "components" / "micro_wake_word" / "streaming_model.cpp"
    names = re.findall(r"op_resolver\.Add(\w+)\(", source.read_text())
    assert {name.lower() for name in names} == {kind.lower().replace("_", "") for kind in ESPHOME}


def test_the_arena_that_is_told_suffices(pair: tuple[Model, Adapter]) -> None:
    """Of the host, whose pointers are twice as long: what the interpreter keeps takes at most twice as much."""
    from tflite_micro import runtime

    made = extend(pair[0], [pair[1]], CHAINED)
    assert made.base_arena < made.arena
    runtime.Interpreter.from_bytes(made.data, arena_size=2 * made.arena).invoke()


def test_inputs_hold_one_adapter_at_a_time_and_are_exact(tiny_model: Model) -> None:
    """Two adapters that fill the same inputs differently, and none, by turns in one interpreter."""
    deltas_of = ((1, {0: 127, 3: -127}), (2, {0: -90, 5: 127})), ((4, {1: -127, 2: 127}),)
    adapters = [adapter(tiny_model, *(full(tiny_model, *one, conditional=True) for one in some)) for some in deltas_of]
    made = extend(tiny_model, adapters, INPUTS)
    x, end = random_inputs(tiny_model, np.random.default_rng(0), 40), tiny_model.outputs[0]
    base, runtime = Tflm(tiny_model), StockTflm(tiny_model, made.data)
    seen = []
    for k in (0, 1, 2, 0):
        runtime.given = {one.position: one.values[k] for one in made.given}
        got = runtime.activations(x, [end])[end]
        np.testing.assert_array_equal(got, outputs(tiny_model, base, adapters[k : k + 1], x))
        seen.append(got.tobytes())
    assert len(set(seen)) == 3
    assert base_of(made.data, "f") == tiny_model.data


def test_the_header_sets_what_each_adapter_needs(tiny_path, tiny_model: Model, tmp_path) -> None:
    for k in range(2):
        made = adapter(tiny_model, full(tiny_model, 1 + k, {k: 127, 3: -127}))
        replace(made, name=f"fix {k}").save_pretrained(tmp_path / f"fix{k}")
    both = [str(tmp_path / f"fix{k}") for k in range(2)]
    given = ["emit", *both, "--base", str(tiny_path), "--augment", "inputs", "-o", str(tmp_path / "net.tflite")]
    assert cli.invoke(given) == 0
    loaded = [folder.load(path) for path in both]
    wanted = extend(tiny_model, loaded, INPUTS).given
    (tmp_path / "call.c").write_text(CALL)
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    compilers.find_host_compiler().run([*flags, "call.c", "-o", "call.so"], tmp_path)
    library = ctypes.CDLL(str(tmp_path / "call.so"))
    for k in range(3):
        buffers = {one.position: np.full_like(one.values[0], 99) for one in wanted}
        pointers = (ctypes.c_void_p * (1 + max(buffers)))()
        for position, buffer in buffers.items():
            pointers[position] = buffer.ctypes.data
        library.call(k, pointers)
        for one in wanted:
            np.testing.assert_array_equal(buffers[one.position], one.values[k])


@pytest.mark.parametrize("form", [CHAINED, INPUTS])
def test_a_command_compares_files_with_the_specification(tiny_path, form: str, capsys) -> None:
    assert cli.invoke(["bench", "bytes", str(tiny_path), "--random", "20", "--augment", form, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert sum(row["differing_bytes"] for row in rows) == 0
    assert sum(row["changed_bytes"] for row in rows)


CALL = """
#include "net_inputs.h"
void call(unsigned adapter, void **inputs);
static void *at(void *context, size_t index) { return ((void **)context)[index]; }
void call(unsigned adapter, void **inputs) { net_set_inputs(adapter, at, inputs); }
"""
