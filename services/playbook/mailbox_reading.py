"""What several steps read of a mailbox: the rules with the kinds of their folders, and the tenant's own domains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.errors import Gone
from services.microsoft365.exchange import folders, inbox_rules, mailboxes
from services.microsoft365.exchange.inbox_rules import InboxRule, InboxRules
from services.microsoft365.exchange.mailboxes import Mailbox
from services.playbook.step import Context
from services.together import together


@dataclass(frozen=True)
class RulesOfMailbox:
    """All inbox rules, and what a rule's folder is: Exchange's own kind by path, which no language changes."""

    mailbox: Mailbox
    rules: InboxRules
    folder_kinds: Mapping[str, str]
    own_domains: frozenset[str]

    @property
    def to_judge(self) -> tuple[InboxRule, ...]:
        """The rules that somebody made. A rule that bears the name of Exchange's own and sends mail on is none."""
        return tuple(
            rule
            for rule in self.rules.rules
            if not rule.of_the_system or rule.forward_to or rule.redirect_to or rule.deletes
        )


async def mailbox_of(ctx: Context) -> Mailbox:
    """The subject's mailbox, compared with the subject's object id. Raises Gone where there is none."""
    return await mailboxes.find(ctx.m365.exchange, ctx.subject.object_id, ctx.subject.upn)


def has_no_mailbox(error: object) -> bool:
    """Whether a look-up failed only because the account has no mailbox in the cloud."""
    return isinstance(error, Gone) and error.data.get("reason") == "no-mailbox"


async def own_domains(ctx: Context) -> frozenset[str]:
    """The verified domains of the tenant, in lower case."""
    return frozenset(domain.lower() for domain in (await ctx.m365.directory.organization()).domains)


async def rules_of(ctx: Context) -> RulesOfMailbox:
    """The rules of the subject's mailbox with all that judging them takes, read once in a round."""
    return await ctx.shared.once("inbox rules", lambda: _rules(ctx))


async def _rules(ctx: Context) -> RulesOfMailbox:
    mailbox = await mailbox_of(ctx)
    rules, listed, domains = await together(
        inbox_rules.list_rules(ctx.m365.exchange, mailbox),
        folders.list_folders(ctx.m365.exchange, mailbox),
        own_domains(ctx),
    )
    kinds = {folder.path.strip("/").casefold(): folder.kind for folder in listed}
    kinds |= {folder.name.casefold(): folder.kind for folder in listed if folder.name.casefold() not in kinds}
    return RulesOfMailbox(mailbox, rules, kinds, domains)
