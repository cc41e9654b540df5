# SPDX-License-Identifier: Apache-2.0
"""Sources that others wrote and the user has: TensorFlow Lite Micro, CMSIS-NN, Monocypher, zcbor."""
