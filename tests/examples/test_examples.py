# SPDX-License-Identifier: Apache-2.0
"""Every example does what its README says."""

from __future__ import annotations

from helpers import examples


def test_facts_are_repaired_in_python(tmp_path):
    examples.run("repair_python", tmp_path)
