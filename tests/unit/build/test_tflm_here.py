# SPDX-License-Identifier: Apache-2.0
"""Finding TFLM: what is missing is said, the right library is chosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcuedit._util.errors import McueditError
from mcuedit.boards import board
from mcuedit.build.external import tflm
from mcuedit.model.scales import FLOAT_KINDS

GEN = "gen/cortex_m_generic_{}_release_with_logs_{}_gcc/lib/libtensorflow-microlite.a"
MEMBER = b"!<arch>\n" + b"/".ljust(48) + b"%-10d`\n"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    header = tmp_path / "tensorflow/lite/micro/micro_interpreter.h"
    header.parent.mkdir(parents=True)
    header.touch()
    for name in ("flatbuffers/include", "gemmlowp", "ruy"):
        (tmp_path / "tensorflow/lite/micro/tools/make/downloads" / name).mkdir(parents=True)
    monkeypatch.setenv("TFLM_ROOT", str(tmp_path))
    monkeypatch.delenv("TFLM_LIB", raising=False)
    return tmp_path


def library(path: Path, symbols: bytes = b"") -> Path:
    path.parent.mkdir(parents=True)
    path.write_bytes(MEMBER % len(symbols) + symbols)
    return path


def test_the_library_of_the_core(tree: Path) -> None:
    for arch in ("cortex-m4+fp", "cortex-m4", "cortex-m3", "cortex-m33"):
        library(tree / GEN.format(arch, "cmsis_nn"), b"x\0_ZN6tflite29Register_FULLY_CONNECTED_INT8Ev\0")
        library(tree / GEN.format(arch, "reference"))
    for name, arch in (("mps2-an386", "cortex-m4+fp"), ("mps2-an385", "cortex-m3"), ("mps2-an505", "cortex-m33")):
        found = tflm.find(board.load(name))
        assert found.path == tree / GEN.format(arch, "cmsis_nn")
        assert "-DCMSIS_NN" in found.flags
    with pytest.raises(McueditError, match=r"no libtensorflow-microlite\.a for cortex-m55") as caught:
        tflm.find(board.load("mps3-an547"))
    assert "TARGET_ARCH=cortex-m55" in caught.value.hint


def test_a_library_by_name(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = library(tree / "mine" / "libany.a")
    monkeypatch.setenv("TFLM_LIB", str(mine))
    found = tflm.find(board.load("mps3-an547"))
    assert (found.path, found.int8) == (mine, False)
    mine.write_bytes(b"no")
    with pytest.raises(McueditError, match="no static library"):
        tflm.find(board.load("mps3-an547"))


def test_no_tree(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TFLM_ROOT", raising=False)
    monkeypatch.delenv("TFLM_LIB", raising=False)
    assert tflm.libraries() == []
    with pytest.raises(McueditError, match="TFLM_ROOT is not set"):
        tflm.root()
    monkeypatch.setenv("TFLM_ROOT", str(tmp_path))
    with pytest.raises(McueditError, match=r"there is no tensorflow/lite/micro/micro_interpreter\.h"):
        tflm.root()


def test_downloads_are_missing(tree: Path) -> None:
    (tree / "tensorflow/lite/micro/tools/make/downloads/ruy").rmdir()
    with pytest.raises(McueditError, match="no ruy in") as caught:
        tflm.root()
    assert "third_party_downloads" in caught.value.hint


FLOAT = {
    "lite/kernels/kernel_util.cc": """
        // static_cast<double>(input->params.scale) * static_cast<double>(filter->params.scale)
        const double input_product_scale =
            static_cast<double>(input->params.scale * filter->params.scale);""",
    "lite/micro/kernels/activations_common.cc": "static_cast<double>(input->params.scale / output->params.scale)",
    "lite/micro/kernels/sub_common.cc": "const float twice_max_input_scale =",
    "lite/micro/kernels/elementwise.cc": """
        QuantizeMultiplier(static_cast<double>(input_scale / output_scale), multiplier, shift);
        const double scale = 1. / static_cast<double>((std::sqrt(input_scale) * output_scale));""",
    "lite/micro/kernels/svdf_common.cc": """
        static_cast<double>(input->params.scale * weights_feature->params.scale /
                            activation_state->params.scale)""",
}
IN_FLOAT = {"ABS", "BATCH_MATMUL", "FULLY_CONNECTED", "RELU", "RSQRT", "SUB", "SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM"}
UNKNOWN = "taken as double, of unknown form"
DOUBLE = {
    "lite/kernels/kernel_util.cc": """
        const double input_product_scale = static_cast<double>(input->params.scale) *
                                           static_cast<double>(filter->params.scale);""",
    "lite/micro/kernels/leaky_relu_common.cc": """
        static_cast<double>(input->params.scale) / static_cast<double>(output->params.scale)""",
}


def test_ratios_of_scales(tree: Path) -> None:
    """What each kernel's source says; what it says in other words counts as double, and is named."""
    library(tree / GEN.format("cortex-m55", "cmsis_nn"))
    for files, said in (
        ({}, f"all in double; {UNKNOWN}: {', '.join(sorted(FLOAT_KINDS))}"),
        (DOUBLE, f"all in double; {UNKNOWN}: ABS, DIV, HARD_SWISH, RELU, RSQRT, SUB, SVDF"),
        (FLOAT, f"in float for {', '.join(sorted(IN_FLOAT))}; {UNKNOWN}: DIV, HARD_SWISH"),
    ):
        for name, text in files.items():
            file = tree / "tensorflow" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert str(tflm.scales(tree)) == said
    assert tflm.find(board.load("mps3-an547")).scales.floats == IN_FLOAT
