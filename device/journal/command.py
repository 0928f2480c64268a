"""`paybox journal -c FILE list|show|verify|export`: looks, and never writes.

The file is opened read-only, so all of it may be used while the box runs. Nothing sensitive can be
shown: payer codes and patient numbers are only in the file as keyed hashes.
"""

import argparse
import csv
import json
import sqlite3
import sys
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from device.clock import BEIJING
from device.domain.chain import COLUMNS, DIGEST_COLUMNS, columns_of
from device.domain.money import format_yuan
from device.domain.words import WALLET_NAMES, Wallet
from device.errors import StorageError
from device.journal import timeline, verify, versions
from device.journal.connection import open_read_only, storage_error
from device.journal.rows import SqlRow, trace_of
from device.journal.writes import TRACES_KEPT

USAGE = 2  # exit code: the command or the file cannot be used
LIST_LIMIT = 50  # payments shown when nothing else is asked for: about two screens
STATES = {
    "open": "待付款",
    "not_paid": "未付款",
    "returned": "已退回",
    "intended": "已发起",
    "waiting": "待输密码",
    "unknown": "结果未知",
    "paid": "已付款",
    "failed": "未成功",
    "reversing": "撤销中",
    "reversed": "已撤销",
    "refund_due": "待退款",
    "refunding": "退款中",
    "refunded": "已退款",
    "manual": "需人工",
    "requested": "已发起",
    "sent": "已发送",
    "pending": "处理中",
}
HEADINGS = ("时间", "单号", "次", "金额", "渠道", "状态", "商户单号")
REFUND_HEADINGS = ("时间", "退款号", "金额", "渠道", "状态", "商户退款单号", "原商户单号")
ANSWER_HEADINGS = ("时间", "版本", "答复", "已送达", "内容")
EVENT_HEADINGS = ("时间", "序号", "类别", "状态", "金额", "单号", "商户单号")

_LIST = """
SELECT c.stored_at, c.business_date, c.his_id, c.try, c.amount_fen,
  coalesce(a.wallet, c.wallet) AS wallet, coalesce(a.state, c.state) AS state,
  coalesce(a.out_trade_no, '') AS out_trade_no, coalesce(a.stored_at, c.stored_at) AS shown_at
FROM charges AS c LEFT JOIN attempts AS a USING (his_id, business_date, try)
"""


def main(argv_tail: Sequence[str], path: Path) -> int:
    """Run one of the four commands on the file; return the exit code.

    0 fine, 1 `verify` found faults or `show` found nothing, 2 the file or the command cannot be
    used (one line on standard error).
    """
    try:
        arguments = _parser().parse_args(argv_tail)
    except SystemExit as end:  # argparse has said why, or has printed the help
        return int(end.code or 0)
    try:
        db = open_read_only(path)
    except sqlite3.Error as error:
        return _say(f"{path}: {error}", USAGE)
    try:
        versions.check_known(db)
        return int(arguments.run(db, arguments))
    except StorageError as error:
        return _say(f"{path}: {error}", USAGE)
    except sqlite3.Error as error:
        return _say(f"{path}: {storage_error(error, 'cannot read')}", USAGE)
    finally:
        db.close()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="paybox journal -c FILE", description="查看与校验流水（只读）")
    commands = parser.add_subparsers(required=True, metavar="list|show|verify|export")
    listing = commands.add_parser("list", help="最近的收款")
    listing.add_argument("-n", "--limit", type=int, default=LIST_LIMIT, help="条数，0 为全部")
    listing.set_defaults(run=_list)
    show = commands.add_parser("show", help="一个单号下的全部记录")
    show.add_argument("id", help="HIS 单号、退款号、商户单号或商户退款单号")
    show.add_argument("--trace", action="store_true", help="每一毫秒花在哪里（最近四千笔）")
    show.set_defaults(run=_show)
    commands.add_parser("verify", help="校验哈希链、金额与文件结构").set_defaults(run=_verify)
    export = commands.add_parser("export", help="导出全部事件")
    export.add_argument("--format", choices=("jsonl", "csv"), default="jsonl")
    export.set_defaults(run=_export)
    return parser


def _list(db: sqlite3.Connection, arguments: argparse.Namespace) -> int:
    sql = f"{_LIST} ORDER BY shown_at DESC, c.his_id LIMIT ?"
    newest = db.execute(sql, [arguments.limit or -1]).fetchall()
    _table(HEADINGS, [_payment(row) for row in reversed(newest)])
    return 0


def _payment(row: SqlRow) -> tuple[str, ...]:
    number = f"{row['business_date']} {row['his_id']}".strip()
    money = format_yuan(row["amount_fen"])
    place = (_local(row["shown_at"]), number, str(row["try"]), money)
    return (*place, _wallet(row["wallet"]), _state(row["state"]), row["out_trade_no"])


