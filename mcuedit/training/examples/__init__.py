# SPDX-License-Identifier: Apache-2.0
"""What is trained on: edits, what must stay, and noisy copies of both."""
