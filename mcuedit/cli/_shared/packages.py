# SPDX-License-Identifier: Apache-2.0
"""What verify, inspect and pack show of packages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mcuedit import zoo
from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter
from mcuedit.adapter.encoding import decode, parts
from mcuedit.boards import elf
from mcuedit.cli._shared.common import print_json, stdout, table
from mcuedit.cli._shared.files import read_bytes
from mcuedit.cli._shared.terminal import styled
from mcuedit.model import bundle
from mcuedit.model.bundle import Base
from mcuedit.package import Package, keys, open_package, parse, self_test
from mcuedit.package.comparison import Sizes, sizes
from mcuedit.package.registry import Stored, default_path, open_registry
from mcuedit.package.revocation import Roots

_EDIT = ("subject", "relation", "target_new", "prompts", "sha256")


def read(path: Path) -> bytes:
    """The bytes of a package."""
    data = read_bytes(path, "give a package as 'mcuedit pack' writes it")
    if processor := elf.made_for(data):
        raise McueditError(
            f"{path}: an ELF file for {processor}, no package",
            "'mcuedit flash BOARD FILE' writes a firmware; 'mcuedit pack' makes a package of an adapter",
        )
    return data


def public_keys(paths: Sequence[Path]) -> list[keys.PublicKey]:
    """Keys whom packages are accepted from."""
    return [keys.load_public(path) for path in paths]


def roots(paths: Sequence[Path], threshold: int | None) -> Roots:
    """Who may revoke such keys, and how many of them it takes."""
    return Roots.of(public_keys(paths), threshold)


def base_of(found: Package, path: Path | None) -> Base | None:
    """The base at `path`, or the one of the zoo that the package is for, or None."""
    if path is not None:
        return bundle.load(path)
    for name in zoo.names():
        known = bundle.load(zoo.folder(name))
        if known.model.sha256 == found.base_sha256:
            return known
    return None


def registered(found: Package) -> tuple[Stored | None, dict[str, Any] | None]:
    """What the registry has of a package; a registry is not made to find that it is empty."""
    if not default_path().is_file():
        return None, None
    with open_registry() as registry:
        same = [one for one in registry.find(found.digest) if one.digest == found.digest]
        return (same[0] if same else None), registry.manifest(found.manifest_sha256)


def adapter_of(found: Package, of: Base) -> Adapter:
    """The adapter in a package, as its base reads it.

    Raises:
        McueditError: it is for another base, or damaged.
    """
    return decode(found.adapter, of.model, found.name)


def composition(found: Package) -> dict[str, int]:
    """Bytes of a package by what they are for; they add up to the whole."""
    inner = parts(found.adapter)
    return {
        "container_bytes": found.container_bytes,
        "header_bytes": inner["header"],
        "factor_bytes": inner["factors"],
        "label_bytes": inner["labels"],
        "self_test_bytes": len(self_test.encode(found.self_tests)),
        "bytes": found.size,
    }


def identity(found: Package) -> dict[str, Any]:
    """What a package says of itself, flat."""
    return {
        "name": found.name,
        "version": found.version,
        "counter": found.counter,
        "base_sha256": found.base_sha256,
        "digest": found.digest,
        "signer": found.key_sha256,
        "manifest_sha256": found.manifest_sha256,
        "self_tests": len(found.self_tests),
    }


def composition_table(found: Package) -> object:
    """Bytes of a package, for a person."""
    rows = [(name.removesuffix("_bytes").replace("_", "-"), f"{size:,}") for name, size in composition(found).items()]
    return table("", ("part", "bytes"), [*rows[:-1], ("total", rows[-1][1])])


def show_identity(found: Package, signature: str) -> None:
    """The head of every report on a package."""
    out = stdout()
    about = f" {found.version}  security counter {found.counter}, {found.size:,} bytes"
    out.print(styled((found.name, "bold"), about))
    out.print(f"for base   {found.base_sha256}")
    out.print(f"digest     {found.digest}")
    out.print(f"signed by  {found.key_sha256}")
    out.print(f"signature  {signature}", markup=False)


def show_manifest(manifest: Mapping[str, Any] | None, found: Package) -> None:
    """What the edits are, if the registry knows it."""
    out = stdout()
    if manifest is None:
        out.print(f"edits: not in the registry; their manifest has the SHA-256 {found.manifest_sha256}")
        return
    for adapter in manifest.get("adapters", ()):
        edits = adapter.get("edits", ())
        count = f"{len(edits)} edit{'s' * (len(edits) > 1)}" if edits else "its edits are not told"
        out.print(f"adapter {adapter['name']} {adapter['version']}: {count}", markup=False)
        rows = [
            (
                edit.get("subject", ""),
                edit.get("relation", ""),
                edit["target_new"],
                edit["prompts"][0],
                edit["sha256"][:12],
            )
            for edit in edits
        ]
        if rows:
            columns = ("subject", "relation", "new answer", "first prompt", "sha256")
            out.print(table("", columns, rows, left=columns))
        measured = {k: v for k, v in adapter.get("metrics", {}).items() if isinstance(v, int | float)}
        if measured:
            out.print("measured: " + ", ".join(f"{k} {v:.6g}" for k, v in measured.items()), markup=False)
    for one in manifest.get("self_tests", ()):
        out.print(f"self-test, {one['kind']}: {one['input']} -> {one['answer']}", markup=False)


def measured_sizes(data: bytes, found: Package, of: Base | None, against: Path | None) -> Sizes | None:
    """Sizes beside the base; None without it."""
    if of is None:
        return None
    other = bundle.load(against).model.data if against is not None else None
    return sizes(data, adapter_of(found, of), of.model, other)


def sizes_table(measured: Sizes) -> object:
    """The comparison, for a person."""
    rows = [
        ("this package", f"{measured.package:,}", "signed, with everything that a device checks"),
        ("  its zlib", f"{measured.package_zlib:,}", ""),
        ("the adapter in it", f"{measured.adapter:,}", "unsigned, to compare with what follows"),
        ("the whole model", f"{measured.model:,}", ""),
        ("  its zlib", f"{measured.model_zlib:,}", ""),
    ]
    if measured.rows_patch is not None:
        what = f"the {measured.rows} rows of weights that it adds to, drawn anew at random: no repair, only its length"
        rows.append(("a detools patch", f"{measured.rows_patch:,}", what))
    if measured.patch is not None:
        rows.append(("a detools patch", f"{measured.patch:,}", "from the base to the model of --against"))
    return table("", ("update", "bytes", "of"), rows, left=("of",))


def _flat_manifest(manifest: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Lists over its edits, and over its adapters, by name."""
    adapters = manifest.get("adapters", ())
    edits = [edit for adapter in adapters for edit in adapter.get("edits", ())]
    values = {f"edit_{k}": [edit.get(k, "") for edit in edits] for k in _EDIT}
    values |= {f"adapter_{k}": [adapter.get(k) for adapter in adapters] for k in ("name", "version", "sha256")}
    names = dict.fromkeys(name for adapter in adapters for name in adapter.get("metrics", ()))
    values |= {f"metric_{name}": [adapter.get("metrics", {}).get(name) for adapter in adapters] for name in names}
    return values


