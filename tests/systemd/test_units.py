"""The units, rules and settings of the card, as far as they can be judged without booting it.

`make test-image` judges them on the running card. Where a machine has no systemd or nft, what needs
it is left out: the CI machine has both.
"""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from device.provisioning.bundle import RECORD_NAME
from device.provisioning.envelope import BUNDLE_NAME, digest_of
from device.provisioning.store import installed

FOLDER = Path(__file__).resolve().parents[2] / "systemd"
MANIFEST = tomllib.loads((FOLDER / "install.toml").read_text(encoding="utf-8"))
UNITS = sorted(path.name for path in FOLDER.glob("paybox*.service"))
MOST_EXPOSED = {"paybox.service": 1.5, "paybox-provision.service": 1.0}

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd is not installed"
)


def _settings(unit: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (FOLDER / unit).read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def test_every_file_has_its_place_and_no_place_is_without_its_file() -> None:
    files = {path.name for path in FOLDER.iterdir()} - {"install.toml"}
    assert set(MANIFEST["files"]) == files
    assert all(path.startswith(("/usr/lib/", "/etc/")) for path in MANIFEST["files"].values())


def test_every_unit_that_is_enabled_is_ours_or_debians_and_says_by_what_it_is_wanted() -> None:
    ours = {name for name in MANIFEST["enable"] if name in MANIFEST["files"]}
    assert {u for u in MANIFEST["enable"] if u.startswith("paybox")} <= ours
    assert all("WantedBy" in _settings(name) for name in ours)
    assert not set(MANIFEST["enable"]) & set(MANIFEST["mask"])


@needs_systemd
@pytest.mark.parametrize("unit", sorted(MOST_EXPOSED))
def test_the_exposure_stays_below_its_limit(unit: str) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(FOLDER / unit)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    score = re.search(r"exposure level for \S+: ([0-9.]+)", told.stdout)
    assert score, told.stderr
    assert float(score[1]) <= MOST_EXPOSED[unit]


@needs_systemd
@pytest.mark.parametrize("unit", UNITS)
def test_systemd_understands_every_line(unit: str, tmp_path: Path) -> None:
    """What the unit starts is not installed here; everything else must be right."""
    for path in FOLDER.glob("*.service"):
        text = re.sub(r"^(Exec\w+=[-+]?)/\S+", r"\1/bin/true", path.read_text(), flags=re.MULTILINE)
        (tmp_path / path.name).write_text(text)
    name = unit.replace("@", "@sda1")
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", name]
    units = f"{tmp_path}:/lib/systemd/system"
    told = subprocess.run(
        command,
        cwd=tmp_path,
        env={"SYSTEMD_UNIT_PATH": units, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stderr == ""
    assert told.returncode == 0


def test_the_firmware_reaches_every_kind_of_device_that_a_driver_opens() -> None:
    allowed = {value.split()[0] for value in _settings("paybox.service")["DeviceAllow"]}
    assert allowed >= {
        *("char-input", "char-hidraw", "char-ttyUSB", "char-ttyACM"),
        *("char-i2c", "char-spi", "char-gpiochip", "char-alsa"),
    }
    (groups,) = _settings("paybox.service")["SupplementaryGroups"]
    made = re.findall(r"^m paybox (\S+)$", (FOLDER / "sysusers.conf").read_text(), re.MULTILINE)
    assert sorted(groups.split()) == sorted(made)


def test_a_running_payment_has_time_to_end_when_the_box_is_stopped() -> None:
    from device.app.box import LAST_PAYMENT_S  # noqa: PLC0415  the heaviest import of the tests

    (stop,) = _settings("paybox.service")["TimeoutStopSec"]
    assert int(stop) > LAST_PAYMENT_S


@pytest.mark.parametrize(
    ("slots", "on_trial"),
    [("good=a\ntry=b\ntries=0\n", True), ("good=b\ntry=\ntries=0\n", False), (None, False)],
)
def test_the_gate_restarts_a_machine_only_while_its_slot_is_on_trial(
    tmp_path: Path, slots: str | None, *, on_trial: bool
) -> None:
    (condition,) = _settings("paybox-gate.service")["ExecCondition"]
    for name, text in (("slot", "b\n"), ("slots", slots)):
        if text is not None:
            (tmp_path / name).write_text(text)
    shell = condition.replace("/run/paybox/", f"{tmp_path}/").replace("/data/", f"{tmp_path}/")
    passed = subprocess.run(shell, shell=True, capture_output=True, check=False).returncode
    assert (passed == 0) is on_trial


def _asks_for_provisioning(file: Path, boot: Path) -> bool:
    (condition,) = _settings("paybox-provision.service")["ExecCondition"]
    program, config, partition = condition.split()
    assert MANIFEST["files"][Path(program).name] == program
    assert (config, partition) == ("/etc/paybox/paybox.toml", "/boot/firmware")
    command = [FOLDER / Path(program).name, file, boot]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_provisioning_starts_only_where_it_has_something_to_do(tmp_path: Path) -> None:
    """A box without a configuration, or with another bundle on its card than the one in force."""
    file, boot, settings = tmp_path / "etc/paybox.toml", tmp_path / "boot", tmp_path / "etc/set-1-A"
    for folder in (settings, boot):
        folder.mkdir(parents=True)
    assert _asks_for_provisioning(file, boot)
    (settings / "paybox.toml").touch()
    file.symlink_to("set-1-A/paybox.toml")
    assert not _asks_for_provisioning(file, boot)
    digest = digest_of(b"a bundle")
    (boot / BUNDLE_NAME).write_bytes(b"a bundle")
    assert _asks_for_provisioning(file, boot)
    record = {"title": {"box": "BOX-0001", "version": 1, "not_before": 0}, "digest": digest}
    (settings / RECORD_NAME).write_text(json.dumps(record))
    assert installed(file)[1] == digest  # the record is as the firmware writes it
    assert not _asks_for_provisioning(file, boot)
    (boot / BUNDLE_NAME).write_bytes(b"the next bundle")
    assert _asks_for_provisioning(file, boot)


def test_a_wipe_that_was_begun_holds_the_firmware_off() -> None:
    for unit in ("paybox.service", "paybox-provision.service"):
        assert "!/data/factory-reset" in _settings(unit)["ConditionPathExists"]
    first = " ".join(_settings("paybox-factory-reset.service")["Before"])
    assert {"sysinit.target", "var-log-journal.mount"} <= set(first.split())


def test_the_stick_is_mounted_by_the_very_command_that_reads_it() -> None:
    """With PrivateMounts= a mount of ExecStartPre= is gone again when ExecStart= begins."""
    settings = _settings("paybox-update@.service")
    assert settings["PrivateMounts"] == ["true"]
    assert "ExecStartPre" not in settings
    (start,) = settings["ExecStart"]
    assert start.index("mount ") < start.index("paybox update install")


def test_the_rule_for_the_stick_comes_after_the_one_that_reads_labels() -> None:
    (rule,) = (name for name in MANIFEST["files"] if name.endswith("-paybox-update.rules"))
    assert rule > "60-persistent-storage.rules"


def test_nothing_listens_beside_the_firmware() -> None:
    assert _settings("resolved.conf")["DNSStubListener"] == ["no"]
    assert _settings("resolved.conf")["LLMNR"] == _settings("resolved.conf")["MulticastDNS"]
    assert (
        "/run/paybox-network/authorized_keys"
        in _settings("ssh-service.conf")["ConditionPathExists"]
    )


def test_the_hardware_watchdog_waits_no_longer_than_a_raspberry_pi_can() -> None:
    (seconds,) = _settings("system.conf")["RuntimeWatchdogSec"]
    assert int(seconds) <= 15  # bcm2835_wdt


def _nft(*lines: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Check the rules, in a network of their own, with users that this machine has."""
    text = (FOLDER / "nftables.conf").read_text()
    for user in ("paybox", "systemd-network", "systemd-resolve", "systemd-timesync"):
        text = text.replace(f'"{user}"', "65534")
    file = tmp_path / "rules.nft"
    file.write_text(text + "\n".join(lines))
    command = ["unshare", "--user", "--map-root-user", "--net", "nft", "-c", "-f", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_packet_filter_is_understood_and_knows_its_set(tmp_path: Path) -> None:
    if not shutil.which("nft") or "netlink" in _nft("", tmp_path=tmp_path).stderr:
        pytest.skip("no nftables here")
    right = _nft("add element inet paybox open_ports { 7601 }", tmp_path=tmp_path)
    assert (right.returncode, right.stderr) == (0, "")
    assert _nft("add element inet paybox other { 1 }", tmp_path=tmp_path).returncode != 0


def test_the_firmware_goes_out_through_the_tunnel_alone() -> None:
    """The rule that lets it out names wg0, and the next one refuses it everything else."""
    text = (FOLDER / "nftables.conf").read_text()
    rules = [line.strip() for line in text.splitlines() if '"paybox"' in line]
    assert rules == [
        'meta skuid "paybox" oifname "wg0" accept',
        'meta skuid "paybox" reject with icmpx admin-prohibited',
    ]
    chain = text[text.index("chain output") :]
    before = chain[: chain.index('meta skuid "paybox"')]
    assert "ct state established" not in before.replace("ct direction reply ct state", "")
    assert text.count("policy drop") == 3
