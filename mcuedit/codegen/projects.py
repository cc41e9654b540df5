# SPDX-License-Identifier: Apache-2.0
"""Ways into firmware projects: emitted sources with the build files and metadata of CMake, Make, Zephyr and others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from mcuedit import __version__
from mcuedit._util import resources
from mcuedit._util.errors import McueditError
from mcuedit.codegen.names import base_names, comment
from mcuedit.codegen.render import banner, render_text
from mcuedit.model.bundle import Base

# Kind of project -> templates of its own; {stem} and {project} are filled in.
_FILES: Mapping[str, Mapping[str, str]] = {
    "cmake": {},
    "make": {"Makefile": "Makefile", "base.mk": "{stem}.mk"},
    "zephyr": {
        "module.yml": "zephyr/module.yml",
        "CMakeLists.txt": "zephyr/CMakeLists.txt",
        "Kconfig": "zephyr/Kconfig",
    },
    "arduino": {"library.properties": "library.properties"},
    "platformio": {"library.json": "library.json"},
    "esp-idf": {"CMakeLists.txt": "CMakeLists.txt", "idf_component.yml": "idf_component.yml"},
    "cmsis-pack": {"package.pdsc": "mcuedit.{project}.pdsc"},
}
PROJECTS = tuple(_FILES)
_FLAT = ("arduino", "platformio")  # one folder src is all that compilers look into
_OF_FIRMWARE = {"cmake": ("CMakeLists.txt", "mcuedit-config.cmake"), "make": ("mcuedit.mk",)}
_CODE = (".c", ".cc")
_MAIN = "main.cc"


@dataclass(frozen=True)
class Part:
    """A library: sources and include folders, relative to the project's folder.

    Attributes:
        component: its name in a CMSIS-Pack; `condition`: what it requires there.
        shared: several bases have it in common.
    """

    name: str
    title: str
    component: str
    condition: str
    shared: bool
    sources: tuple[str, ...]
    headers: tuple[str, ...]
    public: tuple[str, ...]

    @property
    def folders(self) -> list[str]:
        """Where its sources lie."""
        return list(dict.fromkeys(str(PurePosixPath(source).parent) for source in self.sources))

    @property
    def macro(self) -> str:
        """The name in options and variables."""
        return self.name.upper()


def arrange(files: Mapping[str, str], base: Base, project: str = "cmake") -> dict[str, str]:
    """Gives a rendered folder the build files of another kind of project.

    Args:
        files: of `render_project` or `render_tflm_project`.
        project: one of PROJECTS.

    Raises:
        McueditError: there is no such kind.
    """
    if project not in PROJECTS:
        raise McueditError(f"no kind of project {project!r}", f"one of {', '.join(PROJECTS)}")
    if base_names(base.name).symbol.startswith("mcuedit"):
        raise McueditError(f"base {base.name} is called like the runtime", "give it another name")
    build_files = ("CMakeLists.txt", "mcuedit/CMakeLists.txt") if project != "cmake" else ()
    made = {name: text for name, text in files.items() if name not in build_files}
    code = made["README.md"].partition("```c\n")[2].partition("```")[0]
    if project in _FLAT:
        made = _flat(made)
    context = _context(made, base, project)
    if project == "arduino" and _MAIN not in files:
        made["examples/Run/Run.ino"] = render_text("projects/arduino/Run.ino.j2", {**context, "code": code})
    for name in _OF_FIRMWARE.get(project, ()) if project != "cmake" or not context["cxx"] else ():
        made[f"mcuedit/{name}"] = (resources.path("firmware") / name).read_text(encoding="utf-8")
    made["README.md"] += render_text(f"projects/{project}/README.md.j2", context)
    return made | _own(project, context)


def render_metadata() -> dict[str, str]:
    """The metadata of firmware/ itself, the runtime without a base; its CMakeLists.txt and mcuedit.mk are no templates.

    Paths are relative to firmware/.
    """
    folder = resources.path("firmware")
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.glob("**/*.[ch]"))]
    parts = _runtime(names, "")[:1]
    made: dict[str, str] = {}
    for project in ("zephyr", "platformio", "esp-idf", "cmsis-pack"):
        context = {
            "version": __version__,
            "parts": parts,
            "project": "mcuedit",
            "title": "Gated low-rank INT8 deltas beside a frozen INT8 model",
            "base": None,
            "cxx": False,
            "flat": False,
            "headers": [PurePosixPath(header).relative_to("include").as_posix() for header in parts[0].headers],
        }
        made |= _own(project, context)
    return {name: text for name, text in made.items() if name != "CMakeLists.txt"}


def _own(project: str, context: Mapping[str, Any]) -> dict[str, str]:
    stem = context["base"].name if context["base"] else "mcuedit"
    return {
        path.format(stem=stem, project=context["project"]): render_text(f"projects/{project}/{name}.j2", context)
        for name, path in _FILES[project].items()
        if context["base"] or name != "CMakeLists.txt" or project == "zephyr"
    }


def _flat(files: Mapping[str, str]) -> dict[str, str]:
    """All code below src/, which is the only include path: the runtime in a folder of it, beside its public headers."""
    made: dict[str, str] = {}
    for name, text in files.items():
        path = PurePosixPath(name)
        if path.parts[0] == "mcuedit":
            place = name.replace("/include/mcuedit/", "/")
            made[f"src/{place}"] = text
            if path.name == "mcuedit_tflm.h":
                made["src/mcuedit_tflm.h"] = f'#include "{place}"\n'
        elif name == _MAIN:
            made[f"examples/main/{name}"] = text
        else:
            made[f"src/{name}" if path.suffix in (*_CODE, ".h") else name] = text
    return made


def _context(files: Mapping[str, str], base: Base, project: str) -> dict[str, Any]:
    names = base_names(base.name)
    root = "src/" if project in _FLAT else ""
    own = [name for name in files if str(PurePosixPath(name).parent) == (root.rstrip("/") or ".") and name != _MAIN]
    cxx = any(name.endswith("mcuedit_tflm.cc") for name in files)
    headers = tuple(sorted(name for name in own if name.endswith(".h")))
    main = Part(
        names.symbol,
        f"The base {comment(base.name)} and its adapters",
        names.symbol,
        "runtime",
        False,
        tuple(sorted(name for name in own if name.endswith(_CODE))),
        headers,
        (".",),
    )
    return {
        **banner(base),
        "names": names,
        "base": main,
        "parts": [*_runtime(sorted(files), "mcuedit/"), main],
        "project": f"mcuedit_{names.symbol}",
        "title": f"The INT8 model {comment(base.name)} and its adapters, for mcuedit",
        "headers": [PurePosixPath(header).name for header in headers if not header.endswith("mcuedit_tflm.h")],
        "cxx": cxx,
        "flat": bool(root),
        "example": project == "arduino" and not cxx,
    }


def _runtime(names: list[str], root: str) -> list[Part]:
    """The parts of the runtime among files: the core with the engine, and the wrapper of TFLM kernels."""

    def among(suffix: str, *folders: str) -> tuple[str, ...]:
        starts = tuple(f"{root}{folder}/" for folder in folders)
        return tuple(name for name in names if name.startswith(starts) and name.endswith(suffix))

    sources = among(".c", *resources.LIBRARY)
    title = "The runtime: adds gated low-rank INT8 deltas to a frozen INT8 model"
    core = Part("mcuedit", title, "Runtime", "", True, sources, among(".h", "include"), (f"{root}include",))
    if not (wrapper := among(".cc", "tflm")):
        return [core]
    title = "Kernels of TensorFlow Lite Micro that add deltas"
    return [core, Part("mcuedit_tflm", title, "TFLM", "tflm", True, wrapper, among(".h", "tflm"), (f"{root}tflm",))]
