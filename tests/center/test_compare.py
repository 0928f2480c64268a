import random
import time
from itertools import pairwise

import pytest

from center.reconciliation.compare import Break, Code, Item, Kind, compare

PAYMENT, REFUND = Kind.PAYMENT, Kind.REFUND


def pay(key: str, fen: int = 100, channel: str = "wechat") -> Item:
    return Item(PAYMENT, key, fen, channel)


def back(key: str, fen: int = 100, channel: str = "wechat") -> Item:
    return Item(REFUND, key, fen, channel)


@pytest.mark.parametrize(
    ("journal", "other", "code", "difference"),
    [
        ([pay("A")], [], Code.ONLY_JOURNAL, -100),
        ([], [pay("A")], Code.ONLY_OTHER, 100),
        ([back("R")], [], Code.ONLY_JOURNAL, 100),
        ([], [back("R")], Code.ONLY_OTHER, -100),
        ([pay("A", 100)], [pay("A", 90)], Code.AMOUNT, -10),
        ([back("R", 100)], [back("R", 90)], Code.AMOUNT, 10),
        ([pay("A")], [pay("A", channel="alipay")], Code.CHANNEL, 0),
        ([pay("A")], [pay("A"), pay("A")], Code.TWICE_OTHER, 100),
        ([pay("A"), pay("A")], [pay("A")], Code.TWICE_JOURNAL, -100),
    ],
)
def test_each_disagreement_has_its_code_and_its_signed_difference(
    journal: list[Item], other: list[Item], code: Code, difference: int
) -> None:
    breaks = [b for b in compare(journal, other) if isinstance(b, Break)]
    assert [(b.code, b.difference_fen) for b in breaks] == [(code, difference)]


def test_what_agrees_is_given_back_and_a_list_that_names_no_channel_agrees() -> None:
    assert list(compare([pay("A")], [pay("A", channel="")])) == [pay("A")]


@pytest.mark.parametrize("seed", range(20))
def test_what_was_planted_is_found_and_nothing_else(seed: int) -> None:
    draw = random.Random(seed)
    journal = [pay(f"{n:06d}", draw.randint(1, 10**6)) for n in range(3000)]
    other, doubled = {item.key: item for item in journal}, []
    planted: set[tuple[Code, str]] = set()
    for item in draw.sample(journal, 400):
        luck, key = draw.choice(list(Code)), item.key
        if luck is Code.ONLY_JOURNAL:
            del other[key]
        elif luck is Code.ONLY_OTHER:
            key = f"x{key}"
            other[key] = pay(key)
        elif luck is Code.AMOUNT:
            other[key] = pay(key, item.amount_fen + draw.choice((-1, 1, 500)))
        elif luck is Code.CHANNEL:
            other[key] = pay(key, item.amount_fen, "alipay")
        elif luck is Code.TWICE_JOURNAL:
            journal.append(item)
        else:
            doubled.append(item)
        planted.add((luck, key))
    theirs = sorted((*other.values(), *doubled))
    found = [b for b in compare(sorted(journal), theirs) if isinstance(b, Break)]
    assert {(b.code, b.key) for b in found} == planted
    total = sum(i.signed_fen for i in theirs) - sum(i.signed_fen for i in journal)
    assert sum(b.difference_fen for b in found) == total, "the differences are the difference"


def test_a_list_out_of_order_is_a_fault_of_ours() -> None:
    with pytest.raises(AssertionError):
        list(compare([pay("B"), pay("A")], []))


def test_the_time_grows_with_the_length_only() -> None:
    took = []
    for size in (20_000, 40_000):
        journal = [pay(f"{n:08d}") for n in range(size)]
        other = [pay(f"{n:08d}") for n in range(size // 2, size + size // 2)]
        began = time.process_time()
        assert sum(1 for _ in compare(journal, other)) == size + size // 2
        took.append(time.process_time() - began)
    assert all(later < earlier * 5 for earlier, later in pairwise(took))
