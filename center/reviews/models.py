"""Reviews as WeChat gives them. The text is the payer's and is for the hospital's eyes only."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Review(models.Model):
    """One comment on one payment."""

    at = models.DateTimeField(_("时间"))
    day = models.DateField(_("日期"))
    provider_trade_no = models.CharField(_("交易单号"), max_length=64)
    out_trade_no = models.CharField(_("商户单号"), max_length=64, blank=True)
    desk = models.CharField(_("窗口"), max_length=32, blank=True)
    operator = models.CharField(_("收费员"), max_length=256, blank=True)
    stars = models.SmallIntegerField(_("星级"))
    text = models.CharField(_("内容"), max_length=2000, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["provider_trade_no", "at"], name="one_review"),
        )
        indexes = (models.Index(fields=["-at", "-id"], name="review_newest"),)


class ReviewsRead(models.Model):
    """How far the comments of a day were read; a day is read again until it is three days old."""

    day = models.DateField(unique=True)
    read_at = models.DateTimeField()
    count = models.IntegerField(default=0)
