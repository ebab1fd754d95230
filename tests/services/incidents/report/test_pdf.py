"""A report as PDF says what the HTML says, and holds nothing that runs or calls home."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from services.incidents.report.page import element, page
from services.incidents.report.pdf import as_pdf
from services.incidents.report.plain import plain_report
from services.incidents.report.technical import technical_report
from tests.services.incidents.report.scene import case
from tests.services.incidents.report.test_reports import HOSTILE, REPORTS


def words_of(pdf: bytes) -> str:
    """All text, without the white space that a layout moves about."""
    return "".join("".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(pdf)).pages).split())


@pytest.mark.parametrize("report", REPORTS)
def test_every_word_of_the_page_is_printed(report: object) -> None:
    html = report(case("Меган Ünal"))  # type: ignore[operator]
    said = words_of(as_pdf(html))
    on_paper = re.sub(r"<title>[^<]*</title>", " ", html.decode().partition("<body>")[2])  # shown by a mouse alone
    body = re.sub(r"<[^<>]+>", " ", on_paper)
    missing = [word for word in unescape(body).split() if word not in said]
    assert missing == []


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_text_breaks_it_or_becomes_active(report: object, text: str) -> None:
    pdf = as_pdf(report(case(text)))  # type: ignore[operator]
    reader = PdfReader(io.BytesIO(pdf))
    assert [sheet for sheet in reader.pages if "/Annots" in sheet or "/AA" in sheet] == []
    assert not {"/OpenAction", "/AA", "/Names", "/AcroForm"} & set(reader.trailer["/Root"])
    assert (reader.metadata or {}).get("/Author") == "IRBot"


@given(st.text(alphabet=st.characters(exclude_categories=()), min_size=1, max_size=60))
@settings(max_examples=30, deadline=timedelta(seconds=20))
def test_any_text_can_be_printed(text: str) -> None:
    assert as_pdf(plain_report(case(text))).startswith(b"%PDF-")


def test_letters_that_the_font_lacks_are_named_by_their_number() -> None:
    assert "[U+4E2D]" in words_of(as_pdf(plain_report(case("中"))))


def test_both_pictures_are_drawn() -> None:
    with_pictures, without = (as_pdf(technical_report(case("Oslo", evidence=there))) for there in (True, False))
    assert "Placesovertime" in words_of(with_pictures)
    assert "suspiciousaddress" in words_of(with_pictures)
    assert "Placesovertime" not in words_of(without)


def test_the_same_case_gives_the_same_bytes() -> None:
    assert as_pdf(technical_report(case())) == as_pdf(technical_report(case()))


def test_markup_without_a_way_to_print_it_is_an_error() -> None:
    with pytest.raises(ValueError, match="iframe"):
        as_pdf(page("title", (element("iframe"),)))
