"""`doctor` and `grant`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from datetime import UTC, datetime

from console.words import complain, say, words_of
from services import logs
from services.approvals import RuleBook
from services.doctor import Shell, as_json, as_lines, examine, grant_script
from services.playbook import STEPS
from services.settings import Profile, load


def run(chosen: argparse.Namespace) -> int:
    """Looks whether IRBot could do its work tonight; 1 when something is missing or could not be looked at."""
    try:
        settings = load()
        RuleBook(settings, STEPS)
    except ValueError as error:
        return complain(f"The settings are wrong: {words_of(error)}")
    logs.configure("CRITICAL")
    diagnosis = asyncio.run(examine(settings, lambda: datetime.now(UTC), chosen.url))
    if chosen.json:
        sys.stdout.write(json.dumps(as_json(diagnosis), indent=1, ensure_ascii=False) + "\n")
    else:
        for line in as_lines(diagnosis):
            say(line)
    return 0 if diagnosis.fit else 1


def grant(chosen: argparse.Namespace) -> int:
    """Prints the commands that grant what a profile needs, to read and then to run."""
    sys.stdout.write(grant_script(Profile(chosen.profile), Shell(chosen.shell), chosen.app_id))
    return 0


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be written after `doctor`."""
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--url", help="where Teams reaches the bot, to be looked at as well")


def grant_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be written after `grant`."""
    parser.add_argument("--profile", choices=[each.value for each in Profile], default=Profile.EVERYTHING.value)
    parser.add_argument("--shell", choices=[each.value for each in Shell], default=Shell.POWERSHELL.value)
    parser.add_argument("--app-id", required=True, help="the application (client) id of IRBot's app registration")
