"""The Teams app: valid by Microsoft's own schemas, the same words as the help, and never packed half."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator
from PIL import Image

from dialogs.commands import COMMANDS
from manifest import SCHEMA_VERSION, Environment, Unfit, build, languages, localization, pack
from tests.machine import go_without
from tools import icons
from tools.gallery.render import MODULES, CannotDrawError, install_packages

ENVIRONMENT = Environment(
    app_id="11111111-1111-4111-8111-111111111111",
    host="bot.contoso.com",
    company="Contoso",
    website_url="https://contoso.com/help",
    privacy_url="https://contoso.com/privacy",
    terms_url="https://contoso.com/terms",
)
ALL = [(row.name, row.summary) for row in COMMANDS]
ROWS = [(row.name, row.summary) for row in COMMANDS if row.listed]
TRANSLATED = languages()[1:]


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    """Microsoft's own schemas, from its npm package."""
    try:
        install_packages()
    except CannotDrawError as problem:
        go_without(str(problem))
    folder = MODULES / "@microsoft/app-manifest/build/json-schemas/teams" / f"v{SCHEMA_VERSION}"
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}


def errors(schema: Any, value: Any) -> list[str]:
    return [
        f"{list(error.absolute_path)}: {error.message[:200]}" for error in Draft4Validator(schema).iter_errors(value)
    ]


def test_the_manifest_keeps_to_microsofts_schema(schemas: dict[str, Any]) -> None:
    schema = schemas["MicrosoftTeams.schema.json"]
    assert errors(schema, build(ENVIRONMENT, ROWS)) == []
    assert errors(schema, build(ENVIRONMENT, ROWS) | {"accentColor": "blue"}) != []


@pytest.mark.parametrize("language", TRANSLATED)
def test_each_language_keeps_to_microsofts_schema(schemas: dict[str, Any], language: str) -> None:
    assert errors(schemas["MicrosoftTeams.Localization.schema.json"], localization(language, "IRBot", ROWS)) == []


def test_it_speaks_five_languages() -> None:
    assert set(languages()) == {"en", "de", "es", "fr", "ru"}


def test_the_commands_in_teams_are_those_of_the_help() -> None:
    [commands] = build(ENVIRONMENT, ROWS)["bots"][0]["commandLists"]
    assert [(each["title"], each["description"]) for each in commands["commands"]] == ROWS


@pytest.mark.parametrize("language", languages())
def test_a_language_has_the_same_texts_as_english_and_no_old_ones(language: str) -> None:
    folder = Path(__file__).resolve().parents[2] / "manifest" / "strings"
    english, words = (json.loads((folder / f"{each}.json").read_text(encoding="utf-8")) for each in ("en", language))
    assert words.keys() == english.keys()
    assert words["commands"].keys() == {name for name, _ in ALL}
    if language == "en":
        assert words["commands"] == dict(ALL)


def test_teams_offers_twelve_commands_and_help_names_the_rest() -> None:
    assert len(ROWS) <= 12
    assert {row.name for row in COMMANDS if not row.listed} == {"reopen", "resume"}


def test_texts_fit_where_teams_shows_them() -> None:
    for language in TRANSLATED:
        texts = localization(language, "IRBot", ROWS)
        assert len(texts["description.short"]) <= 80
        assert max(len(text) for key, text in texts.items() if key.endswith("title")) <= 32
        assert max(len(text) for key, text in texts.items() if key.endswith("].description")) <= 128


def test_a_command_without_a_translation_stops_the_packing(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match="dance"):
        pack(ENVIRONMENT, [("dance", "Dance.")], tmp_path / "app.zip")


def test_the_zip_holds_the_manifest_the_icons_and_the_languages(tmp_path: Path) -> None:
    pack(ENVIRONMENT, ROWS, tmp_path / "app.zip")
    pack(ENVIRONMENT, ROWS, tmp_path / "again.zip")
    assert (tmp_path / "app.zip").read_bytes() == (tmp_path / "again.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "app.zip") as package:
        names = set(package.namelist())
        manifest = json.loads(package.read("manifest.json"))
    assert names == {"manifest.json", "color.png", "outline.png", *(f"{language}.json" for language in TRANSLATED)}
    assert {each["file"] for each in manifest["localizationInfo"]["additionalLanguages"]} <= names
    assert manifest["bots"][0]["botId"] == ENVIRONMENT.app_id


def test_two_names_of_one_app_are_two_apps_in_teams() -> None:
    test = build(replace(ENVIRONMENT, name="IRBot (test)"), ROWS)
    assert test["id"] != build(ENVIRONMENT, ROWS)["id"]
    assert build(ENVIRONMENT, ROWS)["id"] == build(ENVIRONMENT, ROWS)["id"]


@pytest.mark.parametrize(
    "changes",
    [
        {"app_id": ""},
        {"app_id": "not-a-guid"},
        {"host": ""},
        {"host": "https://bot.contoso.com"},
        {"host": "bot.contoso.com/api"},
        {"host": "localhost"},
        {"company": " "},
        {"company": "C" * 33},
        {"website_url": "http://contoso.com"},
        {"privacy_url": ""},
        {"terms_url": "contoso.com"},
        {"name": "N" * 31},
        {"version": "1.0"},
        {"version": "1.0.x"},
    ],
)
def test_what_is_missing_or_does_not_fit_is_refused(changes: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(Unfit):
        pack(replace(ENVIRONMENT, **changes), ROWS, tmp_path / "app.zip")
    assert not (tmp_path / "app.zip").exists()


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(Unfit) as refused:
        pack(Environment("", "", "", "", "", ""), ROWS, tmp_path / "app.zip")
    assert len(refused.value.problems) >= 6


def test_an_app_that_is_there_already_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "app.zip").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        pack(ENVIRONMENT, ROWS, tmp_path / "app.zip")
    assert (tmp_path / "app.zip").read_bytes() == b"mine"


def test_the_icons_are_as_teams_wants_them_and_as_they_are_drawn() -> None:
    folder = Path(__file__).resolve().parents[2] / "manifest"
    for name, draw, size in (("color.png", icons.color, 192), ("outline.png", icons.outline, 32)):
        with Image.open(folder / name) as icon:
            stored = icon.convert("RGBA")
        assert stored.size == (size, size)
        assert stored.tobytes() == draw().tobytes()
    seen = [pixel for pixel in icons.outline().getdata() if pixel[3]]
    assert {pixel[:3] for pixel in seen} == {(255, 255, 255)}
    assert 0.1 < len(seen) / 32**2 < 0.9
