# SPDX-License-Identifier: Apache-2.0
"""The metadata of ways into firmware projects, against what their makers publish.

PlatformIO and ESP-IDF have their schemas in packages (`pip install -e .[schemas]`). Those of Arduino, CMSIS-Pack and
Zephyr are files of their repositories: MCUEDIT_SCHEMAS names a folder with arduino-lint's etc/schemas/*.json,
Open-CMSIS-Pack-Spec's schema/PACK.xsd and Zephyr's scripts/zephyr_module.py. What is not there is skipped; the fields
that the makers document as needed are always looked at.
"""

from __future__ import annotations

import ast
import json
import os
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from helpers.emitted import adapters, base

from mcuedit._util import resources
from mcuedit._util.atomic import write_folder
from mcuedit.codegen import emission

FIRMWARE = resources.path("firmware")
SCHEMAS = os.environ.get("MCUEDIT_SCHEMAS")
PLACES = pytest.mark.parametrize("place", ["bare", "tflm", "firmware"])


def folder_of(place: str, kind: str, tmp_path: Path) -> Path:
    """Metadata of a folder emitted for a runtime, or those of firmware/."""
    if place == "firmware":
        return FIRMWARE
    of = base('it\'s <a> "base" & more: # %')
    write_folder(tmp_path / kind, emission.emit(of, adapters(of), project=kind, runtime=place))
    return tmp_path / kind


def published(pattern: str) -> list[Path]:
    found = sorted(Path(SCHEMAS).glob(pattern)) if SCHEMAS else []
    if not found:
        pytest.skip(f"no {pattern}: MCUEDIT_SCHEMAS names no folder that has it")
    return found


def properties(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {key: value for key, _, value in (line.partition("=") for line in lines)}


def test_arduino_fields(tmp_path: Path) -> None:
    fields = properties(folder_of("bare", "arduino", tmp_path) / "library.properties")
    needed = {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures"}
    assert needed <= fields.keys() <= needed | {"includes", "depends", "dot_a_linkage", "precompiled", "ldflags"}
    assert all(fields.values())
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}", fields["name"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", fields["version"])


def test_arduino_schema(tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    referencing = pytest.importorskip("referencing")
    schemas = {path.name: json.loads(path.read_text()) for path in published("*.json")}
    resources_ = [(it["$id"], referencing.Resource.from_contents(it)) for it in schemas.values()]
    registry = referencing.Registry().with_resources(resources_)
    fields = properties(folder_of("bare", "arduino", tmp_path) / "library.properties")
    for name in ("arduino-library-properties-schema.json", "arduino-library-properties-strict-schema.json"):
        errors = jsonschema.Draft7Validator(schemas[name], registry=registry).iter_errors(fields)
        assert [error.message for error in errors] == []


@PLACES
def test_platformio_fields(place: str, tmp_path: Path) -> None:
    fields = json.loads((folder_of(place, "platformio", tmp_path) / "library.json").read_text(encoding="utf-8"))
    assert {"name", "version", "description", "license", "frameworks", "platforms", "headers"} <= fields.keys()


@PLACES
def test_platformio_schema(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = pytest.importorskip("platformio.package.manifest.schema", reason="platformio is not installed")
    from platformio.package.manifest.parser import ManifestParserFactory

    known = staticmethod(lambda: {"licenses": [{"licenseId": "Apache-2.0"}]})  # in place of a download
    monkeypatch.setattr(schema.ManifestSchema, "load_spdx_licenses", known)
    path = folder_of(place, "platformio", tmp_path) / "library.json"
    schema.ManifestSchema().load_manifest(ManifestParserFactory.new_from_file(str(path)).as_dict())


@PLACES
def test_esp_idf_schema(place: str, tmp_path: Path) -> None:
    manager = pytest.importorskip("idf_component_tools.manager", reason="idf-component-manager is not installed")
    path = folder_of(place, "esp-idf", tmp_path) / "idf_component.yml"
    checked = manager.ManifestManager(str(path), "component").validate()
    assert checked.validation_errors == []
    assert manager.ManifestManager(str(path), "component").load().dependencies["idf"]


@PLACES
def test_cmsis_pack_fields(place: str, tmp_path: Path) -> None:
    (path,) = folder_of(place, "cmsis-pack", tmp_path).glob("*.pdsc")
    root = ET.parse(path).getroot()
    texts = {tag: root.findtext(tag) or "" for tag in ("vendor", "name", "description", "url")}
    assert all(texts.values())
    assert path.name == f"{texts['vendor']}.{texts['name']}.pdsc"
    ids = {condition.attrib["id"] for condition in root.iter("condition")}
    for component in root.iter("component"):
        assert {"Cclass", "Cgroup", "Csub", "Cversion"} <= component.attrib.keys()
        assert component.get("condition") in {None, *ids}
    assert all((path.parent / file.attrib["name"]).exists() for file in root.iter("file"))


@PLACES
def test_cmsis_pack_schema(place: str, tmp_path: Path) -> None:
    xmlschema = pytest.importorskip("xmlschema")
    (schema,) = published("PACK.xsd")
    (path,) = folder_of(place, "cmsis-pack", tmp_path).glob("*.pdsc")
    assert [error.reason for error in xmlschema.XMLSchema(str(schema)).iter_errors(str(path))] == []


@PLACES
def test_zephyr_fields(place: str, tmp_path: Path) -> None:
    folder = folder_of(place, "zephyr", tmp_path)
    text = (folder / "zephyr" / "module.yml").read_text(encoding="utf-8")
    fields = dict(re.findall(r"^ *([a-z]+): (\S+)$", text, re.MULTILINE))
    assert fields.keys() == {"name", "cmake", "kconfig"}
    assert ("- tflite-micro" in text) == (place == "tflm")
    assert (folder / fields["cmake"] / "CMakeLists.txt").is_file()
    assert (folder / fields["kconfig"]).is_file()


@PLACES
def test_zephyr_schema(place: str, tmp_path: Path) -> None:
    core = pytest.importorskip("pykwalify.core", reason="pykwalify is not installed")
    yaml: Any = pytest.importorskip("yaml")
    (script,) = published("zephyr_module.py")
    tree = ast.parse(script.read_text(encoding="utf-8"))
    (schema,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "METADATA_SCHEMA"
    )
    path = folder_of(place, "zephyr", tmp_path) / "zephyr" / "module.yml"
    core.Core(source_data=yaml.safe_load(path.read_text()), schema_data=yaml.safe_load(schema)).validate()
