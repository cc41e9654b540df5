# SPDX-License-Identifier: Apache-2.0
"""Kinds of factors and how each is trained: gated, shared, of tensors, with a frozen A, in the grid of the weights."""
