"""The languages in which IRBot writes to recipients, and which of them a person reads."""

from __future__ import annotations

from enum import StrEnum


class Language(StrEnum):
    """What the warnings and lessons are written in, by ISO 639-1."""

    DE = "de"
    EN = "en"
    ES = "es"
    FR = "fr"
    RU = "ru"


LANGUAGES: tuple[str, ...] = tuple(language.value for language in Language)
NAMES = {
    Language.DE: "Deutsch",
    Language.EN: "English",
    Language.ES: "Español",
    Language.FR: "Français",
    Language.RU: "Русский",
}


def language_of(preferred: str | None) -> Language:
    """The language for a person whose Entra `preferredLanguage` is this ("de-CH", "pt-BR", nothing); else English."""
    code = (preferred or "").replace("_", "-").partition("-")[0].strip().lower()
    return Language(code) if code in set(Language) else Language.EN
