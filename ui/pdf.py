"""Sections of a report as a PDF of A4 pages with a head; the same input makes the same bytes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

import reportlab
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ui.components.report import Section

FONT, BOLD = "Vera", "VeraBd"
"""They come with the library, so that a PDF is the same on every machine."""
_FOLDER: Final = Path(reportlab.__file__).parent / "fonts"
WRITTEN_AS: Final = str.maketrans(
    {"\N{NARROW NO-BREAK SPACE}": "\N{NO-BREAK SPACE}", "₂": "2", "→": "to", "▲": "", "◆": "", "✓": ""}
)
"""Signs that the font does not have."""
_MARGIN: Final = 16 * mm
_INK: Final = colors.HexColor("#1f2933")
_MUTED: Final = colors.HexColor("#525c66")
_LINE: Final = colors.HexColor("#cbd0d5")
_PT: Final = 8
_TEXT: Final = ParagraphStyle("text", fontName=FONT, fontSize=_PT, leading=_PT * 1.3, textColor=_INK)
_RIGHT: Final = ParagraphStyle("right", parent=_TEXT, alignment=2)
_HEAD: Final = ParagraphStyle("head", parent=_TEXT, fontName=BOLD, textColor=_MUTED, fontSize=7)
_HEAD_RIGHT: Final = ParagraphStyle("head right", parent=_HEAD, alignment=2)
_NOTE: Final = ParagraphStyle("note", parent=_TEXT, textColor=_MUTED, spaceAfter=3)
_TITLE: Final = ParagraphStyle("title", parent=_TEXT, fontName=BOLD, fontSize=16, leading=20, spaceAfter=2)
_SECTION: Final = ParagraphStyle(
    "section",
    parent=_TEXT,
    fontName=BOLD,
    fontSize=11,
    leading=14,
    spaceBefore=10,
    spaceAfter=3,
    keepWithNext=1,
)
_JOINED: Final = "\N{NO-BREAK SPACE}"
"""Between a number and its unit."""
_WIDE: Final = 34
"""A column counts as no wider than this [characters]."""


def document(title: str, head: Sequence[tuple[str, str]], sections: Sequence[Section]) -> bytes:
    """The pages.

    Args:
        title: of the whole.
        head: names and texts that say what it is of; they stand under the title.
        sections: tables, in order.
    """
    for name in (FONT, BOLD):
        pdfmetrics.registerFont(TTFont(name, str(_FOLDER / f"{name}.ttf")))
    out = io.BytesIO()
    made = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN,
        title=title,
        author="Joulecast",
        invariant=1,
    )
    width = A4[0] - 2 * _MARGIN
    story: list[Any] = [_paragraph(title, _TITLE)]
    story += [_paragraph(f"{name}: {text}", _NOTE) for name, text in head if text]
    for section in sections:
        story.append(_paragraph(section.title, _SECTION))
        if section.note:
            story.append(_paragraph(section.note, _NOTE))
        if section.rows:
            story.append(_table(section, width))
        story.append(Spacer(1, 4))

    def numbered(canvas: Any, _: Any) -> None:
        canvas.setFont(FONT, 7)
        canvas.setFillColor(_MUTED)
        canvas.drawString(_MARGIN, _MARGIN / 2, _plain(title))
        canvas.drawRightString(A4[0] - _MARGIN, _MARGIN / 2, f"page {canvas.getPageNumber()}")

    made.build(story, onFirstPage=numbered, onLaterPages=numbered)
    return out.getvalue()


def _plain(text: str) -> str:
    return text.translate(WRITTEN_AS)


def _paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    """A text as text: names may hold what looks like markup."""
    return Paragraph(escape(_plain(text)), style)


def _table(section: Section, width: float) -> Table:
    right = set(section.numeric)
    cells = [[_paragraph(t, _HEAD_RIGHT if i in right else _HEAD) for i, t in enumerate(section.head)]]
    cells += [
        [
            _paragraph(text.replace(" ", _JOINED), _RIGHT) if i in right else _paragraph(text, _TEXT)
            for i, text in enumerate(row)
        ]
        for row in section.rows
    ]
    found = Table(cells, colWidths=_widths(section, width), repeatRows=1)
    found.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE),
                ("LINEBELOW", (0, 0), (-1, 0), 0.8, _MUTED),
                ("LEFTPADDING", (0, 0), (-1, -1), 3),
                ("RIGHTPADDING", (0, 0), (-1, -1), 3),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
            ]
        )
    )
    return found


def _widths(section: Section, width: float) -> list[float]:
    """Widths of the columns, by their longest texts."""
    columns = zip(section.head, *section.rows, strict=True)
    longest = [
        max(map(len, column)) + 2
        if index in section.numeric
        else max(min(max(map(len, column)), _WIDE), _longest_word(column) + 2)
        for index, column in enumerate(columns)
    ]
    return [width * length / sum(longest) for length in longest]


def _longest_word(column: tuple[str, ...]) -> int:
    return max(len(word) for text in column for word in (text.split() or [""]))
