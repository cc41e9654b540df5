# SPDX-License-Identifier: Apache-2.0
"""Ways into firmware projects: what is emitted for each, and that each way builds and runs.

CMake and Make build here. The tool chains of the others are not to be had from a registry: their files are compared
letter by letter, their build files are executed by stand-ins that know what the real commands do, and tests/unit's
test_project_schemas.py checks the metadata.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import pytest
from helpers import golden
from helpers.emitted import CMAKE, MAIN, adapters, base, readme_code
from helpers.native import WARNINGS, link

from mcuedit import codegen
from mcuedit._util import resources
from mcuedit._util.atomic import write_folder
from mcuedit._util.errors import McueditError
from mcuedit.build.external import tflm
from mcuedit.codegen import emission, projects, render

EXPECTED = Path(__file__).with_name("expected_ways")
FIRMWARE = resources.path("firmware")
C_CODE = (".c", ".cc", ".h", ".bin")
cmake = pytest.mark.skipif(CMAKE is None, reason="cmake is not installed")
make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
cc = pytest.mark.skipif(shutil.which("cc") is None, reason="the build finds no C compiler: cc is not installed")


@pytest.fixture
def emitted(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The folder of the kind of project that the test is parametrized with."""
    of = base()
    write_folder(tmp_path / "emitted", emission.emit(of, adapters(of), project=request.param))
    (tmp_path / "main.c").write_text(readme_code(of) + MAIN, encoding="utf-8")
    return tmp_path / "emitted"


