"""The chart builder: any report, grouped by one or two of its columns, drawn in any kind.

The server adds up; `charts.js` draws. Which report, which filters, which grouping, which kind and
theme all stand in the address, so a chart can be kept as a bookmark and sent to somebody.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Avg, Count, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from center.accounts.access import needs, require
from center.accounts.roles import Permission
from center.reports.asked import Asked, ask, condition
from center.reports.pages import form_filters
from center.reports.report import REPORTS, Column, Form, Report, find
from center.reports.scope import beijing_today
from center.web.headers import policy

MOST_GROUPS = 400  # columns of one chart; more is no picture
MOST_SERIES = 12  # colours that can be told apart
OTHERS = _("其他")

KINDS: tuple[tuple[Any, tuple[tuple[str, Any], ...]], ...] = (
    (
        _("比较"),
        (
            ("column", _("柱形图")),
            ("stack", _("堆积柱形图")),
            ("bar", _("条形图")),
            ("pareto", _("帕累托图")),
            ("pyramid", _("金字塔图")),
            ("funnel", _("漏斗图")),
            ("column3d", _("三维柱形图")),
        ),
    ),
    (
        _("走势"),
        (
            ("line", _("折线图")),
            ("area", _("面积图")),
            ("trend", _("趋势图")),
            ("forecast", _("预测曲线")),
            ("candlestick", _("K 线图")),
            ("sparkline", _("迷你图")),
            ("line3d", _("三维折线图")),
        ),
    ),
    (
        _("构成"),
        (
            ("pie", _("饼图")),
            ("doughnut", _("圆环图")),
            ("rose", _("玫瑰图")),
            ("gauge", _("仪表盘")),
        ),
    ),
    (
        _("关系"),
        (
            ("chord", _("和弦图")),
            ("relation", _("关系图")),
            ("network", _("网络图")),
        ),
    ),
    (
        _("分布"),
        (
            ("scatter", _("散点图")),
            ("scatter3d", _("三维散点图")),
            ("normal", _("正态分布")),
            ("function", _("函数曲线")),
            ("surface", _("三维曲面")),
        ),
    ),
)
KIND_NAMES = frozenset(name for _title, kinds in KINDS for name, _text in kinds)
THEMES: tuple[tuple[str, Any], ...] = (
    ("clear", _("清晰")),
    ("warm", _("暖色")),
    ("dark", _("深色")),
)
MEASURES: tuple[tuple[str, Any], ...] = (
    ("sum", _("金额（元）")),
    ("count", _("笔数")),
    ("average", _("平均金额（元）")),
)


WORDS = {"trend": _("趋势"), "forecast": _("预测"), "cumulative": _("累计 %")}
"""What `chart-kinds.js` adds to a picture by itself."""


@dataclass(frozen=True, slots=True)
class Chart:
    """What is to be drawn."""

    report: Report
    asked: Asked
    group: str
    split: str
    """A second grouping, or ''."""
    measure: str
    kind: str
    theme: str


@needs(Permission.CHARTS)
def charts(request: HttpRequest) -> HttpResponse:
    """The builder's page, with the chart that its address asks for."""
    user = require(request.user, Permission.CHARTS)
    names = [
        r.name
        for r in REPORTS.values()
        if r.groups and (user.may(r.permission) or r.name in SUMS_FOR_ALL)
    ]
    chart = _asked_for(request, names)
    rows = _counted(chart, chart.report.rows(user).filter(condition(chart.report, chart.asked)))
    context = {
        "chart": chart,
        "data": _data(chart, rows),
        "reports": [(n, REPORTS[n].title, n == chart.report.name) for n in names],
        "groups": [(g, chart.report.column(g).title) for g in chart.report.groups],
        "measures": [m for m in MEASURES if m[0] == "count" or chart.report.sums],
        "solid": chart.kind in SOLID,
        "kinds": KINDS,
        "themes": THEMES,
        "filters": form_filters(chart.report, chart.asked),
        "query": chart.asked.address(),
        "may_open": user.may(chart.report.permission),
    }
    page = render(request, "web/charts.html", context)
    if chart.kind in SOLID:
        # echarts-gl makes the sizes of its buffers by `new Function`; no other page allows that.
        page["Content-Security-Policy"] = policy(evaluates=True)
    return page


SOLID = frozenset({"column3d", "line3d", "scatter3d", "surface"})
SUMS_FOR_ALL = frozenset({"receipts", "refunds"})
"""Reports whose sums, never whose rows, everybody with charts may see: a manager has no rows."""


