import stat
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from simulators.gateway.identities import Identities, identities

PAYBOX_TOML_NAMES = (
    "apiclient_cert.pem",
    "apiclient_key.pem",
    "wechat.key",
    "app_private_key.pem",
    "alipay_public_key.pem",
    "ca.pem",
)


def test_the_directory_has_the_names_of_paybox_toml(keys: Identities) -> None:
    assert all(keys.path(name).is_file() for name in PAYBOX_TOML_NAMES)
    assert len(keys.wechat_key) == 32


def test_private_files_are_private(keys: Identities) -> None:
    private = [one for one in keys.directory.iterdir() if "key" in one.name]
    public = {"app_public_key.pem", "alipay_public_key.pem"}
    for one in private:
        if one.name not in public:
            assert stat.S_IMODE(one.stat().st_mode) == 0o600, one


def test_a_second_call_changes_nothing_and_is_quick(keys: Identities) -> None:
    before = {one.name: one.read_bytes() for one in keys.directory.iterdir()}
    start = time.perf_counter()
    again = identities(keys.directory)
    assert time.perf_counter() - start < 0.5
    assert again == keys
    assert {one.name: one.read_bytes() for one in keys.directory.iterdir()} == before


def test_a_directory_left_half_made_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "wechat.key").write_text("left over")
    made = identities(tmp_path / ".")
    assert made.wechat_key != "left over"
    assert made.merchant.wechat_key == made.wechat_key


def test_certificates_chain_to_their_authorities(keys: Identities) -> None:
    def load(name: str) -> x509.Certificate:
        return x509.load_pem_x509_certificate(keys.path(name).read_bytes())

    load("server_cert.pem").verify_directly_issued_by(load("ca.pem"))
    load("apiclient_cert.pem").verify_directly_issued_by(load("client_ca.pem"))
    roots = x509.load_pem_x509_certificates(keys.path("alipay_root_cert.crt").read_bytes())
    for name in ("app_cert.crt", "alipay_cert.crt"):
        load(name).verify_directly_issued_by(roots[2])
    roots[2].verify_directly_issued_by(roots[1])


def test_the_certificates_hold_the_keys_of_public_key_mode(keys: Identities) -> None:
    certificate = x509.load_pem_x509_certificate(keys.path("alipay_cert.crt").read_bytes())
    public = serialization.load_pem_public_key(keys.path("alipay_public_key.pem").read_bytes())
    assert certificate.public_key() == public


def test_no_secret_in_a_repr(keys: Identities) -> None:
    assert keys.wechat_key not in repr(keys) + repr(keys.merchant)
