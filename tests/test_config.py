import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from device import config
from device.config.reader import Key, Table, declared
from device.config.sections import Sections
from device.domain.words import Business, Department
from device.errors import ConfigError

Changes = Mapping[str, Mapping[str, object] | None]
WriteConfig = Callable[..., Path]


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.startswith(str(path))
    return message.removeprefix(f"{path}: ")


NO_LAMP = {"driver": "none"}


def display(**keys: object) -> dict[str, dict[str, object]]:
    return {"his": {"link": "customer_display"}, "his.customer_display": keys}


def announcer(**keys: object) -> dict[str, dict[str, object]]:
    return {"his": {"link": "announcer"}, "his.announcer": keys}


def test_only_the_required_keys_give_every_default(
    write_config: WriteConfig, tmp_path: Path
) -> None:
    loaded = config.load(write_config())
    assert loaded.box.key_file == tmp_path / "box.key"
    assert loaded.box.board_serial_file == Path("/proc/device-tree/serial-number")
    assert loaded.his.default_department is Department.OUTPATIENT
    assert loaded.his.default_business is Business.OUTPATIENT_FEE
    assert loaded.display.path == tmp_path / "screen.png"
    assert loaded.center.key_file == tmp_path / "center.key"
    assert loaded.network.vpn_interface == "wg0"
    assert loaded.limits == config.Limits()
    assert loaded.wechat is not None
    assert loaded.wechat.spare_url == "https://api2.mch.weixin.qq.com"
    assert loaded.alipay is not None
    assert loaded.alipay.app_cert_file is None


@pytest.mark.parametrize(
    "changes",
    [
        display(),
        display(profile="cd5220", amount_pattern="应收[:：] *([0-9.]+)", tee_port="/dev/ttyUSB1"),
        announcer(tee_port="/dev/ttyUSB1"),
        announcer(listen="127.0.0.1:7602", tee_port="/dev/ttyUSB0"),
        {
            **announcer(listen="10.0.0.1:7602"),
            "his": {"link": "announcer", "allow_plain": ["10.0.0.2"]},
        },
        {**display(), "his": {"link": "customer_display", "undo_by_button": True}},
    ],
)
def test_a_one_way_link_is_taken(changes: Changes, write_config: WriteConfig) -> None:
    loaded = config.load(write_config(changes))
    assert loaded.his.link == changes["his"]["link"]  # type: ignore[index]  # it is there


def test_an_absent_wallet_is_none(write_config: WriteConfig) -> None:
    loaded = config.load(write_config({"channels.alipay": None}))
    assert loaded.alipay is None
    assert loaded.wechat is not None


def test_whole_numbers_are_good_times(write_config: WriteConfig) -> None:
    loaded = config.load(write_config({"limits": {"wechat_wait_s": 30}}))
    assert loaded.limits.wechat_wait_s == 30.0
    assert isinstance(loaded.limits.wechat_wait_s, float)


REQUIRED = [
    ("box", "id"),
    ("box", "desk"),
    ("box", "desk_code"),
    ("box", "data_dir"),
    ("box", "key_file"),
    ("his", "link"),
    ("network.wireguard", "address"),
    ("network.wireguard", "peer_key"),
    ("network.wireguard", "endpoint"),
    ("channels.wechat", "appid"),
    ("channels.wechat", "mch_id"),
    ("channels.alipay", "app_id"),
]


WHOLE: dict[str, dict[str, object]] = {
    "network.wireguard": {
        "address": "10.77.0.2/32",
        "peer_key": "A" * 43 + "=",
        "endpoint": "10.1.0.1:51820",
    }
}
"""Sections that the smallest configuration has not."""


@pytest.mark.parametrize(("section", "key"), REQUIRED)
def test_a_missing_required_key_is_named(section: str, key: str, write_config: WriteConfig) -> None:
    message = refusal(write_config({section: {**WHOLE.get(section, {}), key: None}}))
    assert message.startswith(f"[{section}] {key}: is missing and required: must be ")


