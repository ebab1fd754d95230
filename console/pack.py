"""`pack`."""

from __future__ import annotations

import argparse
from pathlib import Path

from console.words import complain, say
from dialogs.commands import COMMANDS
from manifest import Environment, Unfit, pack


def run(chosen: argparse.Namespace) -> int:
    """Builds the Teams app's zip for your environment; refuses while something is missing."""
    environment = Environment(
        app_id=chosen.app_id,
        host=chosen.host,
        company=chosen.company,
        website_url=chosen.website,
        privacy_url=chosen.privacy,
        terms_url=chosen.terms,
        name=chosen.name,
        version=chosen.version,
    )
    try:
        pack(environment, [(row.name, row.summary) for row in COMMANDS if row.listed], chosen.out)
    except Unfit as error:
        return complain("The app was not packed:\n" + "\n".join(f"- {problem}" for problem in error.problems))
    except FileExistsError:
        return complain(f"The app was not packed: {chosen.out} is there already.")
    except OSError as error:
        return complain(f"The app was not packed: {error.strerror or error}.")
    say(f"{chosen.out}: upload it in the Teams admin centre, under Manage apps.")
    return 0


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be written after `pack`."""
    parser.add_argument("--app-id", required=True, help="the application (client) id of IRBot's app registration")
    parser.add_argument("--host", required=True, help="where Teams reaches the bot: bot.contoso.com")
    parser.add_argument("--company", required=True, help="who runs it, as shown in Teams")
    parser.add_argument("--website", required=True, metavar="URL", help="where people find help")
    parser.add_argument("--privacy", required=True, metavar="URL", help="your privacy page")
    parser.add_argument("--terms", required=True, metavar="URL", help="your terms of use")
    parser.add_argument("--name", default="IRBot", help="another one for a test environment")
    parser.add_argument("--version", default="1.0.0", help="higher each time that you upload it anew")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the zip to write")
