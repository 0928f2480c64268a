"""Certificate mode: the serial numbers that requests carry (alipay.md §4)."""

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa

from device.errors import ConfigError

if TYPE_CHECKING:
    from cryptography import x509

PEM_BLOCK = re.compile(
    r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----", re.ASCII
)
RSA_SIGNATURES = "1.2.840.113549.1.1"
SN_LENGTH = 32  # an MD5 in hex


@dataclass(frozen=True, slots=True)
class Certificates:
    """The three files of certificate mode, reduced to what is sent and compared."""

    app_cert_sn: str
    root_cert_sn: str
    alipay_cert_sn: str
    alipay_key: rsa.RSAPublicKey


def load(app: str, alipay: str, root: str, where: str = "alipay certificates") -> Certificates:
    """Read the PEM texts of the application's, Alipay's and the root certificate file."""
    alipay_cert = _only(alipay, f"{where}: alipay_cert_file")
    key = alipay_cert.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise ConfigError(f"{where}: alipay_cert_file: not an RSA certificate")
    return Certificates(
        app_cert_sn=cert_sn(_only(app, f"{where}: app_cert_file")),
        root_cert_sn=root_sn(root, f"{where}: alipay_root_cert_file"),
        alipay_cert_sn=cert_sn(alipay_cert),
        alipay_key=key,
    )


def cert_sn(certificate: "x509.Certificate") -> str:
    """Return MD5(issuer, RFC 2253 order, + decimal serial) in lower-case hex."""
    text = issuer(certificate) + str(certificate.serial_number)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().zfill(SN_LENGTH)


def issuer(certificate: "x509.Certificate") -> str:
    """Return the issuer as `CN=…,OU=…,O=…,C=…`: the names in the reverse of their DER order."""
    return certificate.issuer.rfc4514_string()


def root_sn(text: str, where: str) -> str:
    """Return the serial numbers of the RSA certificates of the root file, joined by `_`.

    The real file holds four; one cannot be parsed by `cryptography` (a national algorithm), so
    each block is read by itself and what cannot be read is left out: it is no RSA certificate.
    """
    certificates = (_parsed(block) for block in PEM_BLOCK.findall(text))
    numbers = [cert_sn(c) for c in certificates if c is not None and _is_rsa(c)]
    if not numbers:
        raise ConfigError(f"{where}: no RSA certificate in it; allowed: alipayRootCert.crt")
    return "_".join(numbers)


def _only(text: str, where: str) -> "x509.Certificate":
    """Return the first certificate of a file; the rest of a chain is not needed."""
    blocks = PEM_BLOCK.findall(text)
    certificate = _parsed(blocks[0]) if blocks else None
    if certificate is None:
        raise ConfigError(f"{where}: not a PEM certificate")
    return certificate


def _parsed(block: str) -> "x509.Certificate | None":
    from cryptography import x509  # noqa: PLC0415  4 MB, which key mode does not need

    try:
        return x509.load_pem_x509_certificate(block.encode())
    except (ValueError, UnsupportedAlgorithm):
        return None


def _is_rsa(certificate: "x509.Certificate") -> bool:
    return certificate.signature_algorithm_oid.dotted_string.startswith(RSA_SIGNATURES + ".")
