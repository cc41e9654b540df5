# SPDX-License-Identifier: Apache-2.0
"""Logits that saturate in a tie with the answer: the new class joined them at the top and the old tie won."""

from __future__ import annotations

import numpy as np

from mcuedit.training.examples.text import Examples
from mcuedit.training.factors.gated import logit_columns


def test_every_class_at_the_top_goes_down():
    logits = np.array([[127, 3, 127, -128], [50, 3, -1, 0], [9, 127, 127, 1]], np.int8)
    nobody = np.zeros(3, bool)
    owner = np.array([0, 0, -1])
    table = Examples(("a", "b", "c"), owner, nobody, ~nobody, np.arange(3), ("a", "b", "c"), np.array([3]))
    (column,) = logit_columns(table, logits)
    assert column.rows.tolist() == [0, 2, 3]
    assert column.values.tolist() == [-127, -127, 127]
