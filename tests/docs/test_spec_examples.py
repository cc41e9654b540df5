# SPDX-License-Identifier: Apache-2.0
"""The examples of the specification, read by the decoders that devices and hosts use."""

from __future__ import annotations

import binascii
import ctypes
import dataclasses
import json
import re
import struct
import zlib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import cbor2
import numpy as np
import pytest
from conftest import ROOT
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from helpers import emitted, packages, routing
from helpers.blocks import blocks
from helpers.native import Native, includes, link, source
from helpers.rims import rimmed
from helpers.smp_node import Node
from safetensors.numpy import save as to_safetensors

from mcuedit._util import resources
from mcuedit.adapter import delta as deltas
from mcuedit.adapter import encoding, folder
from mcuedit.adapter.delta import Delta
from mcuedit.boards import board
from mcuedit.build.driver import build
from mcuedit.codegen import read_routes
from mcuedit.codegen.augment import extend
from mcuedit.codegen.augment.stock import StockTflm
from mcuedit.codegen.augment.widened import widening
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.emulate import open_session
from mcuedit.emulate.devices.firmware import sources
from mcuedit.fleet import device_log, inventory
from mcuedit.fleet.results import Results
from mcuedit.fleet.transport.authority import DeviceKey, Identity, signing
from mcuedit.fleet.transport.authority.signing import Moment
from mcuedit.fleet.transport.frames import Frames
from mcuedit.fleet.transport.messages import (
    AuthorityResponse,
    ConfirmResponse,
    ConfirmWrite,
    IdentityResponse,
    StatusRead,
    StatusResponse,
)
from mcuedit.model import bundle, tflite
from mcuedit.model.bundle import Base
from mcuedit.model.fixedpoint import mbqm
from mcuedit.model.text import fnv1a, text_features
from mcuedit.package import open_package, revocation
from mcuedit.package.check import parse
from mcuedit.package.keys import PublicKey
from mcuedit.privacy import noise
from mcuedit.training.factors.frozen_a import Masters

SPEC = ROOT / "docs" / "spec"
RECORD, PAGE, SLOT, SLOTS = 128, 4096, 4096, 8  # of the store's example


def shown(page: str, language: str) -> list[str]:
    """Blocks of the example of a page."""
    return [b.text for b in blocks(SPEC / f"{page}.md") if b.language == language]


def data(page: str) -> list[bytes]:
    """Its hex dumps."""
    return [bytes.fromhex(re.sub(r"#.*", "", text)) for text in shown(page, "hex")]


def table(page: str) -> list[list[str]]:
    """Rows of the table in its example."""
    text = (SPEC / f"{page}.md").read_text(encoding="utf-8").partition("\n## Example\n")[2]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\|.*\|$", text, re.M)[2:]]


@pytest.fixture(scope="module")
def base(facts: Path) -> Base:
    return bundle.load(facts)


@pytest.fixture(scope="module")
def node(base: Base, tmp_path_factory: pytest.TempPathFactory) -> Node:
    """A device with the base, which trusts the key of the package."""
    return Node(base, [PublicKey(data("package")[0])], tmp_path_factory.mktemp("node"))


@pytest.fixture(scope="module")
def obedient(base: Base, tmp_path_factory: pytest.TempPathFactory) -> Node:
    """The same, which obeys the operator of the messages."""
    operator = PublicKey(data("management")[5])
    return Node(base, [PublicKey(data("package")[0])], tmp_path_factory.mktemp("obedient"), operators=[operator])


@pytest.fixture
def started(node: Node, tmp_path: Path) -> Node:
    """The device, with the store's example in its flash."""
    return start(node, tmp_path)


def start(node: Node, tmp_path: Path) -> Node:
    """Puts the store's example into its flash."""
    flash = bytearray(b"\xff" * (2 * PAGE + SLOTS * SLOT))
    for i, record in enumerate(data("store")):
        flash[i * RECORD : (i + 1) * RECORD] = record
    package = data("package")[1]
    flash[2 * PAGE + SLOT : 2 * PAGE + SLOT + len(package)] = package
    path = tmp_path / "flash"
    path.write_bytes(flash)
    assert node.start(path, name=b"pump-7") == "OK"
    return node


