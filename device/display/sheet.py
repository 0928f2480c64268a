"""Every screen in every language and size on one sheet each, for people and for tests.

`python -m device.display.sheet FOLDER` draws them all (`make screens`). The sheets in
`docs/screens` are what the tests compare with, point by point: a screen that is looked at and a
screen that is tested are the same.
"""

import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from PIL import Image

from device.display import glyphs
from device.display.render import render
from device.domain.screens import (
    AmountDue,
    AskingProvider,
    CallCashier,
    ClockNotSet,
    DeclinedScreen,
    GivenBack,
    GivingBack,
    Hint,
    Idle,
    LastResult,
    Message,
    NotBookedScreen,
    NothingDue,
    NotPaidScreen,
    OfflineScreen,
    OperatorView,
    PaidScreen,
    Password,
    Paying,
    Provisioning,
    ProvisioningStage,
    Refusal,
    SameAmount,
    ScannerMissing,
    Screen,
    Signal,
    Starting,
    Stopped,
    StorageFailed,
    UndoOffered,
)
from device.domain.words import Reason, Wallet

BOTH = (Wallet.WECHAT, Wallet.ALIPAY)
EXAMPLES: dict[str, Screen] = {
    "starting": Starting(),
    "stopped": Stopped(),
    "idle": Idle("市一医院", "MZ-03", BOTH),
    "idle-one-wallet": Idle("海州市第一人民医院", "门诊收费3", (Wallet.ALIPAY,)),
    "idle-no-wallet": Idle("市一医院", "MZ-03", ()),
    "nothing-due": NothingDue(),
    "amount-due": AmountDue(12345, "门诊收费", "张*", BOTH, 87),
    "amount-due-small": AmountDue(1, "当天挂号", "", BOTH, None),
    "amount-due-largest": AmountDue(5000000, "住院预交金", "欧阳**", BOTH, 300),
    "amount-due-wechat": AmountDue(88000, "出院结算", "", (Wallet.WECHAT,), 90),
    "amount-due-alipay": AmountDue(88000, "出院结算", "", (Wallet.ALIPAY,), 9),
    "amount-due-long-title": AmountDue(2050, "泌尿外科门诊检查治疗费", "李**", BOTH, 60),
    "hint-scan-again": AmountDue(12345, "门诊收费", hint=Hint.SCAN_AGAIN),
    "hint-other-wallet": AmountDue(5000000, "门诊收费", hint=Hint.OTHER_WALLET_ALIPAY),
    "hint-medical": AmountDue(12345, "门诊收费", hint=Hint.MEDICAL),
    "hint-used-code": AmountDue(12345, "门诊收费", hint=Hint.USED_CODE),
    "paying": Paying(12345, Wallet.ALIPAY),
    "password": Password(120000, Wallet.WECHAT, 41),
    "password-largest": Password(5000000, Wallet.ALIPAY, 60),
    "paid": PaidScreen(12345, Wallet.WECHAT),
    "paid-largest": PaidScreen(5000000, Wallet.ALIPAY),
    "declined-balance": DeclinedScreen(12345, Reason.DECLINED_BALANCE, retry=True),
    "declined-code": DeclinedScreen(12345, Reason.DECLINED_CODE, retry=True),
    "declined-final": DeclinedScreen(12345, Reason.DECLINED_OTHER, retry=False),
    "not-paid-cancelled": NotPaidScreen(12345, Reason.CANCELLED),
    "not-paid-expired": NotPaidScreen(12345, Reason.EXPIRED),
    "not-paid-offline": NotPaidScreen(12345, Reason.OFFLINE),
    "asking-provider": AskingProvider(12345, Wallet.WECHAT),
    "giving-back": GivingBack(12345, Wallet.ALIPAY),
    "given-back": GivenBack(12345),
    "refunded": GivenBack(5000000, refund=True),
    "call-cashier": CallCashier(),
    "call-cashier-amount": CallCashier(12345),
    "not-booked": NotBookedScreen(12345),
    "message": Message(("收费处午休", "12:00-13:30")),
    "message-four-lines": Message(("您好", "请出示就诊卡", "排队 12 人", "约等 20 分钟")),
    "offline": OfflineScreen(),
    "offline-vpn": OfflineScreen("vpn"),
    "offline-wallet": OfflineScreen("wallet"),
    "offline-channel": OfflineScreen("channel_not_verified"),
    "clock-not-set": ClockNotSet(),
    "storage-failed": StorageFailed(),
    "scanner-missing": ScannerMissing(),
    "operator": OperatorView(
        "MZ-03",
        "0.1.0",
        "10.11.12.13",
        vpn_up=True,
        wallets=BOTH,
        last=LastResult("paid", 5000000, "14:05"),
        beneath=Signal.IDLE,
    ),
    "operator-nothing": OperatorView(
        "门诊收费3", "0.1.0", "", vpn_up=False, wallets=(), last=None, beneath=Signal.OFFLINE
    ),
    "same-amount": SameAmount(12345),
    "undo-offered": UndoOffered(5000000),
    "provisioning-waiting": Provisioning(ProvisioningStage.WAITING),
    "provisioning-parts": Provisioning(ProvisioningStage.PARTS, 12, 15),
    "provisioning-passphrase": Provisioning(ProvisioningStage.PASSPHRASE),
    "provisioning-working": Provisioning(ProvisioningStage.WORKING),
    "provisioning-done": Provisioning(ProvisioningStage.DONE, box="BOX-0001"),
    "provisioning-not-a-part": Provisioning(ProvisioningStage.NOT_A_PART),
    "provisioning-refused": Provisioning(ProvisioningStage.REFUSED, why=Refusal.SIGNATURE),
    "provisioning-old": Provisioning(ProvisioningStage.REFUSED, why=Refusal.OLD),
}
LANGUAGES = ("zh", "en")
SIZES = ((128, 64), (256, 64))
SHEET_WIDTH = 1060  # pixels, about
SCALE, MARGIN = 2, 12  # sheet pixels a screen pixel, sheet pixels
INK, PAPER, GLASS = (255, 255, 255), (48, 56, 72), (0, 0, 0)
EACH, FRAME = "each", 8  # the manuals' folder, sheet pixels around a picture
COLOURS = 8  # the three above, in a palette