def test_nothing_else_is_required() -> None:
    def walk(section: type[Any], name: str) -> Iterator[tuple[str, str]]:
        for field in declared(section):
            if isinstance(field, Key):
                yield from [(name, field.name)] * field.required
            else:
                yield from walk(field.section, f"{name}.{field.name}".lstrip("."))

    assert list(walk(Sections, "")) == REQUIRED


@pytest.mark.parametrize("section", ["box", "his"])
def test_a_missing_required_section_is_named(section: str, write_config: WriteConfig) -> None:
    message = refusal(write_config({section: None, "his.tcp": None}))
    assert message == f"[{section}]: this section is required"


SPI = {"driver": "ssd1322", "width": 256}

WRONG: list[tuple[Changes, str]] = [
    ({"box": {"desk_code": "mz3"}}, '[box] desk_code = "mz3": must be exactly 4 of A-Z0-9'),
    ({"box": {"desk_code": "ＭＺ０３"}}, "must be exactly 4 of A-Z0-9"),
    ({"box": {"id": "BOX|1"}}, '[box] id = "BOX|1": must be 1 to 32 of A-Za-z0-9_.-'),
    ({"box": {"id": "../BOX"}}, "[box] id"),
    ({"box": {"id": "B" * 33}}, "[box] id"),
    ({"box": {"desk": ""}}, "[box] desk"),
    ({"box": {"hospital": "院" * 33}}, "[box] hospital"),
    ({"box": {"language": "fr"}}, '[box] language = "fr": must be one of zh, en'),
    ({"box": {"colour": "red"}}, "[box] colour: unknown key; allowed: id, desk, "),
    ({"boxes": {"id": "x"}}, "boxes: unknown key; allowed: box, his, "),
    ({"channels.cash": {}}, "[channels] cash: unknown key; allowed: wechat, alipay"),
    ({"his": {"link": "telepathy"}}, "must be one of tcp, serial"),
    ({"his": {"link": "announcer"}}, "[his.announcer]: this section is required with [his] link"),
    ({"his": {"link": "customer_display"}}, "[his.customer_display]: this section is required"),
    (display(amount_pattern="x"), "amount_pattern: must be empty: profile led8n"),
    (display(profile="cd5220"), 'with profile = "cd5220" it must be a regular expression with one'),
    (display(profile="lk822", amount_pattern="([0-9]+"), "it must be a regular expression"),
    (display(profile="escpos", amount_pattern="(a)(b)"), "it must be a regular expression"),
    (display(tee_port="/dev/ttyUSB0"), "tee_port: must be another port than port"),
    (announcer(tee_port="/dev/ttyUSB0"), "tee_port: must be another port than port"),
    (announcer(listen="127.0.0.1:1", port="/dev/ttyS1"), "listen: must be empty where port is set"),
    (announcer(listen="0.0.0.0:7602"), "[his] allow_plain: with [his.announcer] listen"),
    ({"his": {"undo_by_button": True}}, "undo_by_button: must be false: it belongs to link"),
    (
        {**announcer(), "his": {"link": "announcer", "undo_by_button": True}, "lamp": NO_LAMP},
        "undo_by_button: must be false without a button",
    ),
    ({"his": {"security": "aes", "key_file": "no.key"}}, "[his] key_file: must name a file"),
    ({"his": {"security": "aes", "key_file": ""}}, "[his] key_file: must name a file that exists"),
    ({"his": {"security": "ssl"}}, "must be one of none, aes, tls"),
    ({"his": {"security": "tls"}}, "[his.tls] cert_file: must name a file that exists with [his]"),
    (
        {"his": {"security": "tls"}, "his.tls": {"cert_file": "box.key", "key_file": "no.pem"}},
        "[his.tls] key_file: must name a file that exists",
    ),
    (
        {
            "his": {"security": "tls"},
            "his.tls": {"cert_file": "box.key", "key_file": "box.key", "client_ca_file": "no.pem"},
        },
        '[his.tls] client_ca_file: must name a file that exists, or be ""',
    ),
    (
        {"his": {"link": "serial", "security": "tls"}, "his.serial": {}},
        '[his] security: must be none or aes with link = "serial"',
    ),
    ({"his": {"encoding": "big5"}}, "must be one of utf-8, gbk"),
    ({"his": {"default_business": "cash"}}, "must be one of registration, "),
    ({"his": {"allow_plain": "10.1.2.3"}}, "must be a list of IP addresses"),
    ({"his": {"allow_plain": ["ward3"]}}, "must be a list of IP addresses"),
    ({"his": {"progress": 1}}, "[his] progress = 1: must be true or false"),
    ({"his": {"link": "serial"}}, '[his.serial]: this section is required with [his] link = "'),
    ({"his.tcp": None}, '[his.tcp]: this section is required with [his] link = "tcp"'),
    ({"his.tcp": {"listen": "0.0.0.0:7601"}}, '[his] allow_plain: with security = "none"'),
    ({"his.tcp": {"listen": "[::]:7601"}}, '[his] allow_plain: with security = "none"'),
    ({"his.tcp": {"listen": "his-box:7601"}}, '[his] allow_plain: with security = "none"'),
    ({"his.tcp": {"listen": "127.0.0.1"}}, "must be host:port"),
    ({"his.tcp": {"listen": "127.0.0.1:65536"}}, "must be host:port"),
    ({"his.tcp": {"listen": 7601}}, "must be host:port"),
    (
        {"his": {"link": "serial"}, "his.serial": {}, "scanner": {"driver": "auto"}},
        "[scanner] driver: must name the scanner's kind where the HIS is on a serial port",
    ),
    ({"his.serial": {"baudrate": 9601}}, "[his.serial] baudrate = 9601: must be one of 1200, "),
    ({"his.serial": {"port": "COM1"}}, "must be an absolute path"),
    ({"scanner": {"match": "honeywell"}}, "must be vendor:product"),
    ({"display": {"driver": "ssd1322"}}, 'must be 256 x 64 with driver = "ssd1322"'),
    ({"display": {**SPI, "spi_dc": 22}}, "spi_dc and spi_reset must be two pins that [lamp] does"),
    ({"display": {**SPI, "spi_dc": 25}}, "spi_dc and spi_reset must be two pins that [lamp] does"),
    ({"display": {"spi_dc": 0}}, "must be a whole number from 1 to 27"),
    ({"display": {"width": 129}}, "[display] width x height = 129 x 64: must be 128 x 64 with"),
    ({"display": {"width": 256}}, 'must be 128 x 64 with driver = "ssd1306"'),
    ({"display": {"driver": "png", "height": 65}}, "must be 128 x 64 or 256 x 64"),
    ({"display": {"i2c_address": 0x80}}, "must be a whole number from 8 to 119"),
    ({"display": {"width": True}}, "must be a whole number"),
    ({"lamp": {"red": 9}}, "[lamp]: pins 2 and 3 are the I2C bus, 7 to 11 the SPI bus: take"),
    ({"display": {**SPI, "spi_dc": 7}}, "[display]: pins 2 and 3 are the I2C bus, 7 to 11 the SPI"),
    ({"lamp": {"red": 17}}, "[lamp]: green, red, buzzer and cancel_button must be four different"),
    ({"lamp": {"green": 28}}, "must be a whole number from 0 to 27"),
    ({"lamp": {"driver": "leds", "red_led": "../mmc0"}}, "must be a name in /sys/class/leds"),
    ({"display": {**SPI, "spi_dc": 23}, "lamp": {"driver": "leds"}}, "that [lamp] does not use"),
    ({"lamp": {"driver": "usb"}}, "must be one of gpio, leds, file, none"),
    ({"network": {"vpn_interface": "wg0; reboot"}}, "[network] vpn_interface"),
    ({"network": {"proxy": "https://10.0.0.1:3128"}}, "[network] proxy: must be http://host:port"),
    ({"network.dns": {"api.mch.weixin.qq.com": "front"}}, '[network] dns = {"api.mch.weixin'),
    ({"channels.wechat": {"base_url": "http://api.mch.weixin.qq.com"}}, "must be an https://"),
    ({"channels.wechat": {"base_url": ""}}, "[channels.wechat] base_url: must be an https://"),
    ({"channels.wechat": {"base_url": "ftp://127.0.0.1"}}, "must be an https://"),
    ({"channels.wechat": {"base_url": "https://[::1"}}, "must be an https://"),
    ({"channels.wechat": {"base_url": "http://127.0.0.1.evil.cn"}}, "must be an https://"),
    ({"channels.wechat": {"sign_type": "RSA"}}, "must be one of HMAC-SHA256, MD5"),
    ({"channels.wechat": {"cert_file": ""}}, "[channels.wechat] cert_file: must be a path: rev"),
    ({"channels.alipay": {"gateway_url": "http://10.0.0.1/gateway.do"}}, "must be an https://"),
    ({"channels.alipay": {"alipay_public_key_file": ""}}, "or all three of app_cert_file, "),
    ({"channels.alipay": {"app_cert_file": "box.key"}}, "or all three of app_cert_file, "),
    ({"channels.wechat": None, "channels.alipay": None}, "[channels]: one at least of "),
    ({"center": {"url": "http://10.0.0.9"}}, "[center] url: must be an https://"),
    ({"center": {"cert_file": "box.key"}}, "[center] cert_file: must stand together with"),
    ({"clock": {"source": "ntpd"}}, "must be one of timesyncd, none"),
    ({"limits": {"poll_interval_s": 0.04}}, "must be 0.05 to 30 seconds"),
    ({"limits": {"poll_interval_s": 30.5}}, "must be 0.05 to 30 seconds"),
    ({"limits": {"poll_interval_s": "3"}}, "must be 0.05 to 30 seconds"),
    ({"limits": {"ttl_s": 901}}, "[limits] ttl_s = 901: must be 0.05 to 900 seconds"),
    ({"limits": {"wechat_reverse_not_before_s": 14.9}}, "must be at least 15 against hosts other"),
    ({"limits": {"max_amount_fen": 0}}, "must be a whole number from 1 to 9999999999"),
    ({"limits": {"max_amount_fen": 1.5}}, "must be a whole number"),
    ({"limits": {"retries": 3}}, "[limits] retries: unknown key"),
    ({"box": {"key_file": "no.key"}}, "[box] key_file: must name a file that exists"),
]


