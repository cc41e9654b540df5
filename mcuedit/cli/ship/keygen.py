# SPDX-License-Identifier: Apache-2.0
"""mcuedit keygen: keys that sign packages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from mcuedit._util import atomic
from mcuedit._util.errors import McueditError
from mcuedit.cli._shared import packages
from mcuedit.cli._shared.common import example, print_json, stdout
from mcuedit.cli._shared.options import PATH, into, json_option, path, root_options
from mcuedit.package import keys, passwords


@dataclass(frozen=True)
class _Given:
    output: Path | None
    public_paths: tuple[Path, ...]
    header: Path | None
    password: bool
    operator_paths: tuple[Path, ...]
    root_paths: tuple[Path, ...]
    root_threshold: int | None
    as_json: bool


@click.command(
    epilog=example(
        "mcuedit keygen -o key.pem",
        "mcuedit keygen --public key.pub --operator operator.pub --c keys.h",
    )
)
@click.option("-o", "--output", type=PATH, metavar="KEY.pem", help="Private key to make; KEY.pub comes beside it.")
@click.option("--public", "public_paths", multiple=True, type=PATH, metavar="KEY", help="Show a key that exists.")
@click.option("--c", "header", type=PATH, metavar="F.h", help="Write the public keys as C for a firmware.")
@click.option("--password", is_flag=True, help="Encrypt it: by MCUEDIT_KEY_PASSWORD, or what is typed at a terminal.")
@path("--operator", "operator_paths", multiple=True, metavar="KEY", help="For --c: key of an operator, too.")
@root_options
@json_option
@into(_Given)
def command(given: _Given) -> None:
    """Make an Ed25519 key pair that signs packages, commands or lists of revoked keys, or write public keys as C.

    The private key is readable by you alone, and is never shown; keep a copy where no build machine reaches it. A
    firmware may trust several keys: give --public more than once while an old one is retired.
    """
    output, public_paths, header = given.output, given.public_paths, given.header
    if output is None and not public_paths:
        raise McueditError("neither -o nor --public", "-o KEY.pem makes a key, --public KEY shows one")
    found = [keys.load_public(path) for path in public_paths]
    operators = [keys.load_public(path) for path in given.operator_paths]
    roots = packages.roots(given.root_paths, given.root_threshold)
    if header is not None and output is None:
        text = keys.c_header(found, operators, roots.keys, roots.threshold)
    if output is not None:
        found.insert(0, keys.generate(output, passwords.new(output) if given.password else b""))
        text = keys.c_header(found, operators, roots.keys, roots.threshold)
    if header is not None:
        atomic.write_file(header, text.encode())
    if given.as_json:
        print_json(
            {
                "private": str(output) if output is not None else None,
                "public": str(output.with_suffix(".pub")) if output is not None else None,
                "sha256": [key.sha256 for key in found],
                "raw": [key.raw.hex() for key in found],
                "header": str(header) if header is not None else None,
            }
        )
        return
    out = stdout()
    if output is not None:
        out.print(
            f"{output}: private key, readable by you alone; {output.with_suffix('.pub')}: public key", markup=False
        )
    for key in found:
        out.print(f"signer {key.sha256}")
    if header is not None:
        out.print(f"{header}: {len(found)} public keys for mcuedit_trust", markup=False)