def test_every_page_of_a_format_has_an_example() -> None:
    for page in SPEC.glob("*.md"):
        assert page.read_text(encoding="utf-8").count("\n## Example\n") == 1, page.name


def test_products_of_the_fixed_point_example_are_those_of_the_arithmetic() -> None:
    for row in table("fixed_point"):
        x, m, s, wanted = map(int, row)
        assert int(mbqm(np.array([x]), np.array([m]), np.array([s]))[0]) == wanted


def test_values_at_the_rim_become_the_bytes_of_the_example() -> None:
    outer = {"FLOAT32": ("FLOAT32", 1.0, 0), "UINT8": ("UINT8", 1 / 16, 128), "INT16": ("INT16", 1 / 100, 0)}
    (example,) = (json.loads(text) for text in shown("fixed_point", "json"))
    assert example.keys() == outer.keys()
    for kind, pairs in example.items():
        rim = tflite.parse(rimmed(outer[kind], inner=(1 / 16, 0))).input_rim()
        assert rim is not None
        for value, byte in pairs:
            assert rim.quantize(np.array([value], rim.dtype)).tolist() == [byte], (kind, value)


def test_the_example_of_a_delta_is_what_the_arithmetic_gives() -> None:
    e = json.loads(shown("delta", "json")[0])
    c, m, s, rows = (np.array(e[name]) for name in ("c", "m", "s", "rows"))
    a, b = np.array(e["A"], np.int8), np.array(e["B"], np.int8)
    delta = Delta(0, 0, a, c, m, s, b, rows, e["M"], e["S"], e["gated"], 8, -128, e["act_lo"], e["act_hi"])
    h = delta.project(np.array(e["x"], np.int8))
    assert h.tolist() == e["h"]
    assert delta.amount(h).tolist() == e["d"]
    assert deltas.add([delta], [h], np.array(e["y_before"], np.int8)).tolist() == e["y"]


def test_widened() -> None:
    e = json.loads(shown("widened", "json")[0])
    net = NetBuilder()
    x, y = net.tensor("x", (1, 3), 0.5, -128), net.tensor("y", (1, 2), 0.25, 0)
    w = net.constant("w", np.array(e["W"], np.int8), [1 / 16])
    net.op("FULLY_CONNECTED", [x, w, net.constant("b", np.array(e["bias"], np.int32), [1 / 32])], y)
    model, one = tflite.parse(net.pack(x, y)), np.ones(1, np.int64)
    a, b, c = np.array(e["A"], np.int8), np.array(e["B"], np.int8), np.array(e["c"])
    full = (1 << 31) - 1
    delta = Delta(0, 0, a, c, full * one, 0 * one, b, None, full, 0, True, 8, -128, -128, 127)
    inputs = np.array(e["x"], np.int8)
    made = widening(model, delta)
    assert (made.m, made.s, made.v.tolist()) == (e["m"], e["s"], e["V"])
    assert made.project(inputs).tolist() == e["h"]
    extended = extend(model, [deltas.Adapter("a", "1", model.sha256, (delta,))], "widened").data
    for data, wanted in (model.data, e["y_before"]), (extended, e["y"]):
        assert StockTflm(model, data).activations(inputs[:, None], [y])[y][:, 0].tolist() == wanted


def test_the_example_of_an_adapter_is_read_by_the_host(base: Base) -> None:
    adapter = encoding.decode(data("adapter")[0], base.model)
    (delta,) = adapter.deltas
    assert delta.rows is not None
    assert (delta.tap, delta.target, delta.rows.tolist(), delta.b.ravel().tolist()) == (4, 4, [44, 500], [-127, 127])
    assert (delta.a[0, :6].tolist(), delta.c.tolist()) == ([-7, -2, 3, -7, -2, 3], [-1000])
    assert adapter.labels == {500: "gitega"}


