"""What people are told: each screen is a meaning, not pixels (style: Trezor).

`display/` draws them. `Signal` is what the lamp and buzzer say at the same time.
"""

from dataclasses import dataclass
from enum import StrEnum

from device.domain.words import Reason, Wallet


class Signal(StrEnum):
    """What the lamp and the buzzer say; each differs in light, rhythm and sound."""

    IDLE = "idle"
    WAITING = "waiting"
    RESCAN = "rescan"
    WORKING = "working"
    PASSWORD = "password"  # noqa: S105  a screen, not a secret
    PAID = "paid"
    DECLINED = "declined"
    DOUBT = "doubt"
    OFFLINE = "offline"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Starting:
    """The first picture, before anything works."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """设备已停止: the program has ended, and no picture may say that it serves."""


@dataclass(frozen=True, slots=True)
class Idle:
    """Nobody is paying. `wallets` are those that are verified."""

    hospital: str
    desk: str
    wallets: tuple[Wallet, ...]


@dataclass(frozen=True, slots=True)
class NothingDue:
    """还没有金额，请稍候再扫: a code was held up before there was an amount; it is not kept."""


@dataclass(frozen=True, slots=True)
class AmountDue:
    """请出示付款码: the amount is armed."""

    amount_fen: int
    title: str
    """门诊收费, or the HIS's own title."""
    masked_name: str = ""
    wallets: tuple[Wallet, ...] = ()
    seconds_left: int | None = None
    hint: str = ""
    """A short line in place of the wallets: why the last code was not taken (`Hint` text)."""


@dataclass(frozen=True, slots=True)
class Paying:
    """The provider has been asked."""

    amount_fen: int
    wallet: Wallet


@dataclass(frozen=True, slots=True)
class Password:
    """请在手机上输入密码."""

    amount_fen: int
    wallet: Wallet
    seconds_left: int | None = None


@dataclass(frozen=True, slots=True)
class PaidScreen:
    """支付成功. Never shown before paid is on disk (M22)."""

    amount_fen: int
    wallet: Wallet


@dataclass(frozen=True, slots=True)
class DeclinedScreen:
    """This code was declined. `retry`: another code may be shown now."""

    amount_fen: int
    reason: Reason
    retry: bool


@dataclass(frozen=True, slots=True)
class NotPaidScreen:
    """The charge ended unpaid (cancelled, expired, offline ...)."""

    amount_fen: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class AskingProvider:
    """结果确认中，请勿重复收款."""

    amount_fen: int
    wallet: Wallet


@dataclass(frozen=True, slots=True)
class GivingBack:
    """正在撤销，款项将自动退回，可改用其他方式."""

    amount_fen: int
    wallet: Wallet


@dataclass(frozen=True, slots=True)
class GivenBack:
    """已撤销 or 已退款: the money went back."""

    amount_fen: int
    refund: bool = False


@dataclass(frozen=True, slots=True)
class SameAmount:
    """与上一笔金额相同: a one-way line repeats an amount; the button collects it again."""

    amount_fen: int


@dataclass(frozen=True, slots=True)
class UndoOffered:
    """再按一次撤销: the cashier's button, pressed once more, gives the last payment back."""

    amount_fen: int


@dataclass(frozen=True, slots=True)
class CallCashier:
    """请联系收费员: something needs a person."""

    amount_fen: int = 0


@dataclass(frozen=True, slots=True)
class NotBookedScreen:
    """已付款，未入账: the HIS was told `paid` and never said that it booked it."""

    amount_fen: int


@dataclass(frozen=True, slots=True)
class Message:
    """What the HIS says to the patient while nobody pays: one to four lines."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OfflineScreen:
    """网络不通，暂不能收款. `why` is vpn, wallet or channel_not_verified."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class ClockNotSet:
    """时间未校准，暂不能收款."""


@dataclass(frozen=True, slots=True)
class StorageFailed:
    """存储故障，请联系收费员."""


@dataclass(frozen=True, slots=True)
class ScannerMissing:
    """扫码枪未连接."""


class ProvisioningStage(StrEnum):
    """How far a box without a configuration has come."""

    WAITING = "waiting"
    """Nothing was read yet."""
    PARTS = "parts"
    """Some codes of several were read."""
    PASSPHRASE = "passphrase"  # noqa: S105  a stage, not a secret
    """All is there; the code with the passphrase is to come."""
    WORKING = "working"
    """It is being opened and written."""
    DONE = "done"
    """The box has its configuration."""
    NOT_A_PART = "not_a_part"
    """What was read is no provisioning code, or was misread."""
    REFUSED = "refused"


class Refusal(StrEnum):
    """Why a provisioning bundle is not taken."""

    NO_KEY = "no_key"
    """The card holds no public key of the site, so nothing can be believed."""
    DAMAGED = "damaged"
    SIGNATURE = "signature"
    OLD = "old"
    EARLY = "early"
    OTHER_BOX = "other_box"
    SEALED = "sealed"
    """The passphrase is wrong, or it is sealed to another box."""
    INVALID = "invalid"
    """Its configuration does not load."""
    DISK = "disk"


@dataclass(frozen=True, slots=True)
class Provisioning:
    """A box being given its configuration. `have` and `of` count codes."""

    stage: ProvisioningStage
    have: int = 0
    of: int = 0
    why: Refusal | None = None
    box: str = ""
    """Which one it is now, once done."""


@dataclass(frozen=True, slots=True)
class LastResult:
    """The newest answer that the HIS was given, in the HIS link's own words."""

    status: str
    """paid, not_paid, returned, unknown; of a refund: refunded, pending, failed."""
    fen: int
    time: str
    """14:05"""


@dataclass(frozen=True, slots=True)
class OperatorView:
    """窗口、版本、地址、专网、上一笔: what a technician asks the box first."""

    desk: str
    version: str
    address: str
    """Empty: the box has none."""
    vpn_up: bool
    wallets: tuple[Wallet, ...]
    """Those that can take money now."""
    last: LastResult | None
    beneath: Signal
    """What the lamp says meanwhile: what is going on goes on."""


Screen = (
    Starting
    | Stopped
    | Idle
    | NothingDue
    | AmountDue
    | Paying
    | Password
    | PaidScreen
    | DeclinedScreen
    | NotPaidScreen
    | AskingProvider
    | GivingBack
    | GivenBack
    | SameAmount
    | UndoOffered
    | CallCashier
    | NotBookedScreen
    | Message
    | OfflineScreen
    | ClockNotSet
    | StorageFailed
    | ScannerMissing
    | Provisioning
    | OperatorView
)


class Hint(StrEnum):
    """Why a code was not taken while the amount stays on the screen (AmountDue.hint)."""

    SCAN_AGAIN = "请重新扫码"
    OTHER_WALLET_WECHAT = "请出示微信付款码"
    OTHER_WALLET_ALIPAY = "请出示支付宝付款码"
    NOT_PAYER_CODE = "不是付款码"
    UNIONPAY = "不支持云闪付"
    ECNY = "不支持数字人民币"
    MEDICAL = "这是医保码，请出示付款码"
    ID_CARD = "这是身份证号，请出示付款码"
    USED_CODE = "请刷新付款码后重扫"
    WALLET_OFF = "该钱包暂不可用"
