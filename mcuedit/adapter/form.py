# SPDX-License-Identifier: Apache-2.0
"""What of an adapter_config.json is ours, and PEFT's fields that tell one of theirs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from mcuedit._util.schema import Line, one_line

Index = Annotated[int, Field(ge=0, le=0xFFFF)]
Int8 = Annotated[int, Field(ge=-128, le=127)]


class Scalars(BaseModel):
    """Integers of one delta; its tensors stand beside. Fields of a later mcuedit are not read."""

    model_config = ConfigDict(extra="ignore", strict=True)
    tap: Index
    target: Index
    M: Annotated[int, Field(ge=0, lt=1 << 31)]
    S: Annotated[int, Field(ge=-31, le=0)]
    gated: bool
    bits: Literal[4, 8]
    zx: Int8
    act_lo: Int8
    act_hi: Int8
    width: Index = 0
    conditional: bool = False


class Info(BaseModel):
    """What of the field `info` some verb shows; the rest is kept as it is."""

    model_config = ConfigDict(extra="allow", strict=True)
    edits: list[Any] = []
    metrics: dict[str, Any] = {}
    options: dict[str, Any] = {}


def _info(values: dict[str, Any]) -> dict[str, Any]:
    Info.model_validate(values)
    return values


class Ours(BaseModel):
    """The field `mcuedit` in format 1."""

    model_config = ConfigDict(extra="ignore", strict=True)
    name: Line
    version: Annotated[str, Field(max_length=255), AfterValidator(one_line)]
    base_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    labels: dict[Annotated[int, Field(ge=0, strict=False)], Line]  # JSON's names are texts
    deltas: Annotated[list[Scalars], Field(max_length=0xFFFF)]
    info: Annotated[dict[str, Any], AfterValidator(_info)]
    output: Annotated[str, Field(max_length=4096)] = ""


class Config(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="ignore", strict=True)
    peft_type: str | None = None
    base_model_name_or_path: str | None = None
    mcuedit: dict[str, Any] | None = None
