# SPDX-License-Identifier: Apache-2.0
"""The nets that ESPHome ships, each repaired against each phrase that sounds like its wake word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from mcuedit._util import extras, system
from mcuedit._util.atomic import write_file
from mcuedit._util.errors import McueditError
from mcuedit.adapter import encoding
from mcuedit.adapter.delta import Delta
from mcuedit.api.wake import audio, manifest, voices
from mcuedit.api.wake.audio import Clip
from mcuedit.api.wake.net import Net
from mcuedit.api.wake.phrases import WAKE
from mcuedit.api.wake.repair import Figures, Stream, Streams, listen, measure, repair
from mcuedit.api.wake.train import Config
from mcuedit.edits.sound import EXTRA
from mcuedit.model import bundle

_PACKAGE = "pymicro_wakeword"


@dataclass(frozen=True)
class Scope:
    """How much is measured.

    Attributes:
        voices: of either kind, those trained on and those measured with. copies: of every recording.
        minutes: of other speech, of either kind. seed: of the rooms.
    """

    voices: int
    copies: int
    minutes: float
    seed: int = 0


@dataclass(frozen=True)
class Row:
    """One repair, measured on voices that it was not trained on.

    Attributes:
        phrase: what was not to wake the device; the wake word itself where its missed voices were to.
        size: bytes of the adapter; 0: none was needed, or none could be trained (`why`).
    """

    model: str
    phrase: str
    before: Figures
    after: Figures
    size: int
    why: str = ""


def models() -> Path:
    """Where the nets are.

    Raises:
        McueditError: the package is not installed.
    """
    extras.require(_PACKAGE, EXTRA, "bench wake")
    spec = find_spec("pymicro_wakeword")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "models"


def spoken(text: str, voice: voices.Voice) -> Clip:
    """A text in a voice, from the cache where it was said before."""
    import hashlib

    key = hashlib.sha256(f"1 {voice.label} {text}".encode()).hexdigest()[:24]
    place = system.cache() / "speech" / f"{key}.wav"
    if not place.exists():
        write_file(place, audio.wav(voices.say(voice, text).samples))
    clip = audio.load(place)
    return Clip(f"{voice.label}--{text}", clip.samples, voice.label)


class Bench:
    """One net of the package."""

    def __init__(self, name: str, texts: Sequence[str], scope: Scope) -> None:
        if name not in WAKE:
            raise McueditError(f"no net {name!r}", f"there are {', '.join(WAKE)}")
        path = models() / f"{name}.tflite"
        self.name, self._texts, self._scope = name, texts, scope
        self._net = Net(bundle.load(path))
        self._rule = manifest.load(path).rule(self._net.stride)
        self._fit = voices.require(voices.TRAIN)[: scope.voices]
        self._test = voices.require(voices.TEST)[: scope.voices]
        self._held = frozenset(voice.label for voice in self._test)

    def row(self, phrase: str) -> Row:
        """The repair against a phrase, or of voices that are missed where it is the wake word."""
        others = () if phrase == WAKE[self.name] else tuple(self._said(phrase))
        streams = Streams(self._wake, others, self._other_speech[0] if not others else ())
        test = streams.of(self._held, held=True)
        test = Streams(test.wake, test.others, self._other_speech[1])
        before, why, size, deltas = measure(self._net, self._rule, test, ()), "", 0, tuple[Delta, ...]()
        try:
            made = repair(self._net, self._rule, streams, self._held, "wake", Config(seed=self._scope.seed))
            size, deltas = len(encoding.encode(made.adapter, self._net.model)), made.adapter.deltas
        except McueditError as error:
            why = error.message
        return Row(self.name, phrase, before, measure(self._net, self._rule, test, deltas), size, why)

    @cached_property
    def _wake(self) -> tuple[Stream, ...]:
        return tuple(self._said(WAKE[self.name]))

    def _said(self, phrase: str) -> Iterator[Stream]:
        clips = [spoken(phrase, voice) for voice in (*self._fit, *self._test)]
        yield from listen(self._net, clips, self._scope.copies, self._scope.seed)

    @cached_property
    def _other_speech(self) -> tuple[tuple[Stream, ...], tuple[Stream, ...]]:
        """Other speech of voices trained on, and of those measured with; no text is in both."""
        found = []
        for part, who in ((0, self._fit), (1, self._test)):
            texts, heard, seconds, i = self._texts[part::2], list[Stream](), 0.0, 0
            while seconds < 60 * self._scope.minutes:
                clip = spoken(" . ".join(texts[k % len(texts)] for k in range(8 * i, 8 * i + 8)), who[i % len(who)])
                heard += listen(self._net, [clip], 0, 0)
                seconds, i = seconds + heard[-1].seconds, i + 1
            found.append(tuple(heard))
        return found[0], found[1]
