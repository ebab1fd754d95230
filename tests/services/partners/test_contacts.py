"""The partners' file is read at the start, and whatever is wrong with it is said in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.partners.contacts import Kind, contacts_of
from services.settings import Settings
from tests.services.fakes import settings
from tests.services.partners.receiver import SECRET, partners_file

GOOD = {"id": "a", "kind": "msp", "name": "A", "phone": "1"}
HOOK = {**GOOD, "webhook": "https://hooks.a.example/x", "secret_file": "a.key"}


def with_file(folder: Path, *entries: dict[str, str], more: str = "") -> Settings:
    (folder / "a.key").write_text(SECRET)
    (folder / "short.key").write_text("short")
    lines = [more]
    for entry in entries:
        lines += ["[[contact]]", *(f'{key} = "{value}"' for key, value in entry.items())]
    file = folder / "partners.toml"
    file.write_text("\n".join(lines))
    return settings(partners_file=file, webhook_hosts=("hooks.a.example",))


def test_without_a_file_there_are_no_partners() -> None:
    assert contacts_of(settings()) == ()


def test_a_whole_file_is_read_and_no_secret_shows(tmp_path: Path) -> None:
    file = partners_file(tmp_path, "https://127.0.0.1:1")
    msp, insurer, bank = contacts_of(settings(partners_file=file, webhook_hosts=("127.0.0.1",)))
    assert (msp.kind, msp.mail, msp.secret.reveal() if msp.secret else "") == (
        Kind.MSP,
        "soc@northwind.example",
        SECRET,
    )
    assert insurer.can_be_sent_to
    assert not bank.can_be_sent_to
    assert SECRET not in repr(msp)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({**GOOD, "fax": "1"}, "unknown fax"),
        ({**GOOD, "id": "A b"}, "small letters"),
        ({**GOOD, "kind": "friend"}, "bank, csp, insurer, legal, msp"),
        ({**GOOD, "name": " "}, "1 to 80 characters"),
        ({"id": "a", "kind": "msp", "name": "A"}, "a phone, a mail address or a webhook"),
        ({**GOOD, "mail": "a@b.example, c@d.example"}, "one address"),
        ({**GOOD, "secret_file": "a.key"}, "a secret_file without a webhook"),
        ({**HOOK, "webhook": "http://hooks.a.example/x"}, "begins with https://"),
        ({**HOOK, "webhook": "https://user:word@hooks.a.example/x"}, "no name or password"),
        ({**HOOK, "webhook": "https://hooks.a.example.evil.example/x"}, "not in IRBOT_WEBHOOK_HOSTS"),
        ({**HOOK, "webhook": "https://hooks.a.example:port/x"}, "not an address"),
        ({**HOOK, "secret_file": ""}, "needs a secret_file"),
        ({**HOOK, "secret_file": "missing.key"}, "cannot be read (FileNotFoundError)"),
        ({**HOOK, "secret_file": "short.key"}, "at least 32 characters"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, entry: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match="IRBOT_PARTNERS_FILE") as refused:
        contacts_of(with_file(tmp_path, entry))
    assert words in str(refused.value)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("colour = 1\n", "nothing else"),
        ("contact = 1\n", "nothing else"),
        ("[[contact]]\nid = 1\n", "every value is a text"),
        ("[[", "not TOML"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(ValueError, match=words):
        contacts_of(settings(partners_file=tmp_path / "p.toml"))


def test_a_file_that_is_not_there_and_a_name_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        contacts_of(settings(partners_file=tmp_path / "none.toml"))
    with pytest.raises(ValueError, match="twice: a"):
        contacts_of(with_file(tmp_path, GOOD, GOOD))
    many = [{**GOOD, "id": f"a{number}"} for number in range(21)]
    with pytest.raises(ValueError, match="at most 20"):
        contacts_of(with_file(tmp_path, *many))
