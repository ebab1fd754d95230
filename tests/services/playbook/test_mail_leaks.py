"""A reply that leads people outside and a sweep rule that hides colleagues are told from an absence and newsletters."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.microsoft365.exchange.auto_replies import AutoReply
from services.microsoft365.exchange.sweep_rules import SweepRule
from services.playbook.mail_leaks import reply_from_json, reply_reasons, reply_to_json, sweep_reasons

_OWN = frozenset({"contoso.com", "contoso.onmicrosoft.com"})


def _reply(internal: str, external: str = "") -> AutoReply:
    return AutoReply("Enabled", internal, external, "All", None, None)


def _sweep(sender: str) -> SweepRule:
    return SweepRule("id", "Sweep", True, "Exchange16", sender, "Inbox", "Deleted Items", None, 1)


@pytest.mark.parametrize(
    "text",
    [
        "I am away until Monday. Write to reception@contoso.com or see www.contoso.com/contact.",
        '<a href="https://intranet.contoso.com/who">Who can help</a>',
        "",
    ],
)
def test_a_plain_absence_has_nothing_against_it(text: str) -> None:
    assert reply_reasons(_reply(text), _OWN) == ()


def test_a_reply_that_leads_outside_names_the_places_and_not_its_text() -> None:
    reply = _reply("", '<a href="https://Contoso-Orders.example/x?y">portal</a>, or pay.desk@outlook-mail.example')
    assert reply_reasons(reply, _OWN) == (
        "It links to contoso-orders.example",
        "It gives an address at outlook-mail.example",
    )


def test_a_look_alike_of_the_own_domain_is_outside() -> None:
    assert reply_reasons(_reply("https://contoso.com.evil.example"), _OWN) == ("It links to contoso.com.evil.example",)


def test_newsletters_may_be_swept_and_colleagues_and_warnings_may_not() -> None:
    assert sweep_reasons(_sweep("news@adatum.example"), _OWN) == ()
    assert sweep_reasons(_sweep("postmaster@contoso.com"), _OWN) != ()
    assert sweep_reasons(_sweep("lynne@Contoso.com"), _OWN) != ()
    assert sweep_reasons(_sweep("security-noreply@accountprotection.microsoft.com"), _OWN) != ()
    assert sweep_reasons(_sweep(""), _OWN) != ()


def test_a_reply_comes_back_from_json() -> None:
    reply = AutoReply("Scheduled", "a", "b", "All", datetime(2026, 1, 2, tzinfo=UTC), None)
    assert reply_from_json(reply_to_json(reply)) == reply
