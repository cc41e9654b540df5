# SPDX-License-Identifier: Apache-2.0
"""mcuedit verify: whether a device would take a package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from mcuedit._util.errors import McueditError
from mcuedit.cli._shared import packages
from mcuedit.cli._shared.common import example, print_json, stdout
from mcuedit.cli._shared.options import PATH, into, json_option, output_name_option
from mcuedit.emulate.runner import best_oracle
from mcuedit.model import bundle
from mcuedit.package import Refused, open_package
from mcuedit.package.choice import failing


@dataclass(frozen=True)
class _Given:
    path: Path
    key_paths: tuple[Path, ...]
    base_path: Path | None
    minimum: int | None
    output_name: str | None
    as_json: bool


@click.command(epilog=example("mcuedit verify fix.mcu --key key.pub --base facts/"))
@click.argument("path", metavar="PACKAGE", type=PATH)
@click.option("--key", "key_paths", multiple=True, required=True, type=PATH, metavar="KEY", help="Public key to trust.")
@click.option(
    "--base", "base_path", type=PATH, help="The base it must be for; its adapter and self-tests are tried on it."
)
@click.option(
    "--minimum-counter",
    "minimum",
    type=click.IntRange(0),
    metavar="N",
    help="Highest security counter active on the device.",
)
@output_name_option
@json_option
@into(_Given)
def command(given: _Given) -> int:
    """Check a package as a device does, in its order; exit code 1 if it is refused.

    Form, hash, key and signature always; with --base also that it is for this base, the adapter, and the answers to its
    self-tests; with --minimum-counter the security counter.
    """
    path, minimum, as_json = given.path, given.minimum, given.as_json
    data, keys = packages.read(path), packages.public_keys(given.key_paths)
    of = bundle.load(given.base_path) if given.base_path is not None else None
    of = bundle.with_output(of, given.output_name) if of and given.output_name is not None else of
    checked = ["form", "hash", "key", "signature"]
    checked += (["base"] if of else []) + (["counter"] if minimum is not None else []) + (["adapter"] if of else [])
    try:
        found = open_package(data, keys, model=of.model if of else None, minimum_counter=minimum, name=path.name)
        if of is not None and found.self_tests:
            checked.append("self-tests")
            bad = failing(of, best_oracle(of.model), packages.adapter_of(found, of), found.self_tests)
            if bad:
                why = f"{path.name}: refused: self-test {bad[0]} does not get its answer"
                raise Refused(
                    "E_SELF_TEST", why, "pack it again: 'mcuedit pack --self-test auto' proves its self-tests"
                )
    except Refused as error:
        return _refused(error, path, as_json)
    if as_json:
        print_json(
            {"package": str(path), "valid": True, "error": "", "why": "", "checked": checked}
            | packages.identity(found)
            | {"bytes": found.size}
        )
    else:
        packages.show_identity(found, "good")
        stdout().print(f"ok: {', '.join(checked)}")
    return 0


def _refused(error: McueditError, path: Path, as_json: bool) -> int:
    code = getattr(error, "code", "")
    if as_json:
        print_json({"package": str(path), "valid": False, "error": code, "why": error.message})
    else:
        out = stdout()
        out.print(f"{code}: {error.message}", markup=False)
        out.print(error.hint, markup=False)
    return 1
