# SPDX-License-Identifier: Apache-2.0
"""One client took a federation over: by its A, its multiplier, its labels, its copies, or by being no adapter at all.

Nine honest clients and each of ten poisoners; what may change is what docs/spec/federated.md promises.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.federation import Federation, federation, within_reach
from safetensors.numpy import load_file, save_file

from mcuedit import zoo
from mcuedit._util.errors import McueditError
from mcuedit.adapter import folder
from mcuedit.adapter.delta import Adapter
from mcuedit.cli.repair.federate import command
from mcuedit.federated import Aggregation, aggregate
from mcuedit.federated.round import Submission

SPARE, TARGET = 531, 0  # a class that the round does not name; the row that poisoners push
Poison = Callable[[Federation, Path], None]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Federation:
    return federation(tmp_path_factory.mktemp("federation"))


@pytest.fixture
def inbox(made: Federation, tmp_path: Path) -> Path:
    """Nine folders, named by the server, and the list of who may submit: ten."""
    for i, one in enumerate(made.honest):
        folder.save(one, tmp_path / "inbox" / f"press-{i}")
    folder.save(made.start, tmp_path / "start")
    names = [f"press-{i}" for i in range(9)] + ["mallory"]
    (tmp_path / "fleet.toml").write_text(
        "".join(f'[[device]]\nname = "{n}"\naddress = "udp:10.0.0.{i + 1}:1337"\n' for i, n in enumerate(names))
    )
    return tmp_path / "inbox"


def _changed(adapter: Adapter, **changes: object) -> Adapter:
    return replace(adapter, name="press-0", deltas=(replace(adapter.deltas[0], **changes),))  # type: ignore[arg-type]


def _pushing(made: Federation, size: int = 127) -> np.ndarray:
    """A B that makes everybody answer one class."""
    b = np.full_like(made.start.deltas[0].b, -size)
    b[TARGET] = size
    return b


def _other_a(made: Federation, at: Path) -> None:
    a = np.random.default_rng(1).integers(-127, 128, made.start.deltas[0].a.shape).astype(np.int8)
    folder.save(_changed(made.honest[0], a=a), at)


def _other_gate(made: Federation, at: Path) -> None:
    folder.save(_changed(made.start, c=made.start.deltas[0].c + 20_000, b=_pushing(made)), at)


def _huge_b(made: Federation, at: Path) -> None:
    folder.save(_changed(made.start, b=_pushing(made)), at)


def _huge_m(made: Federation, at: Path) -> None:
    folder.save(_changed(made.start, M=(1 << 31) - 1, S=0, b=_pushing(made)), at)


def _conflicting_label(made: Federation, at: Path) -> None:
    labels = {k: f"not {v}" for k, v in made.start.labels.items()} or {SPARE: "mine"}
    folder.save(replace(made.honest[0], labels=labels), at)


def _dense_b(made: Federation, at: Path) -> None:
    dense = np.zeros((made.model.output.size, made.start.deltas[0].rank), np.int8)
    dense[7] = 127
    folder.save(_changed(made.start, rows=None, b=dense), at)


def _wrong_base(made: Federation, at: Path) -> None:
    folder.save(replace(made.honest[0], base_sha256="0" * 64), at)


def _nan(made: Federation, at: Path) -> None:
    folder.save(made.honest[0], at)
    tensors = load_file(at / folder.TENSORS)
    tensors["delta.0.c"] = np.full(len(tensors["delta.0.c"]), np.nan, np.float32)
    save_file(tensors, at / folder.TENSORS)


def _nan_in_words(made: Federation, at: Path) -> None:
    folder.save(made.honest[0], at)
    config = json.loads((at / folder.CONFIG).read_text())
    config["mcuedit"]["deltas"][0]["S"] = float("nan")
    (at / folder.CONFIG).write_text(json.dumps(config))


def _another_shape(made: Federation, at: Path) -> None:
    folder.save(made.honest[0], at)
    tensors = load_file(at / folder.TENSORS)
    tensors["delta.0.c"] = np.repeat(tensors["delta.0.c"][:, None], 3, axis=1)
    save_file(tensors, at / folder.TENSORS)


def _replayed(made: Federation, at: Path) -> None:
    folder.save(made.honest[3], at)


def _label_squatting(made: Federation, at: Path) -> None:
    folder.save(replace(made.honest[0], labels={**made.start.labels, SPARE: "mine"}), at)


def _copies(made: Federation, at: Path) -> None:
    _huge_b(made, at)
    for i in range(20):
        folder.save(_changed(made.start, b=_pushing(made, 100 + i)), at.with_name(f"mallory-{i}"))


def _as_far_as_honest_ones(made: Federation, at: Path) -> None:
    """Each element as far as somebody else's, all towards one class: nothing about it can be told from honesty."""
    b = np.array([one.deltas[0].b for one in made.honest])
    folder.save(_changed(made.start, b=np.where(_pushing(made) > 0, b.max(axis=0), b.min(axis=0))), at)


