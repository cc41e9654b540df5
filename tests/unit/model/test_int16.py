# SPDX-License-Identifier: Apache-2.0
"""Models with 16-bit activations and 8-bit weights: run everywhere, edited where a tap and a target are int8."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from helpers import stateful, tiny
from helpers.int16 import keras, wide
from helpers.native import WARNINGS, core_sources, includes, link

from mcuedit import cli, codegen
from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter
from mcuedit.conformance import opsweep
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.conformance.oneop import random_inputs
from mcuedit.emulate.backends.engine import Engine
from mcuedit.model.bundle import Base
from mcuedit.model.ops import operator
from mcuedit.model.tflite import parse

pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")

ENDS = {"int16": ("INT16", "INT16"), "float": ("FLOAT32", "FLOAT32"), "int8": ("INT8", "INT8")}


def written(folder: Path, data: bytes) -> str:
    path = folder / "net.tflite"
    path.write_bytes(data)
    return str(path)


def asked(arguments: list[str], capsys: Any) -> dict[str, Any]:
    assert cli.invoke([*arguments, "--json"]) == 0, capsys.readouterr().err
    values: dict[str, Any] = json.loads(capsys.readouterr().out)
    return values


@pytest.mark.parametrize("ends", ENDS)
def test_a_net_of_16_bits_runs_and_has_no_place_for_a_delta(ends: str, tmp_path: Path, capsys: Any) -> None:
    net = written(tmp_path, wide(*ENDS[ends]))
    values = asked(["inspect", net], capsys)
    assert (values["bare"], values["tflm"], values["taps"], values["targets"]) == (True, True, [], [])
    assert values["input_types"] == [ENDS[ends][0]]
    assert (
        asked(["run", net, "--random", "20", "--check", "tflm", "--emulator", "host"], capsys)["differing_bytes"] == 0
    )


@pytest.mark.parametrize("ends", ENDS)
def test_edit_refuses_it_with_the_way_out(ends: str, tmp_path: Path, capsys: Any) -> None:
    net, edits = written(tmp_path, wide(*ENDS[ends])), str(tmp_path / "edits.npz")
    x = np.random.default_rng(1).uniform(-1, 1, (8, 4)).astype(np.float32)
    given, dump = tmp_path / "x.npz", tmp_path / "out.npz"
    np.savez(given, x=x)
    asked(["run", net, "--inputs", str(given), "--emulator", "host", "--dump", str(dump)], capsys)
    with np.load(dump) as made:
        element = np.int8 if ends == "int8" else np.int16
        other = (made["outputs"].view(element)[:1].argmax(axis=1) + 1) % 4
    np.savez(edits, x=x[:1], keep=x[1:], y=other)
    assert cli.invoke(["edit", net, "--edits", edits, "-o", str(tmp_path / "fix")]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "no op of this model can carry a delta: tap and target must be int8, not int16" in said
    assert "TFLITE_BUILTINS_INT8" in said


@pytest.mark.parametrize("first", ["INT8", "INT16"])
def test_int8_behind_16_bits_is_edited(first: str, tmp_path: Path, capsys: Any) -> None:
    net, fix, edits = written(tmp_path, wide(first, then=True)), str(tmp_path / "fix"), str(tmp_path / "edits.npz")
    target = len(parse(wide(first, then=True)).ops) - 1
    rows = np.random.default_rng(1).integers(-60, 60, (20, 4)).astype(first.lower())
    np.savez(edits, x=rows[:1], keep=rows[1:], y=np.array([2]))
    assert asked(["inspect", net], capsys)["targets"] == [target]
    made = asked(["edit", net, "--edits", edits, "-o", fix, "--floor", "0"], capsys)
    assert made["efficacy"] == 1.0
    for where in (["--emulator", "tflm"], ["--emulator", "host"], ["--board", "virt-m0"]):
        values = asked(["run", net, "--adapter", fix, *where, "--random", "9", "--check", "tflm"], capsys)
        assert values["differing_bytes"] == 0


def test_a_target_before_16_bits_is_refused_by_name() -> None:
    from mcuedit.training.placement import places

    model = parse(wide("INT8", before=True))
    error = places.no_target(model, 0)
    assert error is not None
    assert error.message == "op 1 QUANTIZE: no delta is trained through 16-bit activations"


def test_inputs_of_16_bits_are_given_as_they_are_or_in_real_units(tmp_path: Path, capsys: Any) -> None:
    net, model = written(tmp_path, wide()), parse(wide())
    x = np.array([[1, -2, 300, 32767]], np.int16)
    outputs = []
    for i, values in enumerate((x, x * model.input.scale[0])):
        np.savez(tmp_path / f"{i}.npz", x=values)
        given, dump = str(tmp_path / f"{i}.npz"), tmp_path / f"out{i}.npz"
        asked(["run", net, "--inputs", given, "--emulator", "host", "--dump", str(dump)], capsys)
        with np.load(dump) as made:
            np.testing.assert_array_equal(made["x"].view(np.int16), x)
            outputs.append(made["outputs"].view(np.int16))
    np.testing.assert_array_equal(*outputs)


def test_a_kind_that_has_no_kernel_of_16_bits_is_named(tmp_path: Path, capsys: Any) -> None:
    net = NetBuilder("INT16")
    x, y = net.tensor("x", (1, 4), 0.001, 0), net.tensor("y", (1, 4), 0.001, 0)
    net.op("HARD_SWISH", [x], y)
    values = asked(["inspect", written(tmp_path, net.pack(x, y))], capsys)
    assert values["tflm"]
    assert values["bare_why_not"] == "op 0 HARD_SWISH has no kernel of 16-bit activations in the bare runtime"


def test_an_svdf_of_16_bits_runs_nowhere(tmp_path: Path, capsys: Any) -> None:
    """Its state may have 16 bits; of its input TensorFlow Lite Micro says `kTfLiteInt8 was not true`."""

    def change(m: Any) -> None:
        for tensor in m.subgraphs[0].tensors:
            if tensor.type == schema.TensorType.INT8 and tensor.name in (b"x", b"hidden", b"y"):
                tensor.type = schema.TensorType.INT16

    values = asked(["inspect", written(tmp_path, tiny.altered(stateful.svdf().data, change))], capsys)
    assert values["tflm_why_not"].startswith("TensorFlow Lite Micro refuses the model")
    assert values["bare_why_not"] == "op 0 SVDF has no kernel of 16-bit activations in the bare runtime"


def test_biases_of_32_bits_of_an_lstm_are_refused() -> None:
    """TensorFlow Lite Micro reads INT64 there, whatever it is, and beyond its end."""
    model = opsweep.model("UNIDIRECTIONAL_SEQUENCE_LSTM int16", 0)
    (op,) = (op for op in model.ops if op.kind == "UNIDIRECTIONAL_SEQUENCE_LSTM")

    def change(m: Any) -> None:
        bias = m.subgraphs[0].tensors[op.inputs[12]]
        bias.type, kept = schema.TensorType.INT32, m.buffers[bias.buffer].data
        m.buffers[bias.buffer].data = kept[: len(kept) // 2]

    with pytest.raises(McueditError, match="operand 12 is INT32 constant, not a constant INT64"):
        codegen.plan_arena(parse(tiny.altered(model.data, change)))


def test_slopes_of_16_bits_are_refused() -> None:
    """As TensorFlow Lite Micro refuses them."""
    net = NetBuilder("INT16")
    x, y = net.tensor("x", (1, 4), 0.001, 0), net.tensor("y", (1, 4), 0.001, 0)
    net.op("PRELU", [x, net.constant("slopes", np.ones((1, 4), np.int16), [0.1])], y)
    model = parse(net.pack(x, y))
    with pytest.raises(McueditError, match="operand 'slopes' is no quantized int8"):
        operator(model, model.ops[0])


def test_there_is_a_root_of_what_is_below_0() -> None:
    """TensorFlow Lite Micro stops there; a device goes on with the largest value, as of 0."""
    net = NetBuilder("INT16")
    x, y = net.tensor("x", (1, 4), 0.001, 0), net.tensor("y", (1, 4), 0.001, 0)
    net.op("RSQRT", [x], y)
    model, rows = parse(net.pack(x, y)), np.array([[-32768, -1, 0, 32767]], np.int16)
    found = operator(model, model.ops[0]).forward(rows)
    assert found.ravel().tolist() == [32767, 32767, 32767, 175]
    np.testing.assert_array_equal(Engine(model).run(rows.view(np.int8)).view(np.int16).ravel(), found.ravel())


def test_a_zero_point_beside_0_is_refused() -> None:
    net = NetBuilder("INT16")
    x, y = net.tensor("x", (1, 4), 0.001, 5), net.tensor("y", (1, 4), 0.001, 0)
    net.op("RELU", [x], y)
    with pytest.raises(McueditError, match="input 'x' is INT16, not quantized"):
        parse(net.pack(x, y))


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_a_net_of_the_converter(dtype: str, tmp_path: Path, capsys: Any) -> None:
    """CONV_2D, DEPTHWISE_CONV_2D, ADD, pools, TANH, FULLY_CONNECTED, LOGISTIC and SOFTMAX, as Keras has them."""
    pytest.importorskip("tensorflow", reason="the converter is TensorFlow's")
    data = keras(dtype)
    capsys.readouterr()
    net, model = written(tmp_path, data), parse(data)
    assert asked(["inspect", net], capsys)["bare"]
    for where in (["--emulator", "host"], ["--emulator", "tflm"], ["--board", "virt-m4"]):
        assert asked(["run", net, *where, "--random", "9", "--check", "tflm"], capsys)["differing_bytes"] == 0
    (tmp_path / "emitted").mkdir()
    for name, text in codegen.render_project(Base("net", model)).items():
        if "/" not in name:
            (tmp_path / "emitted" / name).write_text(text)
    main = '#include "net.h"\nstatic int8_t arena[NET_ARENA_SIZE];\nint main(void)\n{\n'
    main += "    net_infer(0, NET_INPUT(arena), NET_OUTPUT(arena), arena);\n    return 0;\n}\n"
    (tmp_path / "main.c").write_text(main)
    folder = f"-I{tmp_path / 'emitted'}"
    link(tmp_path, ["main.c", "emitted/net.c", *core_sources()], *WARNINGS, folder, *includes(), output="app")


def test_the_oracle_and_the_engine_agree_on_every_tensor_of_a_mixed_net() -> None:
    from mcuedit.model.oracle import Tflm

    model = parse(wide("INT8", then=True))
    x = random_inputs(model, np.random.default_rng(0), 12)
    made = [op.outputs[0] for op in model.ops]
    want, got = Tflm(model).activations(x, made), Engine(model).activations(x, made)
    for t in made:
        assert want[t].dtype == got[t].dtype
        np.testing.assert_array_equal(want[t], got[t])


def test_no_adapter_is_needed_to_emit() -> None:
    none: list[Adapter] = []
    files = codegen.render_project(Base("net", parse(wide())), none)
    assert '#include "mcuedit/kernels16.h"' in files["net.c"]
    assert "static inline int16_t net_quantize(float value)" in files["net.h"]
