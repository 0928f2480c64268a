"""Every kind of chart is drawn in a real browser and compared with blank, in each theme."""

import io
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image

from center.reports.charts import KINDS, THEMES
from center.reports.scope import beijing_today
from tests.browser.conftest import Browser, started

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NAMES = [name for _title, kinds in KINDS for name, _text in kinds]
PASSWORD = "a-pass-8-for-tests"
LEAST_DRAWN = 0.004  # of the chart's area that is not its ground: a thin line is more


@dataclass
class Center:
    address: str
    folder: Path


@pytest.fixture(scope="module")
def center(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Center]:
    folder = tmp_path_factory.mktemp("center")
    file = folder / "paybox-center.toml"
    file.write_text('listen = "127.0.0.1:0"\n')
    center = (sys.executable, "-m", "center")
    size = ("--days", "24", "--boxes", "4", "--payments", "12")
    subprocess.run([*center, "demo-data", "-c", str(file), *size], check=True, capture_output=True)
    make = (
        "from center.accounts.models import User; "
        f"User.objects.create_user('caiwu', password='{PASSWORD}', role='finance',"
        " must_change_password=False)"
    )
    manage = [*center, "manage", "-c", str(file), "shell", "-c", make]
    subprocess.run(manage, check=True, capture_output=True)
    process, ready = started([*center, "run", "-c", str(file)], r"ready (http://\S+/)")
    yield Center(ready[1].rstrip("/"), folder)
    process.terminate()
    process.wait(timeout=15)
    assert process.stdout is not None
    process.stdout.close()


@pytest.fixture(scope="module")
def page(
    center: Center, driver: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    # Solid charts need WebGL, which a machine without a graphics card draws by itself.
    flags = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")
    browser = Browser(driver, tmp_path_factory.mktemp("profile"), flags)
    browser.size(1200, 1100)
    browser.open(center.address + "/login")
    browser.write("input[name=username]", "caiwu")
    browser.write("input[name=password]", PASSWORD)
    browser.click("form.card button")
    browser.wait_text("h1", "今日总览")
    yield browser
    browser.close()


def drawn_share(browser: Browser) -> float:
    """How much of the chart's area differs from its most common colour."""
    place = browser.run(
        "const r = document.querySelector('[data-chart]').getBoundingClientRect();"
        "return [r.left, r.top, r.right, r.bottom].map(Math.round)"
    )
    picture = Image.open(io.BytesIO(browser.picture())).convert("RGB").crop(tuple(place))
    colours = picture.getcolors(picture.width * picture.height)
    assert colours
    return 1 - max(count for count, _colour in colours) / (picture.width * picture.height)


def open_chart(center: Center, page: Browser, kind: str, theme: str = "clear") -> None:
    group = "business" if kind in {"pie", "doughnut", "rose", "funnel", "pyramid"} else "day"
    group = "desk" if kind in {"chord", "relation", "network", "pareto"} else group
    page.open(
        f"{center.address}/charts?report=orders&kind={kind}&theme={theme}&group={group}"
        "&split=channel&day_from=2020-01-01&day_to=2099-12-31"
    )
    page.wait(
        lambda: page.run("return document.querySelector('[data-chart]').dataset.drawn") == "yes",
        f"{kind} is drawn",
    )
    complaints = [line for line in page.complaints() if "GL Driver Message" not in line]
    assert complaints == []  # what the driver says of its own speed is no fault of the page


@pytest.mark.parametrize("kind", NAMES)
def test_each_kind_is_drawn(center: Center, page: Browser, pictures: Path, kind: str) -> None:
    open_chart(center, page, kind)
    page.screenshot(pictures / f"chart-{kind}.png")
    assert drawn_share(page) > LEAST_DRAWN


@pytest.mark.parametrize("theme", [name for name, _text in THEMES])
def test_each_theme_has_its_own_ground(center: Center, page: Browser, theme: str) -> None:
    open_chart(center, page, "line", theme)
    ground = page.run("return THEME.ground")
    assert ground == page.run(f"return THEMES.{theme}.ground")
    assert drawn_share(page) > LEAST_DRAWN


def test_a_blank_chart_would_be_noticed(center: Center, page: Browser) -> None:
    open_chart(center, page, "column")
    page.run("echarts.getInstanceByDom(document.querySelector('[data-chart]')).clear()")
    assert drawn_share(page) < LEAST_DRAWN


def test_a_click_on_a_column_leads_to_the_rows_behind_it(center: Center, page: Browser) -> None:
    open_chart(center, page, "column")
    page.run(
        "const chart = echarts.getInstanceByDom(document.querySelector('[data-chart]'));"
        "const data = JSON.parse(document.getElementById('data').textContent);"
        "chart.trigger('click', { name: data.x[3], seriesName: data.series[1].name })"
    )
    page.wait_text("h1", "订单")
    address = page.run("return location.href")
    assert re.search(r"day_from=(\d{4}-\d\d-\d\d)&day_to=\1", address)
    assert "channel=alipay" in address


def test_a_figure_under_the_chart_leads_to_rows_of_that_sum(center: Center, page: Browser) -> None:
    open_chart(center, page, "column")
    figure = page.text("[data-table] td.r a")
    page.click("[data-table] td.r a")
    page.wait_text("h1", "订单")
    page.wait_text(".sums", "金额")
    assert figure in page.text(".sums")


def test_an_hour_of_the_dashboard_leads_to_its_receipts(center: Center, page: Browser) -> None:
    day = beijing_today() - timedelta(days=1)
    page.open(f"{center.address}/?department=outpatient&day={day}")
    drawn = "return [...document.querySelectorAll('[data-chart]')].every(c => c.dataset.drawn)"
    page.wait(lambda: bool(page.run(drawn)), "the charts are drawn")
    page.run(
        "const chart = echarts.getInstanceByDom(document.querySelector('[data-from=hours]'));"
        "chart.trigger('click', { name: '9:00', seriesName: '微信' })"
    )
    page.wait_text("h1", "收款")
    address = page.run("return location.search")
    for part in (f"day_from={day}", "department=outpatient", "hour=9", "channel=wechat"):
        assert part in address
    assert page.run("return document.querySelector('[name=day_from]').value") == str(day)


def test_a_day_without_receipts_says_so_instead_of_empty_axes(
    center: Center, page: Browser
) -> None:
    page.open(f"{center.address}/?day=2020-01-01")
    page.wait_text("[data-from=hours]", "没有数据")


def test_the_calendar_beside_a_day_fills_it_in_whatever_language(
    center: Center, page: Browser
) -> None:
    page.open(f"{center.address}/reports/orders/")
    page.run(
        "const field = document.querySelector('[name=day_from]'), calendar = field.nextSibling;"
        "calendar.value = '2026-02-03'; calendar.dispatchEvent(new Event('change'))"
    )
    assert page.run("return document.querySelector('[name=day_from]').value") == "2026-02-03"
