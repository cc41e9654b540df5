# SPDX-License-Identifier: Apache-2.0
"""The folders that belong to the package but are no Python: templates, firmware, boards."""

from __future__ import annotations

from pathlib import Path

from mcuedit._util.errors import McueditError

_PACKAGE = Path(__file__).resolve().parents[1]

# Folders of firmware/ that are its library.
LIBRARY = ("core", "kernels", "store", "train", "session", "federate", "route")


def path(name: str) -> Path:
    """The folder `name`: in a wheel below mcuedit/_data, in a checkout beside the package.

    Raises:
        McueditError: the installation lacks it.
    """
    for root in (_PACKAGE / "_data", _PACKAGE.parent):
        if (root / name).is_dir():
            return root / name
    raise McueditError(f"this installation of mcuedit has no {name}/", "install it again")
