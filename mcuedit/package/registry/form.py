# SPDX-License-Identifier: Apache-2.0
"""What a line of an exported registry may hold: a row, its table under `kind`, bytes in base64.

Content must be what its hash says, whoever wrote the line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, TypeAdapter, model_validator

from mcuedit import package
from mcuedit._util import schema
from mcuedit._util.errors import McueditError
from mcuedit.package import manifest

U32 = Annotated[int, Field(ge=0, lt=1 << 32)]


class Row(schema.Form):
    """A row of any table."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, val_json_bytes="base64")
    kind: str

    @property
    def values(self) -> dict[str, Any]:
        """By column."""
        return self.model_dump(by_alias=True, exclude={"kind"})

    @model_validator(mode="after")
    def _check(self) -> Self:
        schema.check(self._faults())
        return self

    def _faults(self) -> Iterator[tuple[str, str]]:
        return iter(())


class Manifest(Row):
    """What a package's edits are."""

    kind: Literal["manifests"]
    sha256: str
    content: bytes = Field(alias="json")

    def _faults(self) -> Iterator[tuple[str, str]]:
        if hashlib.sha256(self.content).hexdigest() != self.sha256:
            yield "json", f"the content of {self.sha256[:16]}"
            return
        try:
            manifest.read(self.content)
        except McueditError as error:
            yield "json", f"a manifest ({error.message})"


class Adapter(Row):
    """Device bytes."""

    kind: Literal["adapters"]
    sha256: str
    base_sha256: str
    data: bytes

    def _faults(self) -> Iterator[tuple[str, str]]:
        if hashlib.sha256(self.data).hexdigest() != self.sha256:
            yield "data", f"the content of {self.sha256[:16]}"


class Packed(Row):
    """A package."""

    kind: Literal["packages"]
    digest: str
    name: str
    version: str
    counter: U32
    base_sha256: str
    key_sha256: str
    manifest_sha256: str
    adapter_sha256: str
    data: bytes
    added: str

    def _faults(self) -> Iterator[tuple[str, str]]:
        try:
            found = package.parse(self.data)
        except McueditError as error:
            yield "data", f"a package ({error.message})"
            return
        said = vars(found) | {"adapter_sha256": hashlib.sha256(found.adapter).hexdigest()}
        for name, value in self.values.items():
            if name in said and said[name] != value:
                yield name, f"{said[name]}, as its package says"


class Counter(Row):
    """The last security counter of a base."""

    kind: Literal["counters"]
    base_sha256: str
    last: U32


class Device(Row):
    """A device that was spoken with."""

    kind: Literal["devices"]
    device: str
    address: str
    base_sha256: str
    seen: str
    log_sequence: U32 | None
    log_chain: str | None


class Deployment(Row):
    """What happened to a package on a device."""

    kind: Literal["deployments"]
    device: str
    slot: U32 | None
    state: str
    digest: str | None
    counter: U32 | None
    result: str
    at: str


LINE: TypeAdapter[Row] = TypeAdapter(
    Annotated[Manifest | Adapter | Packed | Counter | Device | Deployment, Field(discriminator="kind")]
)
