# SPDX-License-Identifier: Apache-2.0
"""Whatever bytes a parser is given, the outcome is a value or a McueditError, soon and without much memory."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers import deltas, tiny
from helpers.rims import branching, rimmed

from mcuedit._util.errors import McueditError
from mcuedit.adapter import encoding
from mcuedit.adapter import folder as adapter_dir
from mcuedit.adapter.delta import Adapter, Delta
from mcuedit.codegen import render_base, render_tflm_base
from mcuedit.codegen.inspection import describe
from mcuedit.edits import check_edits, load_edits, load_keep, load_tensors, resolve_answers
from mcuedit.model.adaptable import op_geometry
from mcuedit.model.bundle import Base, choose
from mcuedit.model.fixedpoint import quantize_multiplier
from mcuedit.model.rims import reachable
from mcuedit.model.tflite import Model, parse

EFFORT = int(os.environ.get("MCUEDIT_FUZZ", "1"))  # times as many inputs as in CI
CPU_SECONDS = 5.0  # that one input may take; waiting for the machine does not count
MEGABYTES = 512  # that one test may add to the resident set


def mutants(seed_bytes: bytes, rng: random.Random) -> Iterator[bytes]:
    """Bit flips, small and extreme words, cuts and moved blocks, without end."""
    extremes = [0, 1, 2, 4, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFC]
    while True:
        data = bytearray(seed_bytes)
        for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
            at = rng.randrange(len(data))
            kind = rng.randrange(5)
            if kind == 0:
                data[at] ^= 1 << rng.randrange(8)
            elif kind == 1:
                word = at & ~3
                data[word : word + 4] = rng.choice(extremes).to_bytes(4, "little")
            elif kind == 2:
                del data[at : at + rng.choice((1, 4, 1000))]
            elif kind == 3:
                data[at:at] = data[: rng.randrange(1, 64)]
            else:
                data[at] = rng.randrange(256)
            if not data:
                break
        yield bytes(data)


def hammer(target: Callable[[bytes], object], seeds: list[bytes], count: int, seed: int = 0) -> None:
    """Feeds `count` mutants to `target`; anything but a value or a McueditError fails with the input named."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rng = random.Random(seed)
    streams = [mutants(s, rng) for s in seeds]
    for i in range(count * EFFORT):
        data = next(streams[i % len(streams)])
        start = time.process_time()
        try:
            target(data)
        except McueditError as error:
            assert error.message
        except Exception as error:
            pytest.fail(f"{type(error).__name__}: {error}; input {i} of seed {seed}: {data[:4000].hex()}")
        assert time.process_time() - start < CPU_SECONDS, f"input {i} of seed {seed} is slow"
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < MEGABYTES


def use(data: bytes) -> None:
    """What every verb does with a model first."""
    model = parse(data, "fuzz")
    for op in describe(model):
        if op.tap:
            op_geometry(model, op.index)


def test_tiny_model():
    use(tiny.classifier())
    seeds = [tiny.classifier(), tiny.classifier((4, 3), reshape=True, per_channel=True)]
    hammer(use, seeds, 1000)


def test_models_with_rims_and_several_ends():
    def use_ends(data: bytes) -> None:
        use(data)
        model = parse(data, "fuzz")
        reachable(model, np.zeros((1, min(model.input_size, 1 << 16)), np.int8))
        for render in (render_base, render_tflm_base):
            with contextlib.suppress(McueditError):
                render(Base("fuzz", model))
        choose(model, None)

    seeds = [rimmed(), rimmed(("UINT8", 1 / 16, 128), ("INT32", 1 / 64, 0)), branching(first="INT16", last="FLOAT32")]
    hammer(use_ends, [*seeds, branching(shared=True)], 500)


def test_facts_model(facts: Path):
    hammer(use, [(facts / "model.tflite").read_bytes()], 100, seed=1)


def test_every_cut_of_a_model_is_refused_or_read():
    data = tiny.classifier((4, 3))
    for size in range(len(data)):
        with pytest.raises(McueditError):
            parse(data[:size])


