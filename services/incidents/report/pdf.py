"""A report as PDF: the same markup that `page.py` makes, laid out on A4, so that both say the same.

The fonts that are embedded have Latin, Greek, Cyrillic, Arabic and Hebrew letters, the last two without their joined
forms and direction. What they have not is shown by its number; the HTML report has it in its own writing.
"""

from __future__ import annotations

import html
import io
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from reportlab.graphics import shapes
from reportlab.lib import colors
from reportlab.lib.enums import TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    KeepTogether,
    ListFlowable,
    ListItem,
    LongTable,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

_FONTS = Path(__file__).parent / "fonts"
_PLAIN, _BOLD = "DejaVuSans", "DejaVuSans-Bold"
_MARGIN = 15 * mm
_WIDTH = A4[0] - 2 * _MARGIN
_TONES = {"alarm": "#b10e1c", "warning": "#b36b00", "good": "#0e7a0d"}
_GREY, _LINE = "#555555", "#bbbbbb"
_LONGEST_CELL = 3000  # a row must fit on a page
_SMALL = 8.0


def as_pdf(page: bytes) -> bytes:
    """The PDF of a page that `page.page` made. The same page gives the same bytes."""
    text = page.decode()
    title = html.unescape(text.partition("<title>")[2].partition("</title>")[0])
    body = ET.fromstring("<body>" + text.partition("<body>")[2].partition("</body>")[0] + "</body>")  # noqa: S314  # our own markup, without entities of its own
    _load_fonts()
    written = io.BytesIO()
    document = BaseDocTemplate(
        written, pagesize=A4, title=_known(title), author="IRBot", creator="IRBot", invariant=True, lang="en"
    )
    frame = Frame(_MARGIN, _MARGIN, _WIDTH, A4[1] - 2 * _MARGIN, leftPadding=0, rightPadding=0)
    footer = _known(title)

    def number(canvas: Canvas, drawn: BaseDocTemplate) -> None:
        canvas.setFont(_PLAIN, 7)
        canvas.setFillColor(colors.HexColor(_GREY))
        canvas.drawString(_MARGIN, 8 * mm, footer[:120])
        canvas.drawRightString(A4[0] - _MARGIN, 8 * mm, str(drawn.page))

    document.addPageTemplates([PageTemplate(frames=[frame], onPage=number)])
    document.build(list(_flow(body)))
    return written.getvalue()


@cache
def _load_fonts() -> None:
    for name in (_PLAIN, _BOLD):
        pdfmetrics.registerFont(TTFont(name, str(_FONTS / f"{name}.ttf")))
    pdfmetrics.registerFontFamily(_PLAIN, normal=_PLAIN, bold=_BOLD, italic=_PLAIN, boldItalic=_BOLD)


@cache
def _letters() -> frozenset[int]:
    return frozenset(TTFont(_PLAIN, str(_FONTS / f"{_PLAIN}.ttf")).face.charToGlyph)


def _known(text: str) -> str:
    """The text in letters that the font has; another is named by its number."""
    return "".join(
        letter if letter in "\n\t" or ord(letter) in _letters() else f"[U+{ord(letter):04X}]" for letter in text
    )


def _style(name: str, size: float, **more: object) -> ParagraphStyle:
    values: dict[str, object] = {
        "fontName": _PLAIN,
        "fontSize": size,
        "leading": size * 1.35,
        "alignment": TA_LEFT,
        "splitLongWords": True,
    }
    return ParagraphStyle(name, **(values | more))


_TEXT = _style("text", 9.5, spaceAfter=3)
_STYLES = {
    "h1": _style("h1", 16, fontName=_BOLD, spaceAfter=4),
    "h2": _style("h2", 12, fontName=_BOLD, spaceBefore=12, spaceAfter=4, keepWithNext=True),
    "h3": _style("h3", 10, fontName=_BOLD, spaceBefore=6, spaceAfter=2, keepWithNext=True),
    "p": _TEXT,
    "small": _style("small", _SMALL, textColor=colors.HexColor(_GREY), spaceAfter=3),
    "cell": _style("cell", 7.5),
    "head": _style("head", 7.5, fontName=_BOLD),
}


