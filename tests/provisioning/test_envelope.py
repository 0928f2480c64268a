from typing import TYPE_CHECKING

import pytest

from device.domain.screens import Refusal
from device.errors import BundleRefused
from device.provisioning.envelope import (
    LARGEST_ENVELOPE,
    Secrets,
    public_of_box,
    public_of_signer,
    read,
    seal_to_box,
    seal_to_passphrase,
)

if TYPE_CHECKING:
    from tests.provisioning.conftest import Office

SEAL_KEY, OTHER_KEY = b"\x11" * 32, b"\x22" * 32
PASSPHRASE = "CORRECTHORSEBATTERYS"


def why(data: bytes, trusted: bytes, secrets: Secrets) -> Refusal:
    with pytest.raises(BundleRefused) as told:
        read(data, trusted).open(secrets)
    return told.value.why


def test_sealed_to_a_box_only_that_box_opens_it(office: "Office") -> None:
    data = seal_to_box(office.bundle(), public_of_box(SEAL_KEY), office.signing_key)
    assert read(data, office.public).open(Secrets(SEAL_KEY)) == office.bundle()
    assert why(data, office.public, Secrets(OTHER_KEY)) is Refusal.SEALED
    assert why(data, office.public, Secrets(passphrase=PASSPHRASE)) is Refusal.SEALED


def test_sealed_to_a_passphrase_only_the_passphrase_opens_it(office: "Office") -> None:
    data = seal_to_passphrase(office.bundle(), PASSPHRASE, office.signing_key)
    assert read(data, office.public).open(Secrets(passphrase=PASSPHRASE)) == office.bundle()
    assert why(data, office.public, Secrets(SEAL_KEY, "WRONG")) is Refusal.SEALED


def test_nothing_secret_can_be_read_in_it_or_in_its_repr(office: "Office") -> None:
    data = seal_to_box(office.bundle(), public_of_box(SEAL_KEY), office.signing_key)
    shown = repr(read(data, office.public)), repr(Secrets(SEAL_KEY, "passphrase"))
    for text in (data, *(text.encode() for text in shown)):
        assert b"k" * 32 not in text
        assert SEAL_KEY not in text
        assert b"passphrase" not in text
    assert b"BOX-0001" in data  # the title is in the clear


def test_another_signature_is_refused(office: "Office") -> None:
    data = seal_to_box(office.bundle(), public_of_box(SEAL_KEY), OTHER_KEY)
    assert why(data, office.public, Secrets(SEAL_KEY)) is Refusal.SIGNATURE
    assert why(data, public_of_signer(OTHER_KEY)[:31], Secrets(SEAL_KEY)) is Refusal.SIGNATURE


def test_a_change_of_any_byte_is_refused(office: "Office") -> None:
    data = seal_to_box(office.bundle(), public_of_box(SEAL_KEY), office.signing_key)
    for at in range(0, len(data), 7):
        changed = bytearray(data)
        changed[at] ^= 1
        assert why(bytes(changed), office.public, Secrets(SEAL_KEY)) in {
            Refusal.SIGNATURE,
            Refusal.DAMAGED,
        }


@pytest.mark.parametrize("data", [b"", b"PBXB\x01", b"x" * 200, b"PBXB\x01" * LARGEST_ENVELOPE])
def test_other_bytes_are_refused(office: "Office", data: bytes) -> None:
    assert why(data, office.public, Secrets()) in {Refusal.DAMAGED, Refusal.SIGNATURE}


def test_a_signed_envelope_that_is_cut_short_is_damaged(office: "Office") -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )

    data = seal_to_box(office.bundle(), public_of_box(SEAL_KEY), office.signing_key)
    signer = Ed25519PrivateKey.from_private_bytes(office.signing_key)
    for length in range(5, len(data) - 64, 9):
        cut = data[:length]
        assert why(cut + signer.sign(cut), office.public, Secrets(SEAL_KEY)) is Refusal.DAMAGED
