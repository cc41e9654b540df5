# SPDX-License-Identifier: Apache-2.0
"""Verbs that emit, build, execute and flash firmware."""
