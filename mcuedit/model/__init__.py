# SPDX-License-Identifier: Apache-2.0
"""A .tflite and what it means: ops and tensors, labels and text front end, exact arithmetic, the oracle."""
