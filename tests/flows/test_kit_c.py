"""The C client against a real box: a library built here, its blocking calls in threads."""

import asyncio
import ctypes
import shutil
import subprocess
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from device.domain.screens import AmountDue, PaidScreen, Password
from simulators.gateway.identities import Identities
from simulators.gateway.server import Gateway

if TYPE_CHECKING:
    from tests.flows.conftest import Desk, Pty

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")

KIT = Path(__file__).parents[2] / "his_kit" / "c"
FLAGS = ["-std=c99", "-O1", "-g", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-shared", "-fPIC"]
UNKNOWN, PAID, NOT_PAID, RETURNED, REFUNDED, PENDING, FAILED, REFUSED = range(8)
BAD_ARGUMENT, NO_LINK = -1, -2
FEE = "outpatient_fee"
SECONDS = 20


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    built = tmp_path_factory.mktemp("kit") / "libpaybox_his.so"
    subprocess.run(["gcc", *FLAGS, "-o", str(built), str(KIT / "paybox_his.c")], check=True)
    return ctypes.CDLL(str(built))


class Client:
    """One handle; each call blocks a thread, as it blocks the HIS's window."""

    def __init__(self, library: ctypes.CDLL, address: str, encoding: str = "utf-8") -> None:
        self._encoding = encoding
        self._library = library
        self.handle = library.paybox_open(address.encode(), 2000)
        self.answer: dict[str, str] = {}

    def _call(self, name: str, *arguments: object) -> int:
        buffer = ctypes.create_string_buffer(8192)
        code: int = getattr(self._library, f"paybox_{name}")(
            self.handle, *arguments, buffer, len(buffer)
        )
        lines = buffer.value.decode(self._encoding).splitlines()
        self.answer = dict(line.partition("=")[::2] for line in lines)
        return code

    def pay(
        self, id_: bytes, fen: int, more: bytes = b"", seconds: int = SECONDS, try_: int = 1
    ) -> "asyncio.Future[int]":
        asked = partial(self._call, "pay", id_, try_, fen, FEE.encode(), more, seconds)
        return asyncio.ensure_future(asyncio.to_thread(asked))

    async def query(self, id_: bytes) -> int:
        return await asyncio.to_thread(self._call, "query", id_, 0, 0)

    async def refund(self, id_: bytes, pay_id: bytes, fen: int, seconds: int = SECONDS) -> int:
        reason = "退号".encode()
        return await asyncio.to_thread(self._call, "refund", id_, pay_id, fen, reason, seconds)

    def close(self) -> None:
        self._library.paybox_close(self.handle)


@pytest.fixture
async def client(desk: "Desk", library: ctypes.CDLL) -> AsyncIterator[Client]:
    desk.his.close()
    made = Client(library, desk.address)
    assert made.handle > 0
    yield made
    made.close()


async def test_pay_query_and_refund(desk: "Desk", client: Client) -> None:
    asked = client.pay(b"T1", 1234, "title=门诊收费;patient_name=张小三;ttl_s=60".encode())
    due = await desk.glass.until(AmountDue)
    assert (due.amount_fen, due.masked_name) == (1234, "张*三")
    desk.scan(desk.code("wechat"))
    assert await asked == PAID
    assert (client.answer["status"], client.answer["amount_fen"]) == ("paid", "1234")
    assert client.answer["out_trade_no"]
    assert await client.query(b"T1") == PAID
    assert await client.refund(b"R1", b"T1", 234) == REFUNDED
    assert await client.refund(b"R1", b"T1", 234) == REFUNDED  # the same id once more
    assert desk.held_fen() == 1000
    assert not desk.box._desk.state.offers  # every result was answered `received`


async def test_a_new_bill_may_take_the_place_of_one_that_nobody_has_paid(
    desk: "Desk", client: Client
) -> None:
    assert await client.pay(b"T1", 1234, seconds=1) == UNKNOWN
    asked = client.pay(b"T2", 5, b"supersede=true;ttl_s=60")
    async with asyncio.timeout(SECONDS):
        while (await desk.glass.until(AmountDue)).amount_fen != 5:  # noqa: ASYNC110  the glass tells kinds
            await asyncio.sleep(0.01)
    desk.scan(desk.code("wechat"))
    assert await asked == PAID
    assert await client.query(b"T1") == NOT_PAID
    assert client.answer["reason"] == "superseded"


async def test_a_password_is_waited_for(desk: "Desk", client: Client) -> None:
    asked = client.pay(b"T1", 1234)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("alipay", {"name": "password", "after_s": 0.3}))
    await desk.glass.until(Password)
    assert await asked == PAID


async def test_doubt_is_waited_for_and_never_called_unpaid(desk: "Desk", client: Client) -> None:
    asked = client.pay(b"T1", 1234)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("wechat", "drop_after"))
    assert await asked == PAID
    assert desk.held_fen() == 1234


