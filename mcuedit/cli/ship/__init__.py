# SPDX-License-Identifier: Apache-2.0
"""Verbs that sign packages and bring them to devices."""
