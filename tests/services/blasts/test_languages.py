"""A recipient reads the message in their own language where there is one, else in English."""

from __future__ import annotations

import pytest

from services.blasts.languages import NAMES, Language, language_of


@pytest.mark.parametrize(
    ("preferred", "language"),
    [
        ("de-CH", Language.DE),
        ("FR", Language.FR),
        ("es_MX", Language.ES),
        ("ru-RU", Language.RU),
        ("en-GB", Language.EN),
        ("pt-BR", Language.EN),
        ("den", Language.EN),
        ("", Language.EN),
        (None, Language.EN),
    ],
)
def test_the_language_follows_the_directory(preferred: str | None, language: Language) -> None:
    assert language_of(preferred) is language


def test_every_language_has_its_own_name() -> None:
    assert set(NAMES) == set(Language)
