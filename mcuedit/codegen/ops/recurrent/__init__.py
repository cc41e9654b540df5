# SPDX-License-Identifier: Apache-2.0
"""Calls of the ops that keep something for later inferences."""
