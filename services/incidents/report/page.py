"""HTML and SVG from strings that nobody may trust: whatever is not markup already is escaped.

A page loads nothing and runs nothing. Its policy allows one style sheet, by its hash, and no script at all.
"""

from __future__ import annotations

import base64
import hashlib
import html
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

_JOINERS = frozenset("\u200c\u200d")  # part of ordinary writing, and they reorder nothing
_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})

STYLE = """
:root { color-scheme: light; }
body { font: 10.5pt/1.45 "Segoe UI", "Helvetica Neue", Arial, sans-serif; color: #1b1b1b; background: #fff;
  max-width: 60rem; margin: 2rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.15rem; margin: 1.8rem 0 .5rem; padding-bottom: .2rem; border-bottom: 2px solid #ccc; }
h3 { font-size: 1rem; margin: .9rem 0 .2rem; }
p, li, td, dd { unicode-bidi: isolate; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; font-size: .92em; }
th, td { text-align: left; vertical-align: top; padding: .3rem .5rem; border: 1px solid #bbb; }
th { background: #eee; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: .5rem 0; }
dt { font-weight: 600; } dd { margin: 0; }
ul { margin: .3rem 0; padding-left: 1.3rem; }
code { font: .85em/1.3 Consolas, Menlo, monospace; overflow-wrap: anywhere; }
.small { font-size: .85em; color: #555; }
.box { border: 1px solid #bbb; border-left: .4rem solid #555; padding: .5rem .9rem; margin: .7rem 0; }
.alarm { border-left-color: #b10e1c; } .warning { border-left-color: #b36b00; } .good { border-left-color: #0e7a0d; }
figure { margin: .8rem 0; } figcaption { font-size: .85em; color: #555; }
svg { width: 100%; height: auto; } svg text { font: 11px "Segoe UI", Arial, sans-serif; fill: #1b1b1b; }
@page { size: A4; margin: 15mm; }
@media print {
  body { margin: 0; padding: 0; max-width: none; font-size: 9.5pt; }
  thead { display: table-header-group; }
  tr, figure, .box, h2, h3 { break-inside: avoid; } h2, h3 { break-after: avoid; }
}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")
_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"


NOTHING = "\u2013"  # an empty cell


class Html(str):
    """Markup that is safe as it stands. Only this module makes it from strings."""

    __slots__ = ()


def visible(text: str) -> str:
    """What hides, reorders or ends a line is shown by its number, so that a text is what it seems to be."""
    return "".join(
        f"[U+{ord(letter):04X}]"
        if unicodedata.category(letter) in _HIDDEN and letter not in _JOINERS and letter not in "\n\t"
        else letter
        for letter in text
    )


def _escaped(value: object) -> str:
    return html.escape(visible(str(value)), quote=True)


def element(name: str, *children: object, **attributes: object) -> Html:
    """`<name …>children</name>`. Children that are not markup are escaped; `class_` and `stroke_width` lose the _."""
    inside = "".join(child if isinstance(child, Html) else _escaped(child) for child in children)
    marks = "".join(f' {key.rstrip("_").replace("_", "-")}="{_escaped(value)}"' for key, value in attributes.items())
    return Html(f"<{name}{marks}>{inside}</{name}>")


def joined(parts: Iterable[Html]) -> Html:
    """Markup one after another."""
    return Html("".join(parts))


def told(value: object) -> Html:
    """Text from the tenant or a person, kept apart from the direction in which the rest is written."""
    return element("bdi", value)


def bullets(items: Iterable[object]) -> Html:
    """A list."""
    return element("ul", joined(element("li", item) for item in items))


def facts(pairs: Iterable[tuple[str, object]]) -> Html:
    """Names with their values."""
    return element("dl", joined(joined((element("dt", name), element("dd", value))) for name, value in pairs))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Html:
    """A table; its head comes again on every printed page."""
    return element(
        "table",
        element("thead", element("tr", joined(element("th", name, scope="col") for name in head))),
        element("tbody", joined(element("tr", joined(element("td", cell) for cell in row)) for row in rows)),
    )


def box(tone: str, *children: object) -> Html:
    """A paragraph that must be seen. Its words say all; the tone only colours it."""
    return element("div", *children, class_=f"box {tone}")


def when(at: datetime | None) -> str:
    """A time in UTC, to the second."""
    return NOTHING if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def page(title: str, body: Iterable[Html]) -> bytes:
    """A whole document, alone in the world."""
    head = joined(
        (
            Html('<meta charset="utf-8">'),
            Html(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
            Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Html('<meta name="referrer" content="no-referrer">'),
            element("title", title),
            Html(f"<style>{STYLE}</style>"),
        )
    )
    whole = element("html", element("head", head), element("body", joined(body)), lang="en")
    return f"<!DOCTYPE html>\n{whole}\n".encode()