@pytest.mark.parametrize(("changes", "told"), WRONG)
def test_a_wrong_value_is_one_line_that_names_the_key_and_what_is_allowed(
    changes: Changes, told: str, write_config: WriteConfig
) -> None:
    assert told in refusal(write_config(changes))


RIGHT: list[Changes] = [
    {"his.tcp": {"listen": "[::1]:0"}},
    {"his.tcp": {"listen": "localhost:7601"}},
    {"his": {"allow_plain": ["10.1.2.3"]}, "his.tcp": {"listen": "0.0.0.0:7601"}},
    {"his": {"link": "serial"}, "his.serial": {"port": "/dev/ttyUSB0"}, "his.tcp": None},
    {"his": {"default_department": "inpatient"}},
    {"scanner": {"match": "auto"}},
    {"scanner": {"driver": "stdin"}},
    {"scanner": {"driver": "auto", "match": "auto"}},
    {"scanner": {"driver": "hidraw", "match": "/dev/hidraw0"}},
    {"display": {"driver": "png", "width": 256}},
    {"display": {"driver": "none"}},
    {"display": SPI},
    {"display": {**SPI, "spi_dc": 17}, "lamp": {"driver": "leds", "paid_sound": "paid.wav"}},
    {"lamp": {"driver": "file", "path": "lamp.txt", "red": 17}},
    {"network": {"vpn_interface": "", "proxy": "http://10.0.0.1:3128"}},
    {"network.dns": {"api.mch.weixin.qq.com": "10.0.0.1"}},
    {"limits": {"poll_interval_s": 0.05, "ttl_s": 900, "max_amount_fen": 1}},
    {"box": {"board_serial_file": ""}},
]


