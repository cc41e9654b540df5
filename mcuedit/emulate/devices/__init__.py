# SPDX-License-Identifier: Apache-2.0
"""Firmware of firmware/apps, executed: what it is asked, what it answers."""
