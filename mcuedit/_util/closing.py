# SPDX-License-Identifier: Apache-2.0
"""Things to be used in a `with`."""

from __future__ import annotations

from typing import Self


class Closing:
    """Closed at the end of its `with`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of what it holds; nothing, unless a class says otherwise."""
