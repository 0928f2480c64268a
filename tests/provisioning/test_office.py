"""The office's commands, and what a box makes of what they made."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from device import config
from device.__main__ import main
from device.provisioning.codes import Parts, part_of, passphrase_of
from device.provisioning.store import installed

zxingcpp = pytest.importorskip("zxingcpp", reason="in the test group; reads the pictures")
Image = pytest.importorskip("PIL.Image")

BOX = """\
[box]
id = "{box}"
desk = "MZ-03"
desk_code = "MZ03"
hospital = "市一医院"
data_dir = "/var/lib/paybox"
key_file = "box.key"
[his]
link = "tcp"
[his.tcp]
[channels.wechat]
appid = "wx0123456789abcdef"
mch_id = "1900000109"
"""


@dataclass
class Desk:
    """An office's folder, and a box's."""

    root: Path
    made: Path = field(init=False)

    def __post_init__(self) -> None:
        self.made = self.root / "made"
        self.source = self.root / "BOX-0001"
        self.settings = self.root / "settings/paybox.toml"
        self.settings.parent.mkdir()
        assert main(["keygen", str(self.source)]) == 0
        (self.source / "wechat.key").write_text("the secret of the merchant")
        self.write("BOX-0001")
        assert main(["provision", "keygen", str(self.root / "office")]) == 0

    def write(self, box: str) -> None:
        (self.source / "paybox.toml").write_text(BOX.format(box=box), encoding="utf-8")

    def make(self, *more: str) -> int:
        key = self.root / "office/provision.key"
        source = self.source / "paybox.toml"
        where = ("-c", str(source), "--key", str(key), "--out", str(self.made))
        return main(["provision", "make", *where, *more])

    def install(self, *more: str) -> int:
        where = ("-c", str(self.settings), str(self.made / "provision.pbx"))
        trust = ("--trust", str(self.root / "office/provision.pub"))
        return main(["provision", "install", *where, *trust, *more])

    @property
    def passphrase(self) -> tuple[str, str]:
        return "--passphrase-file", str(self.made / "passphrase.txt")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_bundle_is_made_and_installed_with_its_passphrase(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    assert desk.make("--version", "7") == 0
    assert "没有此文件，未放入 / not there, left out: apiclient_cert.pem" in capfd.readouterr().err
    assert desk.install() == 1
    assert "passphrase" in capfd.readouterr().err
    assert desk.install(*desk.passphrase) == 0
    loaded = config.load(desk.settings)
    assert config.read_key(loaded.box.key_file) == config.read_key(desk.source / "box.key")
    assert loaded.wechat
    assert config.read_text_secret(loaded.wechat.api_key_file) == "the secret of the merchant"
    assert desk.install(*desk.passphrase) == 0  # once more is no news


def test_a_second_one_can_be_sealed_to_the_box_alone(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    desk.make("--version", "7")
    desk.install(*desk.passphrase)
    capfd.readouterr()
    assert main(["provision", "box-key", "-c", str(desk.settings)]) == 0
    public = desk.root / "seal.pub"
    public.write_text(capfd.readouterr().out)
    assert desk.make("--version", "8", "--to", str(public)) == 0
    assert desk.install() == 0
    title, _ = installed(desk.settings)
    assert title
    assert title.version == 8


@pytest.mark.parametrize(
    ("box", "more", "words"),
    [
        ("BOX-0001", ("--version", "6"), "old"),
        ("BOX-0002", ("--version", "9"), "other_box"),
        ("BOX-0001", ("--version", "9", "--not-before", "2199-01-01T00:00+08:00"), ""),
    ],
)
def test_what_a_box_refuses(
    desk: Desk, capfd: pytest.CaptureFixture[str], box: str, more: tuple[str, ...], words: str
) -> None:
    desk.make("--version", "7")
    desk.install(*desk.passphrase)
    desk.write(box)
    desk.make(*more)
    refused = desk.install(*desk.passphrase) == 1
    assert refused == bool(words)  # this machine's clock is not synchronised: only versions count
    assert words in capfd.readouterr().err


def test_what_a_bundle_is_can_be_looked_at_but_not_what_is_in_it(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    desk.make("--version", "7", "--not-before", "2026-12-01T00:00+08:00")
    capfd.readouterr()
    bundle, trust = str(desk.made / "provision.pbx"), str(desk.root / "office/provision.pub")
    assert main(["provision", "show", bundle, "--trust", trust]) == 0
    out = capfd.readouterr().out
    for words in ("box BOX-0001", "version 7", "not before 2026-11-30T16:00:00+00:00"):
        assert words in out
    assert "secret" not in out


def test_an_existing_signing_key_is_never_touched(desk: Desk) -> None:
    before = (desk.root / "office/provision.key").read_bytes()
    assert main(["provision", "keygen", str(desk.root / "office")]) == 2
    assert (desk.root / "office/provision.key").read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"/var/lib/paybox"', '"data"', "must be absolute"),
        ('"box.key"', '"../other.key"', "beside the file"),
        ('"MZ03"', '"mz"', "desk_code"),
    ],
)
def test_what_cannot_work_on_a_box_is_told_at_the_office(
    desk: Desk, capfd: pytest.CaptureFixture[str], old: str, new: str, words: str
) -> None:
    (desk.root / "other.key").write_bytes(bytes(32))
    file = desk.source / "paybox.toml"
    file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    assert desk.make() == 2
    assert words in capfd.readouterr().err


def test_the_codes_that_are_drawn_are_read_by_a_scanner(desk: Desk) -> None:
    desk.make("--codes")
    parts = Parts()
    pictures = sorted(desk.made.glob("code-*.png"), reverse=True)
    for picture in pictures:
        part = part_of(zxingcpp.read_barcodes(Image.open(picture))[0].text)
        assert part
        parts = parts.plus(part)
    assert parts.whole() == (desk.made / "provision.pbx").read_bytes()
    page = (desk.made / "codes.html").read_text(encoding="utf-8")
    assert page.count("<svg") == len(pictures)
    assert f"第 {len(pictures)}/{len(pictures)} 张" in page


def test_the_passphrase_stands_on_a_page_of_its_own_for_the_owner_alone(desk: Desk) -> None:
    desk.make("--codes")
    text = (desk.made / "passphrase.txt").read_text().strip()
    assert passphrase_of(text)
    for name in ("passphrase.txt", "passphrase.html"):
        assert (desk.made / name).stat().st_mode & 0o777 == 0o600
    assert text not in (desk.made / "codes.html").read_text(encoding="utf-8")


def test_nothing_secret_is_printed(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    desk.make("--codes")
    desk.install(*desk.passphrase)
    told = capfd.readouterr()
    passphrase = (desk.made / "passphrase.txt").read_text().strip()
    keys = [path.read_text().strip() for path in desk.source.glob("*.key")]
    for secret in [passphrase, *keys, (desk.root / "office/provision.key").read_text().strip()]:
        assert secret not in told.out + told.err
