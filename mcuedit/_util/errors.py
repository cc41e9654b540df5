# SPDX-License-Identifier: Apache-2.0
"""The one exception that users see."""


class McueditError(Exception):
    """Something the user can mend.

    Args:
        message: one line that names the offending thing and its value.
        hint: one line that says what to do; empty if the message says it already.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message