async def test_a_payment_that_goes_back_is_told_at_once_as_unknown(
    desk: "Desk", client: Client
) -> None:
    asked = client.pay(b"T1", 1234)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("wechat", "password_never"))
    assert await asked == UNKNOWN
    assert client.answer["state"] == "reversing"
    async with asyncio.timeout(SECONDS):
        while (code := await client.query(b"T1")) == UNKNOWN:
            pass
    assert (code, desk.held_fen()) == (NOT_PAID, 0)


async def test_time_over_is_unknown_and_the_query_finds_it_paid(
    desk: "Desk", client: Client
) -> None:
    asked = client.pay(b"T1", 1234, seconds=1)
    await desk.glass.until(AmountDue)
    assert await asked == UNKNOWN
    assert client.answer == {}  # nothing was said yet
    desk.scan(desk.code("wechat"))
    await desk.glass.until(PaidScreen)
    assert await client.query(b"T1") == PAID


async def test_a_box_that_restarts_in_the_middle_is_asked_again(
    desk: "Desk", client: Client
) -> None:
    asked = client.pay(b"T1", 1234)
    await desk.glass.until(AmountDue)
    desk.changes["his.tcp"] = {"listen": desk.address.removeprefix("tcp://")}
    desk.scan(desk.code("wechat"))
    await desk.glass.until(PaidScreen)
    await desk.power_off()
    await desk.power_on()
    assert await asked == PAID
    assert await client.query(b"T1") == PAID
    assert desk.held_fen() == 1234


async def test_refusals_say_why_and_change_nothing(desk: "Desk", client: Client) -> None:
    assert await client.query(b"nobody") == REFUSED
    assert client.answer["code"] == "not_found"
    assert await client.pay(b"T1", 99_999_999) == REFUSED
    assert client.answer["code"] == "bad_amount"
    assert await client.refund(b"R1", b"nobody", 5) == REFUSED
    assert desk.held_fen() == 0


async def test_another_connection_has_the_desk(
    desk: "Desk", client: Client, library: ctypes.CDLL
) -> None:
    asked = client.pay(b"T1", 1234)
    await desk.glass.until(AmountDue)
    other = Client(library, desk.address)
    assert await other.pay(b"T2", 5) == REFUSED
    assert other.answer["code"] == "busy"
    same = other.pay(b"T1", 1234)  # the same bill: waited for, never refused
    await asyncio.sleep(0.1)
    desk.scan(desk.code("wechat"))
    assert (await asked, await same) == (PAID, PAID)
    assert desk.held_fen() == 1234
    other.close()


async def test_wrong_arguments_send_nothing(client: Client, library: ctypes.CDLL) -> None:
    assert await client.pay(b"", 1) == BAD_ARGUMENT
    assert await client.pay(b"a b", 1) == BAD_ARGUMENT
    assert await client.pay(b"T1", 0) == BAD_ARGUMENT
    assert await client.pay(b"T1", 1, try_=100) == BAD_ARGUMENT
    assert await client.pay(b"T1", 1, b"no sign") == BAD_ARGUMENT
    assert await client.pay(b"T1", 1, b"title=" + b"x" * 600) == BAD_ARGUMENT
    for address in (b"", b"tcp://x", b"http://x:1", b"tcp://h:1?speed=2", b"serial://", b"x" * 300):
        assert library.paybox_open(address, 100) == BAD_ARGUMENT
    assert library.paybox_open(b"tcp://127.0.0.1:1", 100) == NO_LINK
    assert library.paybox_close(99) == BAD_ARGUMENT


async def test_handles_are_few_and_come_back(desk: "Desk", library: ctypes.CDLL) -> None:
    handles = [library.paybox_open(desk.address.encode(), 2000) for _ in range(9)]
    assert handles == [1, 2, 3, 4, 5, 6, 7, 8, BAD_ARGUMENT]
    assert [library.paybox_close(h) for h in handles] == [0] * 8 + [BAD_ARGUMENT]


async def test_over_a_serial_cable_in_gbk(
    tmp_path: Path,
    keys: Identities,
    library: ctypes.CDLL,
    make_desk: type["Desk"],
    make_pty: type["Pty"],
) -> None:
    """Two ptys joined, as two computers on one cable."""
    (tmp_path / "box.key").write_text("0" * 63 + "1")
    box_end, his_end = make_pty(), make_pty()
    async with Gateway(keys) as gateway:
        desk = make_desk(tmp_path, gateway, keys)
        desk.changes["his"] = {"link": "serial", "encoding": "gbk"}
        desk.changes["his.serial"] = {"port": box_end.path}
        await desk.power_on()
        box_end.join(his_end)
        client = Client(library, f"serial://{his_end.path}?encoding=gbk", "gbk")
        # the second byte of 孿 is 5C in GBK, as a backslash
        asked = client.pay(b"T1", 1234, 'title=孿\\炉"房;operator=7'.encode("gbk"))
        due = await desk.glass.until(AmountDue)
        assert due.title == '孿\\炉"房'
        desk.scan(desk.code("wechat"))
        assert await asked == PAID
        assert client.answer["message"]  # Chinese, in the site's encoding
        client.close()
        box_end.part(his_end)
        await desk.power_off()
    for cable in (box_end, his_end, desk.scanner):
        cable.close()