def sheets() -> dict[str, tuple[str, tuple[int, int]]]:
    """Return the file name of each sheet with its language and the size of its screens."""
    kinds = product(LANGUAGES, SIZES)
    return {f"{tongue}-{size[0]}x{size[1]}.png": (tongue, size) for tongue, size in kinds}


def places(size: tuple[int, int]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Where each example stands on its sheet: the upper left point."""
    cell = (size[0] * SCALE + MARGIN, size[1] * SCALE + glyphs.LINE_HEIGHT + MARGIN)
    columns = SHEET_WIDTH // cell[0]
    for at, name in enumerate(EXAMPLES):
        yield name, (MARGIN + at % columns * cell[0], MARGIN + at // columns * cell[1])


def sheet(language: str, size: tuple[int, int]) -> Image.Image:
    """Return all examples with their names under them."""
    width, height = size[0] * SCALE, size[1] * SCALE
    corners = [corner for _, corner in places(size)]
    right, bottom = max(x for x, _ in corners), max(y for _, y in corners)
    whole = right + width + MARGIN, bottom + height + glyphs.LINE_HEIGHT + MARGIN
    page = Image.new("RGB", whole, PAPER)
    for name, (x, y) in places(size):
        picture = render(EXAMPLES[name], *size, language).resize((width, height))
        page.paste(GLASS, (x, y, x + width, y + height))
        page.paste(INK, (x, y), picture)
        page.paste(INK, (x, y + height), glyphs.text_image(name))
    return page.quantize(COLOURS)


def cut(page: Image.Image, corner: tuple[int, int], size: tuple[int, int]) -> Image.Image:
    """Return one screen of a sheet as it was drawn, mode `1`."""
    (x, y), (width, height) = corner, size
    cell = page.convert("L").crop((x, y, x + width * SCALE, y + height * SCALE))
    return cell.resize(size, Image.Resampling.NEAREST).point(lambda value: value > 0, mode="1")


def picture(screen: Screen) -> Image.Image:
    """Return one screen as the manuals show it: Chinese, the small panel, a dark frame."""
    width, height = SIZES[0]
    page = Image.new("1", (width * SCALE + 2 * FRAME, height * SCALE + 2 * FRAME))
    drawn = render(screen, width, height, LANGUAGES[0])
    page.paste(drawn.resize((width * SCALE, height * SCALE)), (FRAME, FRAME))
    return page


def write(folder: Path) -> None:
    """Draw every sheet, and in `each/` every screen by itself for the manuals."""
    each = folder / EACH
    each.mkdir(parents=True, exist_ok=True)
    for name, (language, size) in sheets().items():
        sheet(language, size).save(folder / name, optimize=True)
    for name, screen in EXAMPLES.items():
        picture(screen).save(each / f"{name}.png", optimize=True)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
