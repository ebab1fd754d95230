from __future__ import annotations

import os

import pytest
from pydantic import ValidationError

from services.settings import Cloud, load

SECRET = "the-client-secret-8W~x"
PASSWORD = "the-database-password"
LEAST = {"IRBOT_TENANT_ID": "tenant", "IRBOT_APP_ID": "app", "IRBOT_APP_SECRET": SECRET}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment with the least that is needed, whatever the shell has."""
    for name in [name for name in os.environ if name.upper().startswith("IRBOT_")]:
        monkeypatch.delenv(name)
    for name, value in LEAST.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_the_least_that_is_needed_is_enough() -> None:
    settings = load()
    assert (settings.tenant_id, settings.app_id, settings.cloud) == ("tenant", "app", Cloud.GLOBAL)
    assert settings.sql_url == "sqlite+aiosqlite:///var/irbot.sqlite"
    assert settings.responder_groups == ()


@pytest.mark.parametrize("name", ["IRBOT_APROVER_GROUPS", "IRBOT_", "IRBOT_SQL_URL", "irbot_aprover_groups"])
def test_an_unknown_name_stops_the_start(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.setenv(name, "x")
    with pytest.raises(ValueError, match="unknown settings: ") as refused:
        load()
    assert name in str(refused.value)


def test_all_unknown_names_are_told_at_once_without_their_values(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("IRBOT_APP_SECRETT", SECRET)
    environment.setenv("IRBOT_TYPO", "x")
    with pytest.raises(ValueError, match="IRBOT_APP_SECRETT, IRBOT_TYPO") as refused:
        load()
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("name", ["IRBOT_TENANT_ID", "IRBOT_APP_ID"])
@pytest.mark.parametrize("value", [None, ""])
def test_who_we_are_must_be_said(environment: pytest.MonkeyPatch, name: str, value: str | None) -> None:
    if value is None:
        environment.delenv(name)
    else:
        environment.setenv(name, value)
    with pytest.raises(ValidationError):
        load()


def test_without_credentials_there_is_no_start(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("IRBOT_APP_SECRET")
    with pytest.raises(ValueError, match="IRBOT_CERTIFICATE_FILE"):
        load()
    environment.setenv("IRBOT_CERTIFICATE_FILE", "irbot.pem")
    assert load().app_secret is None


def test_a_managed_identity_is_credential_enough(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("IRBOT_APP_SECRET")
    environment.setenv("IRBOT_MANAGED_IDENTITY_CLIENT_ID", "")
    with pytest.raises(ValueError, match="IRBOT_MANAGED_IDENTITY_CLIENT_ID"):
        load()
    environment.setenv("IRBOT_MANAGED_IDENTITY_CLIENT_ID", "11111111-2222-3333-4444-555555555555")
    found = load()
    assert (found.app_secret, found.certificate_file) == (None, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IRBOT_PORT", "http"),
        ("IRBOT_APPROVAL_MINUTES", "0"),
        ("IRBOT_ANSWER_SECONDS", "6"),
        ("IRBOT_ANSWER_SECONDS", "0"),
        ("IRBOT_CALL_TIMEOUT_SECONDS", "-1"),
        ("IRBOT_CLOUD", "moon"),
        ("IRBOT_USE_APP_ROLES", "perhaps"),
        ("IRBOT_DATABASE_URL", f"mysql://irbot:{PASSWORD}@db/irbot"),
        ("IRBOT_DATABASE_URL", PASSWORD),
    ],
)
def test_a_value_that_makes_no_sense_stops_the_start(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(name, value)
    with pytest.raises(ValueError):  # noqa: PT011  # which words is app.py's affair
        load()


def test_secrets_show_nowhere(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("IRBOT_DATABASE_URL", f"postgresql://irbot:{PASSWORD}@db/irbot")
    settings = load()
    for shown in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert SECRET not in shown
        assert PASSWORD not in shown
    assert settings.sql_url == f"postgresql://irbot:{PASSWORD}@db/irbot"
    assert settings.app_secret is not None
    assert settings.app_secret.get_secret_value() == SECRET


@pytest.mark.parametrize(
    ("text", "names"),
    [("a", ("a",)), (" a , b ,, ", ("a", "b")), ("", ()), (",", ()), ('["a"]', ('["a"]',))],
)
def test_lists_are_written_with_commas(environment: pytest.MonkeyPatch, text: str, names: tuple[str, ...]) -> None:
    environment.setenv("IRBOT_RESPONDER_GROUPS", text)
    assert load().responder_groups == names


ENDINGS = {Cloud.GLOBAL: ".com", Cloud.GCC_HIGH: ".us", Cloud.DOD: ".us", Cloud.CHINA: ".cn"}


@pytest.mark.parametrize("cloud", Cloud)
def test_a_cloud_gives_every_base_and_none_of_another_cloud(environment: pytest.MonkeyPatch, cloud: Cloud) -> None:
    environment.setenv("IRBOT_CLOUD", cloud.value)
    settings = load()
    bases = [
        settings.login_url,
        settings.graph_url,
        settings.exchange_url,
        settings.bot_openid_url,
        settings.bot_issuer,
        settings.bot_scope,
        settings.graph_scope,
        settings.exchange_scope,
    ]
    assert all(base.startswith("https://") for base in bases)
    hosts = [base.split("/")[2] for base in bases]
    assert all(host.endswith(ENDINGS[cloud]) for host in hosts), hosts
    assert settings.service_urls
    assert all(url.startswith("https://") and url.endswith("/") for url in settings.service_urls)
    assert settings.graph_scope == f"{settings.graph_url}/.default"


def test_the_clouds_differ_where_they_must(environment: pytest.MonkeyPatch) -> None:
    graph = set()
    for cloud in Cloud:
        environment.setenv("IRBOT_CLOUD", cloud.value)
        graph.add(load().graph_url)
    assert len(graph) == len(Cloud)


def test_a_base_can_be_set_by_hand_and_the_scope_stays_the_clouds(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("IRBOT_GRAPH_URL", "http://127.0.0.1:5/graph")
    environment.setenv("IRBOT_SERVICE_URLS", "http://127.0.0.1:5/connector/")
    settings = load()
    assert settings.graph_url == "http://127.0.0.1:5/graph"
    assert settings.graph_scope == "https://graph.microsoft.com/.default"
    assert settings.service_urls == ("http://127.0.0.1:5/connector/",)
    assert settings.login_url == "https://login.microsoftonline.com"


def test_settings_do_not_change() -> None:
    settings = load()
    with pytest.raises(ValidationError):
        settings.port = 1
