# SPDX-License-Identifier: Apache-2.0
"""Adapters to a signed package, numbered and kept in the registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter
from mcuedit.adapter.proof import proven
from mcuedit.edits import Edit
from mcuedit.model.bundle import Base
from mcuedit.package import Package, open_package, seal
from mcuedit.package.choice import Asked
from mcuedit.package.container import Identity, check_counter, check_name, parse_version
from mcuedit.package.joining import join, package_name
from mcuedit.package.keys import public_half
from mcuedit.package.manifest import part, write
from mcuedit.package.registry import Registry
from mcuedit.package.self_test import SelfTest

if TYPE_CHECKING:
    from imgtool.keys import Ed25519


@dataclass(frozen=True)
class Release:
    """What a package is to be called, and what goes with its adapters.

    Attributes:
        version: "1.2.0", or with a build "1.2.0+7".
        name: None for the adapters' names.
        counter: security counter; None for the registry's next one.
        edits: those of each adapter, as far as known; for the manifest.
        self_tests: proved ones, as the functions of this package make them.
    """

    version: str
    name: str | None = None
    counter: int | None = None
    edits: Sequence[Sequence[Edit]] = ()
    self_tests: Sequence[Asked] = ()


@dataclass(frozen=True)
class Packed:
    """A package and what belongs to it.

    Attributes:
        data: the package's bytes. manifest: what its hash is taken of.
        newest: the highest security counter packed for this base before, 0 if none.
    """

    data: bytes
    package: Package
    manifest: bytes
    newest: int


def pack(base: Base, adapters: Sequence[Adapter], release: Release, *, key: Ed25519, registry: Registry) -> Packed:
    """Makes one package of all adapters, and keeps it in the registry.

    Args:
        key: as `keys.load_private` or `signer.external` returns it.

    Raises:
        McueditError: the adapters do not go together, or something does not fit a package.
    """
    parse_version(release.version)
    known = release.edits or [()] * len(adapters)
    device = proven(join(adapters, base.model, known), base.model)
    name = release.name if release.name is not None else package_name(adapters)
    check_name(name)
    if release.counter is not None:
        check_counter(release.counter)
    base_sha256 = base.model.sha256
    newest = max((p.counter for p in registry.packages() if p.base_sha256 == base_sha256), default=0)
    counter = release.counter if release.counter is not None else registry.next_counter(base_sha256)
    identity = Identity(name, release.version, counter, base_sha256)
    parts = [part(a, some, base.model) for a, some in zip(adapters, known, strict=True)]
    manifest = write(identity, parts, [one.to_dict() for one in release.self_tests])
    self_tests = [one.self_test for one in release.self_tests]
    data = seal(device, identity, manifest=manifest, key=key, self_tests=self_tests)
    signer = public_half(key)
    package = open_package(data, [signer], model=base.model, name=name)
    _check(package, identity, device, self_tests)
    registry.add_package(data, manifest)
    return Packed(data, package, manifest, newest)


def _check(package: Package, identity: Identity, device: bytes, self_tests: Sequence[SelfTest]) -> None:
    """Raises McueditError unless the package says what it was to say."""
    said = {**vars(identity), "adapter": device, "self_tests": tuple(self_tests)}
    for name, value in said.items():
        if getattr(package, name) != value:
            what = f"package {identity.name}: {name}: a device would read another value than was given"
            raise McueditError(what, "give a version as 1.2.0 or 1.2.0+7, and self-tests that differ from each other")