@pytest.mark.parametrize("changes", RIGHT)
def test_what_the_manual_allows_is_taken(changes: Changes, write_config: WriteConfig) -> None:
    config.load(write_config(changes))


@pytest.mark.parametrize("name", ['"api.mch.weixin.qq.com"', "api.mch.weixin.qq.com"])
def test_a_pinned_host_may_stand_without_quotes(name: str, write_config: WriteConfig) -> None:
    path = write_config()
    with path.open("a") as file:
        file.write(f"[network.dns]\n{name} = '10.0.0.1'\n")
    assert config.load(path).network.dns == {"api.mch.weixin.qq.com": "10.0.0.1"}


def test_a_host_name_of_a_thousand_dots_is_one_line(write_config: WriteConfig) -> None:
    path = write_config()
    with path.open("a") as file:
        file.write("[network.dns]\n" + ".".join("a" * 3000) + " = '10.0.0.1'\n")
    assert refusal(path).startswith("[network] dns")


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080"])
def test_a_loopback_gateway_may_be_plain_and_hurried(host: str, write_config: WriteConfig) -> None:
    path = write_config(
        {
            "channels.wechat": {"base_url": f"http://{host}/", "cert_file": "", "key_file": ""},
            "limits": {"wechat_reverse_not_before_s": 0.05},
        }
    )
    wechat = config.load(path).wechat
    assert wechat is not None
    assert wechat.base_url == f"http://{host}"


