"""Write the quick start for HIS programmers in both languages, to read and to print: `make docs`.

The box's words come from its own encoder and the frames from its own framing, so the hex on the
page is what stands on the line. `.md` is for reading; `.html` prints on one page of A4. A test
compares the stored files with this one's output and counts the printed pages.
"""

import html
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.domain.numbers import out_refund_no, out_trade_no
from device.domain.replies import RefundResult, Reply, Result
from device.his_link import frames
from device.his_link.answers import encode
from device.his_link.body import Writing

FOLDER = Path(__file__).parent
NAMES = {"zh": "his-quick-start.zh", "en": "his-quick-start"}
WRITING = Writing("utf-8")
MARKDOWN_COLUMNS = 24
PRINTED_COLUMNS = 44


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of an exchange."""

    by_his: bool
    seq: int
    body: bytes
    note: str
    """A key of the page's words."""

    @property
    def raw(self) -> bytes:
        """As it stands on the line."""
        return frames.encode(self.seq, self.body)

    @property
    def text(self) -> str:
        """What stands in it, easier to read."""
        return json.dumps(json.loads(self.body), ensure_ascii=False)


PAID = Result(
    id="MZ0000017",
    try_=1,
    revision=2,
    status="paid",
    message="支付成功",
    wallet="wechat",
    amount_fen=12345,
    out_trade_no=out_trade_no(bytes(32), "MZ03", "MZ-03", "", "MZ0000017", 1, 1),
    provider_trade_no="4200001234202611250000000001",
    paid_at="2026-11-25T10:15:23+08:00",
)
REFUNDED = RefundResult(
    id="TF0000003",
    revision=3,
    pay_id="MZ0000017",
    status="refunded",
    message="退款成功",
    amount_fen=2345,
    out_trade_no=PAID.out_trade_no,
    out_refund_no=out_refund_no(PAID.out_trade_no, "TF0000003"),
    provider_refund_no="50300002026112510210200000001",
    refunded_at="2026-11-25T10:21:02+08:00",
)


def _his(seq: int, note: str, **fields: Any) -> Frame:
    return Frame(by_his=True, seq=seq, body=WRITING.encode(fields), note=note)


def _box(seq: int, note: str, reply: Reply, re_: int | None) -> Frame:
    (body,) = encode(reply, re_, WRITING, frames.TCP_BODY_BYTES)
    return Frame(by_his=False, seq=seq, body=body, note=note)


def exchanges() -> dict[str, list[Frame | str]]:
    """The three exchanges by their titles: frames, and words for what happens between them."""
    pay = {"type": "pay", "id": PAID.id, "amount_fen": 12345, "business": "outpatient_fee"}
    receipt = {"type": "received", "id": PAID.id, "revision": 2}
    back = {"type": "refund", "id": REFUNDED.id, "pay_id": PAID.id, "amount_fen": 2345}
    taken = {"type": "received", "id": REFUNDED.id, "revision": 3}
    return {
        "pay": [
            _his(1, "collect", **pay),
            "code",
            _box(1, "paid", PAID, 1),
            _his(2, "received", **receipt),
        ],
        "lost": ["lost_text", _his(1, "query", type="query", id=PAID.id), "found"],
        "refund": [
            _his(3, "back", **back),
            _box(2, "refunded", REFUNDED, 3),
            _his(4, "received", **taken),
            "told",
        ],
    }


WORDS: dict[str, dict[str, str]] = tomllib.loads(
    (FOLDER / "quick_start.toml").read_text(encoding="utf-8")
)


def _hex(data: bytes, columns: int) -> str:
    pairs = data.hex(" ").upper().split()
    rows = [pairs[at : at + columns] for at in range(0, len(pairs), columns)]
    return "\n".join(" ".join(row) for row in rows)


def _line(frame: Frame, words: dict[str, str]) -> str:
    who = words["who_his" if frame.by_his else "who_box"]
    acked = frames.ack(frame.seq).hex(" ").upper()
    return f"**{who}** {words[frame.note]} ({words['ack']} `{acked}`)"


def markdown(language: str) -> str:
    """Return the page for reading."""
    words = WORDS[language]
    parts = [f"# {words['title']}", words["frame"], words["rules"], words["try"]]
    for title, steps in exchanges().items():
        parts.append(f"## {words[title]}")
        for step in steps:
            if isinstance(step, str):
                parts.append(words[step])
                continue
            shown = _hex(step.raw, MARKDOWN_COLUMNS)
            parts += [_line(step, words), f"```\n{step.text}\n```", f"```\n{shown}\n```"]
    return "\n\n".join(parts) + "\n"


STYLE = """\
@page { size: A4; margin: 8mm 10mm }
body { font: 8.7pt/1.35 "Noto Sans CJK SC", "Microsoft YaHei", SimSun, sans-serif; margin: 0 auto;
  max-width: 190mm }
h1 { font-size: 13pt; margin: 0 0 1mm }
h2 { font-size: 10pt; margin: 1.6mm 0 .4mm; border-bottom: .3pt solid #888 }
p { margin: .7mm 0 }
code, pre { font-family: "DejaVu Sans Mono", Consolas, monospace }
code { font-size: 7.6pt }
pre { margin: .2mm 0; font-size: 6.4pt; line-height: 1.3; white-space: pre-wrap;
  overflow-wrap: anywhere }
pre.hex { background: #f2f2f2 }
"""


def _marked(text: str) -> str:
    """Bold and code of one paragraph."""
    safe = html.escape(text, quote=False)
    safe = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", safe)
    return re.sub(r"`(.+?)`", r"<code>\1</code>", safe)


def printable(language: str) -> str:
    """Return the page for printing: one sheet of A4."""
    words = WORDS[language]
    top = [f"<p>{_marked(words[name])}</p>" for name in ("frame", "rules", "try")]
    parts = [f"<h1>{words['title']}</h1>", *top]
    for title, steps in exchanges().items():
        parts.append(f"<h2>{words[title]}</h2>")
        for step in steps:
            if isinstance(step, str):
                parts.append(f"<p>{_marked(words[step])}</p>")
                continue
            text = html.escape(step.text, quote=False)
            parts += [
                f"<p>{_marked(_line(step, words))}</p>",
                f"<pre>{text}</pre>",
                f'<pre class="hex">{_hex(step.raw, PRINTED_COLUMNS)}</pre>',
            ]
    head = f'<meta charset="utf-8"><title>{words["title"]}</title><style>\n{STYLE}</style>'
    lang = {"zh": "zh-CN", "en": "en"}[language]
    return f'<!doctype html>\n<html lang="{lang}">{head}\n' + "\n".join(parts) + "\n</html>\n"


def render() -> dict[str, str]:
    """Return every page by its file's name."""
    pages = {f"{NAMES[language]}.md": markdown(language) for language in WORDS}
    return pages | {f"{NAMES[language]}.html": printable(language) for language in WORDS}


if __name__ == "__main__":
    for name, page in render().items():
        (FOLDER / name).write_text(page, encoding="utf-8")