DROPPED: list[tuple[Poison, str]] = [
    (_other_a, "another A"),
    (_other_gate, "another gate offset"),
    (_huge_m, "another M"),
    (_conflicting_label, "it names class"),
    (_dense_b, "another choice of rows"),
    (_wrong_base, "another base"),
    (_nan, ""),
    (_nan_in_words, ""),
    (_another_shape, ""),
    (_label_squatting, "class 531 'mine'"),
]
BOUNDED: list[Poison] = [_huge_b, _replayed, _copies, _as_far_as_honest_ones]


def _federate(inbox: Path, *more: str) -> dict[str, object]:
    base, output = str(zoo.folder("facts")), inbox.parent / "fleet"
    arguments = [*map(str, sorted(inbox.iterdir())), "--base", base, "-o", str(output), "--json", *more]
    result = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert result.exception is None, result.exception
    assert ("counts as a client of its own" in " ".join(result.stderr.split())) == ("--clients" not in more)
    found: dict[str, object] = json.loads(result.stdout)
    return found | {"result": folder.load(output).deltas[0], "labels": folder.load(output).labels}


def _listed(inbox: Path) -> list[str]:
    return ["--start", str(inbox.parent / "start"), "--clients", str(inbox.parent / "fleet.toml")]


def _alone(made: Federation) -> np.ndarray:
    honest = aggregate(made.honest, made.model, Aggregation(start=made.start)).adapter.deltas[0]
    return made.asked.answers(honest)


def test_honest_clients_teach(made: Federation) -> None:
    right = _alone(made) == made.wanted
    assert right[: made.taught].mean() > 0.9
    assert right[made.taught :].mean() > 0.95


@pytest.mark.parametrize(("poison", "reason"), DROPPED, ids=[p.__name__ for p, _ in DROPPED])
def test_who_does_not_fit_is_left_out_with_a_reason_and_changes_nothing(
    made: Federation, inbox: Path, poison: Poison, reason: str
) -> None:
    poison(made, inbox / "mallory")
    found = _federate(inbox, *_listed(inbox))
    dropped = found["dropped"]
    assert isinstance(dropped, list)
    assert [d["client"] for d in dropped] == ["mallory"]
    assert dropped[0]["reason"]
    assert reason in dropped[0]["reason"]
    assert (found["how"], found["adapters"]) == ("shared", 9)
    assert found["labels"] == made.start.labels
    assert (made.asked.answers(found["result"]) == _alone(made)).all()  # type: ignore[arg-type]


@pytest.mark.parametrize("poison", BOUNDED, ids=[p.__name__ for p in BOUNDED])
def test_who_fits_changes_no_answer_beyond_the_promise(made: Federation, inbox: Path, poison: Poison) -> None:
    poison(made, inbox / "mallory")
    found = _federate(inbox, *_listed(inbox))
    reach = within_reach(made.asked, [one.deltas[0] for one in made.honest], 1)
    changed = made.asked.answers(found["result"]) != _alone(made)  # type: ignore[arg-type]
    print(f"\n{poison.__name__}: {changed.sum()} of {len(changed)} changed, {reach.sum()} promised")
    assert (found["adapters"], found["trim"]) == (10, 1)
    assert not (changed & ~reach).any()
    assert reach.mean() < 0.1


