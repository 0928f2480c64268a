"""Tell payer codes apart by prefix and length (reference: WeChat §4, Alipay §8).

The code is as good as money for a minute: it is passed on once and never kept, printed or logged.
"""

import re
from dataclasses import dataclass
from datetime import date

from device.domain.screens import Hint
from device.domain.words import Wallet

PAYABLE: tuple[tuple[Wallet, re.Pattern[str]], ...] = (
    (Wallet.WECHAT, re.compile(r"1[0-5][0-9]{16}", re.ASCII)),
    (Wallet.ALIPAY, re.compile(r"(?:2[5-9]|30)[0-9]{14,22}", re.ASCII)),
)
REFUSED: tuple[tuple[Hint, re.Pattern[str]], ...] = (
    (Hint.UNIONPAY, re.compile(r"62[0-9]{17}", re.ASCII)),
    (Hint.ECNY, re.compile(r"01[0-9]{17}", re.ASCII)),
    (Hint.MEDICAL, re.compile(r"(?:424|opc)[0-9A-Za-z]{25}", re.ASCII)),
    (Hint.ID_CARD, re.compile(r"[1-9][0-9]{16}[Xx]", re.ASCII)),
)
ID_CARD = re.compile(r"[1-9][0-9]{5}(\d{4})(\d{2})(\d{2})[0-9]{4}", re.ASCII)
ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
ID_CHECK_DIGITS = "10X98765432"
OLDEST_BIRTH_YEAR = 1900


@dataclass(frozen=True, slots=True)
class PayerCode:
    """A code that a wallet will take."""

    wallet: Wallet
    text: str

    def __repr__(self) -> str:
        """Leave the code out (M19)."""
        return f"PayerCode({self.wallet})"


LONGEST_ALIPAY = 24


def is_full_length(text: str) -> bool:
    """Whether no payer code goes on after these characters: a scan ends here by itself."""
    wallet = next((w for w, pattern in PAYABLE if pattern.fullmatch(text)), None)
    return wallet is Wallet.WECHAT or (wallet is not None and len(text) == LONGEST_ALIPAY)


def could_be_whole(text: str) -> bool:
    """Whether these characters are a code of some kind that may be whole, or may go on."""
    return any(pattern.fullmatch(text) for _, pattern in (*PAYABLE, *REFUSED))


def classify(text: str, *, refuse_id_cards: bool, today: date) -> PayerCode | Hint:
    """Return the code with its wallet, or what to tell the patient instead.

    `refuse_id_cards`: at this desk identity cards are scanned too, so 18 digits whose birth date
    and check digit fit are taken for a card (one WeChat code in several hundred fits by chance,
    and its owner refreshes it).
    """
    if refuse_id_cards and is_id_card(text, today):
        return Hint.ID_CARD
    for wallet, pattern in PAYABLE:
        if pattern.fullmatch(text):
            return PayerCode(wallet, text)
    return next((hint for hint, p in REFUSED if p.fullmatch(text)), Hint.NOT_PAYER_CODE)


def is_id_card(text: str, today: date) -> bool:
    """Whether 18 digits are a resident identity number: birth date and check digit fit."""
    match = ID_CARD.fullmatch(text)
    return match is not None and _born(match, today) and text.endswith(_check_digit(text))


def _born(match: re.Match[str], today: date) -> bool:
    try:
        born = date(*(int(part) for part in match.groups()))
    except ValueError:
        return False
    return born.year >= OLDEST_BIRTH_YEAR and born <= today


def _check_digit(text: str) -> str:
    total = sum(int(d) * w for d, w in zip(text, ID_WEIGHTS, strict=False))
    return ID_CHECK_DIGITS[total % 11]
