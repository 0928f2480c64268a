"""Runs the checks one by one and prints what the box did wrong, in Chinese."""

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from device.his_link.acceptance.desk_checks import DESK_CHECKS
from device.his_link.acceptance.line_checks import LINE_CHECKS
from device.his_link.acceptance.pay_checks import PAY_CHECKS
from device.his_link.acceptance.visit import Skipped, Visit, Wrong
from device.his_link.calls import NoAnswer

Check = Callable[[Visit], Awaitable[None]]
MARKS = {"ok": "✓", "wrong": "✗", "skipped": "－"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one check."""

    title: str
    state: str
    """ok | wrong | skipped"""
    text: str = ""


async def accept(visit: Visit, *, first_only: bool = False) -> list[Finding]:
    """Run every check; with `first_only` stop at the first thing wrong."""
    findings = await check_line(visit, first_only=first_only)
    if first_only and any(f.state == "wrong" for f in findings):
        return findings
    return findings + await check_payments(visit, first_only=first_only)


async def check_line(visit: Visit, *, first_only: bool = False) -> list[Finding]:
    """The bytes."""
    return await _all(LINE_CHECKS, visit, first_only=first_only)


async def check_payments(visit: Visit, *, first_only: bool = False) -> list[Finding]:
    """The requests and the money."""
    await visit.connect()
    try:
        return await _all({**PAY_CHECKS, **DESK_CHECKS}, visit, first_only=first_only)
    finally:
        await visit.hang_up()


async def _all(checks: Mapping[str, Check], visit: Visit, *, first_only: bool) -> list[Finding]:
    findings: list[Finding] = []
    for title, check in checks.items():
        findings.append(await _run(title, check, visit))
        if first_only and findings[-1].state == "wrong":
            break
    return findings


async def _run(title: str, check: Check, visit: Visit) -> Finding:
    try:
        await check(visit)
    except Wrong as wrong:
        return Finding(title, "wrong", str(wrong))
    except Skipped as why:
        return Finding(title, "skipped", str(why))
    except (NoAnswer, OSError) as error:
        return Finding(title, "wrong", f"连接断了：{error}")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return Finding(title, "wrong", f"答复不成样子：{type(error).__name__} {error}")
    finally:
        await visit.close_lines()
    return Finding(title, "ok")


def print_report(address: str, findings: Sequence[Finding]) -> int:
    """Print line by line; return 0 if nothing was wrong."""
    wrong = sum(f.state == "wrong" for f in findings)
    lines = [f"扫码墩接口验收 {address}", ""]
    for finding in findings:
        lines.append(f"{MARKS[finding.state]} {finding.title}")
        if finding.text:
            lines.append(f"    {finding.text}")
    end = "全部通过" if not wrong else f"{wrong} 项不符合协议"
    lines += ["", f"共 {len(findings)} 项，{end}（协议见 docs/his-link.md）"]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if wrong else 0
