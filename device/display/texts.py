"""What the screens say, in every language: short, polite and true.

Lines beside an icon have room for six Chinese or twelve Latin characters, in every size of panel.
Only `PaidScreen` says success (M22). Nothing here promises what is not yet known.
"""

from typing import NamedTuple

from device.domain.screens import (
    AskingProvider,
    CallCashier,
    ClockNotSet,
    Hint,
    NotBookedScreen,
    NothingDue,
    OfflineScreen,
    Paying,
    ProvisioningStage,
    Refusal,
    SameAmount,
    ScannerMissing,
    Starting,
    Stopped,
    StorageFailed,
    UndoOffered,
)
from device.domain.words import Reason, Wallet


class Phrase(NamedTuple):
    """One text in each language."""

    zh: str
    en: str

    def said(self, language: str) -> str:
        """Return the text in `zh` or `en`."""
        return self.en if language == "en" else self.zh


class Notice(NamedTuple):
    """An icon's name and the two lines beside it; no second line: the wallet's name."""

    icon: str
    first: Phrase
    second: Phrase


SHOW_CODE = Phrase("请出示付款码", "Show paycode")
SHOW_WALLET_CODE = {
    Wallet.WECHAT: Phrase("请用微信付款", "Pay by WeChat"),
    Wallet.ALIPAY: Phrase("请用支付宝付款", "Pay by Alipay"),
}
SHOW_CODE_IN_TWO = (Phrase("请出示", "Show"), Phrase("付款码", "code"))
SHOW_WALLET_CODE_IN_TWO = {
    Wallet.WECHAT: (Phrase("微信", "WeChat"), Phrase("付款码", "code")),
    Wallet.ALIPAY: (Phrase("支付宝", "Alipay"), Phrase("付款码", "code")),
}
"""The same in large letters: two lines of at most three Chinese or six Latin characters."""
PAID = Phrase("支付成功", "Paid")
NO_WALLET = Phrase("暂不能收款", "Not in service")
DESK = Phrase("窗口 ", "Desk ")
WALLETS = {
    Wallet.WECHAT: Phrase("微信", "WeChat"),
    Wallet.ALIPAY: Phrase("支付宝", "Alipay"),
}
WALLET_LINE = {
    Wallet.WECHAT: Phrase("微信支付", "WeChat Pay"),
    Wallet.ALIPAY: Phrase("支付宝", "Alipay"),
}
VPN = {True: Phrase("专网正常", "VPN up"), False: Phrase("专网中断", "VPN down")}
WALLET_MARKS = {Wallet.WECHAT: Phrase("微", "W"), Wallet.ALIPAY: Phrase("支", "A")}
NO_ADDRESS = Phrase("无网络地址", "No address")
NO_RESULT = Phrase("尚无收款", "No payments")
LAST = {
    "paid": Phrase("已支付", "Paid"),
    "not_paid": Phrase("未收款", "Not paid"),
    "returned": Phrase("已退回", "Returned"),
    "unknown": Phrase("确认中", "Unknown"),
    "refunded": Phrase("已退款", "Refunded"),
    "pending": Phrase("退款中", "Pending"),
    "failed": Phrase("未退款", "Failed"),
}
"""By the status of a `result` or `refund_result` (his-link §2)."""
NO_LINE = Phrase("", "")
CALL_CASHIER = Phrase("请联系收费员", "Ask cashier")
CANNOT_PAY_NOW = Phrase("暂不能收款", "Cannot pay")
PASSWORD = Notice("phone", Phrase("请在手机上", "Password"), Phrase("输入密码", "on phone"))
GIVING_BACK = (
    Phrase("正在撤销", "Cancelling"),
    Phrase("款项将自动退回", "Money returns"),
    Phrase("可改用其他方式", "Pay otherwise"),
)
REVERSED = Notice("back", Phrase("已撤销", "Cancelled"), Phrase("款项已退回", "Returned"))
REFUNDED = Notice("back", Phrase("已退款", "Refunded"), Phrase("款项原路退回", "to the payer"))
NOT_COLLECTED = Phrase("本次未收款", "Not paid")

