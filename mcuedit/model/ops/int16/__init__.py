# SPDX-License-Identifier: Apache-2.0
"""Ops with 16-bit activations and 8-bit weights, as the converter's 16x8 mode makes them: zero points are 0."""
