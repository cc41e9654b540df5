# SPDX-License-Identifier: Apache-2.0
"""`mcuedit run --inputs` ended in a traceback on a damaged .npz (BadZipFile) and on a .npy."""

from __future__ import annotations

import numpy as np
import pytest

from mcuedit import cli


def damaged(path):
    np.savez(path, x=np.zeros((2, 16), np.int8))
    data = bytearray(path.read_bytes())
    data[-30:] = bytes(30)
    path.write_bytes(bytes(data))


def single(path):
    with path.open("wb") as file:
        np.save(file, np.zeros((2, 16), np.int8))


def pickled(path):
    np.savez(path, x=np.array([object()]))


def nameless(path):
    np.savez(path, y=np.zeros((2, 16), np.int8))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (damaged, "no .npz that can be read"),
        (single, "a single array, not an .npz"),
        (pickled, "no .npz that can be read"),
        (nameless, "no array 'x'"),
    ],
)
def test_run_says_what_is_wrong(tiny_path, tmp_path, capsys, make, message):
    make(tmp_path / "in.npz")
    assert cli.invoke(["run", str(tiny_path), "--inputs", str(tmp_path / "in.npz"), "--emulator", "tflm"]) == 2
    err = capsys.readouterr().err
    assert f"in.npz: {message}" in err
    assert "numpy.savez" in err
