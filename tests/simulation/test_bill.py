"""Money that no box can know of any more stands in the provider's bill (M20, M24)."""

from collections.abc import Callable

import pytest

from device.probing import Prober
from simulators.world.bill import landed_unheard, only_in_bill
from simulators.world.checkers import cards
from simulators.world.history import Told
from simulators.world.view import View

Play = Callable[..., Told]

LATE = frozenset({"p5.1/patient#1", "upheaval#6", "p20.1/patient#1"})
"""Of seed 159: a pay is reversed, the card dies, the HIS asks and nothing is there; hours later the
pay lands. The third is an order that is watched for so long."""


def told(played: Play) -> list[str]:
    return [one.invariant for one in played(159, 20, LATE).violations]


def test_a_pay_that_lands_when_nobody_asks_any_more_is_an_item_of_the_bill(
    played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    items: list[dict[str, int]] = []
    true = only_in_bill

    def noted(view: View) -> dict[str, int]:
        items.append(landed_unheard(view))
        assert items[-1].items() <= true(view).items()
        return true(view)

    monkeypatch.setattr(cards, "only_in_bill", noted)
    assert told(played) == []
    assert len(items) == len(items[0]) == 1


def test_what_the_bill_does_not_show_is_blamed(
    played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "only_in_bill", lambda _: {})
    assert told(played) == ["M20"]


def test_a_new_card_that_asks_no_wallet_is_blamed(
    played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Prober, "_tries", _nothing)
    assert "M20" in told(played)


async def _nothing(*_: object) -> list[object]:
    return []
