# SPDX-License-Identifier: Apache-2.0
"""mcuedit pack: from adapters to a signed package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mcuedit._util import atomic
from mcuedit._util.errors import McueditError
from mcuedit.adapter import folder
from mcuedit.adapter.delta import Adapter
from mcuedit.api.inputs import edits_of, tensor_set
from mcuedit.cli._shared import options, packages
from mcuedit.cli._shared.common import example, note, print_json, stdout
from mcuedit.cli._shared.files import read_adapters, zoo_base
from mcuedit.cli._shared.options import TEXT, into, path
from mcuedit.edits import Edit
from mcuedit.emulate.runner import best_oracle
from mcuedit.model import bundle
from mcuedit.model.bundle import Base
from mcuedit.package import choice as self_tests
from mcuedit.package import joining, keys, packing, signer
from mcuedit.package.choice import Asked
from mcuedit.package.registry import open_registry

if TYPE_CHECKING:
    from imgtool.keys import Ed25519

AUTO = "auto"


@dataclass(frozen=True)
class _Given:
    adapters: tuple[Path, ...]
    base_path: Path | None
    output_name: str | None
    version: str
    key_path: Path
    signer: str | None
    output: Path
    name: str | None
    counter: int | None
    self_tests: tuple[str, ...]
    same: tuple[str, ...]
    manifest_path: Path | None
    as_json: bool


_prompts = partial(click.option, type=TEXT, multiple=True)


@click.command(
    epilog=example(
        "mcuedit keygen -o key.pem",
        "mcuedit pack repair/ --version 1.2.0 --key key.pem -o fix.mcu",
        "mcuedit verify fix.mcu --key key.pub",
    )
)
@options.adapters_argument
@path("--base", "base_path", help="Base of the adapters, if not from the zoo.")
@options.output_name_option
@click.option("--version", required=True, metavar="V", help="MAJOR.MINOR.REVISION, with +BUILD if needed.")
@path("--key", "key_path", required=True, metavar="KEY.pem", help="Ed25519 private key; with --signer the public one.")
@click.option("--signer", metavar="CMD", help="Program that signs: gets the digest on stdin, gives 64 bytes on stdout.")
@options.output_option("FILE", "Package to write.")
@click.option(
    "--name", type=TEXT, help="Two packages of one name are never active together; the adapter's name if not given."
)
@click.option("--counter", type=int, metavar="N", help="Security counter; the registry's next one for the base.")
@_prompts("--self-test", "self_tests", metavar="P", help="auto, PROMPT=ANSWER, or an .npz of tensors.")
@_prompts("--self-test-same", "same", metavar="PROMPT", help="A prompt whose answer must stay.")
@path("--manifest", "manifest_path", metavar="F.json", help="Write the manifest, whose hash the package carries.")
@options.json_option
@into(_Given)
def command(given: _Given) -> None:
    """Sign adapters as a package that devices take: an image that MCUboot's imgtool understands.

    Several adapters become one. Their edits and metrics stay in the registry, their hash travels. A device takes only
    packages whose security counter is above every one that was ever active on it. With --self-test the package carries
    inputs whose answers the device checks before it trusts the adapter; they are proved here first.

    A key with a password takes it from MCUEDIT_KEY_PASSWORD, or asks at a terminal. A key on a token is used by a
    program of yours, --signer.
    """
    key = _key(given)
    of, loaded = _load(given)
    edits = [edits_of(one) for one in given.adapters]
    joined = joining.join(loaded, of.model, edits)
    asked = _self_tests(of, joined, [e for some in edits for e in some], given)
    with open_registry() as registry:
        release = packing.Release(given.version, given.name, given.counter, edits, asked)
        made = packing.pack(of, loaded, release, key=key, registry=registry)
    if given.manifest_path is not None:
        atomic.write_file(given.manifest_path, made.manifest)
    atomic.write_file(given.output, made.data)
    found = made.package
    if found.counter <= made.newest:
        note(
            f"security counter {made.newest} was packed for this base before: "
            f"devices that had it active refuse {found.counter}"
        )
    if given.as_json:
        print_json({"package": str(given.output), **packages.identity(found), **packages.composition(found)})
        return
    packages.show_identity(found, "good")
    for one in asked:
        stdout().print(f"self-test  {one.text} -> {one.label}", markup=False)
    stdout().print(packages.composition_table(found))


def _key(given: _Given) -> Ed25519:
    if given.signer is None:
        return keys.load_private(given.key_path)
    return signer.external(given.signer, keys.load_public(given.key_path))


def _load(given: _Given) -> tuple[Base, list[Adapter]]:
    paths = given.adapters
    folders = [folder.load(one) for one in paths if one.is_dir()]
    if given.base_path is None and not folders:
        raise McueditError(f"{paths[0]}: device bytes are read against their base", "add --base BASE")
    of = bundle.load(given.base_path) if given.base_path is not None else zoo_base(folders)
    return read_adapters(paths, of, given.output_name)


def _self_tests(of: Base, adapter: Adapter, edits: Sequence[Edit], given: _Given) -> list[Asked]:
    if not given.self_tests and not given.same:
        return []
    oracle = best_oracle(of.model)
    prompts, found = [], list[Asked]()
    for text in given.self_tests:
        prompt, equals, answer = text.rpartition("=")
        if text == AUTO:
            found += self_tests.from_edits(of, oracle, adapter, edits)
        elif text.endswith(".npz"):
            found += self_tests.from_tensors(of, oracle, adapter, tensor_set([Path(text)], of.model))
        elif equals and prompt and answer:
            prompts.append((prompt.strip(), answer.strip()))
        else:
            raise McueditError(f"--self-test {text!r} is none", "auto, PROMPT=ANSWER, or the path of an .npz")
    if prompts or given.same:
        found += self_tests.from_prompts(of, oracle, adapter, prompts, given.same)
    return found
