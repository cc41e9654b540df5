# SPDX-License-Identifier: Apache-2.0
"""From recordings to an adapter for a wake word's net, and what it does before and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter, Delta, check
from mcuedit.api.wake import augment
from mcuedit.api.wake.audio import Clip
from mcuedit.api.wake.augment import Rooms
from mcuedit.api.wake.decision import Rule, Scores
from mcuedit.api.wake.net import Heard, Net
from mcuedit.api.wake.train import Config, Trainer
from mcuedit.edits.sound import RATE

Advance = Callable[[int], None]
HELD = 4  # of so many voices one is held back to measure with, where there are as many


@dataclass(frozen=True)
class Stream:
    """One stream that a net heard.

    Attributes:
        clip: what it was made of. heard: what the net made of it. seconds: its length.
    """

    clip: Clip
    heard: Heard
    seconds: float


@dataclass(frozen=True)
class Streams:
    """Streams by what is wanted of them: to wake the device, not to, and all else that is heard in a house."""

    wake: tuple[Stream, ...] = ()
    others: tuple[Stream, ...] = ()
    keep: tuple[Stream, ...] = ()

    def of(self, voices: frozenset[str], *, held: bool) -> Streams:
        """Those of held voices, or all but these; what is kept is looked at in both."""
        wake, others = (tuple(s for s in p if (s.clip.voice in voices) == held) for p in (self.wake, self.others))
        return Streams(wake, others, self.keep)


@dataclass(frozen=True)
class Figures:
    """What a device does.

    Attributes:
        missed: wake streams that do not wake it. fired: others that do. accepts: wakes in what is kept.
        wakes, others: how many streams. hours: of what is kept.
        voices: by voice, wake streams missed and all.
        identical: outputs on what is kept that are the base's, of `outputs`.
    """

    missed: int
    wakes: int
    fired: int
    others: int
    accepts: int
    hours: float
    voices: dict[str, tuple[int, int]] = field(default_factory=dict)
    identical: int = 0
    outputs: int = 0

    @property
    def hourly(self) -> float:
        """False accepts an hour."""
        return self.accepts / self.hours if self.hours else 0.0


@dataclass(frozen=True)
class Repaired:
    """What came of it. `held` are voices that training did not hear; figures are of these if there are any.

    Attributes:
        rule: the shipped one. after: the one to ship now.
        trained, tested: figures (before, after) of voices trained on, and of held ones; None without any.
    """

    adapter: Adapter
    rule: Rule
    after: Rule
    trained: tuple[Figures, Figures]
    tested: tuple[Figures, Figures] | None
    held: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def told(self) -> tuple[Figures, Figures]:
        """The figures that count."""
        return self.tested or self.trained


def listen(net: Net, clips: Sequence[Clip], copies: int, seed: int, advance: Advance = lambda n: None) -> list[Stream]:
    """Each recording as it is and as some rooms would give it, heard by a net whose state starts anew."""
    rooms, rng, found = Rooms(), np.random.default_rng(seed), list[Stream]()
    for clip in clips:
        made = [augment.plain(clip.samples, rooms), *(augment.copy(clip.samples, rng, rooms) for _ in range(copies))]
        found += [Stream(clip, net.hear(samples), len(samples) / RATE) for samples in made]
        advance(len(made))
    return found


def held_voices(streams: Streams) -> frozenset[str]:
    """Every fourth voice of those that say something, if there are four."""
    voices = sorted({s.clip.voice for s in (*streams.wake, *streams.others)})
    return frozenset(voices[HELD - 1 :: HELD])


def measure(net: Net, rule: Rule, streams: Streams, deltas: Sequence[Delta]) -> Figures:
    """What a device does with deltas in force."""

    def scores(stream: Stream) -> Scores:
        return net.edited(stream.heard, deltas) if deltas else stream.heard.scores

    voices: dict[str, tuple[int, int]] = {}
    for stream in streams.wake:
        missed, count = voices.get(stream.clip.voice, (0, 0))
        voices[stream.clip.voice] = missed + (not rule.wakes(scores(stream))), count + 1
    kept = [(stream.heard.scores, scores(stream)) for stream in streams.keep]
    return Figures(
        missed=sum(missed for missed, _ in voices.values()),
        wakes=len(streams.wake),
        fired=sum(bool(rule.wakes(scores(stream))) for stream in streams.others),
        others=len(streams.others),
        accepts=sum(len(rule.wakes(now)) for _, now in kept),
        hours=sum(stream.seconds for stream in streams.keep) / 3600,
        voices=voices,
        identical=sum(int((was == now).sum()) for was, now in kept),
        outputs=sum(len(was) for was, _ in kept),
    )


def repair(
    net: Net, rule: Rule, streams: Streams, held: frozenset[str], name: str = "wake", config: Config | None = None
) -> Repaired:
    """Trains an adapter on voices that are not held back, and measures it.

    Args:
        held: voices that are.

    Raises:
        McueditError: nothing misfires and nothing is missed, or nothing can be told apart.
    """
    config = config or Config()
    fit, test = streams.of(held, held=False), streams.of(held, held=True)
    trainer = Trainer(net, rule, config)
    wake, others, keep = ([s.heard for s in part] for part in (fit.wake, fit.others, fit.keep))
    gates = trainer.remove(wake, others)
    if keep:  # nothing else says what a gate that wakes the device must stay shut on
        gates += trainer.recover(wake, [*others, *keep])
    before = measure(net, rule, fit, ())
    if not before.fired and not before.missed:
        raise McueditError(
            "nothing to repair: every wake phrase is heard, and nothing else wakes the device",
            "give recordings of what goes wrong",
        )
    if not gates:
        raise McueditError(
            f"{before.fired} streams misfire and {before.missed} wake phrases are missed, and no gate tells them apart",
            "give more recordings of either kind, --copies more of each, or --keep audio without the wake word",
        )
    delta = trainer.delta(gates)
    check(delta, net.model)
    adapter = Adapter(name, "0.1.0", net.model.sha256, (delta,), {}, {"options": {"rank": delta.rank}})
    tested = (measure(net, rule, test, ()), measure(net, rule, test, [delta])) if test.wake or test.others else None
    after = measure(net, rule, fit, [delta])
    return Repaired(adapter, rule, rule, (before, after), tested, tuple(sorted(held)), tuple(_notes(streams, after)))


def calibrated(net: Net, made: Repaired, streams: Streams) -> Repaired:
    """With the lowest cutoff at which no more wakes the device than did at the shipped one; the window stays."""
    fit = streams.of(frozenset(made.held), held=False)
    deltas = made.adapter.deltas
    now = [net.edited(stream.heard, deltas) for stream in (*fit.others, *fit.keep)]
    most = sum(len(made.rule.wakes(scores)) for scores in now)
    best = made.rule
    for cutoff in range(made.rule.cutoff - 1, 25, -1):
        tried = replace(made.rule, cutoff=cutoff)
        if sum(len(tried.wakes(scores)) for scores in now) > most:
            break
        best = tried
    parts = [(fit, made.trained[0])]
    test = streams.of(frozenset(made.held), held=True)
    parts += [(test, made.tested[0])] if made.tested else []
    figures = [(old, measure(net, best, part, deltas)) for part, old in parts]
    return replace(made, after=best, trained=figures[0], tested=figures[1] if made.tested else None)


def _notes(streams: Streams, after: Figures) -> list[str]:
    clips = dict.fromkeys(s.clip for part in (streams.wake, streams.others, streams.keep) for s in part)
    notes = list(dict.fromkeys(note for clip in clips for note in clip.notes))
    if len(notes) > 5:
        notes = [*notes[:4], f"and {len(notes) - 4} more notes on recordings"]
    if not streams.keep:
        notes.append("without --keep, voices that are missed stay so, and nothing says what other speech does")
    if after.fired:
        notes.append(f"{after.fired} of {after.others} streams still misfire, of those trained on")
    if after.missed:
        notes.append(f"{after.missed} of {after.wakes} wake phrases are still missed, of those trained on")
    return notes
