from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from device.domain.screens import Provisioning, ProvisioningStage, Refusal
from device.errors import BundleRefused
from device.provisioning.bundle import Bundle, Title
from device.provisioning.codes import new_passphrase, passphrase_code, split
from device.provisioning.envelope import Envelope, public_of_box, read, seal_to_box
from device.provisioning.intake import Intake, Standing, judge, take, waiting

if TYPE_CHECKING:
    from tests.provisioning.conftest import Office

SEAL_KEY = b"\x11" * 32
NOW = datetime(2026, 11, 25, tzinfo=UTC)


def sealed(office: "Office", title: Title) -> bytes:
    bundle = Bundle(title, office.files())
    return seal_to_box(bundle, public_of_box(SEAL_KEY), office.signing_key)


def closed(office: "Office", title: Title) -> Envelope:
    return read(sealed(office, title), office.public)


def why(envelope: Envelope, standing: Standing) -> Refusal:
    with pytest.raises(BundleRefused) as told:
        judge(envelope, "new", standing)
    return told.value.why


def test_progress_is_shown_until_all_codes_are_there(office: "Office") -> None:
    data = sealed(office, Title("BOX-0001", 7))
    codes = split(data)
    intake, screens = Intake(), []
    for code in codes:
        intake, screen = take(intake, code)
        screens.append(screen)
    of = len(codes)
    parts = [Provisioning(ProvisioningStage.PARTS, at, of) for at in range(1, of)]
    assert screens == [*parts, Provisioning(ProvisioningStage.WORKING)]
    assert intake.envelope == data


def test_a_payer_code_changes_nothing(office: "Office") -> None:
    begun, _ = take(Intake(), split(sealed(office, Title("B", 1)) * 3)[0])
    after, screen = take(begun, "134567890123456789")
    assert after == begun
    assert screen.stage is ProvisioningStage.NOT_A_PART


def test_the_passphrase_may_come_first(office: "Office") -> None:
    passphrase = new_passphrase()
    intake, screen = take(Intake(), passphrase_code(passphrase))
    assert screen == waiting(Intake())
    for code in split(sealed(office, Title("B", 1))):
        intake, _ = take(intake, code)
    assert intake.passphrase == passphrase
    assert intake.envelope
    assert passphrase not in repr(intake)


def test_a_first_bundle_is_taken(office: "Office") -> None:
    assert judge(closed(office, Title("BOX-0001", 1)), "new", Standing(office.public))


HAS = Title("BOX-0001", 7)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        (Title("BOX-0002", 8), Refusal.OTHER_BOX),
        (Title("BOX-0001", 6), Refusal.OLD),
        (Title("BOX-0001", 7), Refusal.OLD),  # the same number with other contents
        (Title("BOX-0001", 8, int(NOW.timestamp()) + 1), Refusal.EARLY),
    ],
)
def test_what_a_box_refuses(office: "Office", title: Title, expected: Refusal) -> None:
    standing = Standing(office.public, HAS, "old", NOW)
    assert why(closed(office, title), standing) is expected


def test_a_newer_version_for_this_box_is_taken(office: "Office") -> None:
    standing = Standing(office.public, HAS, "old", NOW)
    assert judge(closed(office, Title("BOX-0001", 8, int(NOW.timestamp()))), "new", standing)


def test_what_is_installed_already_is_no_news(office: "Office") -> None:
    standing = Standing(office.public, HAS, "new", NOW)
    assert not judge(closed(office, HAS), "new", standing)


def test_without_a_clock_only_the_version_counts(office: "Office") -> None:
    standing = Standing(office.public, HAS, "old", NOW)
    later = closed(office, Title("BOX-0001", 8, int(NOW.timestamp()) + 9))
    assert judge(later, "new", replace(standing, now=None))
