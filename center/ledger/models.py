"""The ledger's tables. The box stands in every key, so that they can be distributed by it.

`Event` is what came, never changed. `Payment`, `Refund` and `Charge` hold the newest event of each
uid, for searching. The `...Total` tables are sums, written in the same transaction (center §2).
Money is fen. `day` and `hour` are the provider's Beijing time (payment-states §1.4).
"""

from datetime import UTC, datetime
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from center.ledger import health
from center.ledger.words import (
    OPEN_STATES,
    Business,
    Channel,
    ChargeState,
    Department,
    Kind,
    PaymentState,
    RefundState,
)


class Box(models.Model):
    """A payment box, known since its first sealed batch."""

    id = models.CharField(_("设备"), primary_key=True, max_length=32)
    desk = models.CharField(_("窗口"), max_length=32, blank=True)
    desk_code = models.CharField(_("窗口代码"), max_length=4, blank=True, db_index=True)
    version = models.CharField(_("版本"), max_length=32, blank=True)
    epoch = models.CharField(_("世代"), max_length=64, blank=True)
    first_seen = models.DateTimeField(_("首次上报"))
    last_seen = models.DateTimeField(_("最近上报"))
    health = models.JSONField(_("状态"), default=dict)
    backlog = models.IntegerField(_("积压"), default=0)

    @property
    def condition(self) -> str:
        """One of `health.CONDITIONS`."""
        return health.condition(self.health, self.last_seen, datetime.now(UTC))

    @property
    def faults(self) -> str:
        """Which parts are not as they should be, in words."""
        told = (f"{part.title} {part.word}" for part in health.faults(self.health))
        return str(_("、")).join(told)


class Epoch(models.Model):
    """One life of a box's journal and how far it has arrived without a gap."""

    pk = models.CompositePrimaryKey("box_id", "epoch")
    box = models.ForeignKey(Box, on_delete=models.PROTECT, related_name="epochs")
    epoch = models.CharField(max_length=64)
    number = models.IntegerField()
    """1 for the first epoch of the box; of two rows of a uid the later epoch's counts."""
    ack = models.BigIntegerField(default=0)
    last_hash = models.CharField(max_length=64)
    opened_at = models.DateTimeField()


class Event(models.Model):
    """One row as the box wrote it (center §3)."""

    pk = models.CompositePrimaryKey("box_id", "epoch", "seq")
    box = models.ForeignKey(Box, on_delete=models.PROTECT, db_index=False)
    epoch = models.CharField(max_length=64)
    seq = models.BigIntegerField()
    uid = models.CharField(max_length=100)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    state = models.CharField(max_length=16)
    row = models.JSONField()
    """The whole row, prev and hash included: what a digest or a box that lost it needs."""
    received_at = models.DateTimeField()

    class Meta:
        indexes = (models.Index(fields=["box", "uid"], name="event_story"),)


class Row(models.Model):
    """What payments, refunds and charges have in common: the newest event of a uid."""

    uid = models.CharField(max_length=100)
    epoch_number = models.IntegerField()
    seq = models.BigIntegerField()
    reason = models.CharField(_("原因"), max_length=32, blank=True)
    desk = models.CharField(_("窗口"), max_length=32)
    department = models.CharField(
        _("门诊住院"), max_length=16, choices=Department.choices, blank=True
    )
    business = models.CharField(_("业务"), max_length=24, choices=Business.choices, blank=True)
    business_date = models.CharField(_("业务日期"), max_length=10, blank=True)
    operator = models.CharField(_("收费员"), max_length=256, blank=True)
    his_id = models.CharField(_("HIS 单号"), max_length=64, blank=True)
    try_number = models.IntegerField(_("次数"), default=0)
    revision = models.IntegerField(default=0)
    amount_fen = models.BigIntegerField(_("金额"))
    at = models.DateTimeField(_("更新时间"))
    first_at = models.DateTimeField(_("时间"))
    day = models.DateField(_("日期"))
    hour = models.SmallIntegerField()
    do_id = models.CharField(max_length=32, blank=True)

    class Meta:
        abstract = True


