import hashlib

from cryptography import x509

from simulators.gateway.alipay.certificates import root_serial_number, serial_number
from simulators.gateway.identities import Identities


def test_the_number_is_the_md5_of_the_reversed_issuer_and_the_serial(keys: Identities) -> None:
    certificate = x509.load_pem_x509_certificate(keys.path("app_cert.crt").read_bytes())
    issuer = (
        "CN=Ant Financial Certification Authority Class 2 R1,"
        "OU=Certification Authority,O=Simulated Provider,C=CN"
    )
    text = f"{issuer}{certificate.serial_number}"
    assert serial_number(certificate) == hashlib.md5(text.encode()).hexdigest()


def test_the_root_number_joins_the_rsa_certificates_only(keys: Identities) -> None:
    pem = keys.path("alipay_root_cert.crt").read_bytes()
    assert pem.count(b"BEGIN CERTIFICATE") == 3
    assert len(root_serial_number(pem)) == 32 + 1 + 32


def test_an_unparsable_certificate_is_passed_over(keys: Identities) -> None:
    pem = keys.path("alipay_root_cert.crt").read_bytes()
    odd = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    assert root_serial_number(odd + pem) == root_serial_number(pem)
    assert root_serial_number(pem.replace(b"\n", b"\r\n")) == root_serial_number(pem)
