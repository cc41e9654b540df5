# SPDX-License-Identifier: Apache-2.0
"""What was packed, for which base, and where it went: the host's side of the device log, in one SQLite file.

database    the file: schema, transactions, other processes
records     its rows as values
store       Registry, what the rest of mcuedit asks
export      all of it as JSON lines, and back
"""

from mcuedit.package.registry.database import default_path
from mcuedit.package.registry.records import Deployment, Device, Stored
from mcuedit.package.registry.store import Registry, open_registry

__all__ = ["Deployment", "Device", "Registry", "Stored", "default_path", "open_registry"]