NOTICES: dict[type, Notice] = {
    Starting: Notice("power", Phrase("正在启动", "Starting"), Phrase("请稍候", "Please wait")),
    Stopped: Notice("power", CANNOT_PAY_NOW, Phrase("设备已停止", "Box is off")),
    NothingDue: Notice(
        "clock", Phrase("还没有金额", "No bill yet"), Phrase("请稍候再扫", "Please wait")
    ),
    Paying: Notice("hourglass", Phrase("正在支付", "Paying"), NO_LINE),
    AskingProvider: Notice(
        "question", Phrase("结果确认中", "Confirming"), Phrase("请勿重复收款", "Do not retry")
    ),
    SameAmount: Notice(
        "question", Phrase("与上笔同金额", "Same amount"), Phrase("再收请按键", "Press button")
    ),
    UndoOffered: Notice(
        "question", Phrase("撤销上一笔？", "Undo last?"), Phrase("再按一次确认", "Press again")
    ),
    NotBookedScreen: Notice("bell", Phrase("已付款未入账", "Not booked"), CALL_CASHIER),
    CallCashier: Notice("bell", Phrase("需人工处理", "Help needed"), CALL_CASHIER),
    ClockNotSet: Notice("clock", CANNOT_PAY_NOW, Phrase("时间未校准", "Clock unset")),
    StorageFailed: Notice("warning", Phrase("存储故障", "Disk fault"), CALL_CASHIER),
    ScannerMissing: Notice("warning", Phrase("扫码枪未连接", "No scanner"), CALL_CASHIER),
    OfflineScreen: Notice("offline", CANNOT_PAY_NOW, Phrase("网络不通", "No network")),
}

PROVISIONING: dict[ProvisioningStage, Notice] = {
    ProvisioningStage.WAITING: Notice(
        "code", Phrase("设备未配置", "Not set up"), Phrase("请扫描配置码", "Scan setup")
    ),
    ProvisioningStage.PARTS: Notice(
        "code",
        Phrase("第 {} 张", "Code {}"),
        Phrase("请扫其余各张", "Scan others"),
    ),
    ProvisioningStage.PASSPHRASE: Notice(
        "code", Phrase("配置已读全", "All read"), Phrase("请扫描口令码", "Scan the key")
    ),
    ProvisioningStage.WORKING: Notice(
        "hourglass", Phrase("正在写入配置", "Setting up"), Phrase("请勿断电", "Keep it on")
    ),
    ProvisioningStage.DONE: Notice("power", Phrase("配置完成", "Set up"), NO_LINE),
    ProvisioningStage.NOT_A_PART: Notice(
        "question", Phrase("不是配置码", "Wrong code"), Phrase("请重新扫描", "Scan again")
    ),
    ProvisioningStage.REFUSED: Notice("cross", Phrase("配置被拒绝", "Refused"), NO_LINE),
}
REFUSALS: dict[Refusal, Phrase] = {
    Refusal.NO_KEY: Phrase("缺验证公钥", "No site key"),
    Refusal.DAMAGED: Phrase("内容不完整", "Damaged"),
    Refusal.SIGNATURE: Phrase("签名不符", "Not genuine"),
    Refusal.OLD: Phrase("版本过旧", "Too old"),
    Refusal.EARLY: Phrase("尚未生效", "Not yet"),
    Refusal.OTHER_BOX: Phrase("属于另一台", "Other box"),
    Refusal.SEALED: Phrase("口令不符", "Wrong key"),
    Refusal.INVALID: Phrase("配置内容有误", "Bad contents"),
    Refusal.DISK: Phrase("无法写入", "Cannot write"),
}

