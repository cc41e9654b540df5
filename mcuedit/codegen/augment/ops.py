# SPDX-License-Identifier: Apache-2.0
"""Which ops a host's firmware has: it fails on a model with any other."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mcuedit._util import textfile
from mcuedit._util.errors import McueditError
from mcuedit.codegen.tflm import ALL_KINDS

# What ESPHome 2026.6.5 (PyPI `esphome`) registers for wake words: StreamingModel::register_streaming_ops_ in
# esphome/components/micro_wake_word/streaming_model.cpp. A test reads the installed package.
ESPHOME = frozenset(
    """
    ADD ASSIGN_VARIABLE AVERAGE_POOL_2D CALL_ONCE CONCATENATION CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED LOGISTIC
    MAX_POOL_2D MEAN MUL PACK PAD QUANTIZE READ_VARIABLE RESHAPE SPLIT_V STRIDED_SLICE VAR_HANDLE
    """.split()
)
KNOWN = {"esphome": ESPHOME, "tflm-micro": frozenset(ALL_KINDS)}


def allowed(given: str) -> frozenset[str]:
    """Kinds of ops by the name of a firmware, or from a file with one a line.

    Raises:
        McueditError: there is no such file, or it names what is no op of TensorFlow Lite Micro.
    """
    if given in KNOWN:
        return KNOWN[given]
    if not Path(given).is_file():
        raise McueditError(f"no list of ops {given!r}", f"name a file with one op a line, or {' or '.join(KNOWN)}")
    lines = (line.partition("#")[0].strip() for line in textfile.read(Path(given)).splitlines())
    known = {_plain(kind): kind for kind in KNOWN["tflm-micro"]}
    return frozenset(_kind(line, known, given) for line in lines if line)


def missing(kinds: Iterable[str], ops: frozenset[str]) -> list[str]:
    """Those that a firmware does not have."""
    return sorted(set(kinds) - ops)


def _kind(line: str, known: dict[str, str], name: str) -> str:
    plain = _plain(line)
    found = known.get(plain) or known.get(plain.removeprefix("add"))
    if found is None:
        raise McueditError(
            f"{name}: {line!r} is no op of TensorFlow Lite Micro",
            "write one a line, as FULLY_CONNECTED or as the resolver's AddFullyConnected",
        )
    return found


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())