def test_no_draw_of_a_client_changes_more(made: Federation) -> None:
    reach, alone = within_reach(made.asked, [one.deltas[0] for one in made.honest], 1), _alone(made)
    rng, shape = np.random.default_rng(7), made.start.deltas[0].b.shape
    for scale in (1, 5, 30, 127):
        for _ in range(10):
            b = np.clip(rng.normal(0, scale, shape).round(), -127, 127).astype(np.int8)
            result = aggregate([*made.honest, _changed(made.start, b=b)], made.model, Aggregation(start=made.start))
            assert not ((made.asked.answers(result.adapter.deltas[0]) != alone) & ~reach).any()


def test_three_of_ten_who_agree_change_no_more_when_three_may_be_anything(made: Federation) -> None:
    """Seven honest clients and --trim 3: all the same, each a little further, and against the mean of the honest."""
    honest = made.honest[:7]
    asked = Aggregation(start=made.start, trim=3, clients=[f"client {i}" for i in range(10)])
    b = np.array([one.deltas[0].b for one in honest]).astype(int)
    reach = within_reach(made.asked, [one.deltas[0] for one in honest], 3)
    alone = made.asked.answers(aggregate(honest, made.model, replace(asked, clients=None)).adapter.deltas[0])
    lies = [
        _pushing(made),
        b.min(axis=0),
        np.sort(b, axis=0)[1] - 1,
        -2 * b.mean(axis=0),
        b.mean(axis=0) - 1.5 * b.std(axis=0),
    ]
    for lie in lies:
        told = [np.clip(np.round(lie) + step, -127, 127).astype(np.int8) for step in (0, 0, 1)]
        sent = [Submission(f"client {7 + i}", _changed(made.start, b=one)) for i, one in enumerate(told)]
        given = [*(Submission(f"client {i}", one) for i, one in enumerate(honest)), *sent]
        found = aggregate(given, made.model, asked)
        assert (found.adapters, found.trim) == (10, 3)
        assert not ((made.asked.answers(found.adapter.deltas[0]) != alone) & ~reach).any()


def test_a_mean_without_trimming_would_have_been_taken_over(made: Federation) -> None:
    """What the promise is worth: the same poisoner against the plain mean with the old way of clipping, none."""
    wild = _changed(made.start, b=_pushing(made))
    asked = Aggregation(start=made.start, trim=0, clip=1e9)
    result = aggregate([*made.honest, wild], made.model, asked).adapter.deltas[0]
    changed = made.asked.answers(result) != _alone(made)
    print(f"\n{changed.sum()} of {len(changed)} changed")
    assert changed.mean() > 0.1


def test_copies_count_once_without_a_list_too(made: Federation, inbox: Path) -> None:
    for i in range(12):
        folder.save(replace(_changed(made.start, b=_pushing(made)), name=f"m{i}"), inbox / f"mallory-{i}")
    found = _federate(inbox, *_listed(inbox)[:2])
    assert found["adapters"] == 10
    assert isinstance(found["dropped"], list)
    assert {d["reason"].partition(" as ")[0] for d in found["dropped"]} == {"the same factors"}


def test_who_is_not_listed_or_comes_twice_does_not_count(made: Federation, inbox: Path) -> None:
    _copies(made, inbox / "mallory")
    folder.save(made.honest[1], inbox.parent / "later" / "press-0")
    found = _federate(inbox, *_listed(inbox), str(inbox.parent / "later" / "press-0"))
    assert isinstance(found["dropped"], list)
    reasons = {d["client"]: d["reason"] for d in found["dropped"]}
    assert reasons.pop("press-0") == "it has submitted already"
    assert len(reasons) == 20
    assert set(reasons.values()) == {"not a client of this round"}


def test_the_way_is_never_chosen_by_what_comes_in(made: Federation, inbox: Path) -> None:
    _other_a(made, inbox / "mallory")
    arguments = [*map(str, inbox.iterdir()), "--base", str(zoo.folder("facts")), "-o", str(inbox.parent / "fleet")]
    with pytest.raises(McueditError, match="began from"):
        CliRunner().invoke(command, arguments, standalone_mode=False, catch_exceptions=False)
    assert not (inbox.parent / "fleet").exists()


def test_a_round_in_which_nobody_fits_says_why(made: Federation) -> None:
    other = _changed(made.honest[0], a=np.flip(made.start.deltas[0].a, axis=0))
    with pytest.raises(McueditError, match="adapter 0: another A"):
        aggregate([other], made.model, Aggregation(start=made.start))
