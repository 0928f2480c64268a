"""What a provider says happened on one day: the file as it came, and its lines."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from center.ledger.words import Channel


class FileState(models.TextChoices):
    """Where the statement of a day stands."""

    NOT_READY = "not_ready", _("尚未生成")
    EMPTY = "empty", _("当日无交易")
    GOOD = "good", _("已核对")
    BROKEN = "broken", _("合计不符，未采信")
    FAILED = "failed", _("取不到")


class StatementFile(models.Model):
    """One day of one wallet. `raw` is kept as it came, whatever could be made of it."""

    channel = models.CharField(_("渠道"), max_length=8, choices=Channel.choices)
    day = models.DateField(_("日期"))
    state = models.CharField(_("状态"), max_length=12, choices=FileState.choices)
    why = models.CharField(_("原因"), max_length=200, blank=True)
    raw = models.BinaryField(default=b"")
    sha256 = models.CharField(max_length=64, blank=True)
    fetched_at = models.DateTimeField(_("取得时间"))
    payments = models.IntegerField(_("收款笔数"), default=0)
    paid_fen = models.BigIntegerField(_("收款（元）"), default=0)
    refunds = models.IntegerField(_("退款笔数"), default=0)
    refunded_fen = models.BigIntegerField(_("退款（元）"), default=0)
    settled_fen = models.BigIntegerField(_("应结（元）"), default=0)
    fee_e5 = models.BigIntegerField(default=0)
    """The provider's fee in hundred-thousandths of a yuan."""

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["channel", "day"], name="one_statement_a_day"),
        )

    @property
    def fee_fen(self) -> int:
        """The fee in fen, rounded as money is."""
        return round(self.fee_e5 / 1000)

    @property
    def net_fen(self) -> int:
        """What the bank should receive for the day: settled less the fee."""
        return self.settled_fen - self.fee_fen


class LineKind(models.TextChoices):
    """What a line is about."""

    PAYMENT = "payment", _("收款")
    REFUND = "refund", _("退款")


class StatementLine(models.Model):
    """One line of a statement that added up."""

    file = models.ForeignKey(StatementFile, on_delete=models.CASCADE, related_name="lines")
    channel = models.CharField(_("渠道"), max_length=8, choices=Channel.choices)
    day = models.DateField(_("日期"))
    kind = models.CharField(_("类别"), max_length=8, choices=LineKind.choices)
    out_trade_no = models.CharField(_("商户单号"), max_length=64)
    provider_trade_no = models.CharField(_("交易单号"), max_length=64)
    out_refund_no = models.CharField(_("退款单号"), max_length=64, blank=True)
    provider_refund_no = models.CharField(max_length=64, blank=True)
    amount_fen = models.BigIntegerField(_("金额（元）"))
    settled_fen = models.BigIntegerField(_("应结（元）"))
    fee_e5 = models.BigIntegerField(default=0)
    at = models.DateTimeField(_("时间"))
    state = models.CharField(_("状态"), max_length=16, blank=True)
    terminal = models.CharField(_("设备"), max_length=32, blank=True)

    class Meta:
        indexes = (
            models.Index(fields=["day", "channel", "kind", "out_trade_no"], name="line_day"),
            models.Index(fields=["out_trade_no"], name="line_order"),
            models.Index(fields=["out_refund_no"], name="line_refund"),
            models.Index(fields=["-at", "-id"], name="line_newest"),
        )
