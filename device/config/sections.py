"""The tables of `paybox.toml`: every key, its default and what it takes, in one place.

A key without a default is required; an unknown key is an error. What several keys must have in
common stands in `rules`. No value here is a secret, so any of it may be shown.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from device.config.kinds import (
    Address,
    Choice,
    File,
    Flag,
    Peers,
    Seconds,
    Text,
    Url,
    Whole,
    Word,
)
from device.config.network import Network
from device.domain.words import Business, Department

SHORTEST_S = 0.05  # below this a time is no time: it would only spin the loop
TIMES_DEFAULT = 10  # above ten times the default nobody at a desk would wait
REVERSE_NOT_BEFORE_S = 15.0  # WeChat refuses a reverse earlier than this after its pay (M8)
LARGEST_FEN = 9_999_999_999  # the largest amount that his-link §2 can carry

WECHAT_URL = "https://api.mch.weixin.qq.com"

BAUD_RATES = Choice((1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200))
PIN = Whole(0, 27)  # the BCM numbers on the 40-pin header
LED = Text(r"[A-Za-z0-9][A-Za-z0-9_:.-]{0,62}", "a name in /sys/class/leds")
DEVICE = Text(r"/.{1,254}", "an absolute path such as /dev/ttyUSB0")
DEVICE_OR_NONE = Text(r"|/.{1,254}", 'an absolute path or ""')
MERCHANT_ID = Text(r"[A-Za-z0-9_-]{1,32}", "1 to 32 of A-Za-z0-9_-")
IDENTIFIER = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}"


def _time(default_s: float) -> Seconds:
    return Seconds(SHORTEST_S, default_s * TIMES_DEFAULT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Which box this is. `desk` and the box key enter every order number: never change them."""

    id: Annotated[str, Text(IDENTIFIER, "1 to 32 of A-Za-z0-9_.-")]
    desk: Annotated[str, Text(r"\S(.{0,30}\S)?", "1 to 32 characters, no blank at the ends")]
    desk_code: Annotated[str, Text(r"[A-Z0-9]{4}", "exactly 4 of A-Z0-9")]
    hospital: Annotated[str, Text(r".{0,32}", "at most 32 characters")] = "市一医院"
    data_dir: Annotated[Path, File(required=True, credential=False)]
    key_file: Annotated[Path, File(required=True)]
    board_serial_file: Annotated[Path | None, File(credential=False)] = Path(
        "/proc/device-tree/serial-number"
    )
    language: Annotated[str, Choice(("zh", "en"))] = "zh"


