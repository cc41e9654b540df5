# SPDX-License-Identifier: Apache-2.0
"""Two folders with generated headers of the same name: zig's cache gave the second one the objects of the first."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcuedit.build import compilers


@pytest.mark.skipif(compilers.zig() is None, reason="ziglang is not installed")
def test_each_folder_gets_its_own_objects(tmp_path: Path) -> None:
    compiler = compilers.find_compiler("zig")
    source = tmp_path / "app.c"
    source.write_text('#include "size.h"\nchar buffer[SIZE];\n', encoding="utf-8")
    objects = []
    for size in (16, 512):
        folder = tmp_path / str(size)
        (folder / "generated").mkdir(parents=True)
        (folder / "generated" / "size.h").write_text(f"#define SIZE {size}\n", encoding="utf-8")
        target = ["-target", "thumb-freestanding-eabi", "-mcpu=cortex_m4"]
        compiler.run([*target, "-Igenerated", "-c", str(source), "-o", "app.o"], folder)
        objects.append((folder / "app.o").read_bytes())
    assert objects[0] != objects[1]
