from __future__ import annotations

import pytest

from services.errors import Bug
from services.microsoft365.exchange.backend import ORGANISATION, Parameter, checked


@pytest.mark.parametrize("empty", ["", "   ", None, "*", "meg*", "megan\n", "\x00", ("megan",)])
@pytest.mark.parametrize(
    ("cmdlet", "name"),
    [("Get-MailboxJunkEmailConfiguration", "Identity"), ("Set-Mailbox", "Identity"), ("Get-InboxRule", "Mailbox")],
)
def test_an_identity_that_could_mean_everybody_never_leaves(cmdlet: str, name: str, empty: Parameter) -> None:
    with pytest.raises(Bug) as bug:
        checked(cmdlet, {name: empty}, anchor=ORGANISATION)
    assert bug.value.data["reason"] == "empty-identity"


@pytest.mark.parametrize("cmdlet", ["Get-InboxRule", "Set-CASMailbox", "Get-MailboxPermission", "Remove-Everything"])
def test_a_cmdlet_without_a_target_never_leaves(cmdlet: str) -> None:
    with pytest.raises(Bug):
        checked(cmdlet, {}, anchor=ORGANISATION)


@pytest.mark.parametrize("cmdlet", ["Get-Mailbox", "Get-CASMailbox", "Get-Recipient"])
def test_everybody_is_asked_for_only_by_saying_so(cmdlet: str) -> None:
    with pytest.raises(Bug) as bug:
        checked(cmdlet, {}, anchor=ORGANISATION)
    assert bug.value.data["reason"] == "everybody-by-accident"
    assert checked(cmdlet, {"ResultSize": "Unlimited"}, anchor=ORGANISATION).reads


def test_a_trustee_may_stand_for_the_identity_and_must_not_be_empty() -> None:
    assert checked("Get-RecipientPermission", {"Trustee": "megan"}, anchor=ORGANISATION)
    for parameters in ({}, {"Trustee": ""}):
        with pytest.raises(Bug):
            checked("Get-RecipientPermission", parameters, anchor=ORGANISATION)
    with pytest.raises(Bug):
        checked("Remove-MailboxPermission", {"Identity": "megan", "User": ""}, anchor=ORGANISATION)


def test_writes_say_that_they_need_no_confirmation_and_reads_do_not() -> None:
    assert checked("Remove-InboxRule", {"Identity": "x"}, anchor=ORGANISATION).parameters["Confirm"] is False
    assert "Confirm" not in checked("Get-InboxRule", {"Mailbox": "x"}, anchor=ORGANISATION).parameters
