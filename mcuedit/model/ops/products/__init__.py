# SPDX-License-Identifier: Apache-2.0
"""Sums of products beside convolutions and FULLY_CONNECTED."""
