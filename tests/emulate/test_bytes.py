# SPDX-License-Identifier: Apache-2.0
"""The sweep over all bytes, and the self-test app that it runs: what is equal passes, every byte that is not counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from helpers import deltas, stateful, tiny
from helpers.virtual import ALL_BOARDS, ONE_EACH, needs_qemu

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.boards import board
from mcuedit.build.driver import build
from mcuedit.build.options import BuildOptions
from mcuedit.codegen.inspection import holds, runtimes
from mcuedit.conformance import bytes as sweep
from mcuedit.conformance.bytes import Scope, Sweep, random_inputs
from mcuedit.conformance.synthetic import adapters
from mcuedit.emulate import Crash, runner
from mcuedit.emulate.backends import qemu
from mcuedit.emulate.backends.image import fill
from mcuedit.emulate.devices.firmware import sources
from mcuedit.emulate.devices.selftest import SelfTest
from mcuedit.emulate.options import RunOptions
from mcuedit.model import bundle as bases
from mcuedit.model import tflite
from mcuedit.model.adaptable import is_adaptable, op_geometry
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Oracle
from mcuedit.model.tflite import Model

INPUTS = 50
WORDS = "what is the|capital of|currency in|chad|peru|malta|fiji|spoken|continent|burundi".split("|")


@pytest.fixture(scope="module")
def base(facts: Path) -> Base:
    return bases.load(facts)


@pytest.fixture(scope="module")
def oracle(base: Base) -> Oracle:
    return runner.best_oracle(base.model)


@pytest.fixture(scope="module")
def inputs(base: Base) -> Int8Array:
    """Half of them questions, after which the softmax is not as one-sided as after noise."""
    rng = np.random.default_rng(4)
    prompts = [" ".join(rng.choice(WORDS, 4)) for _ in range(INPUTS // 2)]
    return np.concatenate([base.encode(prompts), random_inputs(base, INPUTS - len(prompts), 3)])


@pytest.fixture(scope="module")
def small() -> Base:
    return Base("small", tflite.parse(tiny.classifier(), "small"))


@pytest.fixture
def of_small(small: Base) -> Iterator[tuple[SelfTest, Int8Array, Int8Array]]:
    """A firmware that the test may damage, with one adapter, inputs and what it must give for them."""
    x = random_inputs(small, 20)
    loaded = adapters(small.model, 1)
    want = runner.expected(small, loaded, runner.best_oracle(small.model), x)
    with SelfTest(small, loaded, "unicorn", board.load("virt-m0"), capacity=len(x)) as test:
        yield test, x, want


@pytest.mark.parametrize(("name", "emulator"), [("", "host"), *ALL_BOARDS])
def test_every_byte(base: Base, oracle: Oracle, inputs: Int8Array, name: str, emulator: str) -> None:
    names = (name,) if name else ()
    rows = list(Sweep(base, inputs, Scope(emulators=(emulator,), boards=names), oracle=oracle).rows())
    assert [(row.emulator, row.board) for row in rows] == [(emulator, name)] * 3
    if name and not holds(board.load(name), base, runtimes(base.model)):
        assert all(row.skipped.startswith(f"too large for board {name}: it takes ") for row in rows)
        return
    assert [(row.adapters, row.inputs, row.differing_bytes) for row in rows] == [(n, INPUTS, 0) for n in (0, 1, 10)]


@pytest.mark.parametrize(
    ("name", "emulator"),
    [
        ("", "host"),
        ("virt-m0", "unicorn"),
        ("virt-m4", "unicorn"),
        pytest.param("mps3-an547", "qemu", marks=needs_qemu),
    ],
)
def test_windows_of_a_between_whole_rows(
    base: Base, oracle: Oracle, inputs: Int8Array, name: str, emulator: str
) -> None:
    """On M4 whole rows of one tap share what is unpacked of the input; those with windows lie between them."""
    able = [op.index for op in base.model.ops if is_adaptable(base.model, op)]
    tap = next(index for index in able if op_geometry(base.model, index).n_in == 128)
    made = [
        deltas.delta(base.model, tap, able[-1], rank=2, bits=bits, gated=gated, width=width, seed=seed)
        for seed, (bits, gated, width) in enumerate(
            [(8, False, None), (8, False, 32), (4, True, 100), (4, False, None), (8, True, 12), (8, True, None)]
        )
    ]
    loaded = [deltas.adapter(base.model, one, name=f"a{i}") for i, one in enumerate(made)]
    got = runner.run(base, loaded, RunOptions(emulator=emulator, board=name or None), inputs=inputs).outputs
    np.testing.assert_array_equal(got, runner.expected(base, loaded, oracle, inputs))
    without = [one for one in loaded if one.deltas[0].first is None]
    assert (got != runner.expected(base, without, oracle, inputs)).any()


def test_the_adapters_do_something(base: Base, oracle: Oracle, inputs: Int8Array) -> None:
    chosen = adapters(base.model, 10)
    assert len({runner.expected(base, chosen[:n], oracle, inputs).tobytes() for n in Scope().active_sets}) == 3


@pytest.mark.parametrize(
    ("name", "emulator"), [("virt-m0", "unicorn"), pytest.param("mps3-an547", "qemu", marks=needs_qemu)]
)
def test_zig_builds_self_tests_too(small: Base, name: str, emulator: str) -> None:
    x = random_inputs(small, 20)
    rows = list(
        Sweep(small, x, Scope(emulators=(emulator,), boards=(name,)), options=BuildOptions(toolchain="zig")).rows()
    )
    assert [(row.inputs, row.differing_bytes) for row in rows] == [(20, 0)] * 3


@pytest.mark.parametrize(("name", "emulator"), ONE_EACH)
def test_every_wrong_byte_counts(small: Base, name: str, emulator: str) -> None:
    x = random_inputs(small, 20)
    want = runner.expected(small, [], runner.best_oracle(small.model), x)
    wrong = want.copy()
    wrong[4, 5] ^= 1
    wrong[19, :2] ^= -128
    with SelfTest(small, [], emulator, board.load(name), capacity=20) as test:
        assert test.run([], x, want) == 0
        assert test.run([], x, wrong) == 3
        assert test.run([], x[:19], wrong[:19]) == 1
        assert test.run([], x, want) == 0


def _flip(path: Path, content: bytes) -> None:
    """Flips a bit of the sixth byte of `content`, which is in the file once."""
    image = bytearray(path.read_bytes())
    assert image.count(content) == 1
    image[image.index(content) + 5] ^= 0x40
    path.write_bytes(image)


def test_damaged_weights_show(small: Base, of_small: tuple[SelfTest, Int8Array, Int8Array]) -> None:
    test, x, want = of_small
    assert test.run([True], x, want) == 0
    _flip(test.elf, small.model.tensors[small.model.ops[0].inputs[1]].data.tobytes())
    with pytest.raises(McueditError, match="'error E_BASE'"):
        test.run([True], x, want)


def test_damaged_adapters_show(small: Base, of_small: tuple[SelfTest, Int8Array, Int8Array]) -> None:
    test, x, want = of_small
    _flip(test.elf, adapters(small.model, 1)[0].deltas[0].b.tobytes())
    with pytest.raises(McueditError, match="'error E_CRC'"):
        test.run([True], x, want)


def test_damaged_code_shows(of_small: tuple[SelfTest, Int8Array, Int8Array]) -> None:
    """No checksum covers code: the outputs tell."""
    test, x, want = of_small
    with test.elf.open("r+b") as file:
        image = ELFFile(file)
        function = image.get_section_by_name(".symtab").get_symbol_by_name("mcuedit_fully_connected_s8")[0]
        text = image.get_section_by_name(".text")
        file.seek(text["sh_offset"] + (function["st_value"] & ~1) - text["sh_addr"])
        file.write(bytes.fromhex("7047"))  # bx lr
    assert test.run([True], x, want) > len(x)


def test_the_stack_is_the_one_asked_for(of_small: tuple[SelfTest, Int8Array, Int8Array]) -> None:
    test, x, want = of_small
    assert test.run([False], x, want) > 0


def test_a_board_without_memory_for_vectors_has_them_in_flash(small: Base) -> None:
    x = random_inputs(small, 20)
    want = runner.expected(small, [], runner.best_oracle(small.model), x)
    plain = dataclasses.replace(board.load("virt-m4"), selftest=None)
    with SelfTest(small, [], "unicorn", plain, capacity=1 << 20) as test:
        assert 20 < test.capacity < plain.flash.length // (small.model.input.size + small.model.output.size)
        assert test.run([], x, want) == 0


def test_too_many_vectors(of_small: tuple[SelfTest, Int8Array, Int8Array]) -> None:
    test, x, want = of_small
    with pytest.raises(McueditError, match="21 inputs and 20 outputs, capacity 20"):
        test.run([True], np.concatenate([x, x[:1]]), want)


def test_only_a_self_test_can_be_filled(small: Base, tmp_path: Path) -> None:
    built = build(board.load("virt-m0"), sources(small), "server", tmp_path)
    with pytest.raises(Crash, match=r"no section \.selftest for 4 bytes"):
        fill(built.elf, ".selftest", b"1234")
    with pytest.raises(Crash, match="No such file"):
        fill(tmp_path / "none.elf", ".selftest", b"1234")


@pytest.fixture
def two_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oracle errs in the inputs 3 and 15; seven inputs are a chunk."""
    right = runner.expected

    def wrong(*args: Any) -> Int8Array:
        want = right(*args).copy()
        want[[3, 15], 0] ^= 1
        return want

    monkeypatch.setattr(sweep, "expected", wrong)
    monkeypatch.setattr(sweep, "_CHUNK", 7)


