"""What the box does with each code that is read, and which bundles it takes. Pure.

Refused are: a bundle that the site's key did not sign, one for another box, one that is not newer
than what the box has, one whose day has not come, and one that the box's secrets do not open.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from device.domain.screens import Provisioning, ProvisioningStage, Refusal
from device.errors import BundleRefused
from device.provisioning.bundle import Title
from device.provisioning.codes import Parts, part_of, passphrase_of
from device.provisioning.envelope import Envelope, Lock


@dataclass(frozen=True, slots=True)
class Standing:
    """What a box goes by when it judges a bundle."""

    trusted: bytes
    """The site's public Ed25519 key."""
    installed: Title | None = None
    installed_digest: str = ""
    now: datetime | None = None
    """The time of day, None while it cannot be trusted: then only the version counts."""


NOTHING = Parts()


@dataclass(frozen=True, slots=True)
class Intake:
    """What has been read so far."""

    parts: Parts = NOTHING
    envelope: bytes = field(default=b"", repr=False)
    """The whole bundle, once it is there."""
    passphrase: str = field(default="", repr=False)


def take(intake: Intake, text: str) -> tuple[Intake, Provisioning]:
    """Take one code; return what is known now and what to show."""
    passphrase = passphrase_of(text)
    if passphrase:
        intake = replace(intake, passphrase=passphrase)
        return intake, waiting(intake)
    part = part_of(text)
    if part is None:
        return intake, Provisioning(ProvisioningStage.NOT_A_PART)
    parts = intake.parts.plus(part)
    whole = parts.whole()
    if whole == b"":
        return replace(intake, parts=NOTHING), refused(Refusal.DAMAGED)
    intake = replace(intake, parts=parts, envelope=whole or b"")
    return intake, waiting(intake)


def waiting(intake: Intake) -> Provisioning:
    """Return the screen that says what is to come next."""
    if intake.envelope:
        return Provisioning(ProvisioningStage.WORKING)
    if intake.parts.have:
        return Provisioning(ProvisioningStage.PARTS, intake.parts.have, intake.parts.of)
    return Provisioning(ProvisioningStage.WAITING)


def refused(why: Refusal) -> Provisioning:
    """Return the screen that says why a bundle is not taken."""
    return Provisioning(ProvisioningStage.REFUSED, why=why)


def judge(envelope: Envelope, digest: str, standing: Standing) -> bool:
    """Return whether it is to be installed; False if it already is; BundleRefused if never."""
    title, has = envelope.title, standing.installed
    if has is not None:
        if digest == standing.installed_digest:
            return False
        if title.box != has.box:
            raise BundleRefused(Refusal.OTHER_BOX)
        if title.version <= has.version:
            raise BundleRefused(Refusal.OLD)
    if standing.now and standing.now.timestamp() < title.not_before:
        raise BundleRefused(Refusal.EARLY)
    return True


def needs_passphrase(envelope: Envelope, intake: Intake) -> bool:
    """Whether the bundle is there and its passphrase is not."""
    return envelope.lock is Lock.PASSPHRASE and not intake.passphrase
