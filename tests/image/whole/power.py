"""Power cuts at random moments of a payment: the machine is killed, its card's cache is lost."""

import asyncio
from collections import Counter
from typing import Any

from tests.image.whole.desk import WentOtherwise
from tests.image.whole.stage import Stage

LUCK: tuple[list[dict[str, Any]], ...] = (
    [],
    [],
    [],
    [{"name": "password", "after_s": 3.0}],
    [{"name": "password_never"}],
    [{"name": "system_error"}],
    [{"name": "drop_after"}],
    [{"name": "drop_before"}],
    [{"name": "late", "delay_s": 2.0}],
    [{"name": "late_pay", "after_s": 2.0}],
)
SCAN_S = 0.5  # nineteen keys
EARLY = 0.2  # of the cuts come before the box says that it pays
SHORTEST_S, LONGEST_S = 0.005, 12.0  # the others come so long after that, log-uniform


async def cut_and_compare(stage: Stage) -> None:
    """So many payments, each cut once; a row for all, and one for each that went wrong."""
    cuts = stage.payment_cuts
    ends: Counter[str] = Counter()
    wrong, starts, doubtful = 0, [], 0
    for number in range(cuts):
        id_ = stage.desk.new_id()
        try:
            doubtful += await _pay_and_cut(stage, id_)
            starts.append(await stage.start())
            answer = await stage.desk.final(id_)
            told = await stage.books(id_)
            ends[str(answer.get("status") or answer.get("code"))] += 1
            told += f", {doubtful} sectors so far, started in {starts[-1]:.0f} s"
            print(f"    cut {number + 1}: {told}", flush=True)
        except (WentOtherwise, TimeoutError, EOFError) as error:
            wrong += 1
            stage.table.say(f"power cut {number + 1}", f"{id_}: {error!r}", right=False)
            await stage.start_anew()
    median = sorted(starts)[len(starts) // 2] if starts else 0.0
    told = f"{cuts - wrong} of {cuts}: {dict(ends)}; {doubtful} sectors lost or torn"
    stage.table.say("power cuts in a payment, survived", told, right=not wrong)
    stage.table.say("power to HIS link, median of these", f"{median:.1f} s")


async def _pay_and_cut(stage: Stage, id_: str) -> int:
    asked = await stage.desk.collect(id_, 100 + stage.luck.randrange(9000))
    wallet = stage.luck.choice(("wechat", "alipay"))
    showing = asyncio.create_task(stage.desk.show(wallet, stage.luck.choice(LUCK)))
    if stage.luck.random() < EARLY:
        await asyncio.sleep(SCAN_S + stage.luck.random())
    else:
        await showing  # until the code was taken
        await asyncio.sleep(SHORTEST_S * (LONGEST_S / SHORTEST_S) ** stage.luck.random())
    doubtful = await stage.cut()
    for task in (asked, showing):
        task.cancel()
    await asyncio.gather(asked, showing, return_exceptions=True)
    return doubtful