@dataclass(frozen=True, slots=True, kw_only=True)
class HisTcp:
    """Where the box listens for the HIS."""

    listen: Annotated[str, Address()] = "127.0.0.1:7601"
    baudrate: Annotated[int, Whole(0, 115200)] = 0
    """Of the serial line behind a converter, so that its slowness is waited for; 0 = none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HisSerial:
    """The serial cable to the HIS."""

    port: Annotated[str, DEVICE] = "/dev/serial/by-id/usb-FTDI-if00"
    baudrate: Annotated[int, BAUD_RATES] = 9600


@dataclass(frozen=True, slots=True, kw_only=True)
class HisTls:
    """The box's certificate for the HIS, and whose certificates it takes."""

    cert_file: Annotated[Path | None, File()] = None
    key_file: Annotated[Path | None, File()] = None
    client_ca_file: Annotated[Path | None, File()] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerDisplay:
    """A one-way link in place of the customer display."""

    port: Annotated[str, DEVICE] = "/dev/ttyUSB0"
    baudrate: Annotated[int, BAUD_RATES] = 2400
    profile: Annotated[str, Choice(("led8n", "cd5220", "escpos", "lk822"))] = "led8n"
    amount_pattern: Annotated[str, Text(r".{0,200}", "at most 200 characters")] = ""
    encoding: Annotated[str, Choice(("gbk", "utf-8"))] = "gbk"
    tee_port: Annotated[str, DEVICE_OR_NONE] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcer:
    """A one-way link in place of the voice announcer; `listen` set, the port is not used."""

    port: Annotated[str, DEVICE] = "/dev/ttyUSB0"
    listen: Annotated[str, Address(required=False)] = ""
    baudrate: Annotated[int, BAUD_RATES] = 9600
    terminator: Annotated[str, Text(r".{0,8}", "at most 8 characters")] = ""
    tee_port: Annotated[str, DEVICE_OR_NONE] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class His:
    """How amounts come from the hospital information system (his-link)."""

    link: Annotated[str, Choice(("tcp", "serial", "customer_display", "announcer"))]
    encoding: Annotated[str, Choice(("utf-8", "gbk"))] = "utf-8"
    id_scope: Annotated[str, Choice(("unique", "day"))] = "unique"
    default_department: Annotated[Department, Word(Department)] = Department.OUTPATIENT
    default_business: Annotated[Business, Word(Business)] = Business.OUTPATIENT_FEE
    security: Annotated[str, Choice(("none", "aes", "tls"))] = "none"
    key_file: Annotated[Path | None, File()] = Path("his.key")
    allow_plain: Annotated[tuple[str, ...], Peers()] = ()
    progress: Annotated[bool, Flag()] = False
    undo_by_button: Annotated[bool, Flag()] = False
    """One-way links: the button held for 3 s and pressed again gives the last payment back."""
    tcp: HisTcp = HisTcp()
    serial: HisSerial = HisSerial()
    tls: HisTls = HisTls()
    customer_display: CustomerDisplay = CustomerDisplay()
    announcer: Announcer = Announcer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """The code scanner."""

    driver: Annotated[str, Choice(("evdev", "serial", "hidraw", "auto", "stdin"))] = "evdev"
    match: Annotated[
        str,
        Text(
            r"auto|[0-9a-fA-F]{4}:[0-9a-fA-F]{4}|/.{1,254}",
            "vendor:product such as 0c2e:0b61, an absolute path, or auto",
        ),
    ] = "0c2e:0b61"
    port: Annotated[str, DEVICE] = "/dev/ttyACM0"
    baudrate: Annotated[int, BAUD_RATES] = 9600
    refuse_id_cards: Annotated[bool, Flag()] = False
    """Identity cards are scanned at this desk too: 18 digits that fit one are never paid with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """The patient's display."""

    driver: Annotated[str, Choice(("ssd1306", "ssd1309", "sh1106", "ssd1322", "png", "none"))] = (
        "ssd1306"
    )
    width: Annotated[int, Whole(1, 4096)] = 128
    height: Annotated[int, Whole(1, 4096)] = 64
    i2c_port: Annotated[int, Whole(0, 31)] = 1
    i2c_address: Annotated[int, Whole(0x08, 0x77)] = 0x3C
    spi_port: Annotated[int, Whole(0, 6)] = 0
    spi_device: Annotated[int, Whole(0, 2)] = 0
    spi_dc: Annotated[int, Whole(1, 27)] = 24  # luma takes pin 0 for none
    spi_reset: Annotated[int, Whole(1, 27)] = 25
    path: Annotated[Path, File(required=True, credential=False)] = Path("screen.png")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lamp:
    """Light, buzzer and the cashier's cancel button; `file` writes the signal's name to `path`."""

    driver: Annotated[str, Choice(("gpio", "leds", "file", "none"))] = "gpio"
    green: Annotated[int, PIN] = 17
    red: Annotated[int, PIN] = 27
    buzzer: Annotated[int, PIN] = 22
    cancel_button: Annotated[int, PIN] = 23
    green_led: Annotated[str, LED] = "paybox-green"
    red_led: Annotated[str, LED] = "paybox-red"
    buzzer_led: Annotated[str, LED] = "paybox-buzzer"
    paid_sound: Annotated[Path | None, File(credential=False)] = None
    path: Annotated[Path, File(required=True, credential=False)] = Path("lamp.txt")

    @property
    def pins(self) -> tuple[int, ...]:
        """Those that are used, the button's last; with `leds` the kernel has the others."""
        if self.driver == "gpio":
            return self.green, self.red, self.buzzer, self.cancel_button
        return (self.cancel_button,) if self.driver == "leds" else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wechat:
    """The WeChat merchant."""

    base_url: Annotated[str, Url(required=True)] = WECHAT_URL
    spare_url: Annotated[str, Url()] = "https://api2.mch.weixin.qq.com"
    appid: Annotated[str, MERCHANT_ID]
    mch_id: Annotated[str, MERCHANT_ID]
    api_key_file: Annotated[Path, File(required=True)] = Path("wechat.key")
    sign_type: Annotated[str, Choice(("HMAC-SHA256", "MD5"))] = "HMAC-SHA256"
    cert_file: Annotated[Path | None, File()] = Path("apiclient_cert.pem")
    key_file: Annotated[Path | None, File()] = Path("apiclient_key.pem")
    ca_file: Annotated[Path | None, File()] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alipay:
    """The Alipay application. In certificate mode `alipay_public_key_file` is None."""

    gateway_url: Annotated[str, Url(required=True)] = "https://openapi.alipay.com/gateway.do"
    app_id: Annotated[str, MERCHANT_ID]
    private_key_file: Annotated[Path, File(required=True)] = Path("app_private_key.pem")
    alipay_public_key_file: Annotated[Path | None, File()] = Path("alipay_public_key.pem")
    app_cert_file: Annotated[Path | None, File()] = None
    alipay_cert_file: Annotated[Path | None, File()] = None
    alipay_root_cert_file: Annotated[Path | None, File()] = None
    ca_file: Annotated[Path | None, File()] = None

    @property
    def certificates(self) -> tuple[Path | None, Path | None, Path | None]:
        """The three files of certificate mode: application, Alipay, root."""
        return self.app_cert_file, self.alipay_cert_file, self.alipay_root_cert_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Center:
    """The statistics centre; an empty `url` means none, and the journal is kept."""

    url: Annotated[str, Url()] = ""
    key_file: Annotated[Path, File(required=True)] = Path("center.key")
    ca_file: Annotated[Path | None, File()] = None
    cert_file: Annotated[Path | None, File()] = None
    key_pem_file: Annotated[Path | None, File()] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSettings:
    """What makes the time of day trustworthy (payment-states §1.4)."""

    rtc: Annotated[bool, Flag()] = False
    source: Annotated[str, Choice(("timesyncd", "none"))] = "timesyncd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Times in seconds (payment-states §3) and the largest amount."""

    poll_interval_s: Annotated[float, _time(3)] = 3.0
    wechat_wait_s: Annotated[float, _time(45)] = 45.0
    alipay_wait_s: Annotated[float, _time(60)] = 60.0
    wechat_reverse_not_before_s: Annotated[float, _time(15)] = REVERSE_NOT_BEFORE_S
    wechat_first_query_s: Annotated[float, _time(3)] = 3.0
    wechat_doubt_query_s: Annotated[float, _time(5)] = 5.0
    alipay_first_query_s: Annotated[float, _time(3)] = 3.0
    alipay_doubt_query_s: Annotated[float, _time(1)] = 1.0
    connect_timeout_s: Annotated[float, _time(3)] = 3.0
    read_timeout_pay_s: Annotated[float, _time(15)] = 15.0
    read_timeout_s: Annotated[float, _time(10)] = 10.0
    ttl_s: Annotated[float, _time(90)] = 90.0
    confirm_wait_s: Annotated[float, _time(60)] = 60.0
    redeliver_s: Annotated[float, _time(30)] = 30.0
    max_amount_fen: Annotated[int, Whole(1, LARGEST_FEN)] = 5_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """The wallets; one at least."""

    wechat: Wechat | None = None
    alipay: Alipay | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """The file as it is written: its tables by their names."""

    box: Box
    his: His
    scanner: Scanner = Scanner()
    display: Display = Display()
    lamp: Lamp = Lamp()
    network: Network = Network()
    channels: Channels = Channels()
    center: Center = Center()
    clock: ClockSettings = ClockSettings()
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Hardware:
    """What a box has to show and to read with before it has a configuration."""

    language: Annotated[str, Choice(("zh", "en"))] = "zh"
    scanner: Scanner = Scanner(driver="auto", match="auto")
    display: Display = Display()


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A configuration that has passed every check."""

    box: Box
    his: His
    scanner: Scanner = Scanner()
    display: Display = Display()
    lamp: Lamp = Lamp()
    network: Network = Network()
    wechat: Wechat | None = None
    alipay: Alipay | None = None
    center: Center = Center()
    clock: ClockSettings = ClockSettings()
    limits: Limits = Limits()
