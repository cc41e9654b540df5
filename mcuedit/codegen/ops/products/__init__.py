# SPDX-License-Identifier: Apache-2.0
"""Calls of sums of products beside convolutions and FULLY_CONNECTED."""
