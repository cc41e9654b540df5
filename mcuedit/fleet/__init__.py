# SPDX-License-Identifier: Apache-2.0
"""Packages onto devices: one, or many in stages.

inventory   fleet.toml: which devices there are
remembered  what the host remembers of a device, held against what it says
deliver     one device, from whatever state it is in
results     what became of each device, on disk as it happens
campaign    canaries first, then the others, side by side, until too many fail
"""

from mcuedit.fleet.campaign import Campaign, Report, Stages
from mcuedit.fleet.deliver import Delivery, Outcome, Rollout
from mcuedit.fleet.inventory import Member, read
from mcuedit.fleet.results import Results

__all__ = ["Campaign", "Delivery", "Member", "Outcome", "Report", "Results", "Rollout", "Stages", "read"]