class Payment(Row):
    """An attempt at a charge: one order number at a wallet. Its uid is the order number."""

    pk = models.CompositePrimaryKey("box_id", "uid")
    box = models.ForeignKey(Box, on_delete=models.PROTECT, db_index=False)
    state = models.CharField(_("状态"), max_length=16, choices=PaymentState.choices)
    channel = models.CharField(_("渠道"), max_length=8, choices=Channel.choices)
    attempt = models.IntegerField(default=0)
    out_trade_no = models.CharField(_("商户单号"), max_length=64)
    provider_trade_no = models.CharField(_("交易单号"), max_length=64, blank=True)
    payer_mask = models.CharField(_("付款人"), max_length=256, blank=True)
    money_at = models.DateTimeField(_("支付时间"), null=True)
    refunded_fen = models.BigIntegerField(_("已退"), default=0)

    class Meta:
        indexes = (
            models.Index(fields=["-day", "-first_at", "-uid"], name="payment_newest"),
            models.Index(fields=["desk", "-day", "-first_at", "-uid"], name="payment_desk"),
            models.Index(fields=["uid"], name="payment_uid"),
            models.Index(fields=["his_id"], name="payment_his"),
            models.Index(fields=["provider_trade_no"], name="payment_provider"),
            models.Index(
                fields=["-first_at"],
                name="payment_open",
                condition=models.Q(state__in=OPEN_STATES),
            ),
        )


class Refund(Row):
    """Money given back. Its uid is the refund number; `ref` is the uid of its payment."""

    pk = models.CompositePrimaryKey("box_id", "uid")
    box = models.ForeignKey(Box, on_delete=models.PROTECT, db_index=False)
    state = models.CharField(_("状态"), max_length=16, choices=RefundState.choices)
    channel = models.CharField(_("渠道"), max_length=8, choices=Channel.choices)
    ref = models.CharField(_("原商户单号"), max_length=100, db_index=True)
    out_trade_no = models.CharField(_("商户单号"), max_length=64)
    out_refund_no = models.CharField(_("退款单号"), max_length=64)
    provider_trade_no = models.CharField(_("交易单号"), max_length=64, blank=True)
    payer_mask = models.CharField(_("付款人"), max_length=256, blank=True)
    money_at = models.DateTimeField(_("退款时间"), null=True)

    class Meta:
        indexes = (
            models.Index(fields=["-day", "-first_at", "-uid"], name="refund_newest"),
            models.Index(fields=["operator", "day"], name="refund_operator"),
            models.Index(fields=["uid"], name="refund_uid"),
        )


class Charge(Row):
    """What the HIS asked for and how it ended."""

    pk = models.CompositePrimaryKey("box_id", "uid")
    box = models.ForeignKey(Box, on_delete=models.PROTECT, db_index=False)
    state = models.CharField(_("状态"), max_length=16, choices=ChargeState.choices)

    class Meta:
        indexes = (models.Index(fields=["his_id"], name="charge_his"),)


class Trace(models.Model):
    """Where the time of one payment went, as its box noted it. Kept for ninety days."""

    pk = models.CompositePrimaryKey("box_id", "uid")
    box = models.ForeignKey(Box, on_delete=models.PROTECT, db_index=False)
    uid = models.CharField(max_length=100)
    marks = models.JSONField()
    """[mark, milliseconds since the first] in order; the marks of `device.domain.trace`."""
    received_at = models.DateTimeField(db_index=True)


class DayTotal(models.Model):
    """Counts and sums a day by everything a report groups by."""

    day = models.DateField()
    kind = models.CharField(max_length=8)
    channel = models.CharField(max_length=8)
    department = models.CharField(max_length=16)
    business = models.CharField(max_length=24)
    state = models.CharField(max_length=16)
    pk = models.CompositePrimaryKey("day", "kind", "channel", "department", "business", "state")
    count = models.BigIntegerField()
    sum_fen = models.BigIntegerField()


class DeskTotal(models.Model):
    """Counts and sums a day and desk."""

    day = models.DateField()
    desk = models.CharField(max_length=32)
    box_id = models.CharField(max_length=32)
    kind = models.CharField(max_length=8)
    channel = models.CharField(max_length=8)
    state = models.CharField(max_length=16)
    pk = models.CompositePrimaryKey("day", "desk", "box_id", "kind", "channel", "state")
    count = models.BigIntegerField()
    sum_fen = models.BigIntegerField()


class HourTotal(models.Model):
    """Counts and sums an hour of a day."""

    day = models.DateField()
    hour = models.SmallIntegerField()
    kind = models.CharField(max_length=8)
    channel = models.CharField(max_length=8)
    state = models.CharField(max_length=16)
    pk = models.CompositePrimaryKey("day", "hour", "kind", "channel", "state")
    count = models.BigIntegerField()
    sum_fen = models.BigIntegerField()


