# SPDX-License-Identifier: Apache-2.0
"""Whole edit sets, trained and measured."""