def test_the_example_of_an_adapter_is_opened_by_a_device(base: Base, tmp_path: Path) -> None:
    error, _ = Native(base, tmp_path).open(data("adapter")[0])
    assert error == "OK"


def test_the_features_of_the_example_are_those_of_the_front_end() -> None:
    wanted = np.zeros(512, int)
    for raw, digest, feature, amount in table("text_features"):
        assert fnv1a(bytes.fromhex(raw)) == int(digest, 16)
        wanted[int(feature)] += int(amount)
    assert text_features("Is Gitega?").tolist() == wanted.tolist()


def test_the_dialogue_of_the_example_is_what_the_firmware_says(base: Base, tmp_path: Path) -> None:
    adapter = encoding.decode(data("adapter")[0], base.model)
    machine = board.load("virt-m4")
    elf = build(machine, sources(base, [adapter]), "server", tmp_path).elf
    with open_session("unicorn", machine, elf, timeout=5.0) as session:
        for line in shown("line_protocol", "text")[0].splitlines():
            if line.startswith("> "):
                session.write(line[2:].encode() + b"\n")
            else:
                assert session.read_line() == line


def test_the_package_of_the_example_is_trusted_for_the_base(base: Base) -> None:
    public, package, *_ = data("package")
    found = open_package(package, keys=[PublicKey(public)], model=base.model)
    assert (found.name, found.version, found.counter, found.size) == ("gitega", "1.0.0", 1, 370)
    assert found.adapter == data("adapter")[0]
    assert public == packages.public().raw


def test_the_list_of_the_example_revokes_the_key_of_its_package() -> None:
    public, _, *roots, data_of_list = data("package")
    found = revocation.parse(data_of_list)
    assert (found.version, found.keys) == (1, (revocation.id_of(PublicKey(public)),))
    for root, (who, signature) in zip(roots, sorted(found.signatures.items()), strict=True):
        assert revocation.id_of(PublicKey(root)) == who
        Ed25519PublicKey.from_public_bytes(root).verify(signature, found.digest)


def test_the_records_of_the_example_are_a_log_that_holds() -> None:
    records = data("store")
    for record in records:
        (crc,) = struct.unpack_from("<I", record, 28)
        assert zlib.crc32(record[:28] + record[32:], SLOT + SLOTS) == crc
    sent = b"".join(record[:28] + struct.pack("<I", zlib.crc32(record[:28])) for record in records)
    log = device_log.verify(sent, 0, "", None)
    assert [(r.event, r.slot) for r in log.records] == [("erase", 1), ("stage", 1)]
    assert log.records[1].digest == parse(data("package")[1]).digest[:8]


def test_a_device_finds_the_package_that_the_records_of_the_example_name(started: Node) -> None:
    slot = started.ask(64, 0, {"slot": 1})
    assert (slot["name"], slot["ver"], slot["state"], slot["wear"], slot["size"]) == ("gitega", "1.0.0", 1, 1, 370)


def test_a_device_answers_the_messages_of_the_example(started: Node) -> None:
    status, told, confirm, refusal, *_ = data("management")
    assert started.handle(status) == told
    assert started.handle(confirm) == refusal
    assert StatusRead.loads(status).header.sequence == 7
    assert StatusResponse.loads(told).id == "pump-7"
    assert ConfirmWrite.loads(confirm).header.sequence == 8
    assert cbor2.loads(refusal[8:]) == {"err": {"group": 64, "rc": 20}}
    with pytest.raises(ValueError, match="err"):
        ConfirmResponse.loads(refusal)


