# SPDX-License-Identifier: Apache-2.0
"""Executes a notebook and says what its cells print and give."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient


def executed(path: Path, place: Path) -> nbformat.NotebookNode:
    """A notebook with the outputs that it has today.

    Args:
        place: the folder that it is executed in.
    """
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(place)}}).execute()
    for cell in notebook.cells:
        cell.metadata.clear()
        if cell.cell_type == "code":
            cell.execution_count = None
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = None
    return notebook


def outputs(notebook: nbformat.NotebookNode) -> list[str]:
    """The text of each code cell's outputs."""
    return [
        "".join(o.text if o.output_type == "stream" else o.data["text/plain"] for o in cell.outputs)
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]
