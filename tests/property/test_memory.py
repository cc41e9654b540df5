# SPDX-License-Identifier: Apache-2.0
"""The arena: what lives at the same time lies apart."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from mcuedit.codegen.allocation import Block, allocate, hole

OPS = 12
spans = st.tuples(st.integers(-1, OPS), st.integers(-1, OPS)).map(sorted)
lists = st.lists(st.builds(lambda size, span: Block(size, *span), st.integers(1, 70), spans), min_size=1, max_size=12)


def together(a: Block, b: Block) -> bool:
    return a.first <= b.last and b.first <= a.last


def apart(a: int, a_size: int, b: int, b_size: int) -> bool:
    return a + a_size <= b or b + b_size <= a


@given(lists)
def test_blocks_that_live_together_lie_apart(listed: list[Block]) -> None:
    blocks = dict(enumerate(listed))
    offsets = allocate(blocks)
    assert all(offset % 4 == 0 for offset in offsets.values())
    for i, j in combinations(blocks, 2):
        if together(blocks[i], blocks[j]):
            assert apart(offsets[i], blocks[i].size, offsets[j], blocks[j].size)


@given(lists)
def test_preserved_blocks_all_lie_apart(listed: list[Block]) -> None:
    blocks = dict(enumerate(listed))
    offsets = allocate(blocks, preserve=True)
    for i, j in combinations(blocks, 2):
        assert apart(offsets[i], blocks[i].size, offsets[j], blocks[j].size)


@given(lists, st.integers(0, OPS), st.integers(1, 40))
def test_a_hole_is_free_while_its_op_runs(listed: list[Block], op: int, size: int) -> None:
    blocks = dict(enumerate(listed))
    offsets = allocate(blocks)
    end = max(offsets[i] + b.size for i, b in blocks.items())
    offset = hole(blocks, offsets, op, size, end)
    live = [i for i, b in blocks.items() if b.first <= op <= b.last]
    free = [at for at in range(0, end - size + 1, 4) if all(apart(at, size, offsets[i], blocks[i].size) for i in live)]
    assert offset == (free[0] if free else None)


def test_a_chain_needs_its_widest_pair() -> None:
    sizes = [512, 112, 96, 128, 72, 532]
    blocks = {i: Block(size, i - 1, i) for i, size in enumerate(sizes)}
    assert max(allocate(blocks)[i] + b.size for i, b in blocks.items()) == 512 + 112
