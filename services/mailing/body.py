"""From plain words to the simple HTML of a mail. Whatever the words are, they stay words."""

from __future__ import annotations

import html

_STYLE = "font-family:Segoe UI,Arial,sans-serif;font-size:15px;line-height:1.45"
_BULLET = "- "
_KEPT = "\n\t\u00a0\u200c\u200d"  # not printable by Python's account, and part of ordinary writing


def html_of(text: str) -> str:
    """The words as HTML: paragraphs, line breaks and lists, nothing that runs, loads, links or hides."""
    seen = "".join(letter for letter in text.replace("\r\n", "\n") if letter.isprintable() or letter in _KEPT)
    blocks = [block for block in seen.split("\n\n") if block.strip()]
    return f'<div style="{_STYLE}">{"".join(_block(block) for block in blocks)}</div>'


def _block(block: str) -> str:
    drawn: list[str] = []
    words: list[str] = []
    points: list[str] = []
    for line in [*block.strip("\n").split("\n"), None]:
        if line is not None and line.startswith(_BULLET):
            points.append(f"<li>{html.escape(line.removeprefix(_BULLET))}</li>")
            if words:
                drawn.append(f"<p>{'<br>'.join(words)}</p>")
                words = []
            continue
        if points:
            drawn.append(f"<ul>{''.join(points)}</ul>")
            points = []
        if line is not None:
            words.append(html.escape(line))
    if words:
        drawn.append(f"<p>{'<br>'.join(words)}</p>")
    return "".join(drawn)
