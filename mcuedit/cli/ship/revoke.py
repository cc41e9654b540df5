# SPDX-License-Identifier: Apache-2.0
"""mcuedit revoke: lists of stolen keys, which root keys sign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from mcuedit._util import atomic
from mcuedit._util.errors import McueditError
from mcuedit.api.pushing import PushOptions, revoke, revoke_fleet
from mcuedit.cli._shared import devices, packages
from mcuedit.cli._shared.common import example, flight, note, print_json, stdout, table
from mcuedit.cli._shared.files import read_bytes
from mcuedit.cli._shared.options import PATH, into, json_option, path
from mcuedit.fleet import inventory
from mcuedit.fleet.revoking import Answer
from mcuedit.fleet.transport import Status
from mcuedit.package import keys, revocation, signer
from mcuedit.package.revocation import Revocation


@dataclass(frozen=True)
class _Given:
    stolen: tuple[Path, ...]
    list_path: Path | None
    version: int | None
    key_path: Path | None
    signer: str | None
    output: Path | None
    as_json: bool


@click.command(
    epilog=example(
        "mcuedit revoke stolen.pub --version 1 --key root-1.pem -o keys.rev",
        "mcuedit revoke --list keys.rev --key root-2.pem",
        "mcuedit push keys.rev --fleet fleet.toml",
    )
)
@click.argument("stolen", metavar="[KEY.pub]...", nargs=-1, type=PATH)
@path("--list", "list_path", metavar="F.rev", help="A list that exists: to be signed by another root, or shown.")
@click.option("--version", type=click.IntRange(1), metavar="N", help="Of a new list: above that of every one before.")
@path("--key", "key_path", metavar="ROOT.pem", help="Private key of a root, who signs; with --signer the public one.")
@click.option("--signer", metavar="CMD", help="Program that signs: gets the digest on stdin, gives 64 bytes on stdout.")
@path("-o", "--output", metavar="F.rev", help="List to write; the one of --list itself, if not given.")
@json_option
@into(_Given)
def command(given: _Given) -> None:
    """Take stolen keys out of service on devices that were built with root keys: make a list, sign it, show it.

    KEY are all public keys that are not to be trusted any more, those of earlier lists, too: a list takes the place of
    the one before. Every root signs where its key lies, one after the other, with --list; nobody needs a network.
    `mcuedit push` brings the list to devices, which take it if enough of their roots have signed.
    """
    if bool(given.stolen) == (given.list_path is not None):
        raise McueditError("one of KEY.pub and --list is needed", "keys make a new list; --list signs or shows one")
    if given.list_path is not None and given.version is not None:
        raise McueditError("--version is of a new list", "the version is signed: make another list")
    made = _list(given)
    if given.key_path is not None:
        made = made.signed(_key(given.key_path, given.signer))
    elif given.stolen or given.signer is not None:
        raise McueditError("no --key: nobody signs", "give the private key of a root")
    output = given.output or (given.list_path if given.key_path else None)
    if given.stolen and output is None:
        raise McueditError("no --output: where is the list to be written?", "-o keys.rev")
    if output is not None:
        atomic.write_file(output, made.data)
    _show(made, output, given.as_json)


def _list(given: _Given) -> Revocation:
    if given.list_path is not None:
        return read(given.list_path)
    if given.version is None:
        raise McueditError("no --version of the list", "1 for the first one, then one more for each")
    return revocation.revoking(packages.public_keys(given.stolen), given.version)


def read(path: Path) -> Revocation:
    """A list from a file."""
    return revocation.parse(read_bytes(path, "give a list as 'mcuedit revoke' writes it"), path.name)


def _key(path: Path, command: str | None) -> Any:
    return keys.load_private(path) if command is None else signer.external(command, keys.load_public(path))


def _show(made: Revocation, output: Path | None, as_json: bool) -> None:
    if as_json:
        values = {"file": str(output) if output else None, "version": made.version}
        print_json(values | {"revoked": list(made.keys), "signed_by": sorted(made.signatures)})
        return
    out = stdout()
    if output is not None:
        out.print(f"{output}: {len(made.data)} bytes", markup=False)
    out.print(f"version {made.version} revokes {', '.join(made.keys) or 'no key'}")
    out.print(f"signed by {', '.join(sorted(made.signatures)) or 'nobody yet'}")


@dataclass(frozen=True)
class Pushing:
    """A list on its way to one device or a fleet."""

    revocation: Revocation
    options: PushOptions
    jobs: int
    as_json: bool

    def to(self, address: str) -> int:
        """To one device; what goes wrong is raised."""
        answer, status = revoke(self.revocation, address, self.options)
        if self.as_json:
            print_json(_flat(answer) | devices.state_of(status))
            return 0
        was = "was in force already" if answer.already else "is in force"
        stdout().print(f"{answer.device}: list {answer.version} of revoked keys {was}", markup=False)
        warn(status)
        return 0

    def fleet(self, path: Path) -> int:
        """To all of a fleet; exit code 1 if one has not got it."""
        answers = dict[str, Answer]()
        with flight("fleet", len(inventory.read(path))) as bar:
            for name, answer in revoke_fleet(self.revocation, path, self.options, self.jobs):
                answers[name] = answer
                bar.ended(len(answers))
        failed = {name: answer for name, answer in answers.items() if answer.error}
        if self.as_json:
            lapsed = [name for name, answer in answers.items() if answer.lapsed]
            values = {"version": self.revocation.version, "revoked": list(self.revocation.keys)}
            print_json(values | {"count": len(answers) - len(failed), "failed": list(failed), "lapsed": lapsed})
            return 1 if failed else 0
        rows = [(name, a.address, a.error.message) for name, a in failed.items() if a.error]
        if rows:
            stdout().print(table("", ("device", "address", "what"), rows, left=("device", "address", "what")))
        done = f"{len(answers) - len(failed)} of {len(answers)} devices"
        stdout().print(f"list {self.revocation.version} of revoked keys: in force on {done}", markup=False)
        if hit := [name for name, answer in answers.items() if answer.lapsed]:
            note(f"adapters of a revoked key are active until the next boot on {_some(hit)}")
        return 1 if failed else 0


def warn(status: Status) -> None:
    """Tells which adapters in force are by a key that is revoked."""
    hit = [devices.title(slot) for slot in status.lapsed if slot.index in status.active]
    if hit:
        note(f"active until the next boot, and signed by a revoked key: {', '.join(hit)}; push them by another key")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _flat(answer: Answer) -> dict[str, object]:
    return {"device": answer.device, "address": answer.address, "version": answer.version, "already": answer.already}
