"""Plain words become simple HTML, and nothing in them becomes more than words."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.mailing.body import html_of


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("One\n\nTwo", "<p>One</p><p>Two</p>"),
        ("One\r\ntwo", "<p>One<br>two</p>"),
        ("Do:\n- call\n- ask\nThen rest", "<p>Do:</p><ul><li>call</li><li>ask</li></ul><p>Then rest</p>"),
        (
            "<script>alert(\"x\")</script> & 'y'",
            "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#x27;y&#x27;",
        ),
        (
            "- <a href='https://evil.example'>here</a>",
            "<li>&lt;a href=&#x27;https://evil.example&#x27;&gt;here&lt;/a&gt;",
        ),
    ],
)
def test_words_stay_words(text: str, inside: str) -> None:
    drawn = html_of(text)
    assert inside in drawn
    assert "<script" not in drawn
    assert "<a " not in drawn


def test_empty_blocks_leave_nothing() -> None:
    assert html_of("One\n\n\n\n \n\nTwo").count("<p>") == 2


class Seen(HTMLParser):
    """The tags of a mail, and its words."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def handle_comment(self, data: str) -> None:
        self.tags.append(("comment", ()))


PIECES = (
    "<script>",
    "</p>",
    "<!--",
    "]]>",
    "&lt;",
    "&#60;",
    "\"'>",
    "<img src=x>",
    "- ",
    "\n",
    "\n\n",
    "\r\n",
    "\u202e",
    "\x00",
)


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=12).map("".join))
@settings(max_examples=200, deadline=None)
def test_whatever_the_words_are_they_stay_words(text: str) -> None:
    seen = Seen()
    seen.feed(html_of(text))
    seen.close()
    assert seen.tags[0] == ("div", ("style",))
    assert set(seen.tags[1:]) <= {("p", ()), ("br", ()), ("ul", ()), ("li", ())}
    assert not set(seen.words) & set("\u202e\x00\u2066\x1b")
    seen.words.encode()