def _show(db: sqlite3.Connection, arguments: argparse.Namespace) -> int:
    id_ = _his_id(db, arguments.id)
    if arguments.trace:
        return _traces(db, id_)
    parts = (
        ("收款", HEADINGS, f"{_LIST} WHERE his_id = ? ORDER BY c.business_date, try", _payment),
        ("退款", REFUND_HEADINGS, "SELECT * FROM refunds WHERE ? IN (his_id, pay_id)", _refund),
        ("答复", ANSWER_HEADINGS, "SELECT * FROM answers WHERE his_id = ? ORDER BY id", _answer),
        ("事件", EVENT_HEADINGS, "SELECT * FROM events WHERE his_id = ? ORDER BY id", _event),
    )
    found = 0
    for title, headings, sql, line in parts:
        rows = db.execute(sql, [id_]).fetchall()
        found += len(rows)
        if rows:
            sys.stdout.write(f"【{title}】\n")
            _table(headings, [line(row) for row in rows])
    return 0 if found else _say(f"没有单号 {arguments.id} 的记录", 1)


def _traces(db: sqlite3.Connection, id_: str) -> int:
    rows = db.execute(
        "SELECT t.out_trade_no, t.marks FROM traces AS t JOIN attempts USING (out_trade_no) "
        "WHERE his_id = ? ORDER BY t.id",
        [id_],
    ).fetchall()
    for row in rows:
        sys.stdout.write(timeline.drawn(trace_of(row["out_trade_no"], row["marks"])))
    return 0 if rows else _say(f"没有单号 {id_} 的时间记录（只留最近 {TRACES_KEPT} 笔）", 1)


def _his_id(db: sqlite3.Connection, name: str) -> str:
    """Return the HIS id that a number belongs to; what is no number is an id itself."""
    row = db.execute(
        "SELECT his_id FROM attempts WHERE out_trade_no = ? "
        "UNION SELECT his_id FROM refunds WHERE out_refund_no = ?",
        [name, name],
    ).fetchone()
    return str(row["his_id"]) if row else name


def _refund(row: SqlRow) -> tuple[str, ...]:
    money = format_yuan(row["amount_fen"])
    kind = (_local(row["stored_at"]), row["his_id"], money, _wallet(row["wallet"]))
    return (*kind, _state(row["state"]), row["out_refund_no"], row["out_trade_no"])


def _answer(row: SqlRow) -> tuple[str, ...]:
    delivered = "是" if row["delivered"] else "否"
    return (_local(row["at"]), str(row["revision"]), row["status"], delivered, row["content"])


def _event(row: SqlRow) -> tuple[str, ...]:
    money = format_yuan(row["amount_fen"])
    about = (_local(row["at"]), str(row["seq"]), row["kind"], _state(row["state"]), money)
    return (*about, row["his_id"], row["out_trade_no"])


def _verify(db: sqlite3.Connection, _: argparse.Namespace) -> int:
    report = verify.whole(db)
    for fault in report.faults:
        sys.stdout.write(f"{fault}\n")
    verdict = f"发现 {len(report.faults)} 处问题" if report.faults else "完好"
    sys.stdout.write(f"{verdict}：{report.events} 条事件，末条哈希 {report.last_hash}\n")
    return 1 if report.faults else 0


def _export(db: sqlite3.Connection, arguments: argparse.Namespace) -> int:
    names = ("epoch", *COLUMNS, *DIGEST_COLUMNS, "prev", "hash")
    rows = db.execute(f"SELECT {', '.join(names)} FROM events ORDER BY id")  # noqa: S608  our own names
    if arguments.format == "csv":
        out = csv.writer(sys.stdout, lineterminator="\n")
        out.writerow(names)
        out.writerows([_safe(value) for value in row] for row in rows)
        return 0
    for row in rows:
        told = {n: row[n] for n in ("epoch", *columns_of(row["kind"]), "prev", "hash")}
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
    return 0


def _safe(value: str | int) -> str | int:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@"} else value


def _table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    widths = [max(map(_width, column)) for column in zip(headings, *lines, strict=True)]
    for line in (headings, *lines):
        cells = (text + " " * (w - _width(text)) for text, w in zip(line, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def _width(text: str) -> int:
    """Return the columns a terminal needs: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _local(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def _wallet(word: str) -> str:
    return WALLET_NAMES[Wallet(word)] if word else ""


def _state(word: str) -> str:
    return STATES.get(word, word)


def _say(line: str, code: int) -> int:
    sys.stderr.write(f"{line}\n")
    return code
