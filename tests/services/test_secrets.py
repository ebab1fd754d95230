from __future__ import annotations

import copy
import json
import pickle
import string
from dataclasses import asdict, dataclass

import pytest

from services.secrets import Secret, new_password

VALUE = "hush-hush-1A!"


@dataclass(frozen=True)
class _Holder:
    secret: Secret


@pytest.mark.parametrize(
    "shown",
    [
        repr,
        str,
        lambda secret: f"{secret}",
        lambda secret: f"{secret:>40}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
        lambda secret: repr(_Holder(secret)),
        lambda secret: repr(asdict(_Holder(secret))),
        lambda secret: repr(copy.deepcopy(secret)),
        lambda secret: repr({secret: [secret]}),
        lambda secret: repr(ValueError(secret)),
    ],
)
def test_a_secret_is_not_shown(shown: object) -> None:
    assert VALUE not in shown(Secret(VALUE))  # type: ignore[operator]


@pytest.mark.parametrize("store", [pickle.dumps, json.dumps])
def test_a_secret_is_not_stored(store: object) -> None:
    with pytest.raises(TypeError):
        store(Secret(VALUE))  # type: ignore[operator]


def test_a_secret_reveals_itself_when_told_to() -> None:
    assert Secret(VALUE).reveal() == VALUE
    assert copy.deepcopy(Secret(VALUE)).reveal() == VALUE


def test_a_new_password_has_every_kind_of_character_and_is_never_the_same() -> None:
    made = [new_password().reveal() for _ in range(200)]
    assert len(set(made)) == 200
    for password in made:
        assert len(password) >= 32
        assert set(password) & set(string.ascii_lowercase)
        assert set(password) & set(string.ascii_uppercase)
        assert set(password) & set(string.digits)
        assert set(password) & set(string.punctuation)
        assert password.isascii()
        assert not set(password) & set(" \"'<>\\`")
