"""The VPN's far end goes away: the box says so within three seconds, and nothing is lost."""

import time

from tests.image.whole.stage import Stage

MOST_S = 3.0
SEEN_AGAIN_S = 60.0


async def play(stage: Stage) -> None:
    """At rest, while asked for money, and with an amount on the glass."""
    await stage.desk.until_open()
    stage.hospital.close_tunnel()
    began = time.monotonic()
    await stage.desk.until_parts(lambda parts: parts["vpn"] == "fail")
    gone_s = time.monotonic() - began
    stage.table.say("VPN gone, said after", f"{gone_s:.1f} s", right=gone_s <= MOST_S)
    await _refused(stage)
    await stage.hospital.open_tunnel()
    began = time.monotonic()
    await stage.desk.until_open(SEEN_AGAIN_S)
    stage.table.say("VPN back, money taken after", f"{time.monotonic() - began:.1f} s")
    await _in_a_payment(stage)


async def _refused(stage: Stage) -> None:
    began = time.monotonic()
    fields = {"id": stage.desk.new_id(), "amount_fen": 100, "business": "outpatient_fee"}
    answer = await stage.desk.ask("pay", fields)
    told = f"{answer.get('code')} {answer.get('reason')} after {time.monotonic() - began:.1f} s"
    stage.table.say("asked for money without VPN", told, right=answer.get("code") == "offline")


async def _in_a_payment(stage: Stage) -> None:
    """It goes while the code is on its way, and comes back."""
    id_ = stage.desk.new_id()
    asked = await stage.desk.collect(id_)
    stage.hospital.close_tunnel()
    await stage.desk.show("alipay")
    await stage.hospital.open_tunnel()
    answer = await stage.desk.final(id_)
    asked.cancel()
    status = answer.get("status")
    told = await stage.books(id_)
    stage.table.say("VPN lost in a payment", told, right=status in {"paid", "not_paid"})
