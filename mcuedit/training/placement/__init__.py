# SPDX-License-Identifier: Apache-2.0
"""Which op to read and which to change: the pairs that fit, and how they are told apart before training."""
