"""What the card tests share: a walk over a card, and what counts as text that somebody reads."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from markdown_it import MarkdownIt

from tools.gallery.samples import Sample

Found = tuple[str, Any]

SHOWN = {"text", "title", "value", "label", "errorMessage"}


@cache
def drawn(sample: Sample) -> dict[str, Any]:
    """The card of a sample, drawn once for all tests: to be looked at, not to be changed."""
    return sample.draw()


def walk(node: Any, path: str = "") -> Iterator[Found]:
    """Every node of the card with where it stands."""
    yield path, node
    if isinstance(node, dict):
        for key, value in node.items():
            yield from walk(value, f"{path}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from walk(value, f"{path}/{index}")


def elements(card: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Every element or action of one type."""
    return [node for _, node in walk(card) if isinstance(node, dict) and node.get("type") == kind]


def shown(card: dict[str, Any]) -> list[str]:
    """Every string that a reader sees or hears."""
    texts = [card["fallbackText"], card["speak"]]
    for _, node in walk(card["body"]):
        if isinstance(node, dict) and node.get("type") == "RichTextBlock":
            texts.append("".join(run["text"] for run in node["inlines"]))
        elif isinstance(node, dict) and node.get("type") != "TextRun":
            texts += [value for key, value in node.items() if key in SHOWN and isinstance(value, str)]
    return texts


def words(card: dict[str, Any]) -> str:
    """All that is shown, in one string, to look for words in."""
    return "\n".join(shown(card))


def markup(text: str) -> list[str]:
    """The kinds of Markdown that a client would find in this text, beyond words in one paragraph."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["strikethrough", "table"])
    kinds: list[str] = []
    for token in parser.parse(text):
        if token.type == "inline":
            kinds += [child.type for child in token.children or [] if child.type not in {"text", "text_special"}]
        elif token.type not in {"paragraph_open", "paragraph_close"}:
            kinds.append(token.type)
    return kinds


def rendered(text: str) -> str:
    """What is left to read when a client has applied Markdown to it."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["strikethrough", "table"])
    return "".join(
        child.content for token in parser.parse(text) for child in token.children or [] if child.type.startswith("text")
    )
