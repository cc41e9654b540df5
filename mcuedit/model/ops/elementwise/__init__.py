# SPDX-License-Identifier: Apache-2.0
"""Ops that compute each output element of one element of each operand."""
