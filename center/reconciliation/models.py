"""What did not agree, and what people decided about it. Decisions are added, nothing is edited."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from center.ledger.words import Channel
from center.reconciliation.compare import Code
from center.reconciliation.refunds import Anomaly


class Pair(models.TextChoices):
    """What was compared. Of two lists the journal is always the first."""

    STATEMENT = "statement", _("流水对账单")
    HIS = "his", _("流水对 HIS")
    REFUND = "refund", _("退款检查")
    BANK = "bank", _("应到账对银行")


LISTS = (Pair.STATEMENT, Pair.HIS)


CODES = (
    (Code.ONLY_JOURNAL.value, _("仅流水有")),
    (Code.ONLY_OTHER.value, _("仅对方有")),
    (Code.AMOUNT.value, _("金额不同")),
    (Code.CHANNEL.value, _("渠道不同")),
    (Code.TWICE_JOURNAL.value, _("流水重复")),
    (Code.TWICE_OTHER.value, _("对方重复")),
    ("state", _("状态不同")),
)
ANOMALIES = (
    (Anomaly.REPEATED.value, _("重复退款")),
    (Anomaly.OVER.value, _("超额退款")),
    (Anomaly.CHANNEL.value, _("异渠道退款")),
    (Anomaly.MANY.value, _("一人多笔退款")),
)
STATE = "state"
"""The other list has the money of an order that the journal knows as not paid or given back."""


class BreakState(models.TextChoices):
    """Where a break stands."""

    WAITING = "waiting", _("等待三日")
    OPEN = "open", _("待处理")
    CLEARED = "cleared", _("已自行一致")
    RESOLVED = "resolved", _("已处理")


class Resolution(models.TextChoices):
    """What a person decided."""

    REFUND = "refund", _("已退款")
    BOOKED = "booked", _("已补入账")
    STATEMENT_RIGHT = "statement_right", _("以对账单为准")
    JOURNAL_RIGHT = "journal_right", _("以流水为准")
    WRITE_OFF = "write_off", _("核销")
    OTHER = "other", _("其他")
    REOPEN = "reopen", _("重新打开")


class Run(models.Model):
    """One comparison of one day; a later one of the same day replaces its figures."""

    pair = models.CharField(max_length=12, choices=Pair.choices)
    day = models.DateField(_("日期"))
    channel = models.CharField(_("渠道"), max_length=8, blank=True)
    at = models.DateTimeField(_("对账时间"))
    agreed = models.IntegerField(_("一致笔数"), default=0)
    agreed_fen = models.BigIntegerField(_("一致净额（元）"), default=0)
    breaks = models.IntegerField(_("差异笔数"), default=0)
    difference_fen = models.BigIntegerField(_("差额（元）"), default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["pair", "day", "channel"], name="one_run"),)


class BreakRow(models.Model):
    """One disagreement about one number on one day."""

    pair = models.CharField(_("对账"), max_length=12, choices=Pair.choices)
    day = models.DateField(_("日期"))
    code = models.CharField(_("类型"), max_length=16, choices=(*CODES, *ANOMALIES))
    kind = models.CharField(_("收退"), max_length=8)
    key = models.CharField(_("单号"), max_length=100)
    number = models.SmallIntegerField(default=0)
    """0, 1, ... where one number breaks the same way several times."""
    channel = models.CharField(_("渠道"), max_length=8, blank=True)
    desk = models.CharField(_("窗口"), max_length=32, blank=True)
    operator = models.CharField(_("收费员"), max_length=32, blank=True)
    journal_state = models.CharField(_("流水状态"), max_length=16, blank=True)
    journal_fen = models.BigIntegerField(_("流水金额（元）"), null=True)
    other_fen = models.BigIntegerField(_("对方金额（元）"), null=True)
    difference_fen = models.BigIntegerField(_("差额（元）"))
    state = models.CharField(_("状态"), max_length=12, choices=BreakState.choices)
    cause = models.CharField(_("可能原因"), max_length=40, blank=True)
    person = models.CharField(_("负责人"), max_length=150, blank=True)
    found_at = models.DateTimeField(_("发现时间"))
    ended_at = models.DateTimeField(_("了结时间"), null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["pair", "day", "channel", "code", "kind", "key", "number"],
                name="one_break",
            ),
        )
        indexes = (models.Index(fields=["state", "day"], name="break_open"),)


class Decision(models.Model):
    """What a person said about a break; the newest one holds."""

    row = models.ForeignKey(BreakRow, on_delete=models.PROTECT, related_name="decisions")
    at = models.DateTimeField()
    by = models.CharField(max_length=150)
    resolution = models.CharField(max_length=20, choices=Resolution.choices)
    remark = models.CharField(max_length=300)


class BankReceipt(models.Model):
    """Money of a provider that arrived at the bank, for the days that it settles."""

    channel = models.CharField(_("渠道"), max_length=8, choices=Channel.choices)
    batch = models.CharField(_("批次号"), max_length=64)
    """The bank's or the provider's number of it; sent again it replaces what was there."""
    first_day = models.DateField(_("结算起"))
    last_day = models.DateField(_("结算止"))
    amount_fen = models.BigIntegerField(_("到账金额（元）"))
    received_on = models.DateField(_("到账日期"))
    taken_by = models.CharField(_("录入人"), max_length=150)
    taken_at = models.DateTimeField(_("录入时间"))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["channel", "batch"], name="one_receipt_a_batch"),
        )
        indexes = (models.Index(fields=["channel", "last_day"], name="receipt_day"),)


class HisList(models.Model):
    """A list that the HIS gave: one file or one POST."""

    name = models.CharField(_("文件"), max_length=200)
    sha256 = models.CharField(max_length=64, unique=True)
    uploaded_by = models.CharField(_("上传人"), max_length=150)
    uploaded_at = models.DateTimeField(_("上传时间"))
    rows = models.IntegerField(_("行数"))
    first_day = models.DateField(_("起"), null=True)
    last_day = models.DateField(_("止"), null=True)


class HisRow(models.Model):
    """One payment or refund as the HIS booked it; any payment type."""

    list = models.ForeignKey(HisList, on_delete=models.CASCADE, related_name="entries")
    day = models.DateField(_("日期"))
    kind = models.CharField(_("收退"), max_length=8)
    his_id = models.CharField(_("HIS 单号"), max_length=64)
    pay_type = models.CharField(_("支付方式"), max_length=20)
    """cash, card, wechat, alipay or the site's own word."""
    amount_fen = models.BigIntegerField(_("金额（元）"))
    out_trade_no = models.CharField(_("商户单号"), max_length=64, blank=True)
    operator = models.CharField(_("收费员"), max_length=32, blank=True)
    business = models.CharField(_("业务"), max_length=24, blank=True)
    at = models.DateTimeField(_("时间"), null=True)

    class Meta:
        indexes = (
            models.Index(fields=["day", "pay_type", "kind", "his_id"], name="his_row_day"),
            models.Index(fields=["his_id"], name="his_row_id"),
        )


class ColumnMapping(models.Model):
    """Which column of the site's file means what; saved under a name."""

    name = models.CharField(_("名称"), max_length=60, unique=True)
    columns = models.JSONField()
    """Our field -> the file's heading."""
    words = models.JSONField(default=dict)
    """The file's words for payment types and kinds -> ours."""
