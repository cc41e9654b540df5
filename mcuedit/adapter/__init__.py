# SPDX-License-Identifier: Apache-2.0
"""Deltas: their arithmetic, base and deltas together, the folder and the device bytes they are kept in."""
