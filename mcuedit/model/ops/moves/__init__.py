# SPDX-License-Identifier: Apache-2.0
"""Ops whose output bytes are input bytes, elsewhere."""
