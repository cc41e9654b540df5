# SPDX-License-Identifier: Apache-2.0
"""Calls of the kernels of 16-bit activations."""
