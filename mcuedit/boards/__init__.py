# SPDX-License-Identifier: Apache-2.0
"""Boards as data, the ranges of their memory, and how firmware gets onto them."""
