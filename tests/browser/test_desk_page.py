"""The demo's page, used like a person uses it: form, phone, scanner, and all three sides say so."""

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    Browser = Any  # tests/browser/conftest.py is no module that could be imported

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: "Browser", demo: str) -> "Iterator[Browser]":
    browser.size(1440, 1900)
    browser.open(demo)
    browser.wait_text("#parts", "HIS 线路已连")
    browser.wait(lambda: len(browser.text("#digits")) > 18, "a payer code")
    yield browser
    assert browser.complaints() == []


def collect(page: "Browser", amount: str, name: str = "张小三") -> None:
    page.write("#name", name)
    page.write("#amount", amount)
    page.click("#pay")
    page.wait_text("#verdict", f"¥{amount}")
    page.wait_text("#saying", "等待付款码")


def oled_is_lit(page: "Browser") -> bool:
    script = """
      const c = document.getElementById('oled'), d = c.getContext('2d')
        .getImageData(0, 0, c.width, c.height).data;
      let lit = 0; for (let i = 0; i < d.length; i += 4) lit += d[i] > 100; return lit"""
    return int(page.run(script)) > 1000


def test_a_payment_is_a_success_on_all_three_sides(page: "Browser", pictures: Path) -> None:
    page.screenshot(pictures / "1-idle.png")
    collect(page, "12.34")
    page.wait(lambda: oled_is_lit(page), "the amount on the glass")
    page.screenshot(pictures / "2-amount.png")

    page.click("#present")

    page.wait_text("#verdict", "已付")
    page.wait_text("#saying", "支付成功")
    page.wait_text("#phone-page", "支付成功")
    page.screenshot(pictures / "3-paid.png")
    assert "¥12.34" in page.text("#phone-page")
    assert '"status":"paid"' in page.text("#frames")
    assert "micropay" in page.text("#timeline")


def test_the_password_is_typed_on_the_phone(page: "Browser", pictures: Path) -> None:
    page.click("#tab-alipay")
    page.click("#luck [data-name=password]")
    collect(page, "1000.5".ljust(7, "0"))
    page.click("#present")
    page.wait_text("#phone-page", "请输入支付密码")
    page.wait_text("#verdict", "等待输入密码")
    page.screenshot(pictures / "4-password.png")

    page.press(*"135790")

    page.wait_text("#verdict", "已付")
    page.wait_text("#phone-page", "支付成功")


def test_a_declined_code_may_be_followed_by_another(page: "Browser", pictures: Path) -> None:
    page.click("#luck [data-name=balance]")
    collect(page, "30.00")
    page.click("#present")
    page.wait_text("#phone-page", "余额不足")
    page.wait_text("#verdict", "此码被拒")
    page.screenshot(pictures / "5-declined.png")

    page.click("#luck [data-name=normal]")
    page.click("[data-page=failed] button")
    page.wait(lambda: not page.run("return document.querySelector('.code').hidden"), "a new code")
    page.click("#present")

    page.wait_text("#verdict", "已付")


def test_a_power_cut_in_the_middle_is_recovered(page: "Browser", pictures: Path) -> None:
    page.click("#luck [data-name=password]")
    collect(page, "45.00")
    page.click("#present")
    page.wait_text("#phone-page", "请输入支付密码")

    page.click("#power")
    page.wait_text("#saying", "已断电")
    page.screenshot(pictures / "6-power-cut.png")
    page.press(*"135790")
    page.wait_text("#phone-page", "支付成功")
    page.click("#power")

    page.wait_text("#verdict", "已付")
    assert "重新上电" in page.text("#timeline")
    page.screenshot(pictures / "7-recovered.png")


def test_a_refund_in_part_and_then_the_rest(page: "Browser", pictures: Path) -> None:
    collect(page, "20.00")
    page.click("#present")
    page.wait_text("#verdict", "已付")
    page.click("#refund")
    page.screenshot(pictures / "8-refund.png")
    page.write("#refund-amount", "5.00")
    page.press("enter")
    page.wait_text("#charges", "已付，退 5.00")

    page.click("#charges tr.pay button")
    page.click("#reverse")

    page.wait_text("#charges tr.pay", "已全额退回")
    page.wait_text("#phone-page", "已退")


def test_without_a_network_nothing_is_taken(page: "Browser", pictures: Path) -> None:
    page.click("#luck [data-name=network]")
    page.wait_text("#luck [aria-checked=true]", "断网")
    page.click("#pay")

    page.wait_text("#charges", "网络不通")

    page.screenshot(pictures / "10-offline.png")
    page.click("#luck [data-name=normal]")
    page.wait_text("#saying", "空闲")


@pytest.mark.parametrize(("number", "name"), [(0, "两家支付网关"), (1, "扫码墩固件")])
def test_a_program_that_dies_is_said_and_started_again(
    page: "Browser", pictures: Path, number: int, name: str
) -> None:
    script = f"return document.querySelectorAll('#parts li')[{number}].title"
    os.kill(int(str(page.run(script)).removeprefix("pid ")), signal.SIGKILL)

    page.wait_text("#parts [data-state=dead]", f"{name} 意外退出")
    page.screenshot(pictures / f"11-died-{number}.png")
    page.click("#parts [data-state=dead] button")

    page.wait_text("#parts", f"{name} 运行中")
    page.wait_text("#parts", "HIS 线路已连")
    page.click("#refresh")
    collect(page, "7.00")
    page.click("#present")
    page.wait_text("#verdict", "已付")


def test_a_pulled_his_cable_is_put_back_and_the_result_arrives(page: "Browser") -> None:
    page.click("#luck [data-name=password]")
    collect(page, "6.00")
    page.click("#present")
    page.wait_text("#phone-page", "请输入支付密码")

    page.click("#his-cable")
    page.wait_text("#his-cable", "插回")
    page.press(*"135790")
    page.wait_text("#saying", "支付成功")
    assert "已付" not in page.text("#verdict")
    page.click("#his-cable")

    page.wait_text("#verdict", "已付")


def test_everything_can_be_done_with_the_keyboard(page: "Browser") -> None:
    page.run("document.getElementById('amount').focus()")
    page.press("enter")
    page.wait_text("#saying", "等待付款码")
    page.run("document.querySelector('#luck [aria-checked=true]').focus()")
    page.press("right")
    page.wait_text("#luck [aria-checked=true]", "要密码")
    page.run("document.getElementById('present').focus()")
    page.press("enter")
    page.wait_text("#phone-page", "请输入支付密码")
    page.press(*"000000")

    page.wait_text("#verdict", "已付")


def test_on_a_narrow_screen_nothing_is_wider_than_the_screen(
    page: "Browser", pictures: Path
) -> None:
    page.size(500, 1000)
    collect(page, "8.80")

    wide = page.run("return document.documentElement.scrollWidth - innerWidth")

    assert wide <= 0
    page.screenshot(pictures / "9-narrow.png")