def test_the_real_spare_host_never_stands_behind_an_emulated_gateway(
    write_config: WriteConfig,
) -> None:
    path = write_config({"channels.wechat": {"base_url": "http://127.0.0.1:8080"}})
    wechat = config.load(path).wechat
    assert wechat is not None
    assert wechat.spare_url == ""


def test_a_hurried_reverse_is_refused_when_only_the_spare_is_real(
    write_config: WriteConfig,
) -> None:
    spare = {"base_url": "http://127.0.0.1:8080", "spare_url": "https://api2.mch.weixin.qq.com"}
    changes = {"channels.wechat": spare, "limits": {"wechat_reverse_not_before_s": 1}}
    assert "wechat_reverse_not_before_s: must be at least 15" in refusal(write_config(changes))


def test_certificate_mode_leaves_the_public_key_out(write_config: WriteConfig) -> None:
    keys = ("app_cert_file", "alipay_cert_file", "alipay_root_cert_file")
    path = write_config({"channels.alipay": dict.fromkeys(keys, "apiclient_cert.pem")})
    (path.parent / "alipay_public_key.pem").unlink()
    alipay = config.load(path).alipay
    assert alipay is not None
    assert alipay.alipay_public_key_file is None
    assert all(alipay.certificates)


def test_a_credential_goes_before_the_file_beside_the_configuration(
    write_config: WriteConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "wechat.key").write_text("x")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    loaded = config.load(write_config())
    assert loaded.wechat is not None
    assert loaded.wechat.api_key_file == credentials / "wechat.key"
    assert loaded.box.key_file == tmp_path / "box.key"