def inspect(path: Path, base_path: Path | None, key_paths: Sequence[Path], against: Path | None, as_json: bool) -> None:
    """Everything that is known of a package. Its signature is checked if keys are given, and only then.

    Raises:
        McueditError: it is malformed, or refused for one of the keys.
    """
    data = read(path)
    of = base_of(parse(data, path.name), base_path)
    if of is None and against is not None:
        raise McueditError(f"{path}: its base is not in the zoo", "add --base BASE")
    if key_paths:
        found = open_package(data, public_keys(key_paths), model=of.model if of else None, name=path.name)
    else:
        found = parse(data, path.name)
    kept, manifest = registered(found)
    measured = measured_sizes(data, found, of, against)
    if as_json:
        values = {"kind": "package", **identity(found), "signature_checked": bool(key_paths), **composition(found)}
        values |= {"base": of.name if of else "", "registered": kept.added if kept else ""}
        values |= {"manifest_known": manifest is not None, **_flat_manifest(manifest or {})}
        print_json(values | (measured.flat() if measured else {}))
        return
    show_identity(found, "good" if key_paths else "not checked: give --key KEY.pub")
    out = stdout()
    out.print(f"base       {of.name if of else 'not in the zoo: give --base BASE to compare sizes'}", markup=False)
    out.print(f"registry   {f'packed or imported {kept.added}' if kept else 'does not know it'}", markup=False)
    out.print()
    show_manifest(manifest, found)
    out.print()
    out.print(composition_table(found))
    if measured is not None:
        out.print()
        out.print(sizes_table(measured))
