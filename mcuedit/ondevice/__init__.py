# SPDX-License-Identifier: Apache-2.0
"""Training on the device: what it carries, its numpy twin, its sizes (SPEC.md, section 13)."""

from mcuedit.ondevice.gate import GateTrainer
from mcuedit.ondevice.statistics import GateStatistics, gate_statistics

__all__ = ["GateStatistics", "GateTrainer", "gate_statistics"]
