from device.domain.line import Meaning, Said
from device.domain.replies import ErrorReply
from device.domain.words import ErrorCode
from device.his_link.dialects import ANNOUNCER, DISPLAYS, Site
from device.his_link.one_way import OneWayLink


class Port:
    def __init__(self) -> None:
        self.written = b""
        self.rates: list[int] = []

    def write(self, data: bytes) -> None:
        self.written += data

    def set_baudrate(self, baudrate: int) -> None:
        self.rates.append(baudrate)


class Heard:
    def __init__(self, dialect: str = "led8n") -> None:
        self.said: list[tuple[Said, ...]] = []
        self.now_s = 100.0
        table = {**DISPLAYS, "announcer": ANNOUNCER}
        self.link = OneWayLink(table[dialect], Site(), self.said.append, lambda: self.now_s)


def test_every_byte_is_passed_on_understood_or_not() -> None:
    heard = Heard()
    heard.link.tee = tee = Port()
    line = heard.link.attach()
    for data in (b"\xff\x00", b"\x1bs2\x1bQ", b"A5\r"):
        line.data_received(data)
    assert tee.written == b"\xff\x00\x1bs2\x1bQA5\r"
    assert heard.said == [(Said(Meaning.DUE, 500),)]


def test_the_line_and_the_tee_follow_a_switch_of_the_rate() -> None:
    heard = Heard()
    heard.link.ports = ports = (Port(), Port())
    heard.link.attach().data_received(b"\x02B0\x02B9")
    assert [p.rates for p in ports] == [[9600], [9600]]


def test_half_a_string_of_one_connection_never_meets_another() -> None:
    heard = Heard("announcer")
    first, second = heard.link.attach(), heard.link.attach()
    heard.now_s += 1
    first.data_received(b"1")
    second.data_received(b"2.34J")
    assert heard.said == [(Said(Meaning.DUE, 234),)]


def test_lines_are_counted_and_nobody_is_answered() -> None:
    heard = Heard()
    line = heard.link.attach()
    heard.link.attach()
    assert len(heard.link.connections()) == 2
    line.closed()
    line.closed()
    assert len(heard.link.connections()) == 1
    heard.link.send(1, ErrorReply(ErrorCode.BUSY, ""))
    heard.link.close()
    assert not heard.link.connections()
