# SPDX-License-Identifier: Apache-2.0
"""What executes a firmware: one module an emulator, one Protocol (session.Session)."""
