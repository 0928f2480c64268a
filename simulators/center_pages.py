"""Draw the centre's pages as pictures, with invented data, in a real browser.

    python -m simulators.center_pages docs/pages
    python -m simulators.center_pages /tmp/pages --every    # in both languages, wide and narrow

A centre of its own with sixty days of twelve boxes; each page as a user of a fitting role sees it.
Needs Debian's `chromium` and `chromium-driver`.
"""

import argparse
import io
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from PIL import Image

from simulators.browser import Browser, driven, started

MISSING = "Chromium is not here. Debian: apt-get install chromium chromium-driver\n"
PASSWORD = "a-pass-8-for-pictures"  # noqa: S105  of a centre that lives for a minute
WIDE, NARROW = 1400, 500
OFFICE = 1280
"""Pixels: of the pictures in the documents, of a small window, of an old office screen."""
TALLEST = 1500
COLOURS = 200
SOFT_GL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")
"""Solid charts need WebGL, which a machine without a graphics card draws by itself."""


@dataclass(frozen=True, slots=True)
class Page:
    """One picture."""

    name: str
    path: str
    role: str = "finance"
    click: str = ""
    """A link that is followed first, as a CSS selector."""
    english: bool = False
    width: int = WIDE


PAGES = (
    Page("login", "/login", role=""),
    Page("login-en", "/login", role="", english=True),
    Page("dashboard", "/"),
    Page("dashboard-slice", "/?department=inpatient&day=2026-11-20"),
    Page("manager", "/", role="manager"),
    Page("dashboard-en", "/", english=True),
    Page("dashboard-narrow", "/", width=NARROW),
    Page("orders", "/reports/orders/"),
    Page("orders-en", "/reports/orders/", english=True),
    Page("orders-narrow", "/reports/orders/", width=NARROW),
    Page("order", "/reports/orders/?state=paid", click="tr[data-href] a"),
    Page("receipts", "/reports/receipts/"),
    Page("refunds", "/reports/refunds/"),
    Page("refund-anomalies", "/reports/refund-anomalies/"),
    Page("statements", "/reports/statements/"),
    Page("statement-lines", "/reports/statement-lines/"),
    Page("bank-receipts", "/reports/bank-receipts/"),
    Page("bank-breaks", "/reports/bank-breaks/"),
    Page("receipts-entry", "/reconciliation/receipts"),
    Page("reconciliation", "/reports/reconciliation/"),
    Page("breaks", "/reports/breaks/"),
    Page("breaks-en", "/reports/breaks/", english=True),
    Page("break", "/reports/breaks/", click="tr[data-href] a"),
    Page("his-list", "/reports/his-rows/"),
    Page("upload", "/reconciliation/upload"),
    Page("reviews", "/reports/reviews/"),
    Page("charts", "/charts?report=orders&kind=stack&group=day&split=channel"),
    Page("charts-pareto", "/charts?report=orders&kind=pareto&group=desk"),
    Page("charts-solid", "/charts?report=orders&kind=column3d&group=day&split=business&theme=dark"),
    Page("boxes", "/reports/boxes/", role="administrator"),
    Page("box", "/reports/boxes/", role="administrator", click="tr[data-href] a"),
    Page("alarms", "/reports/alarms/", role="administrator"),
    Page("quarantine", "/reports/quarantine/", role="administrator"),
    Page("users", "/reports/users/", role="administrator"),
    Page("user", "/reports/users/", role="administrator", click="tr[data-href] a"),
    Page("new-user", "/users/new", role="administrator"),
    Page("password", "/password", role="administrator"),
    Page("tokens", "/reports/tokens/", role="administrator"),
    Page("audit", "/reports/audit/", role="auditor"),
)
MAKE = """
from datetime import UTC, datetime
from center.accounts.models import User
from center.ledger.ingest import raise_alarm
from center.ledger.models import Box, Quarantine
from device.sync.wire import HASH_FAULT
told, now = "demo0007：有 1 行无法采信，已隔离", datetime.now(UTC)
box = Box.objects.get(pk="BOX-0007")
raise_alarm(box, "quarantine", told, now)
Quarantine.objects.create(
    box=box, epoch="demo0007", seq=99, why=HASH_FAULT, row={}, received_at=now
)
"""
"""What is on the pages beside the invented payments."""
ROLES = tuple(dict.fromkeys(page.role for page in PAGES if page.role))


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m simulators.center_pages", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="names that begin so")
    parser.add_argument("--every", action="store_true", help="each in zh and en, 1280 and 500 wide")
    options = parser.parse_args(argv)
    program = shutil.which("chromedriver")
    if program is None or shutil.which("chromium") is None:
        sys.stderr.write(MISSING)
        return 2
    options.folder.mkdir(parents=True, exist_ok=True)
    wanted = [page for page in PAGES if page.name.startswith(options.only)]
    wanted = list(_every(wanted)) if options.every else wanted
    with ExitStack() as stack:
        address = stack.enter_context(_center())
        driver = stack.enter_context(driven(program))
        for role, english in sorted({(page.role, page.english) for page in wanted}):
            draw(driver, address, options.folder, [p for p in wanted if _seen_by(p, role, english)])
    return 0


