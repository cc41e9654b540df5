# SPDX-License-Identifier: Apache-2.0
"""A base with state, run: each input starts anew, and sequences are answered after their last step."""

from __future__ import annotations

import dataclasses
import json
import time

import numpy as np
import pytest
from helpers.deltas import adapter, delta
from helpers.stateful import summing, svdf
from helpers.tflm_here import needs_runtime

from mcuedit import cli
from mcuedit._util.errors import McueditError
from mcuedit.build.options import BuildOptions
from mcuedit.conformance.bytes import Scope, Sweep, random_inputs
from mcuedit.emulate import runner
from mcuedit.emulate.options import RunOptions
from mcuedit.model.bundle import Base

pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel here")


@pytest.fixture(scope="module")
def base() -> Base:
    return Base("svdf", svdf())


def test_sequences_are_run_and_compared(base: Base) -> None:
    x = np.random.default_rng(4).integers(-128, 128, (8, 5, 1, 4)).astype(np.int8)
    whole = runner.run(base, options=RunOptions(emulator="tflm"), inputs=x)
    assert whole.inputs.shape == (8, 20)
    alone = runner.run(base, options=RunOptions(emulator="tflm"), inputs=x[:, -1])
    assert (whole.outputs != alone.outputs).any()
    assert (runner.expected(base, [], runner.best_oracle(base.model), whole.inputs) == whole.outputs).all()


@needs_runtime
@pytest.mark.parametrize("steps", [1, 6])
def test_the_wrapper_in_tflms_own_runtime_starts_each_sequence_anew(base: Base, steps: int) -> None:
    """Also with deltas behind the state."""
    x = np.random.default_rng(5).integers(-128, 128, (30, steps, 1, 4)).astype(np.int8)
    opened = dataclasses.replace(delta(base.model, 1, 1), c=np.array([1 << 20]))
    chosen = [adapter(base.model, opened)]
    result = runner.run(base, chosen, RunOptions(emulator="host", build=BuildOptions(runtime="tflm")), inputs=x)
    wanted = runner.expected(base, chosen, runner.best_oracle(base.model), result.inputs)
    assert int((wanted != result.outputs).sum()) == 0
    plain = runner.run(base, options=RunOptions(emulator="host", build=BuildOptions(runtime="tflm")), inputs=x)
    assert (plain.outputs != result.outputs).any()
    back = runner.run(base, options=RunOptions(emulator="host", build=BuildOptions(runtime="tflm")), inputs=x[::-1])
    assert (back.outputs[::-1] == plain.outputs).all()


def test_a_resource_variable_starts_anew_with_each_sequence() -> None:
    """What is written to it in a sequence is read in the next step, and in no other sequence."""
    x = np.random.default_rng(7).integers(-9, 10, (12, 4, 1, 4)).astype(np.int8)
    base, there = Base("summing", summing()), RunOptions(emulator="tflm")
    once = x.sum(axis=1, dtype=np.int8)
    assert (
        runner.run(base, options=there, inputs=x).outputs == runner.run(base, options=there, inputs=once).outputs
    ).all()


@needs_runtime
def test_the_wrapper_leaves_resource_variables_as_they_are() -> None:
    """With a delta behind the variable: READ_VARIABLE, ASSIGN_VARIABLE and VAR_HANDLE are TFLM's own."""
    x = np.random.default_rng(8).integers(-9, 10, (12, 4, 1, 4)).astype(np.int8)
    base = Base("summing", summing())
    last = len(base.model.ops) - 1
    chosen = [adapter(base.model, dataclasses.replace(delta(base.model, last, last), c=np.array([1 << 20])))]
    here = RunOptions(emulator="host", build=BuildOptions(runtime="tflm"))
    result = runner.run(base, chosen, here, inputs=x)
    assert (result.outputs == runner.expected(base, chosen, runner.best_oracle(base.model), result.inputs)).all()
    plain = runner.run(base, options=here, inputs=x)
    assert (plain.outputs != result.outputs).any()
    assert (plain.outputs == runner.run(base, options=RunOptions(emulator="tflm"), inputs=x).outputs).all()
    assert (runner.run(base, options=here, inputs=x[::-1]).outputs[::-1] == plain.outputs).all()


@needs_runtime
def test_a_second_call_compiles_nothing_again(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but a name is each library's own; it is given when that is linked."""
    from mcuedit.build import compilers

    x, ran = random_inputs(base, 2), []
    runner.run(base, options=RunOptions(emulator="host", build=BuildOptions(runtime="tflm")), inputs=x)
    run = compilers.Compiler._run
    monkeypatch.setattr(compilers.Compiler, "_run", lambda self, *args: (ran.append(args[1]), run(self, *args))[1])
    start = time.process_time()
    runner.run(base, options=RunOptions(emulator="host", build=BuildOptions(runtime="tflm")), inputs=x)
    assert [("-shared" in arguments) for arguments in ran] == [True]
    print(f"{time.process_time() - start:.2f} s of this process")


@needs_runtime
def test_the_verb_takes_sequences(tmp_path, capsys, base: Base) -> None:
    (tmp_path / "svdf.tflite").write_bytes(base.model.data)
    x = np.random.default_rng(6).integers(-128, 128, (7, 3, 1, 4)).astype(np.int8)
    np.savez(tmp_path / "x.npz", x=x)
    verb = ["run", str(tmp_path / "svdf.tflite"), "--inputs", str(tmp_path / "x.npz"), "--check", "tflm", "--json"]
    assert cli.invoke([*verb, "--runtime", "tflm", "--emulator", "host"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["inputs"], told["differing_bytes"]) == (7, 0)
    assert cli.invoke([*verb, "--runtime", "tflm", "--emulator", "host", "--random", "2"]) == 2
    assert "random inputs have one step" in capsys.readouterr().err


def test_firmware_that_never_resets_is_not_compared(base: Base) -> None:
    """Its second input would meet what the first one left, and count as differing bytes."""
    with pytest.raises(McueditError, match="keeps a state") as caught:
        runner.run(base, options=RunOptions(build=BuildOptions(runtime="tflm")), inputs=random_inputs(base, 2))
    assert "--emulator host" in caught.value.hint
    rows = Sweep(
        base, random_inputs(base, 2), Scope(active_sets=(0,), emulators=("unicorn",), boards=("virt-m4",))
    ).rows()
    assert [row.skipped for row in rows] == ["the base keeps a state, which firmware never resets"]
