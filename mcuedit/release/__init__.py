# SPDX-License-Identifier: Apache-2.0
"""From trained adapters to a package that can be shipped, and what is to be told about one.

join        several adapters as one
manifest    what the edits are and how they were measured, as canonical JSON
probes      inputs that show on the device that the adapter does its work and no more
sizes       a package beside its base, its own zlib, and a binary patch
"""

from mcuedit.registry.packing import Packed, pack
from mcuedit.release.comparison import Sizes, sizes
from mcuedit.release.joining import join, package_name
from mcuedit.release.probes import Asked, failing, from_edits, from_prompts, from_tensors

__all__ = [
    "Asked",
    "Packed",
    "Sizes",
    "failing",
    "from_edits",
    "from_prompts",
    "from_tensors",
    "join",
    "pack",
    "package_name",
    "sizes",
]
