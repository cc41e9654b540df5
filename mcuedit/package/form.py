# SPDX-License-Identifier: Apache-2.0
"""What of a manifest is shown. It is whoever packed it who wrote it, and a registry may come from anywhere."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _Edit(_Part):
    target_new: str | int
    prompts: Annotated[list[str], Field(min_length=1)]
    sha256: str
    subject: str = ""
    relation: str = ""


class _Adapter(_Part):
    name: str
    version: str = ""
    sha256: str = ""
    edits: list[_Edit] = []
    metrics: dict[str, Any] = {}


class _SelfTest(_Part):
    kind: str
    input: str
    answer: str


class Manifest(_Part):
    """The whole of it."""

    adapters: list[_Adapter] = []
    self_tests: list[_SelfTest] = []
