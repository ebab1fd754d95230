"""Who is warned, against the simulated tenant: each person once, nobody who must not be, and honest about gaps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from services.blasts import audience
from services.blasts.audience import Warned, WhyNot, listed, warned
from services.blasts.model import Recipient, Via
from services.errors import BadInput
from services.microsoft365 import Microsoft365, Tokens, open_microsoft365
from services.settings import Settings
from simulator.server import Simulator
from simulator.tenant import Group

OWN = frozenset({"contoso.com", "contoso.onmicrosoft.com"})


@pytest.fixture
async def m365(sim: Simulator) -> AsyncIterator[Microsoft365]:
    values = {name.removeprefix("IRBOT_").lower(): value for name, value in sim.environment().items()}
    settings = Settings(**values)
    tokens = Tokens(settings)
    opened = await open_microsoft365(settings, tokens)
    yield opened
    await opened.close()
    await tokens.close()


def mail_group(sim: Simulator, address: str, *members: str) -> Group:
    """A distribution group of people, and of groups by their ids."""
    tenant = sim.world.tenant
    properties = tenant.group("Finance").properties | {
        "id": str(uuid4()),
        "displayName": address.partition("@")[0],
        "mail": address,
        "mailEnabled": True,
        "proxyAddresses": [f"SMTP:{address}", f"smtp:old-{address}"],
    }
    ids = [member if member in tenant.groups else tenant.user(member).id for member in members]
    group = Group(properties, members=ids)
    tenant.groups[group.id] = group
    return group


async def warn(sim: Simulator, m365: Microsoft365, *addresses: str, **more: object) -> Warned:
    tenant = sim.world.tenant
    given: dict[str, object] = {
        "own_domains": OWN,
        "subject_id": tenant.user("megan@contoso.com").id,
        "suspects": frozenset({tenant.user("isaiah@contoso.com").id}),
    }
    return await warned(m365, addresses, **{**given, **more})  # type: ignore[arg-type]


def names(people: tuple[Recipient, ...]) -> list[str]:
    return [person.name or person.address for person in people]


async def test_inside_and_outside_are_told_apart_by_the_accepted_domains(sim: Simulator, m365: Microsoft365) -> None:
    sim.world.tenant.user("lee@contoso.com").properties["preferredLanguage"] = "de-DE"
    found = await warn(sim, m365, "LEE@contoso.com", "bernd@tailspin.de", "ana@adatum.mx", "jo@fabrikam.com")
    (lee,) = found.inside
    assert (lee.address, lee.via, lee.language) == (sim.world.tenant.user("lee@contoso.com").id, Via.TEAMS, "de")
    assert lee.department == "Manufacturing"
    assert [(each.address, each.via, each.language) for each in found.outside] == [
        ("bernd@tailspin.de", Via.MAIL, "de-x-out"),
        ("ana@adatum.mx", Via.MAIL, "es-x-out"),
        ("jo@fabrikam.com", Via.MAIL, "en-x-out"),
    ]
    assert found.gaps == ()


async def test_a_person_comes_once_under_whichever_address(sim: Simulator, m365: Microsoft365) -> None:
    jose = sim.world.tenant.user("jose@contoso.com")
    jose.properties["proxyAddresses"] = ["SMTP:jose@contoso.com", "smtp:j.mueller@contoso.com"]
    found = await warn(sim, m365, "jose@contoso.com", "j.mueller@contoso.com", "Jose@Contoso.com")
    assert names(found.inside) == ["José Müller"]


async def test_groups_become_their_members_through_other_groups_as_well(sim: Simulator, m365: Microsoft365) -> None:
    sales = mail_group(sim, "sales@contoso.com", "jose@contoso.com", "joni.sherman2@contoso.com")
    everybody = mail_group(sim, "all@contoso.com", sales.id, "lee@contoso.com", "megan@contoso.com")
    everybody.members.append(sales.id)
    found = await warn(sim, m365, "old-all@contoso.com", "sales@contoso.com", "jose@contoso.com")
    assert sorted(names(found.inside)) == ["Joni Sherman", "José Müller", "Lee Gu"]
    assert found.left_out == {WhyNot.SUBJECT: 1}


async def test_suspects_the_subject_and_those_left_out_by_hand_are_counted(sim: Simulator, m365: Microsoft365) -> None:
    found = await warn(
        *(sim, m365, "megan@contoso.com", "isaiah@contoso.com", "lee@contoso.com", "jo@fabrikam.com"),
        leave_out=("Lee@contoso.com", "jo@fabrikam.com"),
    )
    assert found.everybody == ()
    assert found.left_out == {WhyNot.SUBJECT: 1, WhyNot.SUSPECT: 1, WhyNot.BY_HAND: 2}


async def test_somebody_left_out_by_hand_stays_out_in_a_group(sim: Simulator, m365: Microsoft365) -> None:
    mail_group(sim, "sales@contoso.com", "jose@contoso.com", "joni.sherman2@contoso.com")
    found = await warn(sim, m365, "sales@contoso.com", leave_out=("jose@contoso.com",))
    assert names(found.inside) == ["Joni Sherman"]


async def test_guests_get_mail_outside_and_a_shared_mailbox_inside(sim: Simulator, m365: Microsoft365) -> None:
    mail_group(sim, "project@contoso.com", "ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com", "invoices@contoso.com")
    found = await warn(sim, m365, "project@contoso.com", "ravi@fabrikam.com", "reception@contoso.com")
    assert [(each.address, each.via) for each in found.inside] == [
        ("invoices@contoso.com", Via.MAIL),
        ("reception@contoso.com", Via.MAIL),
    ]
    assert [each.address for each in found.outside] == ["ravi@fabrikam.com"]


async def test_a_blocked_account_is_left_out_and_one_without_a_licence_gets_mail(
    sim: Simulator, m365: Microsoft365
) -> None:
    sim.world.tenant.user("patti@contoso.com").properties["accountEnabled"] = False
    lee = sim.world.tenant.user("lee@contoso.com")
    lee.properties["assignedLicenses"] = []
    found = await warn(sim, m365, "patti@contoso.com", "lee@contoso.com")
    assert [(each.address, each.via, each.name) for each in found.inside] == [("lee@contoso.com", Via.MAIL, "Lee Gu")]
    assert found.left_out == {WhyNot.BLOCKED: 1}


async def test_an_address_of_ours_that_nobody_has_gets_mail_all_the_same(sim: Simulator, m365: Microsoft365) -> None:
    found = await warn(sim, m365, "gone@contoso.com")
    assert [(each.address, each.via) for each in found.inside] == [("gone@contoso.com", Via.MAIL)]


async def test_with_very_many_addresses_the_whole_book_is_read_with_the_same_result(
    sim: Simulator, m365: Microsoft365, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail_group(sim, "sales@contoso.com", "jose@contoso.com", "joni.sherman2@contoso.com")
    addresses = ("old-sales@contoso.com", "lee@contoso.com", "invoices@contoso.com", "gone@contoso.com", "a@b.example")
    one_by_one = await warn(sim, m365, *addresses)
    monkeypatch.setattr(audience, "_ONE_BY_ONE", 1)
    assert await warn(sim, m365, *addresses) == one_by_one


@pytest.mark.parametrize("missing", ["User.Read.All", "GroupMember.Read.All"])
async def test_without_a_right_everybody_still_gets_mail_and_it_is_said(
    sim: Simulator, m365: Microsoft365, missing: str
) -> None:
    mail_group(sim, "sales@contoso.com", "jose@contoso.com")
    app = sim.world.tenant.app(sim.environment()["IRBOT_APP_ID"])
    assert app is not None
    # Some other rights would do as well.
    kind = missing.partition(".")[0]
    app.permissions -= {each for each in app.permissions if each.startswith(("Directory.", "Device", f"{kind}."))}
    app.permissions -= {"Group.Read.All", "Group.ReadWrite.All"} if kind == "GroupMember" else set()
    found = await warn(sim, m365, "sales@contoso.com", "jo@fabrikam.com")
    assert [each.address for each in found.outside] == ["jo@fabrikam.com"]
    assert [(each.address, each.via) for each in found.inside] == [("sales@contoso.com", Via.MAIL)]
    assert missing in found.gaps[0]


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("", ()),
        (" A@b.example;c@d.example\nA@B.example ", ("a@b.example", "c@d.example")),
        ("<a@b.example>, c@d.example", ("a@b.example", "c@d.example")),
    ],
)
def test_typed_addresses_are_read(text: str, addresses: tuple[str, ...]) -> None:
    assert listed(text) == addresses


def test_what_is_no_address_is_named() -> None:
    with pytest.raises(BadInput) as caught:
        listed("a@b.example, Lee Gu")
    assert caught.value.data["words"] == ["Lee", "Gu"]