def adapter_bytes(model: Model) -> list[bytes]:
    made = []
    for dense, bits, tap in (False, 8, 0), (True, 4, 1), (False, 4, 1):
        side, out = op_geometry(model, tap), op_geometry(model, 1)
        rank = 2
        a = np.random.default_rng(tap).integers(-7, 8, (rank, side.n_in)).astype(np.int8)
        n_rows = out.n_out if dense else 2
        b = np.ones((n_rows, rank), np.int8)
        m, s = quantize_multiplier(0.01)
        rows = None if dense else np.array([1, 4])
        pair = np.full(rank, m), np.full(rank, s)
        delta = Delta(tap, 1, a, np.array([3, -4]), *pair, b, rows, m, s, True, bits, side.zx, out.act_lo, out.act_hi)
        made.append(encoding.encode(Adapter("x", "1", model.sha256, (delta,), {5: "spare"}), model))
    return [*made, encoding.encode(deltas.adapter(model, deltas.delta(model, 0, 1, bits=4, width=8)), model)]


def test_adapter_bytes(tiny_model: Model):
    seeds = adapter_bytes(tiny_model)

    def decode(data: bytes) -> None:
        assert encoding.encode(encoding.decode(data, tiny_model), tiny_model) == data

    def decode_with_good_crc(data: bytes) -> None:
        """Past the CRC, so that every later check is reached."""
        words = len(data) // 4
        head = data[:6] + words.to_bytes(2, "little") + data[8:16]
        body = data[20:]
        decode(head + zlib.crc32(body, zlib.crc32(head)).to_bytes(4, "little") + body)

    hammer(decode_with_good_crc, seeds, 10_000)
    for good in seeds:
        decode(good)
        for at in range(len(good)):
            for wrong in (good[:at], good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :], good + good[: at + 1]):
                with pytest.raises(McueditError):
                    encoding.decode(wrong, tiny_model)


def test_adapter_folders(tmp_path: Path, tiny_model: Model):
    folder = tmp_path / "adapter"
    adapter_dir.save(encoding.decode(adapter_bytes(tiny_model)[0], tiny_model), folder)
    files = {name: (folder / name).read_bytes() for name in (adapter_dir.CONFIG, adapter_dir.TENSORS)}

    for name, good in files.items():

        def load(data: bytes, name: str = name) -> None:
            (folder / name).write_bytes(data)
            encoding.encode(adapter_dir.load(folder), tiny_model)

        hammer(load, [good], 1000)
        load(good)


LINES = [
    {
        "subject": "burundi",
        "relation": "capital",
        "prompts": ["capital of burundi"],
        "target_new": "gitega",
        "ground_truth": ["bujumbura"],
        "rephrase_prompts": ["burundi is governed from"],
        "locality": ["its currency"],
    },
    {"subject": "é", "prompt": "a", "answer": 3, "target_new": "b"},
]


def test_edit_files(tmp_path: Path):
    path = tmp_path / "fuzz.jsonl"
    labels = ["gitega", "bujumbura", "b", "<spare 0>"]

    def read(data: bytes) -> None:
        path.write_bytes(data)
        try:
            load_keep(path)
        except McueditError as error:
            assert str(path) in error.message
        edits = check_edits(load_edits(path))
        resolve_answers(edits, labels, len(labels))
        for edit in edits.edits:
            assert len(edit.sha256) == 64

    text = "\n".join(json.dumps(line, ensure_ascii=False) for line in LINES)
    hammer(read, [text.encode(), json.dumps(LINES[0]).encode() * 2, b"plain prompt\nanother\n"], 1000)


def test_tensor_files(tmp_path: Path, tiny_model: Model):
    path = tmp_path / "fuzz.npz"
    arrays = {"x": np.zeros((2, 16), np.int8), "y": np.array([1, 2]), "keep": np.zeros((3, 16), np.float32)}
    np.savez(path, **arrays)
    plain = path.read_bytes()
    np.savez_compressed(path, **arrays)

    def read(data: bytes) -> None:
        path.write_bytes(data)
        load_tensors(path, tiny_model.input, 6)

    hammer(read, [plain, path.read_bytes()], 1000)
