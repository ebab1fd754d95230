"""What IRBot understands, and what a person may do: the help card and the "who am I" card."""

from __future__ import annotations

from collections.abc import Sequence

from cards.elements import Card, Element, badge, card, fitted, heading, section, shortlist, small_print, spoken, text
from cards.parts import person
from cards.views import CommandLine, HelpView, Tone, WhoAmIView

USAGE_BRACKETS = str.maketrans("<>[]", "\u2039\u203a()")


def help_card(view: HelpView) -> Card:
    """Lists the commands, the first thing to do first."""
    return fitted(lambda limit: _draw_help(view, limit))


def _draw_help(view: HelpView, limit: int) -> Card:
    body: list[Element] = []
    if view.unknown is not None:
        body.append(
            section(
                [text("I do not know “", view.unknown, "”. Nothing has been changed.", bold=True)],
                tone=Tone.WARNING,
                bleed=True,
            )
        )
    body.append(text("What you can write to ", view.bot_name, bold=True, size="large", style="heading"))
    body += shortlist(command_rows(view.bot_name, view.commands), limit)
    return card(body, says=spoken(f"What you can write to {view.bot_name}."))


def command_rows(bot_name: str, commands: Sequence[CommandLine]) -> list[Element]:
    """Each command with what it is for."""
    return [
        section(
            [
                text(f"@{bot_name} {_usage(line.usage)}", bold=True, mono=True, spacing="none"),
                text(line.summary, spacing="none"),
            ],
            spacing="medium",
        )
        for line in commands
    ]


def _usage(usage: str) -> str:
    """Brackets that no client takes for markup, and that are not wide like the twins that `plain` puts."""
    return usage.translate(USAGE_BRACKETS)


def whoami_card(view: WhoAmIView) -> Card:
    """Shows who the bot takes a person for, and which roles they have and why."""
    return fitted(lambda limit: _draw_whoami(view, limit))


def _draw_whoami(view: WhoAmIView, limit: int) -> Card:
    body: list[Element] = [*person(view.person)]
    if view.note:
        body.append(section([text(view.note, bold=True)], tone=Tone.WARNING, spacing="medium"))
    body.append(heading("Your roles"))
    rows = [
        section(
            [
                badge("✓", f"{role.role}: yes", Tone.GOOD)
                if role.held
                else badge("✗", f"{role.role}: no", Tone.NEUTRAL),
                text("Why: ", role.why, spacing="none"),
                text("Allows: ", role.allows, subtle=True, spacing="none"),
            ],
            spacing="medium",
        )
        for role in view.roles
    ]
    body += shortlist(rows, limit) or [text("None.")]
    body.append(small_print("Object id ", view.person.object_id))
    held = [role.role for role in view.roles if role.held]
    return card(body, says=spoken(f"{view.person.name}: " + (", ".join(held) if held else "no roles") + "."))
