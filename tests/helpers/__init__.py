# SPDX-License-Identifier: Apache-2.0
"""What tests share. BLAS computes in one thread: a worker has one core, and further threads only spin beside it."""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before numpy is loaded
