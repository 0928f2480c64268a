"""The bank's receipts: a file's rows or a form as `BankReceipt`s, all of them or none.

A receipt settles the days that it names, or the day before it arrived. Several may settle the same
days; days that overlap without being the same cannot be told apart and refuse the list.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from center.ledger.words import Channel
from center.reconciliation.his_list import PAY_TYPES
from center.reconciliation.models import BankReceipt
from center.reconciliation.table import BadList, Columns, day, fen, guessed, read_rows, text

REQUIRED = ("channel", "batch", "received_on", "amount")
HEADINGS: dict[str, tuple[str, ...]] = {
    "channel": ("渠道", "支付方式", "付款方", "channel"),
    "batch": ("批次号", "流水号", "交易流水号", "凭证号", "batch"),
    "received_on": ("到账日期", "入账日期", "交易日期", "日期", "received_on"),
    "amount": ("到账金额", "金额", "贷方金额", "收入金额", "amount", "金额（元）"),
    "amount_fen": ("amount_fen", "金额（分）"),
    "first_day": ("结算起", "结算开始", "结算日期", "first_day"),
    "last_day": ("结算止", "结算结束", "last_day"),
}
TITLES: dict[str, Any] = {
    "channel": gettext_lazy("渠道"),
    "batch": gettext_lazy("批次号"),
    "received_on": gettext_lazy("到账日期"),
    "amount": gettext_lazy("金额（元）"),
    "amount_fen": gettext_lazy("金额（分）"),
    "first_day": gettext_lazy("结算起"),
    "last_day": gettext_lazy("结算止"),
}
LONGEST_DAYS = 31
"""More days are no batch, but two columns that were taken for each other."""


def read(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[BankReceipt]:
    """Return the receipts, not stored yet; BadList names the first that cannot be understood."""
    columns = Columns(guessed(head, HEADINGS), REQUIRED, TITLES)
    return read_rows(head, rows, columns, receipt)


def receipt(cells: Mapping[str, Any]) -> BankReceipt:
    """Return one receipt of cells by our fields; ValueError, in words."""
    word = text(cells, "channel", 20, TITLES["channel"])
    channel = PAY_TYPES.get(word, word)
    if channel not in Channel.values:
        raise ValueError(_("渠道“%(channel)s”不是微信或支付宝") % {"channel": word})
    batch = text(cells, "batch", 64, TITLES["batch"])
    if not batch:
        raise ValueError(_("没有批次号"))
    arrived = day(cells.get("received_on"))
    last = day(cells["last_day"]) if cells.get("last_day") else None
    first = day(cells["first_day"]) if cells.get("first_day") else last
    first = first or arrived - timedelta(days=1)
    last = last or first
    if not 0 <= (last - first).days < LONGEST_DAYS or last > arrived:
        raise ValueError(_("结算起止日期不对"))
    return BankReceipt(
        channel=channel,
        batch=batch,
        first_day=first,
        last_day=last,
        amount_fen=fen(cells),
        received_on=arrived,
    )


def store(receipts: Sequence[BankReceipt], by: str, now: datetime) -> set[date]:
    """Keep them; one that is here already is replaced. BadList, and nothing is stored.

    Returns the last day of each batch that is another now.
    """
    days = {one.last_day for one in receipts}
    seen: set[tuple[str, str]] = set()
    with transaction.atomic():
        for one in receipts:
            if (one.channel, one.batch) in seen:
                raise BadList(_("批次号 %(batch)s 出现两次") % {"batch": one.batch})
            seen.add((one.channel, one.batch))
            one.taken_by, one.taken_at = by, now
            before = BankReceipt.objects.filter(channel=one.channel, batch=one.batch)
            days |= set(before.values_list("last_day", flat=True))
            before.delete()
        BankReceipt.objects.bulk_create(receipts)
        for one in receipts:
            _refuse_overlap(one)
    return days


def _refuse_overlap(one: BankReceipt) -> None:
    others = BankReceipt.objects.filter(
        channel=one.channel, first_day__lte=one.last_day, last_day__gte=one.first_day
    )
    other = others.exclude(first_day=one.first_day, last_day=one.last_day).first()
    if other:
        raise BadList(
            _("批次号 %(batch)s 与 %(other)s 的结算日期重叠而不相同")
            % {"batch": one.batch, "other": other.batch}
        )
