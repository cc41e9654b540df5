# SPDX-License-Identifier: Apache-2.0
"""What is emitted for adapters behind a reader, letter by letter; that it compiles, and does what its README says."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT
from helpers import golden
from helpers.blocks import blocks
from helpers.emitted import CMAKE, adapters, base
from helpers.native import SANITIZERS, WARNINGS, link, sanitizing
from helpers.tflm_here import needs_tree

from mcuedit import codegen
from mcuedit._util.atomic import write_folder
from mcuedit.adapter import folder
from mcuedit.adapter.encoding import encode
from mcuedit.build.compilers import find_host_cxx_compiler
from mcuedit.build.external import tflm
from mcuedit.cli import invoke
from mcuedit.codegen import emission, render
from mcuedit.conformance import synthetic
from mcuedit.model import bundle

EXPECTED = Path(__file__).with_name("expected_routes")
ROUTES = """default = ["a fact"]

[slots]
origin = 4096
page = 256
size = 96

[contexts.kitchen]
id = 1
adapters = ["style-2"]

[contexts."living room"]
id = 70000
adapters = ["style-2", "a fact"]

[contexts.nobody]
id = 9
adapters = []
"""
MAIN = """
#include <stdio.h>
#include <string.h>

int read_flash(void *driver, uint32_t offset, void *bytes, uint32_t size)
{
    FILE *image = fopen("tiny_routes.bin", "rb");
    int failed = !image || driver || fseek(image, (long)(offset - 4096), SEEK_SET);
    failed = failed || fread(bytes, 1, size, image) != size;
    if (image) {
        fclose(image);
    }
    return failed;
}

int main(void)
{
    int err = start();
    int8_t before[TINY_OUTPUT_SIZE];
    for (unsigned i = 0; !err && i < 4; i++) {
        const uint32_t ids[] = {TINY_CONTEXT_NOBODY, TINY_CONTEXT_KITCHEN, 12345, TINY_CONTEXT_LIVING_ROOM};
        uint8_t length = 0;
        err = switch_to(ids[i]);
        const int8_t *logits = ask("hello", 5);
        const char *label = mcuedit_context_label(&context, 5, &length);
        printf("%s %.*s\\n", i != 0 && memcmp(before, logits, sizeof(before)) ? "other" : "same", length,
               label ? label : "");
        if (i == 0) {
            memcpy(before, logits, sizeof(before));
        }
    }
    return err != 0;
}
"""


@pytest.fixture
def table(tmp_path: Path) -> codegen.Routes:
    (tmp_path / "routes.toml").write_text(ROUTES, encoding="utf-8")
    of = base()
    return codegen.read_routes(tmp_path / "routes.toml", adapters(of), of.model)


def test_golden(table: codegen.Routes, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "__version__", "0.0.0")
    got = {}
    for runtime, own in (("bare", ("README.md", "tiny_routes.c", "tiny_routes.h")), ("tflm", ("README.md", "main.cc"))):
        files = emission.emit(base(), table, runtime=runtime)
        assert not [name for name in files if name.endswith(("_adapter.c", "_adapter.h"))]
        got |= {name if runtime == "bare" else f"tflm_{name}": files[name].decode() for name in own}
    golden.compare(request, got, EXPECTED)


def test_the_image_has_each_adapter_at_its_slot(table: codegen.Routes) -> None:
    image = emission.emit(base(), table)["tiny_routes.bin"]
    raws = [encode(one, base().model) for one in adapters(base())]
    assert image == b"".join(raw + b"\xff" * (256 - len(raw)) for raw in raws)
    assert (table.origin, table.pitch, table.size, table.places) == (4096, 256, 96, 2)


@pytest.mark.skipif(shutil.which("cc") is None, reason="cc is not installed")
def test_the_code_of_the_readme_switches(table: codegen.Routes, tmp_path: Path) -> None:
    out = tmp_path / "out"
    files = emission.emit(base(), table)
    write_folder(out, files)
    code = files["README.md"].decode().split("```c\n")[1].split("```")[0]
    (out / "main.c").write_text(code + MAIN, encoding="utf-8")
    flags = [*WARNINGS, *SANITIZERS, f"-I{out}", f"-I{out / 'mcuedit' / 'include'}"]
    program = link(out, out.rglob("*.c"), *flags, output="app", compiler=sanitizing(tmp_path))
    done = subprocess.run([program], cwd=out, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    nobody, kitchen, unknown, living_room = done.stdout.splitlines()
    assert (nobody, unknown[-4:], living_room[-4:]) == ("same ", " gnu", " gnu")
    assert kitchen == "other "


@pytest.mark.skipif(not (CMAKE and shutil.which("cc") and shutil.which("make")), reason="needs cmake, make and cc")
@pytest.mark.parametrize("kind", ["cmake", "make"])
def test_a_project_builds_what_routes_take(table: codegen.Routes, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    write_folder(out, emission.emit(base(), table, project=kind))
    if kind == "cmake":
        subprocess.run([str(CMAKE), "-S", out, "-B", out / "build"], check=True, capture_output=True)
        subprocess.run([str(CMAKE), "--build", out / "build"], check=True, capture_output=True)
    else:
        subprocess.run(["make", "-C", out], check=True, capture_output=True)
    names = [path.name for path in (out / "build").rglob("*.o")]
    assert {"cache.c.o", "router.c.o", "tiny_routes.c.o"} <= set(names)


@needs_tree
def test_the_main_of_tflm_compiles(table: codegen.Routes, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_folder(out, emission.emit(base(), table, runtime="tflm"))
    compiler = find_host_cxx_compiler(tflm.root())
    flags = [f"-I{out}", f"-I{out / 'mcuedit' / 'include'}", f"-I{out / 'mcuedit' / 'tflm'}"]
    compiler.compile([*WARNINGS[1:], *flags, "-c", "main.cc", "-o", "main.o"], out)


def test_the_verb_writes_what_the_function_gives(table: codegen.Routes, tmp_path: Path) -> None:
    file = tmp_path / "tiny.tflite"
    file.write_bytes(base().model.data)
    for i, one in enumerate(adapters(base())):
        folder.save(one, tmp_path / f"a{i}")
    words = ["emit", str(tmp_path / "a0"), str(tmp_path / "a1"), "--base", str(file)]
    assert invoke([*words, "--router", str(tmp_path / "routes.toml"), "-o", str(tmp_path / "out")]) == 0
    for name, data in emission.emit(bundle.load(file), table).items():
        assert (tmp_path / "out" / name).read_bytes() == data, name


GUIDE = """
#include <stdio.h>

