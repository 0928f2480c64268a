"""The HIS's list: a file's rows as `HisRow`s, all of them or none. Pure but for `store`.

CSV (UTF-8 or GB18030), XLSX or JSON. Which column means what is the site's: a mapping that is saved
under a name, or guessed from the headings. A row that cannot be understood refuses the whole file
with its number and what is wrong; duplicates and numbers are taken as they are written.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from center.reconciliation import table
from center.reconciliation.models import HisList, HisRow
from center.reconciliation.table import Columns, day, fen, moment, read_rows, text

REQUIRED = ("day", "his_id", "amount", "pay_type")
HEADINGS: dict[str, tuple[str, ...]] = {
    "day": ("日期", "收费日期", "交易日期", "结算日期", "day", "date"),
    "at": ("时间", "收费时间", "交易时间", "at", "time"),
    "his_id": ("HIS单号", "HIS 单号", "单号", "收费单号", "流水号", "票据号", "his_id", "id"),
    "amount": ("金额", "收费金额", "实收金额", "amount", "金额（元）"),
    "amount_fen": ("amount_fen", "金额（分）"),
    "pay_type": ("支付方式", "收费方式", "结算方式", "渠道", "pay_type", "wallet"),
    "kind": ("类型", "收退", "收退标志", "kind", "类别"),
    "out_trade_no": ("商户单号", "商户订单号", "out_trade_no"),
    "operator": ("收费员", "操作员", "工号", "operator"),
    "business": ("业务", "业务类型", "business"),
}
TITLES: dict[str, Any] = {
    "day": gettext_lazy("日期"),
    "at": gettext_lazy("时间"),
    "his_id": gettext_lazy("HIS 单号"),
    "amount": gettext_lazy("金额（元）"),
    "amount_fen": gettext_lazy("金额（分）"),
    "pay_type": gettext_lazy("支付方式"),
    "kind": gettext_lazy("收退"),
    "out_trade_no": gettext_lazy("商户单号"),
    "operator": gettext_lazy("收费员"),
    "business": gettext_lazy("业务"),
}
PAY_TYPES = {
    **dict.fromkeys(("微信", "微信支付", "wechat"), "wechat"),
    **dict.fromkeys(("支付宝", "alipay"), "alipay"),
    **dict.fromkeys(("现金", "cash"), "cash"),
    **dict.fromkeys(("银行卡", "刷卡", "card"), "card"),
}
KINDS = {
    **dict.fromkeys(("收款", "收费", "收", "payment", "1"), "payment"),
    **dict.fromkeys(("退款", "退费", "退", "refund", "-1"), "refund"),
}


@dataclass(frozen=True, slots=True)
class Mapped:
    """Which heading holds which field, and the site's own words."""

    columns: Mapping[str, str]
    words: Mapping[str, str] = field(default_factory=dict)


def guessed(head: Sequence[str]) -> dict[str, str]:
    """Return which heading probably means which field."""
    return table.guessed(head, HEADINGS)


def read(head: Sequence[str], rows: Iterable[Sequence[Any]], mapped: Mapped) -> list[HisRow]:
    """Return the rows, not stored yet; BadList names the first that cannot be understood."""
    columns = Columns(mapped.columns, REQUIRED, TITLES)
    return read_rows(head, rows, columns, lambda cells: _row(cells, mapped.words))


def _row(cells: Mapping[str, Any], words: Mapping[str, str]) -> HisRow:
    amount_fen = fen(cells)
    pay_type, kind = _text(cells, "pay_type", 20), _text(cells, "kind", 20)
    told = KINDS.get(words.get(kind, kind), "")
    if kind and not told:
        raise ValueError(_("收退标志“%(kind)s”看不懂") % {"kind": kind})
    his_id = _text(cells, "his_id", 64)
    if not his_id:
        raise ValueError(_("没有单号"))
    at = moment(cells["at"]) if cells.get("at") else None
    return HisRow(
        day=day(cells["day"]),
        kind=told or ("refund" if amount_fen < 0 else "payment"),
        his_id=his_id,
        pay_type=PAY_TYPES.get(words.get(pay_type, pay_type), pay_type),
        amount_fen=abs(amount_fen),
        out_trade_no=_text(cells, "out_trade_no", 64),
        operator=_text(cells, "operator", 32),
        business=_text(cells, "business", 24),
        at=at,
    )


def _text(cells: Mapping[str, Any], name: str, longest: int) -> str:
    return text(cells, name, longest, TITLES[name])


def store(name: str, body: bytes, rows: Sequence[HisRow], by: str, now: datetime) -> HisList:
    """Keep the list; a list of the same days replaces what those days held of its payment types."""
    days = sorted({row.day for row in rows})
    with transaction.atomic():
        digest = hashlib.sha256(body).hexdigest()
        HisList.objects.filter(sha256=digest).delete()
        given = HisList.objects.create(
            name=name[:200], sha256=digest, uploaded_by=by, uploaded_at=now, rows=len(rows),
            first_day=days[0] if days else None, last_day=days[-1] if days else None,
        )  # fmt: skip
        for row in rows:
            row.list = given
        HisRow.objects.filter(day__in=days, pay_type__in={row.pay_type for row in rows}).delete()
        HisRow.objects.bulk_create(rows, batch_size=2_000)
    return given
