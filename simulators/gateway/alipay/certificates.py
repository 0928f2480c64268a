"""Serial numbers of Alipay's certificate mode (alipay §4)."""

import hashlib
import re

from cryptography import x509

_BLOCK = re.compile(
    rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----",
    re.DOTALL,
)
RSA_SIGNATURES = "1.2.840.113549.1.1"
SHORT_NAMES = {
    "2.5.4.3": "CN",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
}


def serial_number(certificate: x509.Certificate) -> str:
    """Return the MD5 of issuer (last part first) and decimal serial, 32 hex digits."""
    parts = [
        f"{SHORT_NAMES.get(one.oid.dotted_string, one.oid.dotted_string)}={one.value!s}"
        for one in reversed(list(certificate.issuer))
    ]
    text = ",".join(parts) + str(certificate.serial_number)
    return hashlib.md5(text.encode()).hexdigest()  # noqa: S324 - the provider's own rule


def root_serial_number(pem: bytes) -> str:
    """Join the serial numbers of all RSA-signed certificates of the root file with ``_``."""
    found = []
    for block in _BLOCK.findall(pem):
        try:
            certificate = x509.load_pem_x509_certificate(block)
        except ValueError:
            continue  # the real file holds one that today's parsers refuse (alipay §4)
        if certificate.signature_algorithm_oid.dotted_string.startswith(RSA_SIGNATURES):
            found.append(serial_number(certificate))
    return "_".join(found)
