"""Alipay's bill: an address that lives 30 s, behind it a zip of two GBK files (alipay §5.8, §6)."""

import io
import secrets
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from simulators.differences import PAYMENT, Entry
from simulators.gateway import bills
from simulators.gateway.book import Book
from simulators.gateway.clock import compact, spaced
from simulators.gateway.model import Wallet
from simulators.gateway.wire import NOT_FOUND, Answer, HttpRequest

PATH = "/downloadBillFile.resource"
LINK_LIFE_S = 30
ACCOUNT = "20887226827483540156"
TOO_LATE = Answer(
    "<html><body>下载超时，请重新下载</body></html>".encode("gbk"), "text/html;charset=GBK"
)
NO_BILL = "isp.bill_not_exist"
COLUMNS = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,"
    "订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,"
    "券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,"
    "分润（元）,备注"
)
SUMMARY_COLUMNS = (
    "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,"
    "商家优惠（元）,卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）"
)
WITH_TAB = frozenset(
    ("支付宝交易号", "商户订单号", "门店编号", "门店名称", "操作员", "终端号", "对方账户", "券名称")
) | {"退款批次号/请求号"}
"""Fields with a tab before their comma, so that a spreadsheet takes them as text."""


class NoBill(Exception):
    """There is none; the text is the sub code."""


def address(content: Mapping[str, Any], host: str, book: Book) -> str:
    """A fresh address of the bill; NoBill if there is none."""
    day = _day(str(content.get("bill_date", "")))
    if day is None or content.get("bill_type") not in ("trade", "signcustomer"):
        raise NoBill("isp.invalid_arguments")
    if not bills.ready(book, day) or not bills.entries(book, Wallet.ALIPAY, day):
        raise NoBill(NO_BILL)
    token = secrets.token_hex(16)
    book.bill_links[token] = (day, book.clock.now() + LINK_LIFE_S)
    query = {
        "bizType": content["bill_type"],
        "userId": ACCOUNT,
        "fileType": "csv.zip",
        "bizDates": f"{day:%Y%m%d}",
        "downloadFileName": f"{ACCOUNT}_{day:%Y%m%d}.csv.zip",
        "timestamp": compact(book.clock.now()),
        "token": token,
    }
    return f"http://{host}{PATH}?{urlencode(query)}"


def download(request: HttpRequest, book: Book) -> Answer:
    """What is behind such an address."""
    token = (parse_qs(urlsplit(request.target).query).get("token") or [""])[0]
    if token not in book.bill_links:
        return NOT_FOUND
    day, until = book.bill_links[token]
    if book.clock.now() > until:
        return TOO_LATE
    found = bills.entries(book, Wallet.ALIPAY, day)
    return Answer(packed(found, day, book.clock.now()), "application/zip")


def packed(found: Sequence[Entry], day: date, now: float) -> bytes:
    """The zip; the names of its files are GBK and do not say so."""
    stem = f"{ACCOUNT}_{day:%Y%m%d}"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (
            ("业务明细", _lines(found, day, now)),
            ("业务明细(汇总)", _summary(found, day)),
        ):
            # Python writes a name that is ASCII or cp437 without the UTF-8 flag: these are GBK
            # bytes in the clothes of cp437.
            plain = f"{stem}_{name}.csv".encode("gbk").decode("cp437")
            info = _Unflagged(plain)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, text.encode("gbk"))
    return file.getvalue()


class _Unflagged(zipfile.ZipInfo):
    """A name that is written as cp437, whatever it holds."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802  zipfile's own name
        return self.filename.encode("cp437"), self.flag_bits


def _lines(found: Sequence[Entry], day: date, now: float) -> str:
    paid = [e for e in found if e.kind == PAYMENT]
    back = [e for e in found if e.kind != PAYMENT]
    rows = [
        *_head("支付宝业务明细查询", day),
        "#-----------------------------------------业务明细列表----------------------------------------",
        COLUMNS,
        *(_row(entry) for entry in found),
        "#-----------------------------------------业务明细列表结束------------------------------------",
        _total("交易合计", paid, "商家实收共", "商家优惠共"),
        _total("退款合计", back, "商家实收退款共", "商家优惠退款共"),
        f"#导出时间：[{_chinese(spaced(now))}]",
    ]
    return "".join(f"{row}\r\n" for row in rows)


def _total(title: str, found: Sequence[Entry], real: str, gift: str) -> str:
    return (
        f"#{title}：{len(found)}笔，{real}{_yuan(sum(e.signed_fen for e in found))}元，{gift}0.00元"
    )


def _row(entry: Entry) -> str:
    paid = entry.kind == PAYMENT
    amount = _yuan(entry.signed_fen)
    values = {
        "支付宝交易号": entry.theirs,
        "商户订单号": entry.order,
        "业务类型": "交易" if paid else "退款",
        "商品名称": entry.subject,
        **dict.fromkeys(("创建时间", "完成时间"), spaced(entry.at)),
        "终端号": entry.device,
        "对方账户": "**博(156******89)",
        **dict.fromkeys(("订单金额（元）", "商家实收（元）"), amount),
        "退款批次号/请求号": "" if paid else entry.key,
        "服务费（元）": _yuan(-bills.fee_fen(entry.fen)) if paid else "0.00",
    }
    return ",".join(_field(name, values) for name in COLUMNS.split(","))


def _field(name: str, values: dict[str, str]) -> str:
    usual = "0.00" if name.endswith("（元）") else ""
    return values.get(name, usual) + ("\t" if name in WITH_TAB else "")


def _summary(found: Sequence[Entry], day: date) -> str:
    paid = [e for e in found if e.kind == PAYMENT]
    fee = sum(bills.fee_fen(e.fen) for e in paid)
    net = sum(e.signed_fen for e in found)
    values = {
        "门店编号": "合计",
        "交易订单总笔数": str(len(paid)),
        "退款订单总笔数": str(len(found) - len(paid)),
        **dict.fromkeys(("订单金额（元）", "商家实收（元）"), _yuan(net)),
        "服务费（元）": _yuan(-fee),
        "实收净额（元）": _yuan(net - fee),
    }
    rows = [
        *_head("支付宝业务汇总查询", day),
        "#-----------------------------------------业务汇总列表----------------------------------------",
        SUMMARY_COLUMNS,
        ",".join(_field(name, values) for name in SUMMARY_COLUMNS.split(",")),
        "#-----------------------------------------业务汇总列表结束------------------------------------",
    ]
    return "".join(f"{row}\r\n" for row in rows)


def _head(title: str, day: date) -> list[str]:
    first, last = f"{day:%Y-%m-%d} 00:00:00", f"{day + timedelta(days=1):%Y-%m-%d} 00:00:00"
    span = f"#起始日期：[{_chinese(first)}]   终止日期：[{_chinese(last)}]"
    return [f"#{title}", f"#账号：[{ACCOUNT}]", span]


def _chinese(time: str) -> str:
    return f"{time[:4]}年{time[5:7]}月{time[8:10]}日{time[10:]}"


def _yuan(fen: int) -> str:
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007  a day has no zone
    except ValueError:
        return None