def test_relative_paths_are_relative_to_the_file(
    write_config: WriteConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_config()
    monkeypatch.chdir(path.parent.parent)
    loaded = config.load(Path(path.parent.name) / path.name)
    assert loaded.box.data_dir == path.parent / "data"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"[box", "is not valid TOML: "),
        (b"\xff", "is not UTF-8 text"),
        (b"box = 3\n", "[box]: must be a table"),
        (b"x = " + b"9" * 5000, "is not valid TOML: "),
        (b"x = " + b"[" * 5000 + b"]" * 5000, "is not valid TOML"),
        (b"#" * 1048577, "is too long: must be at most 1048576 bytes"),
        (b'"a\\nb" = 1', "a\\nb: unknown key"),
    ],
)
def test_a_broken_file_is_one_line(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "paybox.toml"
    path.write_bytes(content)
    assert told in refusal(path)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    assert refusal(tmp_path / "absent.toml") == "cannot be read: No such file or directory"
    assert refusal(tmp_path) == "cannot be read: Is a directory"


@pytest.mark.parametrize(
    "changes",
    [
        {"box": {"key_file": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANB"}},
        {"box": {"key_file": "MIIEvQIBADANB"}},
        {"box": {"api_key": "MIIEvQIBADANB"}},
        {"network": {"proxy": "http://front:MIIEvQIBADANB@10.0.0.1:3128"}},
        {"channels.wechat": {"base_url": "https://u:MIIEvQIBADANB@127.0.0.1"}},
    ],
)
def test_a_secret_in_the_wrong_place_is_not_repeated(
    changes: Changes, write_config: WriteConfig
) -> None:
    assert "MIIEvQIBADANB" not in refusal(write_config(changes))


def test_a_channel_whose_key_file_is_missing_does_not_stop_the_box(
    write_config: WriteConfig,
) -> None:
    loaded = config.load(write_config({"channels.wechat": {"api_key_file": "no.key"}}))
    assert loaded.wechat is not None
    with pytest.raises(ConfigError):
        config.read_text_secret(loaded.wechat.api_key_file)


def test_no_secret_is_in_the_loaded_configuration(write_config: WriteConfig) -> None:
    loaded = config.load(write_config())
    assert loaded.wechat is not None
    secret = config.read_text_secret(loaded.wechat.api_key_file)
    assert secret == "0123456789abcdef0123456789abcdef"
    assert secret not in repr(loaded)
    assert config.read_key(loaded.box.key_file).hex() not in repr(loaded)


KEY = bytes(range(1, 33))


@pytest.mark.parametrize(
    "content",
    [
        KEY,
        KEY.hex().encode(),
        KEY.hex().upper().encode() + b"\r\n",
        KEY.hex().encode() + b" \t\n\n",
    ],
)
def test_a_key_is_32_bytes_or_64_hex_digits(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "box.key").write_bytes(content)
    assert config.read_key(tmp_path / "box.key") == KEY


def test_32_raw_bytes_that_end_in_white_space_are_all_key(tmp_path: Path) -> None:
    (tmp_path / "box.key").write_bytes(b"k" * 31 + b"\n")
    assert config.read_key(tmp_path / "box.key") == b"k" * 31 + b"\n"


@pytest.mark.parametrize(
    "content", [b"", b"secret", KEY + b"\n", b" " + KEY.hex().encode(), b"g" * 64, b"a" * 65537]
)
def test_another_content_is_no_key_and_is_not_repeated(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "box.key"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        config.read_key(path)
    assert str(path) in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe"])
def test_a_text_secret_is_text(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "wechat.key").write_bytes(content)
    with pytest.raises(ConfigError, match="must hold text in UTF-8"):
        config.read_text_secret(tmp_path / "wechat.key")


def test_a_text_secret_loses_only_the_white_space_at_its_end(tmp_path: Path) -> None:
    (tmp_path / "wechat.key").write_text(" k e y \r\n")
    assert config.read_text_secret(tmp_path / "wechat.key") == " k e y"


def every_key(section: type[Any] = Sections, name: str = "") -> Iterator[tuple[str, str]]:
    for field in declared(section):
        if isinstance(field, Table):
            yield from every_key(field.section, f"{name}.{field.name}".lstrip("."))
        else:
            yield name, field.name


SCALARS = (
    st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=80)
    | st.datetimes()
    | st.sampled_from(["serial", "png", "127.0.0.1:80", "https://x", "http://[", "a\x85b\u2028c"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = st.sampled_from([*every_key(), ("box", "?"), ("his", "tcp"), ("network", "dns")])


@given(st.dictionaries(KEYS, VALUES, max_size=5))
@example({("his", "allow_plain"): [10**5000]})
@example({("limits", "ttl_s"): 10**5000})
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_value_of_any_key_raises_anything_but_one_line(
    write_config: WriteConfig, values: dict[tuple[str, str], Any]
) -> None:
    changes: dict[str, dict[str, object]] = {}
    for (section, key), value in values.items():
        changes.setdefault(section, {})[key] = value
    try:
        config.load(write_config(changes))
    except ConfigError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017  most values are refused, not all


def test_sections_and_config_hold_the_same_tables() -> None:
    written = {f.name for f in dataclasses.fields(Sections)} - {"channels"}
    assert {f.name for f in dataclasses.fields(config.Config)} == written | {"wechat", "alipay"}
