# SPDX-License-Identifier: Apache-2.0
"""Verbs that make and measure repairs."""
