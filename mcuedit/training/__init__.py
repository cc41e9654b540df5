# SPDX-License-Identifier: Apache-2.0
"""Trains deltas beside a frozen base."""

from mcuedit.training.beside import InForce, still_wanted, train_beside
from mcuedit.training.methods.merged import Merged, train_merged, train_merged_tensors
from mcuedit.training.options import Options
from mcuedit.training.tensors import place_tensors, train_tensors
from mcuedit.training.train import Trained, every_tensor, place, train

__all__ = [
    "InForce",
    "Merged",
    "Options",
    "Trained",
    "every_tensor",
    "place",
    "place_tensors",
    "still_wanted",
    "train",
    "train_beside",
    "train_merged",
    "train_merged_tensors",
    "train_tensors",
]
