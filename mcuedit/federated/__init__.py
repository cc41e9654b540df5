# SPDX-License-Identifier: Apache-2.0
"""Adapters of many devices made into one, and training that only ever sees sums."""

from mcuedit.federated.aggregate import HOW, Aggregate, Aggregation, aggregate
from mcuedit.federated.round import Dropped, Submission
from mcuedit.federated.simulate import BY_RELATION, BY_SUBJECT, Fleet, Outcome, Rounds, simulate

__all__ = [
    "BY_RELATION",
    "BY_SUBJECT",
    "HOW",
    "Aggregate",
    "Aggregation",
    "Dropped",
    "Fleet",
    "Outcome",
    "Rounds",
    "Submission",
    "aggregate",
    "simulate",
]
