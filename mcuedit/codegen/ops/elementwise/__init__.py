# SPDX-License-Identifier: Apache-2.0
"""Calls of the ops that compute each output element of one element of each operand."""
