# SPDX-License-Identifier: Apache-2.0
"""The command line as a process that Ctrl-C reaches, wherever the tests run."""

from __future__ import annotations

import sys

# A shell starts background jobs with SIGINT ignored, and what they start inherits that.
_CODE = """
import signal
from mcuedit.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""
MCUEDIT = (sys.executable, "-c", _CODE)