# -- blocks ----------------------------------------------------------------------------------------------------------


def _flow(parent: ET.Element) -> Iterator[Flowable]:
    for block in parent:
        match block.tag:
            case "h1" | "h2" | "h3":
                yield Paragraph(_inline(block), _STYLES[block.tag])
            case "p":
                yield Paragraph(_inline(block), _STYLES["small" if block.get("class") == "small" else "p"])
            case "ul":
                yield _bullets(block)
            case "dl":
                yield _facts(block)
            case "table":
                yield from _table(block)
            case "div":
                yield _box(block)
            case "figure":
                yield _figure(block)
            case _:
                raise ValueError(f"a report has no way to print <{block.tag}>")


def _bullets(block: ET.Element) -> Flowable:
    items = [ListItem(Paragraph(_inline(item), _TEXT), leftIndent=12) for item in block]
    return ListFlowable(items, bulletType="bullet", start="•", bulletFontName=_PLAIN, bulletFontSize=8, leftIndent=12)


def _facts(block: ET.Element) -> Flowable:
    pairs = list(block)
    rows = [
        [Paragraph(_inline(name), _STYLES["head"]), Paragraph(_inline(value), _STYLES["cell"])]
        for name, value in zip(pairs[::2], pairs[1::2], strict=True)
    ]
    look = TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("TOPPADDING", (0, 0), (-1, -1), 1)])
    return Table(rows, colWidths=[_WIDTH * 0.2, _WIDTH * 0.8], style=look, hAlign="LEFT")


def _table(block: ET.Element) -> Iterator[Flowable]:
    head = [[Paragraph(_inline(cell), _STYLES["head"]) for cell in row] for row in block.find("thead") or ()]
    rows = [[_cell(cell) for cell in row] for row in block.find("tbody") or ()]
    look = TableStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("GRID", (0, 0), (-1, -1), 0.4, colors.HexColor(_LINE)),
            ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#eeeeee")),
            ("LEFTPADDING", (0, 0), (-1, -1), 3),
            ("RIGHTPADDING", (0, 0), (-1, -1), 3),
            ("TOPPADDING", (0, 0), (-1, -1), 2),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
        ]
    )
    yield LongTable(head + rows, colWidths=_widths(block), style=look, repeatRows=1, splitInRow=1)
    yield Spacer(1, 4)


def _widths(block: ET.Element) -> list[float]:
    """Columns as wide as what is in them asks for, within limits, so that no word needs to be cut in pieces."""
    wanted: list[float] = []
    for row in block.iter("tr"):
        for place, cell in enumerate(row):
            text = "".join(cell.itertext())
            length = min(60.0, max(6.0, len(text) ** 0.75, *(min(22, len(word)) for word in text.split() or [""])))
            if place == len(wanted):
                wanted.append(0.0)
            wanted[place] = max(wanted[place], length)
    return [_WIDTH * part / sum(wanted) for part in wanted]


def _cell(cell: ET.Element) -> list[Flowable]:
    """A cell's list as one line for each item; a table in a PDF cannot hold a list well."""
    lists = cell.find("ul")
    if lists is not None:
        return [Paragraph(f"• {_inline(item)}", _STYLES["cell"]) for item in lists]
    return [Paragraph(_inline(cell), _STYLES["cell"])]


def _box(block: ET.Element) -> Flowable:
    inside: list[Flowable] = []
    lists = block.find("ul")
    words = _inline(block, without="ul")
    if words.strip():
        inside.append(Paragraph(words, _TEXT))
    if lists is not None:
        inside += [Paragraph(f"• {_inline(item)}", _TEXT) for item in lists]
    tone = next((colour for name, colour in _TONES.items() if name in str(block.get("class"))), _GREY)
    look = TableStyle(
        [
            ("BOX", (0, 0), (-1, -1), 0.5, colors.HexColor(_LINE)),
            ("LINEBEFORE", (0, 0), (0, -1), 4, colors.HexColor(tone)),
            ("LEFTPADDING", (0, 0), (-1, -1), 9),
        ]
    )
    return Table([[line] for line in inside], colWidths=[_WIDTH], style=look, spaceBefore=4, spaceAfter=4)


