"""Scanner and cable are pulled out and put in again, in the middle of payments."""

import time

from simulators.qemu import KEYBOARD
from tests.image.whole.machine import CABLE
from tests.image.whole.stage import Stage


async def play(stage: Stage) -> None:
    """One payment with each."""
    await _scanner(stage)
    await _cable(stage)


async def _scanner(stage: Stage) -> None:
    """Pulled in the middle of a code; the whole code after that is the one that counts."""
    id_ = stage.desk.new_id()
    asked = await stage.desk.collect(id_)
    await stage.guest.type("13456")
    await stage.guest.unplug(KEYBOARD)
    await stage.desk.until_parts(lambda parts: parts["scanner"] != "ok")
    began = time.monotonic()
    await stage.guest.plug(KEYBOARD)
    await stage.desk.until_parts(lambda parts: parts["scanner"] == "ok")
    back_s = time.monotonic() - began
    await stage.desk.show("wechat")
    answer = await asked
    told = f"{await stage.books(id_)}; scanner held {back_s:.1f} s after plugging"
    stage.table.say("scanner pulled in a code", told, right=answer.get("status") == "paid")


async def _cable(stage: Stage) -> None:
    """Pulled while the patient types the password; the HIS learns of it when the cable is back."""
    id_ = stage.desk.new_id()
    asked = await stage.desk.collect(id_)
    code = await stage.desk.show("wechat", [{"name": "password_never"}])
    await stage.desk.state("password", unless=asked)
    await stage.guest.unplug(CABLE)
    await stage.hospital.provider.type_password(code, ok=True)
    await stage.until_journal(id_, "paid")
    began = time.monotonic()
    await stage.guest.plug(CABLE)
    answer = await stage.desk.final(id_)
    asked.cancel()
    told = f"{await stage.books(id_)}; told {time.monotonic() - began:.1f} s after plugging"
    stage.table.say("HIS cable pulled in a payment", told, right=answer.get("status") == "paid")
