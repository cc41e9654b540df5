# SPDX-License-Identifier: Apache-2.0
"""Draws docs/pictures/gate.svg: where a gate stands, a sketch without scale. `python docs/pictures/gate.py`"""

from __future__ import annotations

from pathlib import Path

WIDTH, HEIGHT = 984, 210
INK, SOFT, LINE, GREEN, AMBER = "#1f2933", "#52606d", "#9aa5b1", "#0b7a4b", "#b7791f"
AXIS, KEPT_END, STANDS, EDIT_START = 110, 470, 520, 720
KEPT = (90, 120, 138, 160, 171, 196, 214, 230, 247, 262, 280, 301, 318, 340, 356, 389, 412, KEPT_END)
EDITED = (EDIT_START, 748, 770, 802, 826, 861)


def note(x: int, y: int, text: str, colour: str = SOFT, anchor: str = "middle") -> str:
    """A line of text."""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="12.5" fill="{colour}">{text}</text>'


def picture() -> str:
    """The whole picture as SVG."""
    parts = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="12" fill="#ffffff"/>',
        note(40, 38, "The score c + A x of inputs at the tap", INK, "start"),
        f'<rect x="{STANDS}" y="62" width="{920 - STANDS}" height="{2 * (AXIS - 62)}" fill="#d9f2e6"/>',
        f'<line x1="40" y1="{AXIS}" x2="920" y2="{AXIS}" stroke="{LINE}" stroke-width="2"/>',
        *(f'<circle cx="{x}" cy="{AXIS}" r="6" fill="{LINE}"/>' for x in KEPT),
        *(f'<circle cx="{x}" cy="{AXIS}" r="6" fill="{GREEN}"/>' for x in EDITED),
        f'<line x1="{STANDS}" y1="56" x2="{STANDS}" y2="164" stroke="{AMBER}" stroke-width="2.5"/>',
        note(STANDS + 8, 76, "here the gate stands: h = 0 to the left", AMBER, "start"),
        note(280, 140, "keep set, locality lists, other edits: closed"),
        note(790, 140, "wordings of the edit: open", GREEN),
        f'<line x1="{KEPT_END}" y1="178" x2="{EDIT_START}" y2="178" stroke="{SOFT}" stroke-width="1.5"/>',
        note((KEPT_END + EDIT_START) // 2, 197, "margin: --gate-place 0 at its left end, 1 at its right"),
    ]
    font = "font-family=\"'DejaVu Sans', Verdana, sans-serif\""
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    title = "<title>A gate stands between what must stay closed and the wordings of its edit</title>"
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>{title}\n' + "\n".join(parts) + "\n</svg>\n"


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(picture(), encoding="utf-8")
