# SPDX-License-Identifier: Apache-2.0
"""Edit sets of tensors: an .npz of named arrays.

| array | type | meaning |
| --- | --- | --- |
| `x` | int8 or float [n, *input] | inputs to be answered anew; [n, T, *input]: sequences for a base with a state |
| `y` | int [n] | the class wanted of each sample |
| `against` | int [n] | with `y`: the class that y is to lead over, and over no other; -1: over all |
| `not_class` | int [n] | instead of `y`: the answer must not be this class, any other will do |
| `target` | int8 or float [n, *output] | instead of `y`: the output vector to be reproduced |
| `reproduce` | bool | true, instead of `target`: the output is to be the input itself (autoencoders) |
| `keep` | as x [k, ...] | inputs whose outputs must stay |
| `x:NAME`, ... | as x | instead of `x`, `keep`, ...: one input each, of a base with several, by its name |
| `x_test`, `y_test`, ..., `keep_test` | as above | inputs that only serve the measurement; training never reads them |

Floats are in the units of the tensor and are quantized with its scale and zero point; int8 is taken as it is. Where the
.tflite takes or gives another type, arrays may be of that type.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import FloatArray, Int8Array, IntArray
from mcuedit.edits.npz import End, input_ends, is_given, is_plain, output_end, packed, quantized, read_npz
from mcuedit.edits.wanted import ALL, Avoid, Over, TensorSet, ToClass, ToVector, Wanted
from mcuedit.model.tflite import Model, Tensor

_HINT = "numpy.savez('edits.npz', x=inputs, y=class_numbers, keep=other_inputs)"
_GOALS = ("y", "not_class", "target", "reproduce")
_SHARED = ("x", "y", "against", "not_class", "target", "keep")


def load_for(path: str | Path, model: Model) -> TensorSet:
    """Reads and checks an .npz against a model, with all its inputs and what stands at its rim.

    Raises:
        McueditError: as `load_tensors`.
    """
    output = output_end(model)
    return _load(_File(Path(path), input_ends(model), model.input_shape, output, output.tensor.size))


def load_tensors(
    path: str | Path, model_input: Tensor, n_classes: int, model_output: Tensor | None = None
) -> TensorSet:
    """Reads and checks an .npz against a base of one int8 input.

    Args:
        n_classes: number of logits.
        model_output: only vectors to be reproduced need it.

    Raises:
        McueditError: names the array, its shape, dtype or value, and what the base wants.
    """
    first, last = End("x", model_input), End("y", model_output or model_input)
    return _load(_File(Path(path), (first,), model_input.shape[1:], last, n_classes))


def _load(file: _File) -> TensorSet:
    x = file.inputs("x")
    wanted = file.wanted("", x)
    keep = file.inputs("keep", like=x)
    x_test, keep_test = file.inputs("x_test", like=x), file.inputs("keep_test", like=x)
    wanted_test = file.wanted("_test", x_test) if len(x_test) else None
    return _consistent(
        TensorSet(
            x,
            wanted,
            keep,
            x_test,
            wanted_test,
            keep_test,
            file.own("keep"),
            file.own("keep_test"),
            str(file.path),
            tuple(file.notes),
        ),
        file.step,
    )


class _File:
    """The arrays of one file, as the base takes them."""

    def __init__(
        self, path: Path, inputs: tuple[End, ...], shape: tuple[int, ...], output: End, n_classes: int
    ) -> None:
        self.path, self._ends, self._in_shape, self._classes = path, inputs, shape, n_classes
        self._input, self._output = inputs[0].tensor, output.tensor
        self._rims = {inputs[0].tensor.index: inputs[0].rim} | {output.tensor.index: output.rim}
        self.step = float(output.tensor.scale[0])
        self._arrays = read_npz(path, _HINT)
        self.notes: list[str] = []
        if not is_given(self._arrays, "x", inputs):
            raise McueditError(f"{path}: no array 'x'", _HINT)
        goals = [name for name in _GOALS if name in self._arrays]
        if not goals:
            raise McueditError(f"{path}: no array 'y'", f"{_HINT}; or not_class, target or reproduce=True")
        if len(goals) > 1:
            raise McueditError(f"{path}: both {goals[0]!r} and {goals[1]!r}", "give one of them")
        self._goal = goals[0]
        if n_classes == 1 and self._goal in ("y", "not_class"):
            why = f"{path}: {self._goal!r} wants a class, and this base has a single output: there is no other class"
            raise McueditError(why, "give the value wanted of each input as 'target'")
        known = {*_SHARED, *(f"{name}_test" for name in _SHARED), "reproduce"}
        taken = ("x", "keep", "x_test", "keep_test")
        known |= {f"{name}:{end.name}" for name in taken for end in inputs if len(inputs) > 1}
        self.notes += [f"{path}: array {name!r} is ignored" for name in sorted(set(self._arrays) - known)]

    def inputs(self, name: str, like: Int8Array | None = None) -> Int8Array:
        """int8[n, *input] or int8[n, T, *input]; empty if there is no such array.

        Args:
            like: an array that this one must go together with.
        """
        shape = self._in_shape
        if not is_given(self._arrays, name, self._ends):
            return np.zeros((0, *(shape if like is None else like.shape[1:])), np.int8)
        several = not is_plain(self._ends)
        values = self._packed(name) if several else self._arrays[name]
        sequence = values.ndim == 2 + len(shape)
        if values.shape[1 + sequence :] != shape or values.ndim != 1 + sequence + len(shape):
            raise self._shape(name, values, ["n", *shape])
        if like is not None and values.shape[1:] != like.shape[1:]:
            raise self._shape(name, values, ["n", *like.shape[1:]], "x is made of")
        if name == "x" and not len(values):
            raise McueditError(f"{self.path}: x is empty", _HINT)
        if sequence and not values.shape[1]:
            raise McueditError(f"{self.path}: {name} holds sequences of no steps", "give at least one step")
        return values if several else self._packed(name)

    def wanted(self, suffix: str, x: Int8Array) -> Wanted:
        """What x (or x_test) is to be answered."""
        if self._goal in ("target", "reproduce"):
            return ToVector(self._vectors(suffix, x))
        name = f"{self._goal}{suffix}"
        classes = self._numbers(name, len(x), 0)
        if self._goal == "not_class":
            return Avoid(classes)
        if f"against{suffix}" not in self._arrays:
            return ToClass(classes)
        against = self._numbers(f"against{suffix}", len(x), ALL)
        if (against == classes).any():
            sample = int(np.flatnonzero(against == classes)[0])
            raise McueditError(
                f"{self.path}: sample {sample} wants class {classes[sample]} against itself", "mend against"
            )
        return Over(classes, against)

    def own(self, name: str) -> FloatArray | None:
        """What an autoencoder should make of its input `name`; None for other bases."""
        if self._goal != "reproduce" or name not in self._arrays:
            return None
        return self._real(name, self._arrays[name], self._input).reshape(-1, *self._output.shape[1:])

    def _vectors(self, suffix: str, x: Int8Array) -> FloatArray:
        if self._goal == "reproduce":
            if len(self._ends) > 1:
                why = f"{self.path}: reproduce: the base has {len(self._ends)} inputs"
                raise McueditError(why, "give the vectors wanted as 'target'")
            if self._input.size != self._output.size or x.ndim > 1 + len(self._input.shape[1:]):
                sizes = f"the input has {self._input.size} values, the output {self._output.size}"
                raise McueditError(f"{self.path}: reproduce: {sizes}", "give the vectors wanted as 'target'")
            made = self.own(f"x{suffix}")
            assert made is not None
            return made
        name = f"target{suffix}"
        values, shape = self._needed(name), self._output.shape[1:]
        if values.shape != (len(x), *shape):
            raise self._shape(name, values, [len(x), *shape])
        self._reachable(name, values)
        return self._real(name, values, self._output)

    def _reachable(self, name: str, values: npt.NDArray[Any]) -> None:
        """Refuses vectors that no int8 of the output stands for."""
        self._quantized(name, values, self._output)
        if values.dtype.kind != "f":
            return
        scale, zero = float(self._output.scale[0]), self._output.zero
        steps = values / scale + zero
        outside = np.flatnonzero((steps < -128.5) | (steps > 127.5))
        if not len(outside):
            return
        at = np.unravel_index(int(outside[0]), values.shape)
        low, high = ((q - zero) * scale for q in (-128, 127))
        raise McueditError(
            f"{self.path}: {name}[{', '.join(map(str, at))}] is {values[at]:.6g}, and this base's output ends at "
            f"{low:.6g}..{high:.6g}; so do {len(outside) - 1} more values",
            "no delta can reach it: want what the output can say",
        )

    def _numbers(self, name: str, count: int, lowest: int) -> IntArray:
        values = self._needed(name)
        if values.shape != (count,) or values.dtype.kind not in "iu":
            what = f"{self.path}: {name} is {values.dtype}{list(values.shape)}"
            raise McueditError(what, f"give {count} class numbers, one per sample of x")
        bad = values[(values < lowest) | (values >= self._classes)]
        if len(bad):
            also = "" if lowest == 0 else "; -1 stands for all"
            raise McueditError(
                f"{self.path}: {name} holds {bad[0]}", f"classes of this base are 0..{self._classes - 1}{also}"
            )
        return values.astype(np.int64)

    def _needed(self, name: str) -> npt.NDArray[Any]:
        if name not in self._arrays:
            raise McueditError(f"{self.path}: no array {name!r}", "every array of x has its counterpart for x_test")
        return self._arrays[name]

    def _real(self, name: str, values: npt.NDArray[Any], tensor: Tensor) -> FloatArray:
        """float32, in real units."""
        if values.dtype.kind != "f":
            steps = self._quantized(name, values, tensor).astype(np.float32)
            return np.asarray((steps - tensor.zero) * tensor.scale[0], np.float32)
        return values.astype(np.float32)

    def _quantized(self, name: str, values: npt.NDArray[Any], tensor: Tensor) -> Int8Array:
        made, notes = quantized(f"{self.path}: {name}", values, tensor, self._rims.get(tensor.index))
        self.notes += notes
        return made

    def _packed(self, name: str) -> Int8Array:
        made, notes = packed(str(self.path), self._arrays, name, self._ends)
        self.notes += notes
        return made

    def _shape(self, name: str, values: npt.NDArray[Any], wanted: list[Any], who: str = "this base wants") -> Exception:
        shape = ", ".join(map(str, wanted))
        return McueditError(f"{self.path}: {name} has shape {list(values.shape)}", f"{who} [{shape}]")


def _consistent(data: TensorSet, step: float) -> TensorSet:
    """Without kept inputs that are edited; refuses one input with two answers.

    Args:
        step: of the output: vectors that differ by no more are one.
    """
    edited = _refuse_contradictions(data, step)
    notes = list(data.notes)
    found: dict[str, Any] = {}
    for name, vectors in ("keep", "keep_vectors"), ("keep_test", "keep_test_vectors"):
        samples, own = getattr(data, name), getattr(data, vectors)
        stays = np.array([values.tobytes() not in edited for values in samples], bool)
        found |= {name: samples[stays], vectors: own if own is None else own[stays]}
        if not stays.all():
            count = len(stays) - int(stays.sum())
            why = "what is to change cannot also stay"
            notes.append(f"{data.source}: {count} samples of {name} are edited and dropped from it: {why}")
    return replace(data, **found, notes=tuple(notes))


def _refuse_contradictions(data: TensorSet, step: float) -> set[bytes]:
    """The inputs to be edited; those held out are to want nothing else of them."""
    first: dict[bytes, tuple[str, Wanted]] = {}
    parts = [("x", data.x, data.wanted)]
    if data.wanted_test is not None:
        parts.append(("x_test", data.x_test, data.wanted_test))
    for name, inputs, wanted in parts:
        for at, values in enumerate(inputs):
            mine = f"{name}[{at}]", wanted.take(slice(at, at + 1))
            theirs = first.setdefault(values.tobytes(), mine)
            if not theirs[1].agrees(mine[1], step):
                raise McueditError(
                    f"{data.source}: {theirs[0]} and {mine[0]} are one input and want different answers",
                    "drop one of them",
                )
    return {values.tobytes() for values in data.x}