int w25q_read(uint32_t address, void *to, uint32_t size)
{
    FILE *image = fopen("facts_routes.bin", "rb");
    int failed = !image || fseek(image, (long)(address - 0x100000), SEEK_SET) || fread(to, 1, size, image) != size;
    if (image) {
        fclose(image);
    }
    return failed;
}

int main(void)
{
    int err = start();
    const uint32_t users[] = {0, FACTS_CONTEXT_ANA, FACTS_CONTEXT_BEN, FACTS_CONTEXT_ANA};
    for (unsigned i = 0; i < 4; i++) {
        const char *said = answer(users[i], "what currency is used in croatia?");
        printf("%s, %u read so far\\n", said, (unsigned)cache.misses);
    }
    printf("%u bytes\\n", (unsigned)MCUEDIT_CACHE_RAM(FACTS_CACHE_PLACES, FACTS_SLOT_SIZE));
    return err;
}
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="cc is not installed")
def test_the_code_of_the_guide_answers_each_user(facts: Path, tmp_path: Path) -> None:
    page = ROOT / "docs" / "guides" / "contexts.md"
    toml, code = (next(b.text for b in blocks(page) if b.language == language) for language in ("toml", "c"))
    of = bundle.load(facts)
    given = [
        dataclasses.replace(one, name=name)
        for one, name in zip(synthetic.adapters(of.model, 2), ("geography", "house-rules"), strict=True)
    ]
    (tmp_path / "routes.toml").write_text(toml, encoding="utf-8")
    out = tmp_path / "out"
    write_folder(out, emission.emit(of, codegen.read_routes(tmp_path / "routes.toml", given, of.model)))
    (out / "main.c").write_text(code + GUIDE, encoding="utf-8")
    flags = [*WARNINGS, "-O1", f"-I{out}", f"-I{out / 'mcuedit' / 'include'}"]
    program = link(out, out.rglob("*.c"), *flags, output="app")
    done = subprocess.run([program], cwd=out, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *answers, ram = done.stdout.splitlines()
    assert answers[0] == "kuna, 0 read so far"
    assert [line.split(", ")[1] for line in answers] == [f"{n} read so far" for n in (0, 1, 2, 2)]
    assert 3 * (1024 + 40) + 12 <= int(ram.split()[0]) <= 3 * (1024 + 80) + 24
