import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from image import REPOSITORY, figures, layout
from image.card import I2C_NODE, SPI_NODE, panel_buses
from image.debian import Choice, Package, sources
from image.finish import TEXTS, check_list
from image.initrd import bind_lines, load_order
from image.python_code import REQUIREMENTS
from image.review import FILE, digest, plain_name, unread
from image.sbom import bill
from image.tools import BuildError

CHOICE = Choice.read()
DEPENDS = (
    "a/top.ko.xz: a/middle-one.ko.xz a/low.ko.xz\na/middle-one.ko.xz: a/low.ko.xz\na/low.ko.xz:\n"
)


def test_the_mirror_is_the_one_that_this_machine_uses() -> None:
    lines = sources(["http://m/debian bookworm", "http://m/sec bookworm-security"], CHOICE)
    assert [line.split()[2:4] for line in lines] == [
        ["http://m/debian", "trixie"],
        ["http://m/sec", "trixie-security"],
    ]


def test_without_a_mirror_the_build_says_where_to_look() -> None:
    with pytest.raises(BuildError, match=r"sources\.list"):
        sources([], CHOICE)


def test_no_host_name_stands_in_the_builder() -> None:
    for file in (REPOSITORY / "image").rglob("*"):
        if file.is_file() and file.suffix in {".py", ".toml", ".txt"}:
            assert "http" not in file.read_text().replace("httpx", "").replace("httpcore", ""), file


def test_partitions_follow_each_other_and_fill_the_card() -> None:
    ends = [layout.start_of(one) + one.size for one in layout.PARTITIONS]
    assert [layout.start_of(one) for one in layout.PARTITIONS] == [layout.START, *ends[:-1]]
    assert ends[-1] == layout.SIZE


def test_the_table_names_the_card_by_its_number() -> None:
    assert "label-id: 0x70617962" in layout.table()
    assert layout.table().count("type=83") == 3


def test_modules_are_loaded_after_what_they_need() -> None:
    assert load_order(["top"], DEPENDS) == ["a/low.ko.xz", "a/middle-one.ko.xz", "a/top.ko.xz"]
    assert load_order(["middle_one", "low"], DEPENDS) == ["a/low.ko.xz", "a/middle-one.ko.xz"]


def test_a_module_that_the_kernel_lacks_stops_the_build() -> None:
    with pytest.raises(BuildError, match="no module gone"):
        load_order(["gone"], DEPENDS)


def test_the_initrd_reads_one_folder_a_line() -> None:
    assert bind_lines({"paybox": "/var/lib/paybox"}) == "paybox /var/lib/paybox\n"


def test_a_version_does_not_make_a_script_new_but_a_word_does() -> None:
    first = digest(["# 1.2\nldconfig 2.41-12+deb13u5\n"])
    assert digest(["\nldconfig 2.42-1\n"]) == first
    assert digest(["ldconfig -r 2.42-1\n"]) != first


def test_scripts_that_nobody_read_are_named() -> None:
    assert unread({"udev": "b", "tar": "c", "mawk": "d"}, {"udev": "a", "mawk": "d"}) == [
        "tar: new, digest c",
        "udev: changed, digest b",
    ]


def test_the_kernel_keeps_its_entry_when_its_version_changes() -> None:
    assert plain_name("linux-image-6.12.117+deb13-arm64") == "linux-image-N-arm64"
    assert plain_name("linux-image-arm64") == "linux-image-arm64"


def test_every_reviewed_script_says_what_became_of_it() -> None:
    entries = tomllib.loads(FILE.read_text())
    assert [name for name, entry in entries.items() if not entry["does"]] == []


def test_every_wheel_is_pinned_with_its_hash() -> None:
    lines = [line for line in REQUIREMENTS.read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if "==" not in line or "--hash=sha256:" not in line] == []


@pytest.mark.parametrize("name", ["listed", "present"])
def test_a_unit_file_out_of_place_stops_the_build(tmp_path: Path, name: str) -> None:
    (tmp_path / "install.toml").touch()
    (tmp_path / "present").touch()
    listed = {"listed": "/etc/listed", "present": "/etc/present"} if name == "listed" else {}
    with pytest.raises(BuildError, match=name):
        check_list({"files": listed}, tmp_path)


def test_nothing_of_the_test_rig_is_in_a_release() -> None:
    units = tomllib.loads((REPOSITORY / "systemd/install.toml").read_text())
    assert not [name for name in units["enable"] if "getty" in name or "shell" in name]
    assert {"getty@.service", "serial-getty@.service"} <= set(units["mask"])
    words = (REPOSITORY / "image/boot/cmdline.txt").read_text().split()
    assert not [word for word in words if word.startswith(("console=", "systemd.debug", "init="))]
    assert TEXTS["etc/ssh/sshd_config"].startswith("Include ")


def test_the_bill_is_the_same_for_the_same_card(tmp_path: Path) -> None:
    file = tmp_path / "udev_257_arm64.deb"
    file.write_bytes(b"a package")
    parts = [Package(file, "udev", "257", "systemd")], [("httpx", "0.28.1")], "v1", 1_700_000_000
    document = json.loads(bill(*parts))
    assert bill(*parts) == bill(*parts)
    assert [one["purl"] for one in document["components"]] == [
        "pkg:deb/debian/udev@257?arch=arm64",
        "pkg:pypi/httpx@0.28.1",
    ]


def test_a_figure_is_kept_beside_those_that_were_there(tmp_path: Path) -> None:
    assert figures.read(tmp_path) == {}
    figures.record(tmp_path, "build_s", 57.53)
    figures.record(tmp_path, "boot_s", 44.0)
    figures.record(tmp_path, "build_s", 58.0)
    assert figures.read(tmp_path) == {"boot_s": 44.0, "build_s": 58.0}


TREE = """/dts-v1/;
/ { soc { #address-cells = <1>; #size-cells = <1>;
    pins: gpio@7e200000 { phandle = <6>;
        spi0-gpio7 { brcm,pins = <7 8 9 10 11>; phandle = <0x42>; }; };
    spi@7e204000 { #address-cells = <1>; #size-cells = <0>; status = "disabled"; };
    i2c@7e804000 { clock-frequency = <100000>; };
}; };
"""


@pytest.mark.skipif(shutil.which("dtc") is None, reason="device-tree-compiler is not installed")
def test_a_panel_finds_its_bus_in_the_device_tree(tmp_path: Path) -> None:
    """`make image` needs the same package, and stops without it."""
    tree = tmp_path / "board.dtb"
    subprocess.run(["dtc", "-q", "-o", tree], input=TREE, text=True, check=True)
    panel_buses(tree)

    def told(node: str, name: str, kind: str = "u") -> str:
        command = ["fdtget", "-t", kind, str(tree), node, name]
        return subprocess.run(command, text=True, check=True, capture_output=True).stdout.strip()

    assert told(I2C_NODE, "clock-frequency") == "400000"
    assert told(SPI_NODE, "status", "s") == "okay"
    assert told(SPI_NODE, "pinctrl-0") == "66"
    assert told(SPI_NODE, "cs-gpios") == "6 8 1"  # the chip, GPIO 8, active low
    assert told("/soc/gpio@7e200000/spi0-gpio7", "brcm,pins") == "9 10 11"  # GPIO 7 stays free
    assert told(f"{SPI_NODE}/panel@0", "reg") == "0"
