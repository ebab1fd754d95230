"""Reads a report as a browser would, and refuses what must not be in one."""

from __future__ import annotations

from html.parser import HTMLParser

_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "div", "span"),
    *("strong", "em", "code", "bdi"),
    *("ul", "li", "dl", "dt", "dd", "table", "thead", "tbody", "tr", "th", "td"),
    *("figure", "figcaption", "svg", "text", "line", "circle", "polygon"),
}
_ATTRIBUTES = {
    *("lang", "charset", "content", "http-equiv", "name", "class", "scope", "role", "viewbox"),
    *("x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "points", "fill", "stroke", "stroke-width", "text-anchor"),
}
_ALONE = frozenset({"meta"})


class Reading(HTMLParser):
    """The words of a document, its tables' rows, and whether it keeps to what reports are made of."""

    def __init__(self, document: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.foreign: list[str] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(document.decode("utf-8"))
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.foreign += [tag] * (tag not in _TAGS) + [name for name, _ in attrs if name not in _ATTRIBUTES]
        if tag not in _ALONE:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.words += data

    def handle_comment(self, data: str) -> None:
        self.foreign.append("comment")

    def unknown_decl(self, data: str) -> None:
        self.foreign.append("declaration")

    def handle_pi(self, data: str) -> None:
        self.foreign.append("instruction")
