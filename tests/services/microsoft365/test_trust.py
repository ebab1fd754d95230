from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from services.microsoft365.trust import trusted_authorities
from simulator.keys import generate

AUTHORITY = generate("127.0.0.1").authority.certificate_pem


def _subjects(context: ssl.SSLContext) -> set[str]:
    return {str(each["subject"]) for each in context.get_ca_certs()}


def test_who_asks_for_the_same_authorities_gets_the_same_context(tmp_path: Path) -> None:
    one, other = tmp_path / "one.pem", tmp_path / "other.pem"
    one.write_bytes(AUTHORITY)
    other.write_bytes(AUTHORITY)
    assert trusted_authorities(one) is trusted_authorities(other)
    assert trusted_authorities(None) is trusted_authorities(None)


def test_a_file_adds_its_authority_to_the_usual_ones_and_to_nobody_elses(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes("# Unsere eigene Prüfstelle\n".encode() + AUTHORITY)
    added = _subjects(trusted_authorities(file)) - _subjects(trusted_authorities(None))
    assert len(added) == 1
    assert "Simulated sign-in service CA" in added.pop()


def test_a_replaced_file_counts_at_once(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(AUTHORITY)
    before = trusted_authorities(file)
    file.write_bytes(generate("simulator.test").authority.certificate_pem)
    assert trusted_authorities(file) is not before


@pytest.mark.parametrize(
    "content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"]
)
def test_a_file_without_an_authority_is_an_error(tmp_path: Path, content: str) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(content)
    with pytest.raises(ssl.SSLError):
        trusted_authorities(file)
