from __future__ import annotations

import pytest

from services import errors
from services.errors import Gone, IRBotError, MissingLicence, UpstreamDown
from services.incidents.model import Subject
from services.incidents.subjects import recognise
from services.microsoft365.accounts import DirectoryRole, Roles
from tests.services.fakes import NO_ROLES, FakeM365, account, settings

GLOBAL = DirectoryRole("62e90394-69f5-4237-9190-012177145e10", "Global Administrator", "/", None)
READER = DirectoryRole("88d8e3e3-8f55-4a1e-953a-9b9898b8876b", "Directory Readers", "/", None)
PROTECTED = {"vip_groups": ("vips",), "break_glass_groups": ("emergency",)}


async def _megan(m365: FakeM365 | None = None, **options: object) -> Subject:
    found, read = await recognise((m365 or FakeM365.staffed()).typed, settings(**options), "megan")
    assert read.id == found.object_id == "megan"
    return found


async def test_an_ordinary_account_is_protected_by_nothing() -> None:
    megan = await _megan()
    assert not megan.protected
    assert (megan.unknowns, megan.kinds()) == ((), ("Cloud account",))
    assert (megan.name, megan.upn, megan.department) == ("Megan", "megan@contoso.com", "Finance")


@pytest.mark.parametrize(
    ("roles", "privileged"),
    [
        (NO_ROLES, False),
        (Roles((GLOBAL,), (), None, False), True),
        (Roles((READER,), (), None, False), False),
        (Roles((), (GLOBAL,), None, False), True),
        (Roles((), (), None, True), True),
        (Roles((), None, MissingLicence.code, False), False),
        (Roles((), None, UpstreamDown.code, False), True),
    ],
    ids=["none", "active", "harmless", "eligible", "assignable group", "no licence", "eligible unread"],
)
async def test_a_hand_on_an_administrator_is_noticed(roles: Roles, privileged: bool) -> None:
    m365 = FakeM365.staffed()
    m365.directory.roles["megan"] = roles
    megan = await _megan(m365)
    assert megan.privileged is privileged
    assert bool(megan.unknowns) is (roles.eligible_reason == UpstreamDown.code)


@pytest.mark.parametrize("name", ["megan", "MEGAN", "megan@contoso.com", "Megan@Contoso.com"])
async def test_an_account_in_the_settings_is_protected_however_it_is_written(name: str) -> None:
    assert (await _megan(vip_users=("zoe", name))).vip
    assert (await _megan(break_glass_users=(name,))).break_glass


async def test_members_of_protected_groups_are_protected() -> None:
    m365 = FakeM365.staffed()
    m365.directory.groups |= {"vips": {"megan"}, "emergency": {"zoe"}}
    megan = await _megan(m365, **PROTECTED)
    assert (megan.vip, megan.break_glass, megan.protected) == (True, False, True)
    m365.directory.groups |= {"vips": set(), "emergency": {"megan"}}
    megan = await _megan(m365, **PROTECTED)
    assert (megan.vip, megan.break_glass, megan.protected) == (False, True, True)


EVERY_ERROR = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, IRBotError)]


@pytest.mark.parametrize("look_up", ["directory_roles", "groups_of"])
async def test_what_cannot_be_looked_up_counts_as_the_worse_case_and_is_named(look_up: str) -> None:
    for error in EVERY_ERROR:
        m365 = FakeM365.staffed()
        m365.directory.fail[look_up] = error()
        megan = await _megan(m365, **PROTECTED)
        assert megan.protected
        assert len(megan.unknowns) == 1
        if look_up == "groups_of":
            assert (megan.vip, megan.break_glass) == (True, True)
        else:
            assert megan.privileged


async def test_without_the_account_itself_there_is_nothing_to_recognise() -> None:
    m365 = FakeM365.staffed()
    m365.directory.fail["account"] = Gone()
    with pytest.raises(Gone):
        await _megan(m365)


async def test_the_kind_of_account_is_recognised() -> None:
    m365 = FakeM365.staffed()
    m365.directory.accounts["megan"] = account(
        "megan", synced=True, on_premises_sam="mbowen", management_restricted=True
    )
    m365.mailbox.purpose["megan"] = "shared"
    megan = await _megan(m365)
    assert (megan.synced, megan.on_premises_name, megan.shared_mailbox, megan.management_restricted) == (
        True, "mbowen", True, True,
    )  # fmt: skip
    m365.directory.accounts["megan"] = account("megan", is_guest=True)
    m365.mailbox.fail = UpstreamDown()
    megan = await _megan(m365)
    assert (megan.guest, megan.shared_mailbox, megan.protected, megan.unknowns) == (True, False, False, ())
