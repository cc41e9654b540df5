# SPDX-License-Identifier: Apache-2.0
"""From C to firmware of a board, and to libraries and programs of this machine."""
