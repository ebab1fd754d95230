"""Makes the manifest and the zip of one environment, and refuses while anything is missing or does not fit.

English stands in the manifest itself; the files of the other languages carry the same texts under Teams' keys. What the
commands are called and do comes from whoever knows them, so that the list in Teams and the help say the same.
"""

from __future__ import annotations

import json
import struct
import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SCHEMA_VERSION = "1.30"
ENGLISH = "en"

_HERE = Path(__file__).resolve().parent
_SCHEMA = f"https://developer.microsoft.com/json-schemas/teams/v{SCHEMA_VERSION}/MicrosoftTeams.schema.json"
_ICONS = {"color.png": (192, 192), "outline.png": (32, 32)}
_NAMESPACE = uuid.UUID("6c7fb2d5-1f3e-5d1c-9a55-3f6e7e0b8a11")
_SCOPES = ("team", "personal", "groupChat")
_MOST_COMMANDS = 12
_LONGEST = {"name": 30, "company": 32, "version": 256}


class Unfit(ValueError):
    """The zip cannot be made; `problems` says what is missing, one line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


@dataclass(frozen=True)
class Environment:
    """Where this app runs and whose it is. `name` tells two environments apart in Teams ("IRBot (test)")."""

    app_id: str
    host: str  # without a scheme: bot.contoso.com
    company: str
    website_url: str
    privacy_url: str
    terms_url: str
    name: str = "IRBot"
    version: str = "1.0.0"


def languages() -> tuple[str, ...]:
    """The languages that there are texts for, English first."""
    found = sorted(path.stem for path in (_HERE / "strings").glob("*.json"))
    return (ENGLISH, *(language for language in found if language != ENGLISH))


def build(environment: Environment, commands: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The manifest of an environment. `commands` are names and summaries, in the order of the help."""
    words = _strings(ENGLISH)
    return {
        "$schema": _SCHEMA,
        "manifestVersion": SCHEMA_VERSION,
        "version": environment.version,
        # The same app under another name is another app to Teams.
        "id": str(uuid.uuid5(_NAMESPACE, f"{environment.app_id.lower()}/{environment.name}")),
        "developer": {
            "name": environment.company,
            "websiteUrl": environment.website_url,
            "privacyUrl": environment.privacy_url,
            "termsOfUseUrl": environment.terms_url,
        },
        "name": {"short": environment.name, "full": words["full_name"]},
        "description": {"short": words["short"], "full": words["full"]},
        "icons": {"color": "color.png", "outline": "outline.png"},
        "accentColor": "#1F4E79",
        "localizationInfo": {
            "defaultLanguageTag": ENGLISH,
            "additionalLanguages": [
                {"languageTag": language, "file": f"{language}.json"} for language in languages()[1:]
            ],
        },
        "bots": [
            {
                "botId": environment.app_id,
                "scopes": list(_SCOPES),
                "supportsFiles": True,  # reports go through the question whether a file is wanted
                "isNotificationOnly": False,
                "commandLists": [
                    {
                        "scopes": list(_SCOPES),
                        "commands": [{"title": name, "description": summary} for name, summary in commands],
                    }
                ],
            }
        ],
        "composeExtensions": [
            {
                "botId": environment.app_id,
                "commands": [
                    {
                        "id": "report-message",
                        "type": "action",
                        "title": words["report_message"],
                        "description": words["report_message_about"],
                        "context": ["message"],
                        "fetchTask": True,
                    },
                    {
                        "id": "incidents",
                        "type": "query",
                        "title": words["incidents"],
                        "description": words["incidents_about"],
                        "context": ["compose", "commandBox"],
                        "initialRun": True,
                        "parameters": [
                            {"name": "sought", "title": words["sought"], "description": words["sought_about"]}
                        ],
                    },
                ],
            }
        ],
        "permissions": ["identity", "messageTeamMembers"],
        "validDomains": [environment.host],
        "webApplicationInfo": {"id": environment.app_id},
        "authorization": {
            "permissions": {"resourceSpecific": [{"name": "ChatMessageReadReceipt.Read.Chat", "type": "Application"}]}
        },
    }


