# SPDX-License-Identifier: Apache-2.0
"""Trains deltas beside a frozen base, or other weights: `fit(method, problem, config)`."""

from mcuedit.training.beside import InForce, still_wanted, train_beside
from mcuedit.training.edited import Edited, NewWeights
from mcuedit.training.methods import fit, register
from mcuedit.training.methods.tensors import place_tensors
from mcuedit.training.methods.text import every_tensor, place
from mcuedit.training.options import Options
from mcuedit.training.problem import Problem, TextEdits

__all__ = [
    "Edited",
    "InForce",
    "NewWeights",
    "Options",
    "Problem",
    "TextEdits",
    "every_tensor",
    "fit",
    "place",
    "place_tensors",
    "register",
    "still_wanted",
    "train_beside",
]
