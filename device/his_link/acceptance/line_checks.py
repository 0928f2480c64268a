"""What a box must do with bytes (his-link §1): checks on a line without a client."""

import asyncio

from device.his_link import frames
from device.his_link.acceptance.visit import QUIET_S, Raw, Visit, must

SOON_S = 1.0  # his-link asks for 50 ms; a slow network and a busy computer are allowed for
ACK_WAIT_S = (1.5, 3.5)  # the two seconds of his-link §1, give or take what a computer takes
SERIAL_S = 12.0  # the longest answer takes 8.5 s at 1200 baud
STATUS = b'{"type":"status"}'


async def _acked(raw: Raw, seq: int, what: str) -> None:
    await raw.until(lambda: frames.Ack(seq) in raw.events, SOON_S, what)


async def _answered(raw: Raw, seq: int, what: str) -> None:
    """Acknowledged and answered: no answer is left for the next check."""
    await _acked(raw, seq, what)
    await raw.until(lambda: bool(raw.of(frames.Frame)), SERIAL_S, "ACK 之后没有答复")


async def _enq(visit: Visit) -> None:
    raw = await visit.raw()
    raw.write(frames.ENQ_BYTES)
    await _acked(raw, 0, "ENQ 没有得到 06 30 30")


async def _acknowledged(visit: Visit) -> None:
    raw = await visit.raw()
    raw.write(frames.encode(0x2A, STATUS))
    await raw.until(lambda: bool(raw.events), SOON_S, "好帧没有得到 ACK")
    must(raw.events[0] == frames.Ack(0x2A), f"好帧应先得到 06 2A，却是 {raw.events[0]}")
    await _answered(raw, 0x2A, "好帧没有得到 ACK")


async def _bad_crc(visit: Visit) -> None:
    raw = await visit.raw()
    good = frames.encode(1, STATUS)
    raw.write(good[:-4] + b"0000")
    await raw.until(lambda: bool(raw.events), SOON_S, "CRC 错的帧没有得到 NAK")
    await asyncio.sleep(QUIET_S / 2)
    must(raw.bytes == frames.NAK_BYTES, f"CRC 错的帧应只得到 15 30 30，却是 {raw.bytes[:24]!r}")


async def _hex_in_either_case(visit: Visit) -> None:
    raw = await visit.raw()
    covered = b"2a" + STATUS + b"\x03"
    raw.write(b"\x02" + covered + b"%04x" % frames.crc16(covered))
    await _answered(raw, 0x2A, "小写的 SEQ 与 CRC 没有得到 ACK")


async def _noise(visit: Visit) -> None:
    raw = await visit.raw()
    raw.write(b"\x00\xffAB\x02" + b'09{"type":"st' + frames.encode(3, STATUS))
    await _answered(raw, 3, "杂字节与断帧之后的好帧没有得到 ACK")
    must(frames.Ack(9) not in raw.events, "断帧得到了 ACK")


async def _too_long(visit: Visit) -> None:
    raw = await visit.raw()
    raw.write(b"\x0201" + b"x" * (frames.TCP_BODY_BYTES + 8))
    await raw.until(lambda: bool(raw.of(frames.Nak)), SOON_S * 9, "超长的帧没有得到 NAK")
    raw.write(frames.encode(4, STATUS))
    await _answered(raw, 4, "超长的帧之后的好帧没有得到 ACK")


async def _resent(visit: Visit) -> None:
    raw = await visit.raw()
    raw.acknowledges = False
    raw.write(frames.encode(5, STATUS))
    await raw.until(lambda: len(raw.of(frames.Frame)) > 0, SERIAL_S, "没有答复")
    first_s = raw.took_s[raw.events.index(raw.of(frames.Frame)[0])]
    limit_s = SERIAL_S if visit.serial else ACK_WAIT_S[1]
    await raw.until(lambda: len(raw.of(frames.Frame)) > 1, limit_s, "没有 ACK 的答复没有重发")
    first, second = raw.of(frames.Frame)[:2]
    waited_s = raw.took_s[-1] - first_s
    raw.write(frames.ack(second.seq))
    must(first.raw == second.raw, "重发的帧与先前的不是同一串字节")
    must(ACK_WAIT_S[0] <= waited_s, f"{waited_s:.1f} 秒就重发了，应等 2 秒")


async def _in_xml(visit: Visit) -> None:
    raw = await visit.raw()
    raw.write(frames.encode(6, b"<status></status>"))
    await _answered(raw, 6, "XML 的请求没有得到 ACK")
    must(raw.of(frames.Frame)[0].body.startswith(b"<"), "XML 的请求没有得到 XML 的答复")


LINE_CHECKS = {
    "ENQ 得到 06 30 30": _enq,
    "好帧立即得到同一 SEQ 的 ACK，之后才答复": _acknowledged,
    "CRC 错的帧得到 15 30 30，不受理": _bad_crc,
    "十六进制大小写都认": _hex_in_either_case,
    "杂字节与断帧之后的好帧照常受理": _noise,
    "超长的帧得到 NAK，之后照常": _too_long,
    "没有 ACK 的答复约 2 秒后原样重发": _resent,
    "XML 的请求得到 XML 的答复": _in_xml,
}
"""By the line of the report."""