def localization(language: str, name: str, commands: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The texts of one language under the keys that Teams reads; the app's `name` is the same in all.

    Raises Unfit where a command has no translation.
    """
    words = _strings(language)
    missing = [command for command, _ in commands if not words["commands"].get(command)]
    if missing:
        raise Unfit([f"{language}: no text for the command {command}" for command in missing])
    texts = {
        "$schema": _SCHEMA.replace("Teams.schema", "Teams.Localization.schema"),
        "name.short": name,
        "name.full": words["full_name"],
        "description.short": words["short"],
        "description.full": words["full"],
        "composeExtensions[0].commands[0].title": words["report_message"],
        "composeExtensions[0].commands[0].description": words["report_message_about"],
        "composeExtensions[0].commands[1].title": words["incidents"],
        "composeExtensions[0].commands[1].description": words["incidents_about"],
        "composeExtensions[0].commands[1].parameters[0].title": words["sought"],
        "composeExtensions[0].commands[1].parameters[0].description": words["sought_about"],
    }
    for place, (command, _) in enumerate(commands):
        texts[f"bots[0].commandLists[0].commands[{place}].description"] = words["commands"][command]
    return texts


def pack(environment: Environment, commands: Sequence[tuple[str, str]], out: Path) -> None:
    """Writes the zip to a new file. Raises Unfit with every problem at once, and FileExistsError."""
    problems = [*_problems(environment, commands), *_icon_problems()]
    if problems:
        raise Unfit(problems)
    files: dict[str, bytes] = {"manifest.json": _json(build(environment, commands))}
    for language in languages()[1:]:
        files[f"{language}.json"] = _json(localization(language, environment.name, commands))
    for icon in _ICONS:
        files[icon] = (_HERE / icon).read_bytes()
    with zipfile.ZipFile(out, "x", zipfile.ZIP_DEFLATED) as package:
        for name, content in files.items():
            package.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)


def _problems(environment: Environment, commands: Sequence[tuple[str, str]]) -> Iterator[str]:
    try:
        uuid.UUID(environment.app_id)
    except ValueError:
        yield "the app id is not a GUID"
    parts = urlsplit(f"https://{environment.host}")
    if not environment.host or parts.hostname != environment.host.lower() or "." not in environment.host:
        yield "the host is the bare name under which Teams reaches the bot, such as bot.contoso.com"
    for what, url in (
        ("website", environment.website_url),
        ("privacy", environment.privacy_url),
        ("terms of use", environment.terms_url),
    ):
        address = urlsplit(url)
        if address.scheme != "https" or not address.hostname:
            yield f"the address of the {what} page begins with https://"
    for field, longest in _LONGEST.items():
        value = str(getattr(environment, field)).strip()
        if not value or len(value) > longest:
            yield f"the {field} has 1 to {longest} letters"
    if not all(part.isascii() and part.isdigit() for part in environment.version.split(".")) or (
        len(environment.version.split(".")) != 3
    ):
        yield "the version has three numbers, such as 1.0.0"
    if not 0 < len(commands) <= _MOST_COMMANDS:
        yield f"Teams shows 1 to {_MOST_COMMANDS} commands, and there are {len(commands)}"


def _icon_problems() -> Iterator[str]:
    """Why Teams would not take the icons: their size, and an outline in anything but white on nothing."""
    for name, size in _ICONS.items():
        try:
            header = (_HERE / name).read_bytes()[:26]
        except OSError:
            yield f"the icon {name} is missing"
            continue
        if header[:8] != b"\x89PNG\r\n\x1a\n" or struct.unpack(">II", header[16:24]) != size:
            yield f"the icon {name} is not a PNG of {size[0]} by {size[1]}"
        elif name == "outline.png" and header[25] not in {4, 6}:
            yield "the outline icon has no transparency"


def _strings(language: str) -> Mapping[str, Any]:
    words: dict[str, Any] = json.loads((_HERE / "strings" / f"{language}.json").read_text(encoding="utf-8"))
    return words


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()
