import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.drivers.hid_pos import Layout, Piece, Place, layout_of

# The report of a real scanner (Access-IS LSR118): number 2, length, AIM identifier, 56 bytes of
# data, symbology, a spare byte, and the bit that says that more follows.
ACCESS_IS = bytes.fromhex(
    "05 8C 09 02 A1 01 09 12 A1 02 85 02 15 00 26 FF 00 75 08"
    "95 01 05 01 09 3B 81 02"
    "05 8C 95 03 09 FB 09 FC 09 FD 81 02"
    "95 38 09 FE 82 02 01"
    "95 02 06 66 FF 09 04 09 00 81 02"
    "05 8C 75 01 95 01 09 FF 81 02 95 07 81 03"
    "C0 C0"
)
# A smaller one without numbers or length, the data first, after a push and a pop.
PLAIN = bytes.fromhex("05 8C 09 02 A1 01 A4 75 08 95 20 0B FE 00 8C 00 81 02 B4 C0")
KEYBOARD = bytes.fromhex("05 01 09 06 A1 01 05 07 19 E0 29 E7 15 00 25 01 75 01 95 08 81 02 C0")
WECHAT = "134567890123456789"


def report(text: str, more: int = 0) -> bytes:
    data = text.encode()
    return bytes([2, len(data)]) + b"]Q1" + data.ljust(56, b"\0") + bytes([0, 0, more])


def layout(descriptor: bytes) -> Layout:
    found = layout_of(descriptor)
    assert found
    return found


def test_the_layout_is_what_the_device_says() -> None:
    assert layout(ACCESS_IS) == Layout(2, Place(40, 448), Place(8, 8), Place(504, 1))


def test_a_code_in_one_report() -> None:
    assert layout(ACCESS_IS).read(report(WECHAT)) == Piece(WECHAT, more=False)


def test_a_code_that_goes_on_in_the_next_report() -> None:
    assert layout(ACCESS_IS).read(report("1" * 56, more=1)) == Piece("1" * 56, more=True)


def test_another_report_of_the_device_is_none() -> None:
    assert layout(ACCESS_IS).read(b"\x03" + report(WECHAT)[1:]) is None


def test_without_a_length_the_data_end_where_zeros_begin() -> None:
    assert layout(PLAIN).read(WECHAT.encode().ljust(32, b"\0")) == Piece(WECHAT, more=False)


@pytest.mark.parametrize("descriptor", [b"", KEYBOARD, b"\xfe", ACCESS_IS[:20]])
def test_what_reports_no_decoded_data_is_no_scanner(descriptor: bytes) -> None:
    assert layout_of(descriptor) is None


def test_a_length_beyond_the_data_takes_what_is_there() -> None:
    assert layout(ACCESS_IS).read(bytes([2, 255]) + report(WECHAT)[2:30]) is not None


def test_a_piece_does_not_show_its_code() -> None:
    assert WECHAT not in repr(Piece(WECHAT, more=False))


@given(st.binary(max_size=200), st.binary(max_size=100))
def test_no_descriptor_and_no_report_makes_it_fail(descriptor: bytes, data: bytes) -> None:
    for found in (layout_of(descriptor), layout_of(ACCESS_IS[:60] + descriptor)):
        if found:
            found.read(data)


@pytest.mark.parametrize(
    "descriptor",
    [
        # As the fuzzer found them: a report number of two bytes, a field before its start.
        "058c0902a10186850175089501870501093b8102058c953809fe8202017501950109ff810295078103c0",
        "058c0902a101850175ff9501093b09fe0977810275ffffffff9502093b09fe09ff8102c0",
    ],
)
def test_what_a_device_says_wrongly_of_itself_is_no_fault_of_ours(descriptor: str) -> None:
    found = layout_of(bytes.fromhex(descriptor))
    for report in (b"", bytes(64), bytes(range(256))):
        if found:
            found.read(report)  # raises nothing
