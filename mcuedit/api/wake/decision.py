# SPDX-License-Identifier: Apache-2.0
"""When a device wakes: ESPHome's rule over a window of the net's last outputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mcuedit._util.typing import FloatArray

Scores = npt.NDArray[np.uint8]  # the net's output after each inference, of 255 parts

IGNORED = 74  # slices of 10 ms, after a start and after each wake


@dataclass(frozen=True)
class Rule:
    """How a device decides.

    Attributes:
        cutoff: of 255; as ESPHome takes it from the JSON, rounded down.
        window: outputs that are added. stride: slices of an inference.
    """

    cutoff: int
    window: int
    stride: int

    @property
    def first(self) -> int:
        """Inferences that cannot wake anything."""
        return -(-IGNORED // self.stride)

    def sums(self, scores: Scores) -> npt.NDArray[np.int64]:
        """The window's sum after each inference; before the first output all are 0."""
        total = np.cumsum(np.concatenate([np.zeros(self.window, np.int64), scores]))
        return np.asarray(total[self.window :] - total[: -self.window])

    def level(self, scores: Scores) -> float:
        """The cutoff, of 255, below which a stream wakes the device: its highest mean; 0 where it is too short."""
        return float(self.sums(scores)[self.first :].max(initial=0)) / self.window

    def wakes(self, scores: Scores) -> list[int]:
        """Inferences after which the device wakes, in order.

        The window is emptied by each, and nothing wakes it until 74 slices below the cutoff have passed.
        """
        if self.level(scores) <= self.cutoff:
            return []
        found: list[int] = []
        last, ignored = [0] * self.window, -IGNORED
        for i, score in enumerate(scores.tolist()):
            last[i % self.window] = score
            if score < self.cutoff:
                ignored = min(ignored + self.stride, 0)
            if ignored == 0 and sum(last) > self.cutoff * self.window:
                found.append(i)
                last, ignored = [0] * self.window, -IGNORED
        return found


def cutoff_of(probability: float) -> int:
    """What ESPHome makes of a probability_cutoff."""
    return int(probability * 255)


def curve(wake: FloatArray, other: FloatArray, hours: float) -> list[tuple[int, float, float]]:
    """(cutoff, share of wake phrases that are missed, false accepts an hour): what a DET curve draws.

    Args:
        wake: level of each stream that is to wake the device. other: level of each separate event that is not to.
    """
    return [
        (cutoff, float((wake <= cutoff).mean()) if len(wake) else 0.0, float((other > cutoff).sum()) / max(hours, 1e-9))
        for cutoff in range(0, 256, 3)
    ]