def _asked_for(request: HttpRequest, names: list[str]) -> Chart:
    get = request.GET.get
    report = find(get("report", "") if get("report") in names else names[0])
    return Chart(
        report=report,
        asked=ask(report, request.GET, beijing_today()),
        group=_one_of(get("group", ""), report.groups),
        split=get("split", "") if get("split") in report.groups else "",
        measure=_one_of(
            get("measure", ""), ("sum", "count", "average") if report.sums else ("count",)
        ),
        kind=get("kind", "") if get("kind") in KIND_NAMES else "stack",
        theme=_one_of(get("theme", ""), tuple(name for name, _text in THEMES)),
    )


def _one_of(text: str, allowed: tuple[str, ...]) -> str:
    return text if text in allowed else allowed[0]


# ------------------------------------------------------------------ adding up


def _counted(chart: Chart, rows: Any) -> Any:
    """Leave out the rows that are no money of the report, unless their column is asked for."""
    column, word = chart.report.counted or ("", "")
    asked = {chart.group, chart.split, *chart.asked.given}
    return rows.filter(**{column: word}) if column and column not in asked else rows


def _data(chart: Chart, rows: Any) -> dict[str, Any]:
    """Everything that `charts.js` needs: categories in order, and a series for each split."""
    groups = [chart.group, *([chart.split] if chart.split and chart.split != chart.group else [])]
    money = chart.report.sums[0] if chart.report.sums else ""
    measures = {"count": Count("*")} | ({"sum": Sum(money), "average": Avg(money)} if money else {})
    found = list(rows.values(*groups).annotate(value=measures[chart.measure]).order_by(*groups))
    column = chart.report.column(chart.group)
    keys = _in_order(column, {row[chart.group] for row in found})
    series = _series(chart, found, keys, groups)
    return {
        "kind": chart.kind,
        "theme": chart.theme,
        "title": f"{chart.report.title} · {column.title}",
        "measure": str(dict(MEASURES)[chart.measure]),
        "x": [_name(column, key) for key in keys],
        "keys": ["" if key is None else str(key) for key in keys],
        "group": chart.group,
        "split": groups[1] if len(groups) > 1 else "",
        "filters": [f.name for f in chart.report.filters],
        "money": chart.measure != "count",
        "series": series,
        "words": {name: str(text) for name, text in WORDS.items()},
    }


def _in_order(column: Column, keys: set[Any]) -> list[Any]:
    """Days without a gap, other groups as they sort."""
    if column.form is Form.DAY and keys:
        days = sorted(k for k in keys if isinstance(k, date))
        span = (days[-1] - days[0]).days + 1
        if span <= MOST_GROUPS:
            return [days[0] + timedelta(days=n) for n in range(span)]
    return sorted(keys, key=str)[:MOST_GROUPS]


def _series(
    chart: Chart, found: Iterable[Mapping[str, Any]], keys: list[Any], groups: list[str]
) -> list[dict[str, Any]]:
    table: dict[Any, dict[Any, float]] = {}
    for row in found:
        split = row[groups[1]] if len(groups) > 1 else None
        table.setdefault(split, {})[row[chart.group]] = _plain(chart, row["value"])
    largest = sorted(table, key=lambda s: -sum(table[s].values()))
    if len(largest) > MOST_SERIES:
        table[OTHERS] = _added(table.pop(s) for s in largest[MOST_SERIES - 1 :])
        largest = [*largest[: MOST_SERIES - 1], OTHERS]
    named = chart.report.column(groups[1]) if len(groups) > 1 else None
    return [
        {
            "name": str(dict(MEASURES)[chart.measure])
            if named is None
            else str(split)
            if split is OTHERS
            else _name(named, split),
            "data": [table[split].get(key, 0) for key in keys],
            **({} if named is None else {"key": "" if split in {OTHERS, None} else str(split)}),
        }
        for split in largest
    ]


def _added(tables: Iterable[dict[Any, float]]) -> dict[Any, float]:
    total: dict[Any, float] = {}
    for table in tables:
        for key, value in table.items():
            total[key] = total.get(key, 0) + value
    return total


def _plain(chart: Chart, value: Any) -> float:
    return int(value or 0) if chart.measure == "count" else round(float(value or 0) / 100, 2)


def _name(column: Column, key: Any) -> str:
    if key is None or key == "":
        return "—"
    return str(column.words.get(key, key)) if column.form is Form.WORD else str(key)
