"""`paybox-center morning`: what the scheduler does each morning, once and now, told line by line.

For a day that was missed, for a look at how things stand, and for trials at another hour.
"""

import sys
from datetime import datetime, timedelta

from center.reconciliation.models import Run
from center.statements.models import FileState, StatementFile
from center.statements.morning import DAYS_BACK, morning
from center.statements.providers import make_statements
from device.clock import BEIJING
from device.config.sections import Channels

EXIT_MISSING = 1
HERE = frozenset({FileState.GOOD, FileState.EMPTY})


def run(channels: Channels, as_of: datetime | None) -> int:
    """Fetch, compare, ask boxes; 1 if a day that was asked for could not be had."""
    now = as_of or datetime.now(BEIJING)
    days = morning(make_statements(channels.wechat, channels.alipay), now)
    since = now.date() - timedelta(days=DAYS_BACK)
    files = StatementFile.objects.defer("raw").filter(day__gte=since, day__lt=now.date())
    missing = 0
    for file in files.order_by("day", "channel"):
        missing += file.state not in HERE
        told = f"{file.payments} + {file.refunds}" if file.state == FileState.GOOD else file.why
        sys.stdout.write(f"{file.day} {file.channel:7}{file.get_state_display()}  {told}\n")
    for made in Run.objects.filter(day__in=days).order_by("day", "pair", "channel"):
        sys.stdout.write(
            f"{made.day} {made.channel:7}{made.get_pair_display()}："
            f"一致 {made.agreed}，差异 {made.breaks}\n"
        )
    return EXIT_MISSING if missing else 0
