"""Every screen on one sheet, for people to look at.

`python -m device.display.sheet OUT [language] [width] [height]`: a sheet if OUT ends in `.png`,
else a folder that gets one picture a screen (`tests/golden/zh-128x64` is made so).

`EXAMPLES` is the list the stored pictures of the tests are made from, so that a screen that is
looked at and a screen that is tested are the same.
"""

import sys
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
    NotPaidScreen,
    OfflineScreen,
    PaidScreen,
    Password,
    Paying,
    Scanned,
    ScannerMissing,
    Screen,
    Starting,
    StorageFailed,
)
from device.domain.words import Reason, Wallet

BOTH = (Wallet.WECHAT, Wallet.ALIPAY)
EXAMPLES: dict[str, Screen] = {
    "starting": Starting(),
    "idle": Idle("市一医院", "MZ-03", BOTH),
    "idle-one-wallet": Idle("海州市第一人民医院", "门诊收费3", (Wallet.ALIPAY,)),
    "idle-no-wallet": Idle("市一医院", "MZ-03", ()),
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
    "scanned": Scanned(12345, Wallet.WECHAT),
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
    "offline": OfflineScreen(),
    "offline-vpn": OfflineScreen("vpn"),
    "offline-wallet": OfflineScreen("wallet"),
    "offline-channel": OfflineScreen("channel_not_verified"),
    "clock-not-set": ClockNotSet(),
    "storage-failed": StorageFailed(),
    "scanner-missing": ScannerMissing(),
}
COLUMNS, SCALE, MARGIN = 4, 2, 12  # screens a row, sheet pixels a screen pixel, sheet pixels
INK, PAPER, GLASS = "white", "#303848", "black"


def sheet(width: int, height: int, language: str = "zh") -> Image.Image:
    """Return all examples with their names under them."""
    cell = (width * SCALE + MARGIN, height * SCALE + glyphs.LINE_HEIGHT + MARGIN)
    rows = -(-len(EXAMPLES) // COLUMNS)
    page = Image.new("RGB", (cell[0] * COLUMNS + MARGIN, cell[1] * rows + MARGIN), PAPER)
    for at, (name, screen) in enumerate(EXAMPLES.items()):
        x, y = MARGIN + at % COLUMNS * cell[0], MARGIN + at // COLUMNS * cell[1]
        picture = render(screen, width, height, language).resize((width * SCALE, height * SCALE))
        page.paste(GLASS, (x, y, x + picture.width, y + picture.height))
        page.paste(INK, (x, y), picture)
        page.paste(INK, (x, y + picture.height), glyphs.text_image(name))
    return page


def write_each(folder: Path, width: int, height: int, language: str) -> None:
    """Write one picture a screen, pixel for pixel."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, screen in EXAMPLES.items():
        render(screen, width, height, language).save(folder / f"{name}.png")


if __name__ == "__main__":
    out, language, width, height = [*sys.argv[1:], *("", "zh", "128", "64")[len(sys.argv) - 1 :]]
    if out.endswith(".png"):
        sheet(int(width), int(height), language).save(out)
    else:
        write_each(Path(out), int(width), int(height), language)
