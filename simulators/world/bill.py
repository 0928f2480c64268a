"""What finance sees when the provider's bill is held against the HIS's own list.

One kind of money is known to no box: a pay that lands at the provider after its card was destroyed,
and after the box with the new card had asked the wallets about that order (payment-states §1.9).
Nothing at the desk can learn of it any more. It stands in the bill, and the HIS's list does not
have it as paid: a difference, never silent (M24).
"""

from simulators.world.view import View


def landed_unheard(view: View) -> dict[str, int]:
    """Return what is held of orders that no box can know of any more: order number -> fen.

    An order that no wallet was asked about since its card was lost is not among them: that the box
    has to do.
    """
    found = {}
    for number, trade in view.trades():
        asked_s = view.asked_s.get(number)
        gone = number in view.lost and view.attempt(number) is None
        held_fen = view.held_fen(trade)
        if gone and held_fen and asked_s is not None and asked_s < (trade.paid_at or 0):
            found[number] = held_fen
    return found


def only_in_bill(view: View) -> dict[str, int]:
    """Return what the bill has and the HIS does not count as paid: order number -> fen."""
    listed = {told["out_trade_no"] for told in view.listed.values() if told["status"] == "paid"}
    held = {number: view.held_fen(trade) for number, trade in view.trades()}
    return {number: fen for number, fen in held.items() if fen and number not in listed}
