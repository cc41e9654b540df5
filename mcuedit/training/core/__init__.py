# SPDX-License-Identifier: Apache-2.0
"""What all factors share: gates, the objective, the optimizer, the B solver, the ops behind a target."""
