# SPDX-License-Identifier: Apache-2.0
"""What a preprocess.json may hold."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class FrontEnd(BaseModel):
    """What makes inputs of a text. Other fields are not read."""

    model_config = ConfigDict(extra="ignore", strict=True)
    kind: str
    version: int
    features: int