def test_a_device_obeys_the_signed_command_of_the_example_once(obedient: Node, tmp_path: Path) -> None:
    start(obedient, tmp_path)
    public, ask, told, digest, command, answer = data("management")[5:11]
    assert obedient.handle(ask) == told
    moment = AuthorityResponse.loads(told)
    body = command[8:-64]
    parts = b"mcuC" + moment.base + b"pump-7" + bytes(10) + moment.nonce + bytes([2, 0, 64, 1]) + sha256(body).digest()
    assert (
        sha256(parts).digest() == digest == signing.digest(Moment(moment.base, moment.id, moment.nonce), command, body)
    )
    Ed25519PublicKey.from_public_bytes(public).verify(command[-64:], digest)
    assert obedient.handle(command) == answer
    assert cbor2.loads(obedient.handle(command)[8:]) == {"err": {"group": 64, "rc": 32}}


def test_the_serial_frame_of_the_example_carries_its_message() -> None:
    status, _, _, _, line, *_ = data("management")
    assert Frames().take(line) == status
    assert binascii.a2b_base64(line[2:])[-2:] == struct.pack(">H", binascii.crc_hqx(status, 0))


def test_the_proof_of_the_example_is_of_its_key_and_for_its_request() -> None:
    *_, request, answer = data("management")
    told = IdentityResponse.loads(answer)
    assert told.key == Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key().public_bytes_raw()
    who = Identity(told.id, told.base, DeviceKey("ed25519", told.key))
    assert who.proves(request, answer)
    assert not who.proves(request[:-1] + b"\0", answer)


def test_the_fleet_and_the_result_of_the_example_are_read(tmp_path: Path) -> None:
    file, results = tmp_path / "fleet.toml", tmp_path / "results.jsonl"
    file.write_text(shown("fleets", "toml")[0], encoding="utf-8")
    assert [str(m.address) for m in inventory.read(file)] == ["udp:10.0.0.11:1337", "serial:/dev/ttyACM0:115200"]
    line = json.loads(shown("fleets", "json")[0])
    results.write_text(json.dumps(line) + "\n", encoding="utf-8")
    with Results(results, line["package"], resume=True) as read:
        assert read.last == {"press-01": "confirmed"}


def test_clipping_and_noise_of_the_example_are_those_of_the_twin() -> None:
    e = json.loads(shown("privacy", "json")[0])
    assert noise.clip(np.array(e["clip"]["v"]), e["clip"]["C"]).tolist() == e["clip"]["result"]
    bits: Iterator[int] = (int(word, 16) for word in e["noise"]["random"].split())
    drawn = [noise.discrete_gaussian(lambda: next(bits), e["noise"]["sigma"]) for _ in e["noise"]["values"]]
    assert drawn == e["noise"]["values"]
    assert list(bits) == []


def test_the_rounds_of_the_example_move_b_as_the_server_does() -> None:
    e = json.loads(shown("federated", "json")[0])
    none, rows = np.zeros(2, np.int64), np.array([1, 2])
    a, b = np.zeros((2, 3), np.int8), np.zeros((2, 2), np.int8)
    start = Delta(0, 0, a, none, none, none, b, rows, 0, 0, True, 8, 0, -128, 127)
    server = Masters(start, e["N"])
    for number, (total, moved) in enumerate(zip(e["G"], e["B"], strict=True)):
        assert server.step(number, np.array(total)).b.tolist() == moved
    word, late, sums = shown("federated", "text")[0].split()
    assert (word, late) == ("sum", "3")
    assert np.frombuffer(bytes.fromhex(sums), ">i4").reshape(2, 2).tolist() == e["G"][0]


