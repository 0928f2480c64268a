"""The printable sheet of codes.

segno draws them; it is the office's (extra `provision`), not the box's, so it is imported here
alone and only when a sheet is made.
"""

import html
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from device.errors import HardwareError
from device.provisioning.bundle import Title

if TYPE_CHECKING:
    import segno

MISSING = "未安装 segno：pip install 'paybox[provision]' / segno is not installed"
MODULE_MM = 0.6  # of the printed code: read from a hand's breadth by any 2-D scanner
PNG_SCALE = 6  # pixels a module

PAGE = Template("""<!doctype html>
<html lang="zh-CN"><meta charset="utf-8"><title>$title</title>
<style>
body { font: 12pt sans-serif; margin: 1cm; }
h1 { font-size: 14pt; } p { margin: .2em 0; }
figure { display: inline-block; margin: 6mm; text-align: center; break-inside: avoid; }
figcaption { font-size: 14pt; font-weight: bold; }
</style>
<h1>$title</h1>
$words
$figures
</html>
""")
WORDS = (
    "在扫码墩上任意顺序扫描以下各张，重复扫描无妨；屏幕显示进度。",
    "内容已加密并签名。口令码在另一页，请分开保管与递送，用后销毁。",
)
KEY_WORDS = ("屏幕显示“请扫描口令码”时扫描。请与配置码分开保管与递送，用后销毁。",)


def write_codes(path: Path, title: Title, codes: Sequence[str]) -> None:
    """Write the printable page of a bundle's codes."""
    heading = f"扫码墩配置码 {title.box}　版本 {title.version}　共 {len(codes)} 张"
    captions = [f"第 {at}/{len(codes)} 张" for at in range(1, len(codes) + 1)]
    path.write_text(_page(heading, WORDS, codes, captions), encoding="utf-8")


def write_passphrase(path: Path, title: Title, code: str) -> None:
    """Write the printable page of the passphrase's code, for the owner alone."""
    page = _page(f"扫码墩口令码 {title.box}　版本 {title.version}", KEY_WORDS, [code], ["口令码"])
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(page, encoding="utf-8")


def write_pictures(folder: Path, codes: Sequence[str]) -> None:
    """Write one PNG a code, for showing on a telephone."""
    for at, code in enumerate(codes, 1):
        _drawn(code).save(str(folder / f"code-{at:02}-of-{len(codes):02}.png"), scale=PNG_SCALE)


def _page(title: str, words: Sequence[str], codes: Sequence[str], captions: Sequence[str]) -> str:
    figures = (
        f"<figure>{_svg(code)}<figcaption>{caption}</figcaption></figure>"
        for code, caption in zip(codes, captions, strict=True)
    )
    return PAGE.substitute(
        title=html.escape(title),
        words="\n".join(f"<p>{word}</p>" for word in words),
        figures="\n".join(figures),
    )


def _svg(code: str) -> str:
    return str(_drawn(code).svg_inline(scale=MODULE_MM, unit="mm"))


def _drawn(code: str) -> "segno.QRCode":
    try:
        import segno  # noqa: PLC0415  see above
    except ImportError:
        raise HardwareError(MISSING) from None
    return segno.make_qr(code, error="m", boost_error=False)
