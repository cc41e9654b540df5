# SPDX-License-Identifier: Apache-2.0
"""Options of the library: what differs in them between it and an application does not link."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers.native import WARNINGS, includes, source

from mcuedit._util import resources
from mcuedit._util.errors import McueditError
from mcuedit.build.compilers import find_host_compiler

STORE = """#include "mcuedit/store.h"
int mcuedit_store_open(mcuedit_store *s, const mcuedit_store_config *c) { return s && c ? 0 : 1; }
"""
USES_STORE = """#include "mcuedit/store.h"
int main(void) { static mcuedit_store s; static mcuedit_store_config c; return mcuedit_store_open(&s, &c); }
"""
SMP = """#include "mcuedit/smp.h"
void mcuedit_smp_init(mcuedit_smp *s, const mcuedit_smp_config *c) { s->config = c; }
"""
USES_SMP = """#include "mcuedit/smp.h"
int main(void) { static mcuedit_smp s; static mcuedit_smp_config c; mcuedit_smp_init(&s, &c); return 0; }
"""
TRAINER = """#include "mcuedit/train_factors.h"
int mcuedit_train_factors_init(const mcuedit_train_factors *f, mcuedit_train_factors_state *w, uint32_t size,
                               uint32_t seed)
{
    return f && w ? (int)(size + seed) : 0;
}
"""
USES_TRAINER = """#include "mcuedit/train_factors.h"
int main(void) { return mcuedit_train_factors_init(0, 0, 0, 0); }
"""


def link(folder: Path, library: str, application: str, *options: str) -> None:
    """A library with default options and an application with `options`."""
    compiler = find_host_compiler()
    for name, text, more in (("library", library, ()), ("application", application, options)):
        (folder / f"{name}.c").write_text(text, encoding="utf-8")
        compiler.run([*WARNINGS, *includes(), *more, "-c", f"{name}.c", "-o", f"{name}.o"], folder)
    compiler.run(["application.o", "library.o", "-o", "app"], folder)


@pytest.mark.parametrize(("library", "application"), [(STORE, USES_STORE), (TRAINER, USES_TRAINER)])
def test_equal_options_link(library: str, application: str, tmp_path: Path) -> None:
    link(tmp_path, library, application, "-DMCUEDIT_STORE_SLOTS=8", "-DMCUEDIT_TRAIN_FLOAT=0")


@pytest.mark.parametrize(
    ("library", "application", "option"),
    [
        (STORE, USES_STORE, "MCUEDIT_STORE_SLOTS=12"),
        (STORE, USES_STORE, "MCUEDIT_STORE_VIEWS=6"),
        (SMP, USES_SMP, "MCUEDIT_TEACHING=1"),
        (TRAINER, USES_TRAINER, "MCUEDIT_TRAIN_FLOAT=1"),
    ],
)
def test_other_options_do_not_link(library: str, application: str, option: str, tmp_path: Path) -> None:
    with pytest.raises(McueditError, match=r"mcuedit_(store_open|smp_init|train_factors_init)"):
        link(tmp_path, library, application, f"-D{option}")


def test_a_header_of_the_user_can_set_options(tmp_path: Path) -> None:
    (tmp_path / "mcuedit_user_config.h").write_text("#define MCUEDIT_STORE_SLOTS 12\n", encoding="utf-8")
    with pytest.raises(McueditError, match="mcuedit_store_open"):
        link(tmp_path, STORE, USES_STORE, "-I.", "-DMCUEDIT_USER_CONFIG")


def test_every_option_that_the_library_reads_has_its_default_in_config() -> None:
    firmware = resources.path("firmware")
    known = set(re.findall(r"#ifndef (MCUEDIT_\w+)\n#", (firmware / "include/mcuedit/config.h").read_text()))
    own = re.compile(
        r"MCUEDIT_(DOT_(MVE|DSP)|UNPACKED|PACKAGE_OVERHEAD|FORMAT|USER_CONFIG|KEY_COUNT|TFLM_NEWER|\w+_H)$"
    )
    for path in [p for p in firmware.rglob("*.[ch]*") if p.suffix in (".c", ".h", ".cc")]:
        asked = re.findall(r"#\s*(?:if|ifdef|ifndef|elif)\b[^\n]*", path.read_text(encoding="utf-8"))
        used = {name for line in asked for name in re.findall(r"MCUEDIT_\w+", line)}
        assert {name for name in used if not own.match(name)} <= known | {"MCUEDIT_COMPILER_H"}, path


def test_the_functions_that_carry_options_are_those_of_the_library() -> None:
    assert "int mcuedit_store_open(" in source("store").read_text(encoding="utf-8")
    assert "int mcuedit_train_factors_init(" in source("factors").read_text(encoding="utf-8")
