# SPDX-License-Identifier: Apache-2.0
"""Measures adapters against the untouched base, always through the integer path."""
