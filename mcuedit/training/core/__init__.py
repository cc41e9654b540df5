# SPDX-License-Identifier: Apache-2.0
"""What the training methods share: examples, gates, objectives, solvers, placement."""