def _inline(element: ET.Element, without: str = "") -> str:
    """The words of an element in reportlab's own small markup, every text escaped anew."""
    pieces = [_text(element.text)]
    for child in element:
        if child.tag != without:
            inside = _inline(child)
            match child.tag:
                case "strong":
                    inside = f"<b>{inside}</b>"
                case "em":
                    inside = f"<i>{inside}</i>"
                case "div" if inside:
                    small = child.get("class") == "small"
                    inside = f'<br/><font size="{_SMALL if small else 9.5}" color="{_GREY}">{inside}</font>'
                case "ul":
                    inside = "".join(f"<br/>• {_inline(item)}" for item in child)
            pieces.append(inside)
        pieces.append(_text(child.tail))
    return "".join(pieces)


def _text(text: str | None) -> str:
    if not text:
        return ""
    cut = text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}… (more in the HTML report)"
    return html.escape(_known(cut), quote=False)


# -- pictures --------------------------------------------------------------------------------------------------------


def _figure(block: ET.Element) -> Flowable:
    """The drawing and its caption. Only the shapes that `pictures.py` draws are known."""
    parts: list[Flowable] = []
    drawing = block.find("svg")
    if drawing is not None:
        parts.append(_drawing(drawing))
    caption = block.find("figcaption")
    if caption is not None:
        parts.append(Paragraph(_inline(caption), _STYLES["small"]))
    return KeepTogether(parts)


def _drawing(svg: ET.Element) -> shapes.Drawing:
    _, _, width, height = (float(number) for number in str(svg.get("viewBox")).split())
    scale = _WIDTH / width
    inside = shapes.Group(transform=(scale, 0, 0, -scale, 0, height * scale))
    words = shapes.Group()
    for shape in svg:
        match shape.tag:
            case "line":
                inside.add(_line(shape))
            case "circle":
                inside.add(shapes.Circle(*_numbers(shape, "cx", "cy", "r"), **_look(shape)))
            case "polygon":
                points = [float(part) for pair in str(shape.get("points")).split() for part in pair.split(",")]
                inside.add(shapes.Polygon(points, **_look(shape)))
            case "text":
                words.add(_label(shape, scale, height))
    return shapes.Drawing(_WIDTH, height * scale, inside, words)


def _line(shape: ET.Element) -> shapes.Line:
    return shapes.Line(
        *_numbers(shape, "x1", "y1", "x2", "y2"),
        strokeColor=_colour(shape.get("stroke")),
        strokeWidth=float(str(shape.get("stroke-width"))),
    )


def _label(shape: ET.Element, scale: float, height: float) -> shapes.String:
    """Words are placed by hand: within the mirrored group they would stand upside down."""
    x, y = _numbers(shape, "x", "y")
    anchor = str(shape.get("text-anchor") or "start")
    text = _known("".join(shape.itertext()))
    return shapes.String(x * scale, (height - y) * scale, text, fontName=_PLAIN, fontSize=11 * scale, textAnchor=anchor)


def _numbers(shape: ET.Element, *names: str) -> Sequence[float]:
    return [float(str(shape.get(name))) for name in names]


def _look(shape: ET.Element) -> dict[str, object]:
    return {
        "fillColor": _colour(shape.get("fill")),
        "strokeColor": _colour(shape.get("stroke")),
        "strokeWidth": float(str(shape.get("stroke-width"))),
    }


def _colour(written: str | None) -> colors.Color:
    """`#abc` or `#aabbcc`."""
    digits = str(written).removeprefix("#")
    return colors.HexColor("#" + ("".join(2 * digit for digit in digits) if len(digits) == 3 else digits))
