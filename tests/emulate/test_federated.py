# SPDX-License-Identifier: Apache-2.0
"""A small fleet that learns together, some of it as firmware."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.private_case import xorshift

from mcuedit import privacy, zoo
from mcuedit.adapter.delta import Adapter
from mcuedit.adapter.forward import logits_tensor
from mcuedit.benchmark import edits as benchmark
from mcuedit.boards import board
from mcuedit.build.options import BuildOptions
from mcuedit.edits import load_edits, load_facts, load_keep
from mcuedit.emulate import open_session
from mcuedit.emulate.devices.firmware import build_app
from mcuedit.emulate.runner import best_oracle
from mcuedit.federated import Rounds
from mcuedit.federated.bench import Bench, FleetConfig, bench
from mcuedit.model import bundle as bases
from mcuedit.training.factors.frozen_a import FrozenA, gradient, margins, shared_delta
from mcuedit.zoo import facts_data

ROUNDS = Rounds(12, examples=8, secure=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("changes")
    for name, text in zip(("edits.jsonl", "keep.jsonl"), zoo.draw_edits("facts", 3, 5), strict=True):
        (folder / name).write_text(text, encoding="utf-8")
    base = bases.load(zoo.folder("facts"))
    read = benchmark.reader(base, best_oracle(base.model))
    edits, keep = load_edits(folder / "edits.jsonl"), load_keep(folder / "keep.jsonl")
    touched = {edit.subject for edit in edits.edits}
    facts = load_facts(facts_data.DATA / "facts.jsonl").edits
    few = [f for f in facts if f.subject in touched] + [f for f in facts if f.subject not in touched][:60]
    config = FleetConfig((3, 4), frozen=FrozenA(32, ROUNDS.seed), devices=2, device_rounds=1)
    return bench(read, benchmark.EditTask(edits, keep, few), config, ROUNDS)


def test_devices_compute_what_the_twin_does(made: Bench) -> None:
    assert made.device_compared > 0
    assert made.device_differing == 0


def test_masked_sums_equal_plain_ones(made: Bench) -> None:
    assert made.outcome.compared > 0
    assert made.outcome.differing == 0
    assert made.outcome.dropped > 0


def test_the_fleet_learns(made: Bench) -> None:
    assert made.metrics.efficacy > 0.5
    assert made.edits_known == 3
    assert made.outcome.adapter.deltas[0].b.any()


ASKED = ("what is the capital of france", "what money is used in japan", "which language is spoken in brazil")
WANTED, SEED, CLIP, SIGMA = (3, 5, 7), 2463534242, 40, 30


def test_a_board_hides_its_sum(tmp_path: Path) -> None:
    base = bases.load(zoo.folder("facts"))
    read = benchmark.reader(base, best_oracle(base.model))
    seen, white = read(ASKED), np.eye(128, dtype=np.float32)
    tap, logits = (seen[t].reshape(len(ASKED), -1) for t in (base.model.ops[3].inputs[0], logits_tensor(base.model)))
    start = shared_delta(base.model, (3, 4), WANTED, FrozenA(8, active=0.9), tap, white)
    h = start.project(tap)
    exact = gradient(start, h, margins(start, h, logits, np.array(WANTED))).ravel()
    assert np.linalg.norm(exact) > CLIP
    random = xorshift(SEED)
    hidden = privacy.clip(exact, CLIP) + [privacy.discrete_gaussian(random, SIGMA) for _ in exact]
    machine = board.load("virt-m4")
    adapter = Adapter("federated", "1.0.0", base.model.sha256, (start,))
    built = build_app(
        "client_federated", base, [adapter], machine, tmp_path, BuildOptions(defines=(f"APP_TEST_RANDOM={SEED}u",))
    )
    with open_session("unicorn", machine, built.elf) as session:

        def say(line: str) -> str:
            session.write(f"{line}\n".encode())
            return session.read_line()

        assert session.read_line() == "mcuedit ready"
        for command in (f"noise 0 {SIGMA}", f"noise {CLIP} 4097", "noise 9"):
            assert say(command).startswith("error")
        assert say(f"noise {CLIP} {SIGMA}") == "ok"
        assert say(f"noise {CLIP} 1").startswith("error")
        for asked, wanted in zip(ASKED, WANTED, strict=True):
            assert say(f"fix {wanted} {asked}") == "ok"
        word, late, values = say("sum").split()
        assert (word, late) == ("sum", "0")
        assert np.frombuffer(bytes.fromhex(values), ">i4").tolist() == hidden.tolist()