def test_the_checkpoint_of_the_example_is_what_the_device_writes_and_reads(tmp_path: Path) -> None:
    example = data("learning")[0]
    flash = bytearray(b"\xff" * 2048)

    def read(_: object, at: int, out: int, size: int) -> int:
        ctypes.memmove(out, bytes(flash[at : at + size]), size)
        return 0

    def program(_: object, at: int, new: int, size: int) -> int:
        flash[at : at + size] = ctypes.string_at(new, size)
        return 0

    def erase(_: object, at: int, size: int) -> int:
        flash[at : at + size] = b"\xff" * size
        return 0

    u32, access = ctypes.c_uint32, ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p, ctypes.c_uint32] * 2)
    blank = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32)

    class Flash(ctypes.Structure):
        _fields_ = [
            *(("context", ctypes.c_void_p), ("mapped", ctypes.c_void_p)),
            *((name, u32) for name in ("program_unit", "erase_page", "slot_size")),
            *((name, ctypes.c_uint8) for name in ("slot_count", "journal_pages")),
            *(("read", access), ("program", access), ("erase", blank), ("sync", ctypes.c_void_p)),
        ]

    class Checkpoint(ctypes.Structure):
        _fields_ = [("flash", ctypes.POINTER(Flash)), ("offset", u32), ("size", u32)]

    library = link(
        tmp_path,
        [resources.path("firmware") / "session" / "checkpoint.c", source("crc32")],
        *("-std=gnu99", "-O1", "-shared", "-fPIC", *includes()),
        output="checkpoint.so",
    )
    lib = ctypes.CDLL(str(library))
    device = Flash(None, None, 8, 1024, 1024, 0, 0, access(read), access(program), blank(erase), None)
    places = ctypes.byref(Checkpoint(ctypes.pointer(device), 0, 1024))
    workspace, tag = example[32:], u32()
    assert lib.mcuedit_checkpoint_save(places, 77, 2, workspace, len(workspace)) == 0
    assert bytes(flash[: len(example)]) == example
    back = ctypes.create_string_buffer(len(workspace))
    assert lib.mcuedit_checkpoint_load(places, 77, ctypes.byref(tag), back, len(workspace)) == 1
    assert (back.raw, tag.value) == (workspace, 2)


def test_the_folder_of_the_example_is_the_adapter_whose_bytes_the_other_example_has(
    base: Base, facts: Path, tmp_path: Path
) -> None:
    config, front = shown("folders", "json")
    raw = data("adapter")[0]
    (delta,) = encoding.decode(raw, base.model).deltas
    named = {"lora_A.weight": delta.a, "lora_B.weight": delta.b, "rows": delta.rows}
    named |= {name: getattr(delta, name) for name in ("c", "m", "s")}
    tensors = {f"delta.0.{name}": np.ascontiguousarray(array) for name, array in named.items()}
    (tmp_path / "adapter_config.json").write_text(config, encoding="utf-8")
    (tmp_path / "adapter_model.safetensors").write_bytes(to_safetensors(tensors))
    assert encoding.encode(folder.load(tmp_path), base.model) == raw
    assert json.loads(front) == json.loads((facts / "preprocess.json").read_text(encoding="utf-8"))


def test_the_example_of_routes_reads_what_its_table_says(tmp_path: Path) -> None:
    """With adapters of the sizes that it names."""
    of = emitted.base()
    house_rules = dataclasses.replace(emitted.adapters(of)[1], name="house-rules")
    geography = dataclasses.replace(
        emitted.adapters(of)[0], name="geography", labels={5: "a name of twenty-nine letters"}
    )
    (tmp_path / "routes.toml").write_text(shown("routes", "toml")[0], encoding="utf-8")
    made = read_routes(tmp_path / "routes.toml", [geography, house_rules], of.model)
    assert [len(raw) for raw in made.raws] == [104, 80]
    assert (made.origin, made.pitch, len(made.image()), made.places) == (0x10000, 256, 512, 2)
    flash = routing.Flash(bytearray(made.origin) + bytearray(made.image()))
    slots = routing.Slots(made.origin, made.pitch, made.size, len(made.raws))
    contexts = {route.id: route.slots for route in made.routes}
    router = routing.Router(Native(of, tmp_path, "route"), flash, slots, contexts, made.otherwise)
    for context, active, read in table("routes"):
        flash.reads.clear()
        assert router.switch(int(context)) == "OK"
        assert list(contexts.get(int(context), made.otherwise)) == [int(slot) for slot in active.split(",")]
        assert flash.reads == [(int(at, 16), int(size)) for at, size in re.findall(r"\((\w+), (\d+)\)", read)]
