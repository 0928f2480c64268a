"""What the next payer code will meet: the strip of scenarios on the page, and their behaviours."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Behaviour = dict[str, Any]
ON_PAY = {"on": "pay"}


@dataclass(frozen=True, slots=True)
class Luck:
    """One scenario. `do` is given to the gateways, per wallet where they differ."""

    name: str
    text: str
    hint: str
    do: tuple[Behaviour, ...] = ()
    alipay: tuple[Behaviour, ...] | None = None
    tone: str = "bad"
    network: bool = True
    failed_text: str = "付款未完成，请更换付款方式"
    """What the phone says if it comes to nothing."""

    def behaviours(self, wallet: str) -> list[Behaviour]:
        """Return what the gateways are told for a code of this wallet."""
        return list(self.do if wallet == "wechat" or self.alipay is None else self.alipay)


NORMAL = Luck("normal", "正常", "一切顺利", tone="")
_ALL = (
    NORMAL,
    Luck("password", "要密码", "手机要求输入支付密码", ({"name": "password_never"},), tone=""),
    Luck(
        "balance",
        "余额不足",
        "服务商拒绝这个码，患者可以换一个",
        ({"name": "decline", "code": "NOTENOUGH"},),
        ({"name": "decline", "code": "ACQ.BUYER_BALANCE_NOT_ENOUGH"},),
        failed_text="余额不足，请更换付款方式",
    ),
    Luck(
        "system_error",
        "系统错误，但已付",
        "应答说系统错误，钱其实已经扣了",
        ({"name": "system_error", **ON_PAY},),
    ),
    Luck(
        "not_created",
        "系统错误，未付",
        "应答说系统错误，单也没有建成",
        ({"name": "system_error_not_created", **ON_PAY},),
        failed_text="系统繁忙",
    ),
    Luck(
        "no_answer",
        "无应答，但已付",
        "扣款成功，应答丢在路上",
        ({"name": "drop_after", **ON_PAY, "how": "silence"},),
    ),
    Luck(
        "late",
        "应答迟到",
        "扣款成功，应答十秒后才来",
        ({"name": "late", **ON_PAY, "delay_s": 10.0},),
    ),
    Luck(
        "signature",
        "签名错误",
        "应答的签名验不过，不可信",
        ({"name": "bad_signature", **ON_PAY},),
    ),
    Luck("http_502", "502 网页", "应答是一张错误网页", ({"name": "http_502", **ON_PAY},)),
    Luck(
        "lost",
        "请求丢失",
        "请求没有到服务商：查无此单，到时撤销",
        ({"name": "drop_before", **ON_PAY},),
        failed_text="没有收到扣款请求",
    ),
    Luck(
        "recall",
        "要密码，撤销不顺",
        "患者不输密码，前两次撤销被要求重试",
        ({"name": "password_never"}, {"name": "recall", "times": 2}),
        ({"name": "password_never"}, {"name": "retry_flag", "times": 2}),
    ),
    Luck("network", "断网", "扫码墩的网线被拔掉", network=False),
)
LUCK: Mapping[str, Luck] = {one.name: one for one in _ALL}


def section(chosen: Luck) -> dict[str, object]:
    """Return the strip for the page."""
    options = [
        {"name": one.name, "text": one.text, "hint": one.hint, "tone": one.tone}
        for one in LUCK.values()
    ]
    return {"chosen": chosen.name, "hint": chosen.hint, "options": options}
