# SPDX-License-Identifier: Apache-2.0
"""TensorFlow Lite Micro as the user has it: TFLM_ROOT, its source tree, and TFLM_LIB, the static library for a core.

The library is built as TFLM's documentation says, for instance for a Cortex-M4 with FPU:

    make -f tensorflow/lite/micro/tools/make/Makefile TARGET=cortex_m_generic TARGET_ARCH=cortex-m4+fp \\
        OPTIMIZED_KERNEL_DIR=cmsis_nn BUILD_TYPE=release_with_logs microlite

TFLM_LIB is that file, or a folder that is searched for the one of each core; without it, TFLM_ROOT/gen is.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from mcuedit._util.errors import McueditError
from mcuedit.boards.board import Board

ROOT, LIB = "TFLM_ROOT", "TFLM_LIB"
MAKEFILE = "tensorflow/lite/micro/tools/make/Makefile"
_LIBRARY = "libtensorflow-microlite.a"
_HEADER = "tensorflow/lite/micro/micro_interpreter.h"
_DOWNLOADS = "tensorflow/lite/micro/tools/make/downloads"  # what the Makefile fetches
_INCLUDES = ("flatbuffers/include", "gemmlowp", "ruy")  # of it, what TFLM's headers include
_INT8_SYMBOL = b"_ZN6tflite29Register_FULLY_CONNECTED_INT8Ev"
_KERNELS = "tensorflow/lite/micro/kernels"
_IN, _OUT = "input->params.scale", "output->params.scale"
_PRODUCT = (  # of BATCH_MATMUL and the matrices of an LSTM, too
    "tensorflow/lite/kernels/kernel_util.cc",
    f"double>({_IN}*filter->params.scale)",
    f"double>({_IN})*static_cast<double>(filter->params.scale)",
)
_ELEMENTWISE = f"{_KERNELS}/elementwise.cc"
_RATIOS = {  # where ratios of scales are taken: the file, what it says without spaces if in float, and if in double
    "ABS": (
        _ELEMENTWISE,
        "double>(input_scale/output_scale)",
        "double>(input_scale)/static_cast<double>(output_scale)",
    ),
    "BATCH_MATMUL": _PRODUCT,
    "DIV": (
        f"{_KERNELS}/div.cc",
        "double>(input1->params.scale/(input2->params.scale*output->params.scale))",
        "double>(input1->params.scale)/(static_cast<double>(input2->params.scale)",
    ),
    "FULLY_CONNECTED": _PRODUCT,
    "HARD_SWISH": (
        f"{_KERNELS}/hard_swish_common.cc",
        "double>(hires_input_scale/output_scale)",
        "constdoublehires_input_scale=",
    ),
    "LEAKY_RELU": (
        f"{_KERNELS}/leaky_relu_common.cc",
        f"double>({_IN}/{_OUT})",
        f"double>({_IN})/static_cast<double>({_OUT})",
    ),
    "RELU": (
        f"{_KERNELS}/activations_common.cc",
        f"double>({_IN}/{_OUT})",
        f"double>({_IN})/static_cast<double>({_OUT})",
    ),
    "RSQRT": (
        _ELEMENTWISE,
        "double>((std::sqrt(input_scale)*output_scale))",
        "std::sqrt(static_cast<double>(input_scale))*static_cast<double>(output_scale)",
    ),
    "SUB": (f"{_KERNELS}/sub_common.cc", "constfloattwice_max_input_scale=", "constdoubletwice_max_input_scale="),
    "SVDF": (
        f"{_KERNELS}/svdf_common.cc",
        f"double>({_IN}*weights_feature->params.scale/",
        f"double>({_IN})*static_cast<double>(weights_feature->params.scale)",
    ),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _PRODUCT,
}


@dataclass(frozen=True)
class Scales:
    """How the kernels of a tree take ratios of scales, by kind of op.

    Attributes:
        floats: in float (mcuedit.model.tflite.Model.float_scales).
        unknown: the source says neither in a form that is known; they count as double, as all others.
    """

    floats: frozenset[str] = frozenset()
    unknown: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = f"in float for {', '.join(sorted(self.floats))}" if self.floats else "all in double"
        return said + (f"; taken as double, of unknown form: {', '.join(self.unknown)}" if self.unknown else "")


@dataclass(frozen=True)
class Library:
    """A source tree and a static library that was built from it for one core.

    Attributes:
        int8: the library has registrations of int8 kernels alone, as those of CMSIS-NN.
        scales: how its kernels take ratios of scales.
    """

    root: Path
    path: Path
    int8: bool
    scales: Scales = Scales()

    @property
    def flags(self) -> tuple[str, ...]:
        """What a C++ compiler needs for sources that use it."""
        return (*cxx_flags(self.root), *(("-DCMSIS_NN",) if self.int8 else ()))


def cxx_flags(tree: Path) -> tuple[str, ...]:
    """What a C++ compiler needs for sources that use the headers of a tree."""
    language = ("-std=c++17", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics")
    folders = (tree, *(tree / _DOWNLOADS / name for name in _INCLUDES))
    paths = (word for folder in folders for word in ("-isystem", str(folder)))
    return (*language, "-DTF_LITE_STATIC_MEMORY", "-DNDEBUG", *paths)


def root() -> Path:
    """The source tree.

    Raises:
        McueditError: TFLM_ROOT is not set, or names no tree, or one without the headers that its Makefile fetches.
    """
    given = os.environ.get(ROOT)
    hint = f"git clone https://github.com/tensorflow/tflite-micro and set {ROOT} to it"
    if not given:
        raise McueditError(f"{ROOT} is not set: it names the source tree of TensorFlow Lite Micro", hint)
    tree = Path(given).resolve()
    if not (tree / _HEADER).is_file():
        raise McueditError(f"{ROOT}={given}: there is no {_HEADER}", hint)
    missing = [name for name in _INCLUDES if not (tree / _DOWNLOADS / name).is_dir()]
    if missing:
        raise McueditError(
            f"{ROOT}={given}: no {', '.join(missing)} in {_DOWNLOADS}",
            f"make -C {given} -f {MAKEFILE} third_party_downloads",
        )
    return tree


def is_newer(tree: Path) -> bool:
    """Whether a tree keeps all its names in tflite::micro."""
    text = (tree / "tensorflow/lite/micro/micro_context.h").read_text(encoding="utf-8", errors="replace")
    return re.search(r"namespace (tflite::)?micro", text) is not None


def scales(tree: Path) -> Scales:
    """How the kernels of a tree take ratios of scales, by what its source says."""
    floats, unknown = set(), []
    for kind, (file, in_float, in_double) in _RATIOS.items():
        try:
            text = (tree / file).read_text(encoding="utf-8", errors="replace")
        except OSError:
            text = ""
        text = re.sub(r"\s+", "", re.sub(r"//.*", "", text))
        if in_float in text:
            floats.add(kind)
        elif in_double not in text:
            unknown.append(kind)
    return Scales(frozenset(floats), tuple(unknown))


def commit(tree: Path) -> str | None:
    """The commit of a tree that is a git checkout."""
    if not (tree / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(tree), "rev-parse", "HEAD"], capture_output=True, text=True, errors="replace", check=False
        )
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None


def libraries() -> list[Path]:
    """All libraries that are there for some core."""
    given = os.environ.get(LIB)
    if given and Path(given).is_file():
        return [Path(given).resolve()]
    folder = Path(given) if given else Path(os.environ.get(ROOT, "")) / "gen"
    if not given and not os.environ.get(ROOT):
        return []
    return sorted(path.resolve() for path in folder.glob(f"**/{_LIBRARY}"))


def find(board: Board) -> Library:
    """Tree and library for a board. Among several, those with CMSIS-NN are preferred.

    Raises:
        McueditError: there is none.
    """
    tree, known = root(), libraries()
    if os.environ.get(LIB) and Path(os.environ[LIB]).is_file():
        return Library(tree, known[0], has_int8(known[0]), scales(tree))
    for arch in archs(board):
        found = [
            path
            for path in known
            if re.search(rf"(?<![\w+-]|_){re.escape(arch)}(?![\w+-])|_{re.escape(arch)}_", str(path))
        ]
        if found:
            path = min(found, key=lambda path: ("cmsis_nn" not in str(path), str(path)))
            return Library(tree, path, has_int8(path), scales(tree))
    where = os.environ.get(LIB) or f"{ROOT}/gen"
    raise McueditError(
        f"no {_LIBRARY} for {archs(board)[0]} in {where} (found {len(known)} for other cores)",
        f"in {ROOT}: make -f {MAKEFILE} TARGET=cortex_m_generic TARGET_ARCH={archs(board)[0]} "
        f"OPTIMIZED_KERNEL_DIR=cmsis_nn BUILD_TYPE=release_with_logs microlite; or name the file in {LIB}",
    )


def archs(board: Board) -> tuple[str, ...]:
    """TFLM's names of the board's core, best first."""
    hard = "-mfloat-abi=hard" in board.gcc
    if hard and board.cpu in ("cortex-m4", "cortex-m7"):
        return (f"{board.cpu}+fp",)
    return (board.cpu,)


def has_int8(library: Path) -> bool:
    """Whether a library defines registrations of int8 kernels: by the symbol table that an archive starts with."""
    try:
        with library.open("rb") as file:
            if file.read(8) != b"!<arch>\n":
                raise McueditError(f"{library}: no static library", f"set {LIB} to what TFLM's Makefile built")
            header = file.read(60)
            return header[:16].strip() == b"/" and _INT8_SYMBOL in file.read(int(header[48:58]))
    except (OSError, ValueError) as error:
        raise McueditError(f"{library}: {error}", f"set {LIB} to what TFLM's Makefile built") from error
