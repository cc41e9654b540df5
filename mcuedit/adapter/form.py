# SPDX-License-Identifier: Apache-2.0
"""What of an adapter_config.json is ours, and PEFT's fields that tell one of theirs."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class Scalars(BaseModel):
    """Integers of one delta; its tensors stand beside. Fields of a later mcuedit are not read."""

    model_config = ConfigDict(extra="ignore", strict=True)
    tap: int
    target: int
    M: int
    S: int
    gated: bool
    bits: int
    zx: int
    act_lo: int
    act_hi: int
    width: int = 0
    conditional: bool = False


class Ours(BaseModel):
    """The field `mcuedit` in format 1."""

    model_config = ConfigDict(extra="ignore", strict=True)
    name: str
    version: str
    base_sha256: str
    labels: dict[Annotated[int, Field(ge=0, strict=False)], str]  # JSON's names are texts
    deltas: list[Scalars]
    info: dict[str, Any]
    output: str = ""


class Config(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="ignore", strict=True)
    peft_type: str | None = None
    base_model_name_or_path: str | None = None
    mcuedit: dict[str, Any] | None = None