OFFLINE_WHY = {
    "vpn": Phrase("专网未连接", "VPN is down"),
    "wallet": Phrase("支付平台不通", "No answer"),
    "channel_not_verified": Phrase("支付尚未开通", "Not set up"),
}

REASONS: dict[Reason, Phrase] = {
    Reason.NONE: Phrase("支付未完成", "Not finished"),
    Reason.CANCELLED: Phrase("收费已取消", "Cancelled"),
    Reason.CANCELLED_AT_BOX: Phrase("已取消支付", "Cancelled"),
    Reason.SUPERSEDED: Phrase("收费已变更", "Bill changed"),
    Reason.EXPIRED: Phrase("等待已超时", "Time is over"),
    Reason.RESTARTED: Phrase("设备已重启", "Restarted"),
    Reason.OFFLINE: Phrase("网络不通", "No network"),
    Reason.DECLINED_BALANCE: Phrase("余额不足", "Low balance"),
    Reason.DECLINED_LIMIT: Phrase("超出支付限额", "Over limit"),
    Reason.DECLINED_CODE: Phrase("付款码已失效", "Code expired"),
    Reason.DECLINED_ACCOUNT: Phrase("账户支付受限", "Account held"),
    Reason.DECLINED_OTHER: Phrase("支付未成功", "Declined"),
    Reason.PAYER_TIMEOUT: Phrase("确认已超时", "Not approved"),
    Reason.REVERSED: Phrase("支付已撤销", "Cancelled"),
    Reason.NOT_BOOKED: Phrase("收费未登记", "Not booked"),
    Reason.LATE_PAYMENT_RETURNED: Phrase("迟到款已退回", "Returned"),
    Reason.MERCHANT_FAULT: Phrase("收款设置有误", "Setup fault"),
    Reason.STORAGE_FAILED: Phrase("存储故障", "Disk fault"),
    Reason.MANUAL: Phrase("需人工处理", "Help needed"),
    Reason.WINDOW_CLOSED: Phrase("已过处理期限", "Too late"),
    Reason.OVER_REFUND: Phrase("超出可退金额", "Over amount"),
    Reason.PAYER_ACCOUNT: Phrase("付款账户异常", "Payer acct."),
    Reason.BALANCE_SHORT: Phrase("商户余额不足", "Funds short"),
    Reason.PROVIDER_BUSY: Phrase("支付平台繁忙", "Wallet busy"),
}
TRY_AGAIN = Phrase("请换方式再扫", "Try another")
TRY_AGAIN_BY = {Reason.DECLINED_CODE: Phrase("请刷新后再扫", "Refresh code")}

HINTS: dict[str, tuple[Phrase, Phrase]] = {
    Hint.SCAN_AGAIN: (Phrase("请重新扫码", "Scan again"), SHOW_CODE),
    Hint.OTHER_WALLET_WECHAT: (Phrase("请用微信", "Use WeChat"), SHOW_CODE),
    Hint.OTHER_WALLET_ALIPAY: (Phrase("请用支付宝", "Use Alipay"), SHOW_CODE),
    Hint.NOT_PAYER_CODE: (Phrase("这不是付款码", "Not paycode"), SHOW_CODE),
    Hint.UNIONPAY: (Phrase("暂不支持", "Not accepted"), Phrase("云闪付", "UnionPay")),
    Hint.ECNY: (Phrase("暂不支持", "Not accepted"), Phrase("数字人民币", "e-CNY")),
    Hint.MEDICAL: (Phrase("这是医保码", "Medical code"), SHOW_CODE),
    Hint.ID_CARD: (Phrase("这是身份证", "ID card"), SHOW_CODE),
    Hint.USED_CODE: (Phrase("请刷新付款码", "Refresh code"), Phrase("后重新扫码", "and rescan")),
    Hint.WALLET_OFF: (Phrase("请换支付方式", "Other wallet"), Phrase("此码暂不可用", "please")),
}
"""By the hint's value: why the last code was not taken, and what to do."""
