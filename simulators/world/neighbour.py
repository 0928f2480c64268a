"""The desk next to ours, with the same merchant accounts: it collects, and gives back our money."""

import itertools

from simulators.gateway import cashier
from simulators.gateway.book import Book
from simulators.gateway.model import PayOrder, Refund, State, Trade, Wallet
from simulators.gateway.scripts import Asked, Turn
from simulators.world.names import OTHER_BOX_ID, OTHER_DESK_CODE


class Neighbour:
    """Acts on the providers' book, as its own box would have made them do."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._count = itertools.count(1)

    def collects(self, wallet: str, amount_fen: int) -> str:
        """Collect an amount; return the order's number."""
        number = f"{OTHER_DESK_CODE}{next(self._count):028d}"
        order = PayOrder(
            wallet=Wallet(wallet),
            out_trade_no=number,
            amount_fen=amount_fen,
            code=f"neighbour-{number}",
            subject="another desk",
            fingerprint=number,
            device=OTHER_BOX_ID,
        )
        self._book.move(self._book.open(order), State.PAID)
        return number

    def refunds(self, trade: Trade, amount_fen: int) -> bool:
        """Give back a part of an order of ours; whether the provider took it on."""
        order = trade.order
        number = f"R-{OTHER_DESK_CODE}-{next(self._count)}"
        turn = Turn(Asked(order.wallet, "refund", order.out_trade_no))
        done = cashier.refund(self._book, trade, number, amount_fen, "another desk", turn)
        return isinstance(done, Refund)
