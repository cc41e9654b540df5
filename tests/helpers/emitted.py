# SPDX-License-Identifier: Apache-2.0
"""A small base with two adapters, and what is emitted for them."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from helpers import tiny
from helpers.deltas import adapter, delta
from mcuedit import codegen
from mcuedit.adapter.delta import Adapter
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import parse

# That of the system, or of the package cmake beside this Python.
CMAKE = shutil.which("cmake", path=os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)]))
LABELS = ("ant", 'b"ee', "c\\at", "dé", "e?", "*/fly")


def base(name: str = "tiny") -> Base:
    return Base(name, parse(tiny.classifier((16, 8, 6)), name), LABELS, features=16)


def adapters(of: Base) -> list[Adapter]:
    fact = adapter(of.model, delta(of.model, 0, 1), name="a fact", labels={5: "gnu"})
    style = adapter(of.model, delta(of.model, 1, 1, bits=4, rank=2, rows=None, gated=False), name="style-2")
    return [fact, style]


def project(of: Base) -> dict[str, str]:
    return codegen.render_project(of, adapters(of)) | codegen.render_model_header(of)


MAIN = '\nint main(void)\n{\n    return start() != 0 || ask("hello", 5) == 0;\n}\n'


def readme_code(of: Base) -> str:
    return project(of)["README.md"].split("```c\n")[1].split("```")[0]
