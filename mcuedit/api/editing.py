# SPDX-License-Identifier: Apache-2.0
"""Train, merge and measure, as functions."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mcuedit._util.errors import McueditError
from mcuedit.adapter import folder
from mcuedit.adapter.chosen import for_adapters
from mcuedit.adapter.delta import Adapter
from mcuedit.api.base import Base
from mcuedit.api.inputs import Edits, Keep, any_edits, any_keep, facts_of, remembered
from mcuedit.benchmark import edits as benchmark
from mcuedit.edits import Edit, EditSet, TensorSet
from mcuedit.evaluation.metrics import Metrics
from mcuedit.evaluation.tensors import TensorMetrics
from mcuedit.model.bundle import with_output
from mcuedit.training import Edited, InForce, Options, Problem, TextEdits, fit, still_wanted, train_beside

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Onto:
    """An adapter whose edits are trained again together with new ones: its name in messages, and what it remembers."""

    name: str
    edits: tuple[Edit, ...]
    labels: dict[int, str]


def edit(
    base: Base,
    edits: Edits,
    keep: Keep | None = None,
    options: Options | None = None,
    *,
    beside: Sequence[Adapter] = (),
    onto: Adapter | None = None,
) -> Adapter:
    """Trains an adapter that makes the corrections of an edit set.

    Its `info` holds the metrics and whether it is certified, its `files` the edits, for `onto` and `beside` of later
    ones. What deserves a word of warning goes to the logger `mcuedit`.

    Args:
        edits: an edit set, the path of its .jsonl or .npz, or records such as {"subject": "burundi", "prompts":
            ["what is the capital of burundi"], "target_new": "gitega", "locality": [...]}.
        keep: prompts whose answers must not change, or their file; a .npz holds its own.
        options: how to train: rank, tap, target, bits, name, version, seed.
        beside: adapters that will be in force beside the new one; it is trained knowing them.
        onto: an adapter whose edits are trained again together with the new ones; the result replaces it.

    Returns:
        The adapter; without deltas if the base does everything as wanted already.

    Raises:
        McueditError: the sets are malformed or contradict each other, an answer is no label, an adapter is for another
            base, or nothing can carry the edits.
    """
    base = with_output(for_adapters(base, [] if onto is None else [onto]), None)
    options, read = options or Options(), base.reader
    found = any_edits(edits, base.model)
    measured: Metrics | TensorMetrics
    if isinstance(found, TensorSet):
        if onto is not None or keep is not None:
            raise McueditError("keep or onto beside tensors", "the edit set holds the inputs to keep, in `keep`")
        trained = fit("tensors", Problem(read, found, beside), options)
        measured = benchmark.evaluate_tensors(read, [*beside, trained.adapter], found)
    else:
        old = None if onto is None else Onto(onto.name, remembered(onto), onto.labels)
        found = found if old is None else joined(found, old)
        in_force = [InForce(adapter, remembered(adapter)) for adapter in beside]
        names = None if old is None else old.labels
        problem = Problem(read, TextEdits(found, any_keep(keep)), names=names)
        trained, active = train_beside(problem, options, in_force)
        measured, _ = benchmark.evaluate(read, [*active, trained.adapter], trained.edits, trained.keep, facts_of(base))
    for note in trained.notes:
        _log.info("%s", note)
    if not trained.certified:
        _log.warning("%s is not certified: %s; %s", options.name, trained.certificate, trained.acting)
    metrics = replace(measured, seconds=round(trained.seconds, 3)).flat()
    info = {**trained.adapter.info, "metrics": metrics, "certified": trained.certified}
    return replace(trained.adapter, info=info, files=files(trained))


def merge(base: Base, edits: Edits, keep: Keep | None = None, options: Options | None = None) -> Edited:
    """Changes weights of one op instead: no instruction more, and no gate; nothing is certified.

    Args:
        edits, keep: as `edit` takes them.
        options: how to train; the default is plain.

    Returns:
        In its `new_weights` the whole .tflite as `data`, the op, and what a patch of it takes; names of spare classes,
        which belong into the labels, stand in `adapter.labels`.

    Raises:
        McueditError: as `edit`; the options ask for what weights cannot do, or no op's weights can be changed.
    """
    options = options or Options(gated=False)
    found = any_edits(edits, base.model)
    data = found if isinstance(found, TensorSet) else TextEdits(found, any_keep(keep))
    return fit("merged", Problem(base.reader, data), options)


def evaluate(
    base: Base, adapters: Sequence[Adapter], edits: Edits, keep: Keep | None = None
) -> Metrics | TensorMetrics:
    """Measures adapters, all in force together, on the edits they are to make and on what must stay.

    Args:
        adapters: of several outputs, they remember which one they are about.
        edits, keep: as `edit` takes them.

    Returns:
        Shares in 0..1 by name; `flat()` gives them as a dictionary.

    Raises:
        McueditError: an adapter does not fit, or an answer is neither a label nor named by an adapter.
    """
    base = for_adapters(base, adapters)
    found = any_edits(edits, base.model)
    if isinstance(found, TensorSet):
        return benchmark.evaluate_tensors(base.reader, adapters, found)
    return benchmark.evaluate(base.reader, adapters, found, any_keep(keep), facts_of(base))[0]


def joined(edits: EditSet, onto: Onto) -> EditSet:
    """Edits together with those of an adapter that the new ones do not overrule.

    Raises:
        McueditError: the adapter does not remember its edits.
    """
    if not onto.edits:
        raise McueditError(f"{onto.name}: it does not remember its edits", "give their file with a second --edits")
    kept = still_wanted(onto.edits, edits)
    gone = [e for e in onto.edits if e not in kept]
    notes = (f"{onto.name}: its edit of {e.subject!r}, {e.target_new!r}, is overruled" for e in gone)
    return replace(edits, edits=(*kept, *edits.edits), notes=(*edits.notes, *notes))


def files(trained: Edited) -> dict[str, str]:
    """What stands beside an adapter in its folder: the edits it makes, as training read them."""
    lines = [{k: v for k, v in e.to_dict().items() if k != "rephrase_prompts"} for e in trained.trained_edits]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    return {folder.EDITS: text} if text else {}
