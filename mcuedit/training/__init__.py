# SPDX-License-Identifier: Apache-2.0
"""Trains deltas beside a frozen base."""

from mcuedit.training.options import Options
from mcuedit.training.train import Trained, every_tensor, place, train, train_tensors

__all__ = ["Options", "Trained", "every_tensor", "place", "train", "train_tensors"]
