"""The closed vocabularies of a row, with what a person reads for each word (center §3)."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Channel(models.TextChoices):
    """Whose code the patient showed."""

    WECHAT = "wechat", _("微信")
    ALIPAY = "alipay", _("支付宝")


class Business(models.TextChoices):
    """What the HIS collected for."""

    REGISTRATION = "registration", _("当天挂号")
    APPOINTMENT = "appointment", _("预约挂号")
    OUTPATIENT_FEE = "outpatient_fee", _("门诊收费")
    OUTPATIENT_PREPAY = "outpatient_prepay", _("门诊预交金")
    INPATIENT_DEPOSIT = "inpatient_deposit", _("住院押金")
    INPATIENT_PREPAY = "inpatient_prepay", _("住院预交金")
    INPATIENT_SETTLEMENT = "inpatient_settlement", _("出院结算")


class Department(models.TextChoices):
    """Which side of the hospital collected."""

    OUTPATIENT = "outpatient", _("门诊")
    INPATIENT = "inpatient", _("住院")


class PaymentState(models.TextChoices):
    """Where an attempt stands (payment-states §2)."""

    INTENDED = "intended", _("已发起")
    WAITING = "waiting", _("等待付款人")
    UNKNOWN = "unknown", _("结果待查")
    PAID = "paid", _("已支付")
    FAILED = "failed", _("未支付")
    REVERSING = "reversing", _("撤销中")
    REVERSED = "reversed", _("已撤销")
    REFUND_DUE = "refund_due", _("待退款")
    REFUNDING = "refunding", _("退款中")
    REFUNDED = "refunded", _("已退款")
    MANUAL = "manual", _("需人工处理")


class RefundState(models.TextChoices):
    """Where a refund stands (payment-states §2).

    No box says `reversed`: the centre writes it for a refund that undid its payment (`money`).
    """

    REQUESTED = "requested", _("已申请")
    SENT = "sent", _("已提交")
    PENDING = "pending", _("处理中")
    REFUNDED = "refunded", _("已退款")
    REVERSED = "reversed", _("已撤销")
    FAILED = "failed", _("退款失败")
    MANUAL = "manual", _("需人工处理")


class ChargeState(models.TextChoices):
    """How a charge stands for the HIS."""

    OPEN = "open", _("收款中")
    NOT_PAID = "not_paid", _("未收款")
    PAID = "paid", _("已收款")
    RETURNED = "returned", _("已退回")
    OFFERED = "offered", _("已收款，待 HIS 入账")
    HELD = "held", _("已收款，HIS 未答复")
    BOOKED = "booked", _("已入账")
    REFUSED = "refused", _("HIS 未入账，退回中")


class Kind(models.TextChoices):
    """What a row is about."""

    PAYMENT = "payment", _("收款")
    REFUND = "refund", _("退款")
    CHARGE = "charge", _("应收")
    DO = "do", _("指令")
    DIGEST = "digest", _("日结")


OPEN_STATES = ("intended", "waiting", "unknown", "reversing", "refund_due", "refunding", "manual")
"""States of a payment that somebody may still have to look at."""
