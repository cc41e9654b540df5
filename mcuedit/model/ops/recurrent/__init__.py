# SPDX-License-Identifier: Apache-2.0
"""Ops that keep something for later inferences."""
