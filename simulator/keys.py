"""Keys and certificates: token signing, the sign-in service's own certificate authority, the app's certificate.

Key pairs are generated once per process: RSA is slow, and nothing here protects anything real.
"""

from __future__ import annotations

import base64
import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID


@lru_cache(maxsize=8)
def _rsa_key(purpose: str) -> rsa.RSAPrivateKey:
    assert purpose  # one key per purpose
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _base64url(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()


@dataclass(frozen=True)
class SigningKey:
    """An RSA key that signs tokens, known to its verifiers by `kid`."""

    kid: str
    private: rsa.RSAPrivateKey

    def jwk(self, endorsements: tuple[str, ...] = ()) -> dict[str, object]:
        """The public part as a JSON Web Key."""
        numbers = self.private.public_key().public_numbers()
        key: dict[str, object] = {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.kid,
            "x5t": self.kid,
            "n": _base64url(numbers.n),
            "e": _base64url(numbers.e),
        }
        if endorsements:
            key["endorsements"] = list(endorsements)
        return key


@dataclass(frozen=True)
class Certificate:
    """A certificate with its private key, both in PEM."""

    certificate: x509.Certificate
    certificate_pem: bytes
    key_pem: bytes


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> Certificate:
    return Certificate(
        certificate,
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def _builder(
    subject: str, issuer: str, public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=30))
    )


@dataclass(frozen=True)
class Keys:
    """All keys of one simulated world."""

    login: SigningKey
    channel: SigningKey
    authority: Certificate
    server: Certificate
    app: Certificate


def _authority_and_server(host: str) -> tuple[Certificate, Certificate]:
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = "Simulated sign-in service CA"
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    authority = (
        _builder(authority_name, authority_name, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    server_key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    try:
        address = ipaddress.ip_address(host)
        if str(address) != "127.0.0.1":
            names.append(x509.IPAddress(address))
    except ValueError:
        names.append(x509.DNSName(host))
    server = (
        _builder("Simulated sign-in service", authority_name, server_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return _pem(authority, authority_key), _pem(server, server_key)


@lru_cache(maxsize=4)
def generate(host: str) -> Keys:
    """The keys for a server at that host, the same ones for the life of the process."""
    authority, server = _authority_and_server(host)
    app_key = _rsa_key("app")
    app = _builder("IRBot", "IRBot", app_key.public_key()).sign(app_key, hashes.SHA256())
    return Keys(
        login=SigningKey("simulated-login-key", _rsa_key("login")),
        channel=SigningKey("simulated-channel-key", _rsa_key("channel")),
        authority=authority,
        server=server,
        app=_pem(app, app_key),
    )