@pytest.mark.usefixtures("two_wrong")
def test_chunks_add_up(small: Base) -> None:
    names = ("virt-m4", "virt-m0")
    asked = Sweep(
        small,
        random_inputs(small, 20),
        Scope(
            active_sets=(0, 2),
            emulators=("host", "unicorn"),
            boards=names,
        ),
    )
    done: list[int] = []
    rows = list(asked.rows(done.append))
    assert [row.board for row in rows] == ["", "", "virt-m4", "virt-m4", "virt-m0", "virt-m0"]
    assert [(row.adapters, row.inputs, row.differing_bytes) for row in rows] == [(0, 20, 2), (2, 20, 2)] * 3
    assert sum(done) == asked.total == 20 * 2 * 4
    assert set(done) == {20, 7, 6}


def test_a_board_that_fails_ends_the_sweep(small: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> int:
        raise McueditError("the self-test says 'error E_BASE'", "")

    monkeypatch.setattr(SelfTest, "run", refuse)
    with pytest.raises(McueditError, match=r"board \w+ on unicorn: .* E_BASE"):
        list(Sweep(small, random_inputs(small, 20), Scope(emulators=("unicorn",))).rows())


def test_without_qemu_its_boards_are_skipped(small: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qemu, "PROGRAM", "qemu-system-none")
    asked = Sweep(small, random_inputs(small, 5), Scope(emulators=("qemu",), boards=("mps2-an386",)))
    done: list[int] = []
    assert {row.skipped for row in asked.rows(done.append)} == {"qemu-system-none is not installed"}
    assert sum(done) == asked.total


def test_too_few_adapters(small: Base) -> None:
    with pytest.raises(McueditError, match="1 adapters, 10 active together"):
        Sweep(small, random_inputs(small, 5), adapters=adapters(small.model, 1))


@pytest.mark.parametrize("name", ["virt-m4", "virt-m0"])
@pytest.mark.parametrize("make", [stateful.svdf, stateful.summing])
def test_inputs_of_a_base_with_state_do_not_know_of_each_other(name: str, make: Callable[[], Model]) -> None:
    found = Base("kept", make())
    x = random_inputs(found, 20)
    rows = list(Sweep(found, x, Scope((0, 1), ("unicorn",), (name,))).rows())
    assert [(row.inputs, row.differing_bytes, row.skipped) for row in rows] == [(20, 0, "")] * 2