class Quarantine(models.Model):
    """A row that could not be believed: acknowledged, kept, never counted."""

    box = models.ForeignKey(Box, on_delete=models.PROTECT)
    epoch = models.CharField(max_length=64)
    seq = models.BigIntegerField(null=True)
    why = models.CharField(_("原因"), max_length=200)
    row = models.JSONField()
    received_at = models.DateTimeField(_("时间"))


class AlarmKind(models.TextChoices):
    """What an alarm is about."""

    CONFLICT = "conflict", _("流水内容冲突")
    DIGEST = "digest", _("日结不符")
    QUARANTINE = "quarantine", _("记录被隔离")
    STATEMENT = "statement", _("与对账单不符")


class Alarm(models.Model):
    """Something about a box that a person must look at: acknowledged if seen, cleared if settled.

    Until it is cleared the same thing raises no second one.
    """

    box = models.ForeignKey(Box, on_delete=models.PROTECT)
    kind = models.CharField(_("类别"), max_length=24, choices=AlarmKind.choices)
    facts = models.JSONField()
    """What its sentence needs, and no words: it is read in the reader's language."""
    at = models.DateTimeField(_("时间"), db_index=True)
    acknowledged_at = models.DateTimeField(_("确认时间"), null=True)
    acknowledged_by = models.CharField(_("确认人"), max_length=150, blank=True)
    cleared_at = models.DateTimeField(_("了结时间"), null=True)
    cleared_by = models.CharField(_("了结人"), max_length=150, blank=True)
    remark = models.CharField(_("说明"), max_length=200, blank=True)

    @property
    def text(self) -> str:
        """What happened, as a sentence."""
        told: dict[str, Any] = self.facts
        return str(ALARM_TEXTS[self.kind]) % told


ALARM_TEXTS = {
    "conflict": _("%(epoch)s：第 %(seq)s 行与已收到的内容不同"),
    "digest": _("%(epoch)s：第 %(seq)s 行的日结与收到的流水不符"),
    "quarantine": _("%(epoch)s：有 %(count)s 行无法采信，已隔离"),
    "statement": _("对账单与流水不符：%(number)s"),
}


class ActionKind(models.TextChoices):
    """What the centre may ask a box to do (center §4)."""

    QUERY = "query", _("再查询")
    REVERSE = "reverse", _("撤销")
    REFUND = "refund", _("退款")


class ActionState(models.TextChoices):
    """Where an action stands."""

    REQUESTED = "requested", _("待批准")
    REFUSED = "refused", _("已驳回")
    APPROVED = "approved", _("待设备执行")
    DONE = "done", _("已执行")


class Action(models.Model):
    """Something a box is asked to do. The centre itself never moves money.

    Sent with every answer to its box until a row with its `do_id` (C-<id>) has come.
    """

    box = models.ForeignKey(Box, on_delete=models.PROTECT)
    kind = models.CharField(_("类别"), max_length=8, choices=ActionKind.choices)
    out_trade_no = models.CharField(_("商户单号"), max_length=64, db_index=True)
    amount_fen = models.BigIntegerField(_("金额"), default=0)
    note = models.CharField(_("说明"), max_length=200, blank=True)
    requested_by = models.CharField(_("提出"), max_length=150)
    requested_at = models.DateTimeField(_("提出时间"))
    approved_by = models.CharField(_("批准"), max_length=150, blank=True)
    decided_at = models.DateTimeField(_("批准时间"), null=True)
    state = models.CharField(_("状态"), max_length=16, choices=ActionState.choices)
    outcome = models.CharField(_("结果"), max_length=64, blank=True)
    done_at = models.DateTimeField(_("完成时间"), null=True)

    class Meta:
        indexes = (
            models.Index(
                fields=["box"], name="action_waiting", condition=models.Q(state="approved")
            ),
        )
        constraints = (
            models.CheckConstraint(
                condition=models.Q(kind="query")
                | models.Q(approved_by="")
                | ~models.Q(approved_by=models.F("requested_by")),
                name="second_person_approves",
            ),
        )

    @property
    def do_id(self) -> str:
        """The id under which the box runs it."""
        return f"C-{self.pk}"
