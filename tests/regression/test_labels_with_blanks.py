# SPDX-License-Identifier: Apache-2.0
"""Blanks around a label were part of it: no answer of an edit set matched it, and devices said them."""

from __future__ import annotations

from pathlib import Path

from mcuedit.edits import Edit, EditSet, resolve_answers
from mcuedit.emulate.backends.host import HostDevice
from mcuedit.emulate.devices.firmware import sources
from mcuedit.model import bundle

LABELS = b"\xef\xbb\xbfa \nb\t\n c\r\nd\n\xc3\xa9  \n<spare 0> \n\n"


def test_neither_the_host_nor_a_device_has_them(tmp_path: Path, tiny_bytes: bytes):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "model.tflite").write_bytes(tiny_bytes)
    (folder / "labels.txt").write_bytes(LABELS)
    (folder / "preprocess.json").write_text('{"kind": "text-hash", "version": 1, "features": 16}')
    found = bundle.load(folder)
    wanted = EditSet(tuple(Edit("s", (f"p{i}",), label) for i, label in enumerate("abcd")))
    assert resolve_answers(wanted, found.labels, 6).classes == (0, 1, 2, 3)
    generated = sources(found)["base.c"]
    assert [label for label in "abcd" if f'"{label}\\0"' not in generated] == []
    with HostDevice(found) as device:
        answers = device.ask([f"word {i}" for i in range(40)])
    assert {a.label for a in answers} <= {"a", "b", "c", "d", "é", "<spare 0>"}
    assert len({a.label for a in answers}) > 1
