"""Keys and certificates of a merchant, its box and both providers, made once per directory.

File names equal the defaults of ``paybox.toml`` (config). TLS keys are P-256 because they are
made in milliseconds; the keys that sign payments are RSA 2048, as the providers demand.
"""

import datetime as dt
import ipaddress
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from simulators.gateway.alipay.certificates import root_serial_number, serial_number
from simulators.gateway.merchant import Merchant

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
APPID = "wx2421b1c4370ec43b"
MCH_ID = "1900000109"
APP_ID = "2021000000000001"
LIFE = dt.timedelta(days=3650)
PRIVATE = 0o600
# A box under test may have a wrong clock by some hours; its certificate is not the subject.
BACKDATED = dt.timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Identities:
    """A directory of keys. Paths first; `merchant` is what the providers know."""

    directory: Path
    appid: str = APPID
    mch_id: str = MCH_ID
    app_id: str = APP_ID

    def path(self, name: str) -> Path:
        """Return a file of the directory."""
        return self.directory / name

    @property
    def wechat_key(self) -> str:
        """The API key."""
        return self.path("wechat.key").read_text().strip()

    @property
    def merchant(self) -> Merchant:
        """What both providers know of the merchant."""
        app_cert = x509.load_pem_x509_certificate(self.path("app_cert.crt").read_bytes())
        alipay_cert = x509.load_pem_x509_certificate(self.path("alipay_cert.crt").read_bytes())
        app_key = _load(self.path("app_private_key.pem"))
        return Merchant(
            appid=self.appid,
            mch_id=self.mch_id,
            wechat_key=self.wechat_key,
            app_id=self.app_id,
            app_public_key=app_key.public_key(),
            platform_key=_load(self.path("alipay_private_key.pem")),
            app_cert_sn=serial_number(app_cert),
            alipay_cert_sn=serial_number(alipay_cert),
            alipay_root_cert_sn=root_serial_number(self.path("alipay_root_cert.crt").read_bytes()),
        )


def identities(directory: Path) -> Identities:
    """Make whatever the directory lacks, and give it. The mark of completeness is written last."""
    found = Identities(directory.absolute())
    if not found.path("merchant.json").exists():
        directory.mkdir(parents=True, exist_ok=True)
        _make_wechat(found)
        _make_alipay(found)
        numbers = {"appid": APPID, "mch_id": MCH_ID, "app_id": APP_ID}
        found.path("merchant.json").write_text(json.dumps(numbers) + "\n")
    return found


def _make_wechat(made: Identities) -> None:
    server_ca, client_ca = _small_key(), _small_key()
    server, client = _small_key(), _rsa_key()
    server_name, client_name = _name("Gateway server CA"), _name("Gateway client CA")
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    ca = _certificate(server_name, server_ca, server_name, server_ca, authority=True)
    host = _certificate(_name("127.0.0.1"), server, server_name, server_ca, hosts=names)
    clients = _certificate(client_name, client_ca, client_name, client_ca, authority=True)
    merchant = _certificate(_name(MCH_ID), client, client_name, client_ca)
    _write(made.path("ca.pem"), ca)
    _write(made.path("server_cert.pem"), host)
    _write(made.path("server_key.pem"), server)
    _write(made.path("client_ca.pem"), clients)
    _write(made.path("apiclient_cert.pem"), merchant)
    _write(made.path("apiclient_key.pem"), client)
    _secret(made.path("wechat.key"), secrets.token_hex(16).encode() + b"\n")


def _make_alipay(made: Identities) -> None:
    root, app, platform = _rsa_key(), _rsa_key(), _rsa_key()
    other = _small_key()
    root_name = _name("Ant Financial Certification Authority R1")
    class_name = _name("Ant Financial Certification Authority Class 2 R1")
    other_name = _name("Ant Financial Certification Authority E1")
    _write(made.path("app_private_key.pem"), app)
    _write(made.path("alipay_private_key.pem"), platform)
    made.path("app_public_key.pem").write_bytes(_public(app))
    made.path("alipay_public_key.pem").write_bytes(_public(platform))
    _write(made.path("app_cert.crt"), _certificate(_name(APP_ID), app, class_name, root))
    _write(made.path("alipay_cert.crt"), _certificate(_name("支付宝"), platform, class_name, root))
    # Like the real file: several certificates, one of them not RSA, an empty line between two.
    roots = [
        _certificate(other_name, other, other_name, other, authority=True),
        _certificate(root_name, root, root_name, root, authority=True),
        _certificate(class_name, root, root_name, root, authority=True),
    ]
    pems = [one.public_bytes(serialization.Encoding.PEM) for one in roots]
    made.path("alipay_root_cert.crt").write_bytes(b"\n".join(pems))


def _small_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Simulated Provider"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Certification Authority"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _certificate(  # noqa: PLR0913 - the parts of a certificate
    subject: x509.Name,
    key: Key,
    issuer: x509.Name,
    issuer_key: Key,
    *,
    authority: bool = False,
    hosts: Iterable[x509.GeneralName] = (),
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + LIFE)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(_usage(authority=authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if names := list(hosts):
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, what: Key | x509.Certificate) -> None:
    if isinstance(what, x509.Certificate):
        path.write_bytes(what.public_bytes(serialization.Encoding.PEM))
        return
    pem = what.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _secret(path, pem)


def _secret(path: Path, content: bytes) -> None:
    path.touch(PRIVATE)
    path.write_bytes(content)


def _public(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _load(path: Path) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(
        path.read_bytes(),
        password=None,
        unsafe_skip_rsa_key_validation=True,  # made here; checking takes longer than making
    )
    assert isinstance(key, rsa.RSAPrivateKey), path
    return key
