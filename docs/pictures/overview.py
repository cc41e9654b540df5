# SPDX-License-Identifier: Apache-2.0
"""Draws docs/pictures/overview.svg: base, tap, gate, delta, and what travels. `python docs/pictures/overview.py`"""

from __future__ import annotations

from pathlib import Path

WIDTH, HEIGHT = 1014, 390
PACKAGE, MODEL = 386, 135_376  # bytes: one fact, signed, 4 bits; the base `facts`
INK, SOFT, LINE = "#1f2933", "#52606d", "#9aa5b1"
BASE, DELTA, GATE = "#e4e7eb", "#d9f2e6", "#fff3c4"
GREEN, AMBER = "#0b7a4b", "#b7791f"


def box(x: int, y: int, w: int, h: int, fill: str, stroke: str, *lines: str) -> str:
    """A rounded box; the first line of text is bold."""
    middle = y + h / 2 - 9 * (len(lines) - 1)  # of the first line
    text = "".join(
        f'<text x="{x + w / 2}" y="{middle + 5 + 18 * i}" text-anchor="middle"'
        f' font-size="{14 if i == 0 else 12.5}" font-weight="{600 if i == 0 else 400}"'
        f' fill="{INK if i == 0 else SOFT}">{line}</text>'
        for i, line in enumerate(lines)
    )
    place = f'x="{x}" y="{y}" width="{w}" height="{h}" rx="7"'
    return f'<rect {place} fill="{fill}" stroke="{stroke}" stroke-width="1.5"/>{text}'


def arrow(points: str, colour: str) -> str:
    """A line through points, with a head."""
    head = "green" if colour == GREEN else "grey"
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" marker-end="url(#{head})"/>'


def note(x: int, y: int, text: str, colour: str = SOFT, anchor: str = "middle", size: float = 12.5) -> str:
    """A line of text."""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{text}</text>'


def marker(name: str, colour: str) -> str:
    """An arrow head."""
    return (
        f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 L10 5 L0 10 z" fill="{colour}"/></marker>'
    )


def picture() -> str:
    """The whole picture as SVG; shapes and bytes are those of the base `facts`."""
    layers = ("features", "op 0", "op 1", "op 2", "op 3", "op 4")
    widths = ("512", "112", "96", "128", "72", "532 logits")
    xs = range(40, 40 + 140 * len(layers), 140)
    parts = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="12" fill="#ffffff"/>',
        note(40, 38, "On the device: a base that stays byte-identical", INK, "start", 15),
        *(box(x, 56, 104, 62, BASE, LINE, *layer) for x, *layer in zip(xs, layers, widths, strict=True)),
        *(arrow(f"{x + 104},87 {x + 137},87", LINE) for x in xs[:-1]),
        arrow("844,87 899,87", LINE),
        note(906, 82, "answer", INK, "start", 14),
        note(906, 100, "bujumbura", SOFT, "start"),
        f'<text x="906" y="118" font-size="12.5" font-weight="600" fill="{GREEN}">gitega</text>',
        f'<line x1="904" y1="96" x2="974" y2="96" stroke="{AMBER}" stroke-width="1.5"/>',
        # tap, gate, delta
        f'<circle cx="574" cy="87" r="5" fill="{GREEN}"/>',
        arrow("574,87 574,206 592,206", GREEN),
        note(564, 150, "tap", GREEN, "end"),
        box(594, 170, 142, 74, GATE, AMBER, "gate", "h = clamp(A x + c)", "closed: h = 0"),
        arrow("736,206 756,206", GREEN),
        box(758, 170, 96, 74, DELTA, GREEN, "delta", "y = y + B h"),
        f'<polyline points="854,206 877,206" fill="none" stroke="{GREEN}" stroke-width="2"/>',
        arrow("877,206 877,94", GREEN),
        note(887, 160, "target", GREEN, "start"),
        f'<circle cx="877" cy="87" r="5" fill="{GREEN}"/>',
        note(40, 174, "The gate reads 128 values at the tap. It opens on the", SOFT, "start"),
        note(40, 192, "questions of the edit: the new answer goes up, the", SOFT, "start"),
        note(40, 210, "old one down. While it is closed, every output byte is", SOFT, "start"),
        note(40, 228, "the base's own. The certificate counts that.", SOFT, "start"),
        # what travels
        f'<line x1="40" y1="280" x2="974" y2="280" stroke="{BASE}" stroke-width="1.5"/>',
        note(
            40, 312, "What travels: a signed package of A, c and B, and of a new name if there is one", INK, "start", 15
        ),
        f'<rect x="40" y="330" width="934" height="14" rx="3" fill="{BASE}"/>',
        f'<rect x="40" y="330" width="{934 * PACKAGE / MODEL:.1f}" height="14" fill="{GREEN}"/>',
        note(40, 368, f"the package: {PACKAGE} bytes", GREEN, "start"),
        note(974, 368, f"the model: {MODEL:,} bytes, never sent again", SOFT, "end"),
    ]
    font = "font-family=\"'DejaVu Sans', Verdana, sans-serif\""
    defs = f"<defs>{marker('green', GREEN)}{marker('grey', LINE)}</defs>"
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    title = "<title>A gate reads the tap; a delta changes the target; only the package travels</title>"
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>{title}{defs}\n' + "\n".join(parts) + "\n</svg>\n"


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(picture(), encoding="utf-8")
