# SPDX-License-Identifier: Apache-2.0
"""The signed package that goes to a device (SPEC.md, section 7), and what is to be told about one.

container    adapter and self-test <-> an MCUboot image, made by imgtool and read strictly
self_test    inputs whose answers a device checks before it trusts a new adapter, sparsely coded
choice       which inputs those are
joining      several adapters as one
manifest     what the edits are and how they were measured, as canonical JSON
comparison   a package beside its base, its own zlib, and a binary patch
keys         Ed25519 keys as files
passwords    those of keys, from the environment or a person
signer       keys that only a program of the user's can use
packing      adapters to a package that is numbered and kept in the registry
registry     what was packed and where it went: the host's side of the device log
"""

from mcuedit.package.check import intact, open_package, parse
from mcuedit.package.choice import Asked, failing, from_edits, from_prompts, from_tensors
from mcuedit.package.comparison import Sizes, sizes
from mcuedit.package.container import Identity, Package, Refused, seal
from mcuedit.package.joining import join, package_name
from mcuedit.package.self_test import SelfTest

__all__ = [
    "Asked",
    "Identity",
    "Package",
    "Refused",
    "SelfTest",
    "Sizes",
    "failing",
    "from_edits",
    "from_prompts",
    "from_tensors",
    "intact",
    "join",
    "open_package",
    "package_name",
    "parse",
    "seal",
    "sizes",
]
