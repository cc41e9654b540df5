# SPDX-License-Identifier: Apache-2.0
"""Models that an accelerator runs in part, and what they were compiled from, which says what they compute.

The compiled file is the base: deltas name its ops, adapters its SHA-256. No accelerator is here to run it, so what its
tensors hold comes from the file that the compiler read, where they have the same names.
"""

from mcuedit.model.compiled.source import FromSource, attached, oracle

__all__ = ["FromSource", "attached", "oracle"]