def _every(pages: Sequence[Page]) -> Iterator[Page]:
    """Each page in both languages and in two widths."""
    plain = [page for page in pages if not page.english and page.width == WIDE]
    for page, english, width in product(plain, (False, True), (OFFICE, NARROW)):
        name = f"{page.name}-{'en' if english else 'zh'}-{width}"
        yield replace(page, name=name, english=english, width=width)


def _seen_by(page: Page, role: str, english: bool) -> bool:  # noqa: FBT001
    return (page.role, page.english) == (role, english)


def draw(driver: str, address: str, folder: Path, pages: Sequence[Page]) -> None:
    """Draw pages that one user sees in one language."""
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(driver, Path(profile), SOFT_GL)
        try:
            _enter(browser, address, pages[0])
            for page in pages:
                _open(browser, address, page)
                picture = small(browser.whole_page(page.width, TALLEST))
                (folder / f"{page.name}.png").write_bytes(picture)
                overflow = browser.run("return document.documentElement.scrollWidth - innerWidth")
                told = "; ".join((*browser.complaints(), *_too_wide(overflow)))
                print(f"{page.name:<20} {len(picture) / 1000:6.1f} kB  {told}", flush=True)
        finally:
            browser.close()


def _too_wide(pixels: int) -> tuple[str, ...]:
    return (f"{pixels} pixels too wide",) if pixels > 0 else ()


def _enter(browser: Browser, address: str, page: Page) -> None:
    """Log in, if the page wants somebody, and choose its language."""
    browser.open(f"{address}/login")
    if page.role:
        browser.write("input[name=username]", page.role)
        browser.write("input[name=password]", PASSWORD)
        browser.click("form.card button")
        browser.wait(lambda: "/login" not in browser.run("return location.pathname"), "logged in")
    word = "en" if page.english else "zh-hans"
    browser.run(
        f"document.querySelector('button[name=language][value={json.dumps(word)}]')?.click()"
    )
    lang = f"return document.documentElement.lang === {json.dumps(word)}"
    browser.wait(lambda: bool(browser.run(lang)), "in that language")


def _open(browser: Browser, address: str, page: Page) -> None:
    look = {"width": page.width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.developer("Emulation.setDeviceMetricsOverride", **look)
    browser.open(address + page.path)
    if page.click:
        browser.click(page.click)
        browser.wait(lambda: "/reports/" not in browser.run("return location.pathname"), "followed")
    whole = (
        "return document.readyState === 'complete'"
        " && [...document.querySelectorAll('[data-chart]')].every(c => c.dataset.drawn)"
        " && [...document.querySelectorAll('[data-load]')].every(p => p.children.length)"
    )
    browser.wait(lambda: bool(browser.run(whole)), f"{page.name} is whole")


def small(png: bytes) -> bytes:
    """The same picture in few colours, a third of the bytes."""
    out = io.BytesIO()
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    few = picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(out, "PNG", optimize=True)
    return out.getvalue()


@contextmanager
def _center() -> Iterator[str]:
    """Run a centre with invented data and a user of each role; yield its address."""
    with tempfile.TemporaryDirectory(prefix="paybox-pages-") as folder:
        file = Path(folder) / "paybox-center.toml"
        file.write_text('listen = "127.0.0.1:0"\n')
        center = [sys.executable, "-m", "center"]
        size = ("--days", "60", "--boxes", "12")
        _run([*center, "demo-data", "-c", str(file), *size])
        make = MAKE + "\n".join(
            f"User.objects.create_user({role!r}, password={PASSWORD!r}, role={role!r},"
            " must_change_password=False)"
            for role in ROLES
        )
        _run([*center, "manage", "-c", str(file), "shell", "-c", make])
        process, ready = started([*center, "run", "-c", str(file)], r"ready (http://\S+/)")
        try:
            yield ready[1].rstrip("/")
        finally:
            process.terminate()
            process.wait()
            assert process.stdout
            process.stdout.close()


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603


if __name__ == "__main__":
    raise SystemExit(main())
