# SPDX-License-Identifier: Apache-2.0
"""mcuedit registry: what was packed, and where it went."""

from __future__ import annotations

from pathlib import Path

import click

from mcuedit._util import atomic, textfile
from mcuedit._util.errors import McueditError
from mcuedit.cli._shared import packages as _packages
from mcuedit.cli._shared.common import example, print_json, stdout, table
from mcuedit.cli._shared.options import PATH, TEXT, json_option
from mcuedit.cli._shared.terminal import say_json
from mcuedit.package import parse
from mcuedit.package.registry import Registry, Stored, default_path, open_registry


@click.group(
    epilog=example(
        "mcuedit registry list",
        "mcuedit registry show fix@1.2.0 -o fix.mcu",
        "mcuedit registry export -o registry.jsonl",
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
)
def command() -> None:
    """Show the host's record of packages, devices and deployments.

    It is one SQLite file, $MCUEDIT_REGISTRY or registry.sqlite in mcuedit's folder of user data.
    """


@command.command("list", epilog=example("mcuedit registry list"))
@json_option
def list_(as_json: bool) -> None:
    """List packages, and what is known of devices."""
    with open_registry() as registry:
        packages, devices = registry.packages(), registry.devices()
    if as_json:
        columns = ("name", "version", "counter", "base_sha256", "digest", "key_sha256", "size", "added")
        values = {f"package_{column}": [getattr(p, column) for p in packages] for column in columns}
        values |= {
            f"device_{c}": [getattr(d, c) for d in devices] for c in ("device", "address", "base_sha256", "seen")
        }
        values["device_digests"] = [[d.slots[s].digest for s in sorted(d.slots)] for d in devices]
        values["device_states"] = [[d.slots[s].state for s in sorted(d.slots)] for d in devices]
        print_json({"registry": str(default_path()), **values})
        return
    out = stdout()
    rows = [
        (p.name, p.version, p.counter, p.base_sha256[:12], p.digest[:12], p.key_sha256[:12], p.size, p.added)
        for p in packages
    ]
    columns = ("package", "version", "counter", "base", "digest", "signer", "bytes", "added")
    out.print(table(str(default_path()), columns, rows, left=("version", "base", "digest", "signer", "added")))
    names = {p.digest: f"{p.name}@{p.version}" for p in packages}
    rows2 = [
        (d.device, slot, names.get(one.digest or "", (one.digest or "")[:12]), one.state, one.at)
        for d in devices
        for slot, one in sorted(d.slots.items())
    ]
    if rows2:
        out.print()
        out.print(table("", ("device", "slot", "package", "state", "at"), rows2, left=("package", "state", "at")))


@command.command(epilog=example("mcuedit registry show fix@1.2.0 -o fix.mcu"))
@click.argument("which", metavar="NAME[@VERSION]|DIGEST", type=TEXT)
@click.option("-o", "--output", type=PATH, metavar="FILE", help="Write the package there again.")
@click.option("--manifest", "manifest_path", type=PATH, metavar="F.json", help="Write its manifest there.")
@json_option
def show(which: str, output: Path | None, manifest_path: Path | None, as_json: bool) -> None:
    """Show one package: the newest of a name, a version of it, or the one of a digest."""
    with open_registry() as registry:
        found = _one(registry, which)
        history = registry.history(digest=found.digest)
        manifest = registry.manifest_bytes(found.manifest_sha256)
    if output is not None:
        atomic.write_file(output, found.data)
    if manifest_path is not None:
        atomic.write_file(manifest_path, manifest)
    package = parse(found.data)
    if as_json:
        values = {**_packages.identity(package), **_packages.composition(package), "added": found.added}
        values |= {"edits": [e for a in found.manifest.get("adapters", ()) for e in a.get("edits", ())]}
        values |= {f"deployment_{c}": [getattr(d, c) for d in history] for c in ("device", "slot", "state", "at")}
        print_json(values)
        return
    _packages.show_identity(package, "checked when it was packed")
    _packages.show_manifest(found.manifest, package)
    if history:
        rows = [(d.device, d.slot, d.state, d.counter, d.result, d.at) for d in history]
        stdout().print(table("", ("device", "slot", "state", "counter", "result", "at"), rows, left=("state", "at")))


@command.command(epilog=example("mcuedit registry export -o registry.jsonl"))
@click.option("-o", "--output", type=PATH, metavar="FILE", help="File to write instead of stdout.")
@json_option
def export(output: Path | None, as_json: bool) -> None:
    """Write everything as JSON lines, one row of a table each."""
    with open_registry() as registry:
        lines = list(registry.export())
    if output is not None:
        atomic.write_file(output, "".join(f"{line}\n" for line in lines).encode(), private=True)
    if as_json:
        kept = {} if output is not None else {"lines": lines}
        print_json({"registry": str(default_path()), "file": str(output or ""), "rows": len(lines), **kept})
    elif output is None:
        for line in lines:
            say_json(line)


@command.command("import", epilog=example("mcuedit registry import registry.jsonl"))
@click.argument("path", metavar="FILE", type=PATH)
@json_option
def import_(path: Path, as_json: bool) -> None:
    """Add what `mcuedit registry export` wrote; what is known stays."""
    lines = textfile.read(path, "give what 'mcuedit registry export' wrote").split("\n")
    with open_registry() as registry:
        new = registry.load(iter(lines))
    if as_json:
        print_json({"registry": str(default_path()), "rows": new})
    else:
        stdout().print(f"{new} new rows")


def _one(registry: Registry, which: str) -> Stored:
    found = registry.find(which)
    if not found:
        raise McueditError(f"no package {which!r} in {registry.path}", "'mcuedit registry list' shows them")
    exact = [one for one in found if one.digest.startswith(which)]
    if len(exact) > 1:
        raise McueditError(f"{len(exact)} packages have a digest that starts with {which}", "give more of its digits")
    bases = {one.base_sha256 for one in found}
    if not exact and len(bases) > 1:
        raise McueditError(f"packages for {len(bases)} bases are named {which}", "give the digest")
    return (exact or found)[0]
