# SPDX-License-Identifier: Apache-2.0
"""What a repair of a wake word's net leaves behind: files and figures."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import FloatArray
from mcuedit.adapter import encoding
from mcuedit.adapter.delta import Delta
from mcuedit.api.wake.decision import curve
from mcuedit.api.wake.manifest import Manifest, enlarged
from mcuedit.api.wake.net import Net
from mcuedit.api.wake.repair import Figures, Repaired, Stream, Streams
from mcuedit.codegen import augment
from mcuedit.model.tflite import parse

Curve = list[tuple[int, float, float]]
_CHECKED = 8  # streams on which the new file is run


def files(
    net: Net, made: Repaired, streams: Streams, manifest: Manifest, limit: int | None
) -> tuple[dict[str, bytes | str], dict[str, Any]]:
    """(what the folder holds, figures for --json).

    Raises:
        McueditError: the arena is more than `limit`, or the new file does not do in tflite_micro what it is to.
    """
    extended = augment.extend(net.model, [made.adapter], augment.CHAINED)
    arena = enlarged(manifest, extended.base_arena, extended.arena, limit)
    _check(net, made, streams, extended.data)
    cutoff = manifest.cutoff if made.after == made.rule else round((made.after.cutoff + 0.5) / 255, 4)
    name = Path(manifest.data["model"])
    curves = tuple(_curve(net, made, streams, deltas) for deltas in ((), made.adapter.deltas))
    figures = _flat(made, len(encoding.encode(made.adapter, net.model)), cutoff, arena)
    found: dict[str, bytes | str] = {f"adapter/{path}": data for path, data in _folder(made).items()}
    found |= {name.name: extended.data, f"{name.stem}.json": manifest.written(name.name, cutoff, arena)}
    found["report.md"] = report(made, curves)
    drawn = _plot(curves)
    if drawn is not None:
        found["det.svg"] = drawn
    return found, figures | {"det": [list(map(list, one)) for one in curves]}


def rows(made: Repaired) -> list[tuple[str, ...]]:
    """The figures that count, for a table: before, after."""
    who = f"voices held back ({len(made.held)})" if made.tested else "voices trained on"
    before, after = made.told
    return [
        (f"wake phrases missed, {who}", *(f"{f.missed} of {f.wakes}" for f in (before, after))),
        (f"others that wake the device, {who}", *(f"{f.fired} of {f.others}" for f in (before, after))),
        (f"false accepts an hour, {before.hours:.2f} h", *(f"{f.hourly:.2f}" for f in (before, after))),
        ("outputs on that sound as before", "", f"{after.identical:,} of {after.outputs:,}"),
    ]


def report(made: Repaired, curves: Sequence[Curve]) -> str:
    """The report, in Markdown."""
    lines = [f"# {made.adapter.name}", "", "| | before | after |", "| --- | --- | --- |"]
    lines += [f"| {what} | {was} | {now} |" for what, was, now in rows(made)]
    lines += ["", f"Cutoff {made.rule.cutoff} of 255, now {made.after.cutoff}; window {made.rule.window}.", ""]
    lines += ["| voice | missed before | after | of | heard in training |", "| --- | --- | --- | --- | --- |"]
    for part, known in ((made.trained, "yes"), (made.tested, "no")):
        if part is not None:
            lines += [
                f"| {voice.replace('|', ' ')} | {missed} | {part[1].voices[voice][0]} | {count} | {known} |"
                for voice, (missed, count) in sorted(part[0].voices.items())
            ]
    lines += ["", "| cutoff of 255 | missed before | false accepts an hour | missed after | false accepts an hour |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    lines += [
        f"| {a[0]} | {100 * a[1]:.1f} % | {a[2]:.2f} | {100 * b[1]:.1f} % | {b[2]:.2f} |"
        for a, b in zip(*curves, strict=True)
    ]
    return "\n".join([*lines, "", *(f"- {note}" for note in made.notes), ""])


def _curve(net: Net, made: Repaired, streams: Streams, deltas: Sequence[Delta]) -> Curve:
    """Misses of all wake phrases, and wakes by everything else, by the hour of it."""

    def levels(part: Sequence[Stream]) -> FloatArray:
        found = (net.edited(s.heard, deltas) if deltas else s.heard.scores for s in part)
        return np.array([made.after.level(scores) for scores in found], np.float32)

    rest = [*streams.others, *streams.keep]
    return curve(levels(streams.wake), levels(rest), sum(s.seconds for s in rest) / 3600)


def _check(net: Net, made: Repaired, streams: Streams, extended: bytes) -> None:
    """Runs the new file in tflite_micro on some streams, without which nothing is written."""
    oracle = net.other(parse(extended))
    some = [*streams.others[:_CHECKED], *streams.wake[:_CHECKED]]
    for stream in some:
        if not np.array_equal(oracle(stream.heard.given), net.edited(stream.heard, made.adapter.deltas)):
            raise McueditError(
                "the new file does not give in TensorFlow Lite Micro what the adapter does", "report it, with the model"
            )


def _folder(made: Repaired) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as place:
        made.adapter.save_pretrained(Path(place) / "adapter")
        return {path.name: path.read_bytes() for path in (Path(place) / "adapter").iterdir()}


def _flat(made: Repaired, size: int, cutoff: float, arena: int) -> dict[str, Any]:
    def named(figures: Figures, when: str) -> dict[str, Any]:
        names = ("missed", "wakes", "fired", "others", "accepts", "hours", "identical", "outputs")
        return {f"{name}_{when}": getattr(figures, name) for name in names}

    before, after = made.told
    return {
        **named(before, "before"),
        **named(after, "after"),
        "trained_fired_after": made.trained[1].fired,
        "trained_missed_after": made.trained[1].missed,
        "held_voices": list(made.held),
        "adapter_bytes": size,
        "probability_cutoff": cutoff,
        "tensor_arena_size": arena,
    }


def _plot(curves: Sequence[Curve]) -> bytes | None:
    """The DET curve as SVG; None without matplotlib."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        return None
    with rc_context({"svg.hashsalt": "mcuedit", "svg.fonttype": "none"}):
        figure = Figure(figsize=(6, 3.6), layout="constrained")
        axes = figure.add_subplot()
        for name, points, mark in zip(("before", "after"), curves, "os", strict=True):
            axes.plot([p[2] for p in points], [100 * p[1] for p in points], marker=mark, markersize=3, label=name)
        axes.set(xscale="symlog", xlabel="false accepts an hour", ylabel="wake phrases missed, %")
        axes.grid(alpha=0.3)
        axes.legend()
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
