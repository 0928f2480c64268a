import itertools

import pytest

from simulators.gateway.model import NEXT, PayOrder, State, Trade, Wallet

ORDER = PayOrder(Wallet.WECHAT, "T1", 100, "134500000000000001", "门诊收费", "print")


@pytest.mark.parametrize(("old", "new"), list(itertools.product(State, State)))
def test_a_trade_takes_only_the_steps_of_the_table(old: State, new: State) -> None:
    trade = Trade(ORDER, "4200", 0.0, 45.0, state=old)
    if new in NEXT[old]:
        trade.become(new, 7.0, "payer")
        assert (trade.state, trade.ended_by, trade.history) == (new, "payer", [(7.0, new)])
    else:
        with pytest.raises(AssertionError):
            trade.become(new, 7.0)
        assert (trade.state, trade.history) == (old, [])


def test_no_payer_code_in_any_repr() -> None:
    assert "1345" not in repr(ORDER) + repr(Trade(ORDER, "4200", 0.0, 45.0))
