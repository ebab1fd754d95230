from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from services import errors, plain_words
from services.errors import (
    AuthBroken,
    BadInput,
    Conflict,
    Gone,
    IRBotError,
    MissingLicence,
    MissingPermission,
    MissingRole,
    NotAllowed,
    NotFound,
    Throttled,
    UnknownOutcome,
    UpstreamDown,
)
from services.plain_words import explain


def _tree(root: type[IRBotError]) -> Iterator[type[IRBotError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


ROOT = Path(__file__).resolve().parents[2]
EVERY_CLASS = sorted((each for each in _tree(IRBotError) if each.__module__ == errors.__name__), key=lambda c: c.code)
REASONS = {
    NotAllowed: (
        "no-role", "not-in-personal-chat", "subject-of-incident", "guest", "requester-may-not-approve", "other-tenant",
        "account-gone", "role-check-failed", "needs-approver", "only-requester-may-confirm", "not-in-this-place",
    ),
    Conflict: (
        "incident-open-already", "incident-closed", "approval-decided", "approval-void", "plan-changed",
        "step-running", "nothing-to-undo", "default-sign-in-method", "alternate-phone-first", "no-approver",
    ),
    BadInput: (
        "no-user", "too-many-words", "not-a-user", "stale-card", "forged-card", "unknown-button", "text-too-long",
        "unknown-choice", "unknown-incident", "missing-user", "extra-words", "not-an-account", "ambiguous-mention",
        "link-mismatch", "not-an-incident", "too-long", "unknown-mention",
    ),
    AuthBroken: (
        "managed-identity-not-offered", "managed-identity-refused", "managed-identity-unreachable",
        "managed-identity-unreadable",
    ),
}  # fmt: skip
ALL_REASONS = [(error, reason) for error, reasons in REASONS.items() for reason in reasons]


@pytest.mark.parametrize("error", EVERY_CLASS, ids=lambda error: error.code)
def test_every_error_has_words_of_its_own(error: type[IRBotError]) -> None:
    assert error in plain_words._ROWS
    words = explain(error())
    assert words.title
    assert words.what.endswith(".")
    assert words.next_step.endswith(".")


@pytest.mark.parametrize(("error", "reason"), ALL_REASONS, ids=[f"{e.code}-{r}" for e, r in ALL_REASONS])
def test_every_reason_has_a_sentence_of_its_own(error: type[IRBotError], reason: str) -> None:
    words = explain(error(reason=reason))
    assert words != explain(error(reason="a-reason-nobody-gave"))
    assert words.what.endswith(".")


def _reasons_in(path: Path) -> Iterator[tuple[str, str]]:
    """The error class and the reason of every error that a module makes with a reason written out."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            for keyword in node.keywords:
                if keyword.arg == "reason" and isinstance(keyword.value, ast.Constant):
                    yield node.func.id, str(keyword.value.value)
            if node.func.id == "refusal" and isinstance(node.args[-1], ast.Constant):
                yield "Conflict", str(node.args[-1].value)


def test_every_reason_that_the_code_gives_has_a_sentence() -> None:
    tables = {error.__name__: reasons for error, reasons in plain_words._REASONS.items()}
    given = {
        (error, reason)
        for folder in ("services", "dialogs")
        for path in (ROOT / folder).rglob("*.py")
        for error, reason in _reasons_in(path)
        if error in ("BadInput", "Conflict", "NotAllowed")
    }
    assert ("NotAllowed", "no-role") in given
    assert {(error, reason) for error, reason in given if reason not in tables[error]} == set()


@pytest.mark.parametrize("error", EVERY_CLASS, ids=lambda error: error.code)
def test_an_unknown_reason_still_reads_well(error: type[IRBotError]) -> None:
    words = explain(error(reason="some-new-reason"))
    assert "some-new-reason" not in f"{words.title} {words.what} {words.next_step}"
    assert words.what


@pytest.mark.parametrize("error", EVERY_CLASS, ids=lambda error: error.code)
@pytest.mark.parametrize("junk", [None, 7, True, ["a", "b"], "x" * 10_000])
def test_no_data_can_break_the_words(error: type[IRBotError], junk: object) -> None:
    names = ("reason", "what", "sought", "permissions", "roles", "licence", "service", "aadsts", "correlation_id")
    words = explain(error(**dict.fromkeys(names, junk)))  # type: ignore[arg-type]
    assert words.title


def test_words_are_short_and_blame_nobody() -> None:
    every = [explain(error()) for error in EVERY_CLASS]
    every += [words for reasons in plain_words._REASONS.values() for words in reasons.values()]
    for words in every:
        assert len(words.title) <= 40, words
        assert len(words.what) <= 120, words
        assert len(words.next_step) <= 120, words
        for blame in ("your fault", "you forgot", "illegal", "invalid", "failed to", "exception", "HTTP"):
            assert blame not in f"{words.what} {words.next_step}".casefold()


def test_a_missing_permission_role_or_licence_is_named() -> None:
    assert "User.Read.All" in explain(MissingPermission(permissions=["User.Read.All"])).what
    assert "User Administrator or Global" in explain(MissingRole(roles=["User Administrator", "Global"])).what
    assert "Entra ID P2" in explain(MissingLicence(licence="Microsoft Entra ID P2")).what


@pytest.mark.parametrize(
    ("wait", "said"), [(None, "a minute"), (0.2, "1 second"), (7, "7 seconds"), (90, "90 seconds"), (91, "2 minutes")]
)
def test_how_long_to_wait_is_said_in_whole_units(wait: float | None, said: str) -> None:
    assert f"in {said}." in explain(Throttled(wait)).next_step


def test_the_service_is_named_as_people_know_it() -> None:
    assert "Exchange Online" in explain(UpstreamDown(service="exchange")).what
    assert "Teams" in explain(UpstreamDown(service="bot-connector")).what
    assert "the Microsoft sign-in service" in explain(UnknownOutcome(service="entra-sign-in")).what


def test_a_known_sign_in_code_says_what_to_mend() -> None:
    words = explain(AuthBroken(aadsts="AADSTS7000222"))
    assert "AADSTS7000222" in words.what
    assert "new secret" in words.next_step


def test_a_missing_mailbox_is_not_taken_for_a_missing_account() -> None:
    assert "mailbox" in explain(Gone(reason="no-mailbox")).what


def test_what_was_sought_is_repeated_but_cut() -> None:
    assert "IR-0009" in explain(NotFound(what="incident", sought="IR-0009")).what
    assert len(explain(NotFound(what="account", sought="x" * 5000)).what) < 150
