# SPDX-License-Identifier: Apache-2.0
"""Edit sets and keep sets: what the user wants changed, and what must stay."""

from mcuedit.edits.answers import Answers, is_spare, resolve_answers
from mcuedit.edits.checks import already_given, check_edits, check_keep
from mcuedit.edits.npz import quantized, read_npz
from mcuedit.edits.reader import load_edits, load_facts, load_keep
from mcuedit.edits.sets import Edit, EditSet, KeepSet, bag_of_words
from mcuedit.edits.tensor_sets import load_tensors
from mcuedit.edits.wanted import Avoid, Over, TensorSet, ToClass, ToVector, Wanted

__all__ = [
    "Answers",
    "Avoid",
    "Edit",
    "EditSet",
    "KeepSet",
    "Over",
    "TensorSet",
    "ToClass",
    "ToVector",
    "Wanted",
    "already_given",
    "bag_of_words",
    "check_edits",
    "check_keep",
    "is_spare",
    "load_edits",
    "load_facts",
    "load_keep",
    "load_tensors",
    "quantized",
    "read_npz",
    "resolve_answers",
]
