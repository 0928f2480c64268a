"""Serial numbers of certificates, recomputed from the real ones' issuers and serials."""

import base64
import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from device.channels.alipay import certificates
from device.errors import ConfigError

ANT = ["CN", "Ant Financial", "Certification Authority"]
REAL = {
    # issuer (C, O, OU, CN), serial -> the serial number that the platform shows (alipay.md §4)
    "7513daaaa48aa3ba2e4018d84402479c": (
        [*ANT, "Ant Financial Certification Authority Class 2 R1"],
        42701552432456004857627230056898180491,
    ),
    "866efef280dec9137a87d047ac446315": (
        [*ANT, "Ant Financial Certification Authority Class 1 R1"],
        42701552708448241360226107228231049510,
    ),
    "687b59193f3f462dd5336e5abf83c5d8": (
        [*ANT, "Ant Financial Certification Authority R1"],
        2292228364100439313,
    ),
    "02941eef3187dddf3d3b83462e1dfcf6": (
        ["CN", "iTrusChina", "China Trust Network", "iTrusChina Class 2 Root CA - G3"],
        95790491425698859646659490580052089075020051350,
    ),
}
PRODUCTION_ROOT_SN = "687b59193f3f462dd5336e5abf83c5d8_02941eef3187dddf3d3b83462e1dfcf6"
OIDS = [
    NameOID.COUNTRY_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
    NameOID.COMMON_NAME,
]


def certificate(
    issuer: list[str], serial: int, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
) -> str:
    attributes = zip(OIDS, issuer, strict=True)
    name = x509.Name([x509.NameAttribute(oid, text) for oid, text in attributes])
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def unparsable(pem: str) -> str:
    """Break the outer signature algorithm, as the third certificate of the real file looks."""
    der = base64.b64decode("".join(pem.splitlines()[1:-1]))
    oid = bytes.fromhex("06092a864886f70d01010b")  # sha256WithRSAEncryption
    at = der.rindex(oid)
    broken = der[:at] + b"\x06\x07" + der[at + 2 :]
    text = base64.encodebytes(broken).decode()
    return f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"


@pytest.fixture
def real(app_key: rsa.RSAPrivateKey) -> dict[str, str]:
    return {sn: certificate(issuer, serial, app_key) for sn, (issuer, serial) in REAL.items()}


@pytest.mark.parametrize("sn", REAL)
def test_the_serial_number_is_the_one_the_platform_shows(sn: str, real: dict[str, str]) -> None:
    assert certificates.cert_sn(x509.load_pem_x509_certificate(real[sn].encode())) == sn


def root_file(real: dict[str, str], app_key: rsa.RSAPrivateKey) -> list[str]:
    """Return the four certificates in the order of the real file."""
    curve = ec.generate_private_key(ec.SECP256R1())
    national = certificate(["CN", "NRCAC", "x", "ROOTCA"], 7629940819692799611, curve)
    broken = unparsable(certificate(["CN", "x", "x", "x"], 5, app_key))
    with pytest.raises(ValueError, match=r"."):
        x509.load_pem_x509_certificate(broken.encode())
    return [national, real[PRODUCTION_ROOT_SN[:32]], broken, real[PRODUCTION_ROOT_SN[33:]]]


@pytest.mark.parametrize("newlines", ["\n", "\r\n", "\n\n", "\n# a comment\n"])
def test_the_root_number_leaves_out_what_is_not_rsa_or_cannot_be_read(
    real: dict[str, str], app_key: rsa.RSAPrivateKey, newlines: str
) -> None:
    text = newlines.join(root_file(real, app_key))
    if newlines == "\r\n":
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    assert certificates.root_sn(text, "root") == PRODUCTION_ROOT_SN


def test_the_three_files_become_what_is_sent_and_compared(
    real: dict[str, str], app_key: rsa.RSAPrivateKey
) -> None:
    app, alipay = real["866efef280dec9137a87d047ac446315"], real["7513daaaa48aa3ba2e4018d84402479c"]
    loaded = certificates.load(app, alipay, "".join(root_file(real, app_key)))
    assert loaded.app_cert_sn == "866efef280dec9137a87d047ac446315"
    assert loaded.alipay_cert_sn == "7513daaaa48aa3ba2e4018d84402479c"
    assert loaded.root_cert_sn == PRODUCTION_ROOT_SN
    assert loaded.alipay_key.public_numbers() == app_key.public_key().public_numbers()


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_file_that_is_no_certificate_is_one_clear_line(real: dict[str, str], broken: int) -> None:
    files = [next(iter(real.values()))] * 3
    files[broken] = "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n"
    with pytest.raises(ConfigError) as caught:
        certificates.load(*files)
    slot = ("app_cert_file", "alipay_cert_file", "alipay_root_cert_file")[broken]
    assert slot in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_alipay_certificate_that_is_not_rsa_is_refused(real: dict[str, str]) -> None:
    good = next(iter(real.values()))
    curve = certificate(["CN", "x", "x", "x"], 5, ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(ConfigError, match="not an RSA"):
        certificates.load(good, curve, good)
