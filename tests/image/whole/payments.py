"""Payments as they happen at a desk, scanned by the keyboard, asked for over the serial cable."""

from collections.abc import Awaitable, Callable

from tests.image.whole.desk import WentOtherwise
from tests.image.whole.stage import Stage


async def _paid(stage: Stage, id_: str) -> None:
    asked = await stage.desk.collect(id_)
    await stage.desk.show("wechat")
    await asked


async def _other_wallet(stage: Stage, id_: str) -> None:
    asked = await stage.desk.collect(id_)
    await stage.desk.show("alipay")
    await asked


async def _declined(stage: Stage, id_: str) -> None:
    asked = await stage.desk.collect(id_)
    await stage.desk.show("wechat", [{"name": "decline", "code": "NOTENOUGH"}])
    await stage.desk.state("declined", unless=asked)
    await stage.desk.show("alipay")
    await asked


async def _password(stage: Stage, id_: str) -> None:
    asked = await stage.desk.collect(id_)
    code = await stage.desk.show("wechat", [{"name": "password_never"}])
    await stage.desk.state("password", unless=asked)
    await stage.hospital.provider.type_password(code, ok=True)
    await asked


async def _doubt(stage: Stage, id_: str) -> None:
    asked = await stage.desk.collect(id_)
    await stage.desk.show("alipay", [{"name": "drop_after"}])
    await asked


async def _cancelled(stage: Stage, id_: str) -> None:
    asked = await stage.desk.collect(id_)
    await stage.desk.ask("cancel", {"id": id_})
    await asked


STORIES: dict[str, tuple[Callable[[Stage, str], Awaitable[None]], str]] = {
    "pay, WeChat": (_paid, "paid"),
    "pay, Alipay": (_other_wallet, "paid"),
    "declined, another code": (_declined, "paid"),
    "password": (_password, "paid"),
    "no answer, yet paid": (_doubt, "paid"),
    "cancelled before a code": (_cancelled, "not_paid"),
}


async def play(stage: Stage) -> None:
    """Play all; each ends as it must, and three books agree."""
    for name, (story, status) in STORIES.items():
        id_ = stage.desk.new_id()
        try:
            await story(stage, id_)
            answer = await stage.desk.final(id_)
            told = await stage.books(id_)
        except (WentOtherwise, TimeoutError) as error:
            stage.table.say(name, f"{error!r}", right=False)
            continue
        stage.table.say(name, told, right=answer.get("status") == status)