def in_(*kinds: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("emitted", kinds, indirect=True)


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("runtime", ["bare", "tflm"])
@pytest.mark.parametrize("kind", codegen.PROJECTS)
def test_golden(kind: str, runtime: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "__version__", "0.0.0")
    folder = EXPECTED / (kind if runtime == "bare" else f"{kind}-{runtime}")
    of = base()
    files = emission.emit(of, adapters(of), project=kind, runtime=runtime)
    assert files == emission.emit(of, adapters(of), project=kind, runtime=runtime)
    got = {name: data.decode() for name, data in files.items() if not name.endswith(C_CODE)}
    golden.compare(request, got, folder)


def test_the_metadata_of_firmware(request: pytest.FixtureRequest) -> None:
    for name, text in projects.render_metadata().items():
        if request.config.getoption("--update-golden"):
            (FIRMWARE / name).parent.mkdir(exist_ok=True)
            (FIRMWARE / name).write_text(text, encoding="utf-8")
        assert text == (FIRMWARE / name).read_text(encoding="utf-8"), name


def test_the_sources_of_firmware_are_all_built() -> None:
    cmake, make, zephyr = (
        (FIRMWARE / name).read_text(encoding="utf-8")
        for name in ("CMakeLists.txt", "mcuedit.mk", "zephyr/CMakeLists.txt")
    )
    for part in resources.LIBRARY:
        assert f" {part}" in cmake.split("mcuedit_parts", 1)[1].splitlines()[0]
        assert f" {part}" in make.split("MCUEDIT_PARTS", 1)[1].splitlines()[0]
        assert all(f"{path.relative_to(FIRMWARE)}" in zephyr for path in FIRMWARE.glob(f"{part}/*.c"))


def test_kinds_and_names_that_do_not_go() -> None:
    with pytest.raises(McueditError, match="no kind of project 'meson'"):
        codegen.arrange(codegen.render_project(base()), base(), "meson")
    of = base("MCUedit")
    with pytest.raises(McueditError, match="base MCUedit is called like the runtime"):
        codegen.arrange(codegen.render_project(of), of)


@in_(*codegen.PROJECTS)
def test_the_same_code_whatever_the_project(emitted: Path) -> None:
    of = base()
    code = {Path(name).name: data for name, data in emission.emit(of, adapters(of)).items() if name.endswith(C_CODE)}
    files = [path for path in emitted.rglob("*") if path.suffix in C_CODE]
    assert sorted(path.name for path in files) == sorted(code)
    assert all(path.read_bytes() == code[path.name] for path in files)


FIND = "find_package(mcuedit CONFIG REQUIRED)\n"
OWN = """add_library(own STATIC emitted/tiny.c emitted/a_fact_adapter.c emitted/style_2_adapter.c)
target_include_directories(own PUBLIC emitted)
target_link_libraries(own PUBLIC mcuedit::mcuedit)
"""
PROJECTS = {  # lines of the project, what its application links, where it finds packages
    "subdirectory": ("add_subdirectory(emitted)", "tiny", ""),
    "package": (f"{FIND}{FIND}add_subdirectory(emitted)", "tiny", "emitted"),
    "firmware": (FIND + OWN, "own", FIRMWARE),
}


@cmake
@cc
@in_("cmake")
@pytest.mark.parametrize("way", PROJECTS)
def test_cmake(emitted: Path, way: str) -> None:
    lines, target, prefix = PROJECTS[way]
    (emitted.parent / "CMakeLists.txt").write_text(
        f"cmake_minimum_required(VERSION 3.13)\nproject(app C)\n{lines}\n"
        f"add_executable(app main.c)\ntarget_link_libraries(app PRIVATE {target})\n"
    )
    run(emitted.parent, str(CMAKE), "-S", ".", "-B", "build", f"-DCMAKE_PREFIX_PATH={emitted.parent / prefix}")
    run(emitted.parent, str(CMAKE), "--build", "build")
    run(emitted.parent, "build/app")


@make
@cc
@in_("make")
def test_make_builds_a_library(emitted: Path) -> None:
    flags = "-Wall -Wextra -Werror -Wconversion"
    run(emitted.parent, "make", "-C", "emitted", f"CFLAGS={flags}")
    library = emitted / "build" / "libtiny.a"
    first = library.stat().st_mtime_ns
    assert "up to date" in run(emitted.parent, "make", "-C", "emitted", f"CFLAGS={flags}")
    (emitted / "mcuedit" / "core" / "dot.h").touch()
    run(emitted.parent, "make", "-C", "emitted", f"CFLAGS={flags}")
    assert library.stat().st_mtime_ns > first
    includes = ("-Iemitted", "-Iemitted/mcuedit/include")
    run(emitted.parent, "cc", "-std=c99", *includes, "main.c", "emitted/build/libtiny.a", "-o", "app")
    run(emitted.parent, "./app")
    run(emitted.parent, "make", "-C", "emitted", "clean")
    assert not library.exists()


@make
@cc
@in_("make")
def test_make_includes_variables(emitted: Path) -> None:
    (emitted.parent / "Makefile").write_text(
        "all: app\ninclude emitted/tiny.mk\ninclude emitted/tiny.mk\n"
        "app: main.c $(TINY_SRCS)\n\t$(CC) -std=c99 $(TINY_CPPFLAGS) $^ -o $@\n"
    )
    run(emitted.parent, "make", "CC=cc")
    run(emitted.parent, "./app")


def build(folder: Path, sources: Sequence[object], includes: Sequence[object]) -> None:
    """What the stand-ins end in: everything compiles without warnings, and the program of the README runs."""
    link(folder, ["main.c", *map(str, sources)], *WARNINGS, *(f"-I{path}" for path in includes), output="app")
    run(folder, "./app")


@in_("arduino", "platformio")
def test_flat_libraries_build_as_their_tools_do(emitted: Path) -> None:
    """Arduino and PlatformIO compile all below src/, with src/ as the only include path."""
    build(emitted.parent, sorted((emitted / "src").rglob("*.c")), [emitted / "src"])


@in_("arduino")
@pytest.mark.skipif(shutil.which("c++") is None, reason="c++ is not installed")
def test_the_arduino_example_is_cxx(emitted: Path) -> None:
    sketch = (emitted / "examples" / "Run" / "Run.ino").read_text(encoding="utf-8")
    arduino = "struct { void begin(long) {} void println(int) {} } Serial;\n"
    (emitted.parent / "sketch.cpp").write_text(arduino + sketch, encoding="utf-8")
    run(emitted.parent, "c++", "-Wall", "-Wextra", "-Werror", f"-I{emitted / 'src'}", "-c", "sketch.cpp")


ZEPHYR = """cmake_minimum_required(VERSION 3.13)
project(app C)
set(ZEPHYR_INCLUDES)
macro(zephyr_include_directories)
  foreach(folder ${ARGN})
    include_directories(${folder})
  endforeach()
endmacro()
macro(zephyr_library_named name)
  set(ZEPHYR_CURRENT_LIBRARY ${name})
  add_library(${name} STATIC)
endmacro()
macro(zephyr_library_sources)
  target_sources(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGN})
endmacro()
macro(zephyr_library_include_directories)
  target_include_directories(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGN})
endmacro()
set(CONFIG_MCUEDIT y)
set(CONFIG_MCUEDIT_TINY y)
include_directories(emitted emitted/mcuedit/include)
add_subdirectory(emitted/zephyr)
add_subdirectory(${FIRMWARE}/zephyr firmware) # a second module with the runtime: that of the first is taken
add_executable(app main.c)
target_link_libraries(app PRIVATE mcuedit_tiny mcuedit)
"""


@cmake
@cc
@in_("zephyr")
def test_zephyr_module(emitted: Path) -> None:
    (emitted.parent / "CMakeLists.txt").write_text(ZEPHYR)
    run(emitted.parent, str(CMAKE), "-S", ".", "-B", "build", f"-DFIRMWARE={FIRMWARE}")
    run(emitted.parent, str(CMAKE), "--build", "build")
    run(emitted.parent, "build/app")
    options = (emitted / "zephyr" / "Kconfig").read_text(encoding="utf-8")
    assert "config MCUEDIT_TINY\n" in options
    assert "\tselect MCUEDIT\n" in options


ESP_IDF = """cmake_minimum_required(VERSION 3.13)
project(app C)
set(ESP_PLATFORM 1)
function(idf_component_register)
  cmake_parse_arguments(IT "" "" "SRCS;INCLUDE_DIRS;PRIV_INCLUDE_DIRS" ${ARGN})
  if(IT_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${IT_UNPARSED_ARGUMENTS}")
  endif()
  add_library(component STATIC ${IT_SRCS})
  target_include_directories(component PUBLIC ${IT_INCLUDE_DIRS} PRIVATE ${IT_PRIV_INCLUDE_DIRS})
endfunction()
add_subdirectory(${COMPONENT} component)
add_executable(app main.c ${MORE})
target_include_directories(app PRIVATE emitted)
target_link_libraries(app PRIVATE component)
"""


@cmake
@cc
@in_("esp-idf")
@pytest.mark.parametrize("of_firmware", [False, True])
def test_esp_idf_component(emitted: Path, of_firmware: bool) -> None:
    (emitted.parent / "CMakeLists.txt").write_text(ESP_IDF)
    more = ";".join(f"emitted/{path.name}" for path in emitted.glob("*.c")) if of_firmware else ""
    component = f"-DCOMPONENT={FIRMWARE if of_firmware else emitted}"
    run(emitted.parent, str(CMAKE), "-S", ".", "-B", "build", component, f"-DMORE={more}")
    run(emitted.parent, str(CMAKE), "--build", "build")
    run(emitted.parent, "build/app")


@in_("cmsis-pack")
def test_cmsis_pack(emitted: Path) -> None:
    files = ET.parse(emitted / "mcuedit.mcuedit_tiny.pdsc").getroot().findall("components/component/files/file")
    paths = {kind: [f.attrib["name"] for f in files if f.attrib["category"] == kind] for kind in ("sourceC", "include")}
    assert all((emitted / f.attrib["name"]).exists() for f in files)
    build(emitted.parent, [emitted / name for name in paths["sourceC"]], [emitted / name for name in paths["include"]])


@in_("platformio")
def test_platformio_of_firmware(emitted: Path) -> None:
    """The runtime alone, as library.json of firmware/ describes it."""
    of = json.loads((FIRMWARE / "library.json").read_text(encoding="utf-8"))["build"]
    globs = [entry[2:-1] for entry in of["srcFilter"] if entry.startswith("+<")]
    sources = [path for pattern in globs for path in FIRMWARE.glob(pattern)]
    own = sorted((emitted / "src").glob("*.c"))
    build(emitted.parent, [*own, *sources], [emitted / "src", FIRMWARE / of["includeDir"]])


def test_firmware_with_tflm_keeps_what_takes_no_tflm_apart() -> None:
    of = base()
    for kind in codegen.PROJECTS:
        made = emission.emit(of, adapters(of), project=kind, runtime="tflm")
        named = {path.rsplit("/", 1)[-1] for path in made}
        assert {"main.cc", "tiny_model.c", "tiny_resolver.h", "mcuedit_tflm.cc", "compat.h"} <= named
        metadata = [data.split(b"# By itself") for path, data in made.items() if not path.endswith((*C_CODE, ".md"))]
        assert not any(b"main.cc" in data for data, *_ in metadata)  # an example, and no part of the library
    text = emission.emit(of, project="arduino", runtime="tflm")["src/mcuedit_tflm.h"]
    assert text == b'#include "mcuedit/tflm/mcuedit_tflm.h"\n'


@pytest.mark.skipif("TFLM_ROOT" not in os.environ, reason="TFLM_ROOT names no tree of TensorFlow Lite Micro")
@pytest.mark.skipif(shutil.which("c++") is None, reason="c++ is not installed")
@pytest.mark.parametrize("kind", ["arduino", "make"])
def test_firmware_with_tflm_compiles(kind: str, tmp_path: Path) -> None:
    of = base()
    write_folder(tmp_path / kind, emission.emit(of, adapters(of), project=kind, runtime="tflm"))
    flags = tflm.cxx_flags(Path(os.environ["TFLM_ROOT"]))
    if kind == "make":
        run(tmp_path, "make", "-C", kind, f"CXXFLAGS={' '.join(flags)}")
    else:
        for source in (tmp_path / kind).rglob("*.cc"):
            run(tmp_path, "c++", *flags, f"-I{tmp_path / kind / 'src'}", "-c", str(source), "-o", "out.o")
