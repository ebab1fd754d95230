"""Plain words become simple HTML, and nothing in them becomes more than words."""

from __future__ import annotations

import pytest

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
