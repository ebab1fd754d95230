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
from services.doctor import Shell, Sources, Verdict, as_json, as_lines, examine, find, grant_script, prove
from services.errors import IRBotError
from services.microsoft365 import Tokens, open_microsoft365
from services.plain_words import explain
from services.playbook import STEPS
from services.settings import Profile, Settings, load


def run(chosen: argparse.Namespace) -> int:
    """Looks whether IRBot could do its work tonight; 1 when something is missing or could not be looked at."""
    try:
        settings = load()
        RuleBook(settings, STEPS)
    except ValueError as error:
        return complain(f"The settings are wrong: {words_of(error)}")
    logs.configure("CRITICAL")
    if chosen.prove:
        return asyncio.run(_prove(settings, chosen.prove))
    diagnosis = asyncio.run(examine(settings, lambda: datetime.now(UTC), chosen.url))
    if chosen.json:
        sys.stdout.write(json.dumps(as_json(diagnosis), indent=1, ensure_ascii=False) + "\n")
    else:
        for line in as_lines(diagnosis):
            say(line)
    return 0 if diagnosis.fit else 1


async def _prove(environment: Settings, sought: str) -> int:
    """Asks, then tries every step on the account; 1 when one of them did not do what it says."""
    sources = await Sources.read(environment)
    tokens = Tokens(sources.settings)
    m365 = await open_microsoft365(sources.settings, tokens)
    try:
        try:
            ctx = await find(m365, sources, sought, datetime.now(UTC))
        except IRBotError as error:
            words = explain(error)
            return complain(f"Nothing was tried: {words.what} {words.next_step}".strip())
        say(f"{ctx.account.display_name}, {ctx.account.upn}, {ctx.account.id}")
        say("Every step will be tried on this account: it is locked, loses its password, methods, apps and rules.")
        say("What can be put back is put back. Only go on with an account that nobody needs.")
        answer = await asyncio.to_thread(input, "Write its object id to go on: ")
        if answer.strip().lower() != ctx.account.id.lower():
            return complain("Nothing was tried.")
        failed = 0
        async for proof in prove(ctx):
            failed += proof.verdict is Verdict.FAILED
            say(f"{proof.verdict.value:8} {proof.step}: {proof.words}")
    finally:
        await m365.close()
        await tokens.close()
    say("Every step does what it says." if not failed else f"{failed} steps do otherwise than they say.")
    return 1 if failed else 0


def grant(chosen: argparse.Namespace) -> int:
    """Prints the commands that grant what a profile needs, to read and then to run."""
    sys.stdout.write(grant_script(Profile(chosen.profile), Shell(chosen.shell), chosen.app_id))
    return 0


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be written after `doctor`."""
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--prove", metavar="UPN", help="try every step on this throw-away account of your tenant")
    parser.add_argument("--url", help="where Teams reaches the bot, to be looked at as well")


def grant_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be written after `grant`."""
    parser.add_argument("--profile", choices=[each.value for each in Profile], default=Profile.EVERYTHING.value)
    parser.add_argument("--shell", choices=[each.value for each in Shell], default=Shell.POWERSHELL.value)
    parser.add_argument("--app-id", required=True, help="the application (client) id of IRBot's app registration")
