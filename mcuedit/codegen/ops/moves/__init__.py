# SPDX-License-Identifier: Apache-2.0
"""Calls of the ops whose output bytes are input bytes, elsewhere."""
