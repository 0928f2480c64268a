"""WeChat's `batchquerycomment`: what payers said, page by page (wechat §2.7).

An offset is the provider's own place of a comment: they rise, but not by one. The first line of an
answer is the place of its last comment, which is what the next question must bring.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from simulators.gateway.book import Book
from simulators.gateway.clock import BEIJING, spaced
from simulators.gateway.wechat import xml
from simulators.gateway.wire import Answer

MOST = 200  # in one answer; also what is given if the request does not say


def answer(fields: Mapping[str, str], book: Book) -> Answer:
    """Comments written from begin_time to end_time, behind the offset."""
    begin, end = _seconds(fields["begin_time"]), _seconds(fields["end_time"])
    offset, limit = fields["offset"], fields.get("limit") or str(MOST)
    if begin is None or end is None or not (offset.isdecimal() and limit.isdecimal()):
        return _refused("PARAM_ERROR")
    found = [c for c in book.comments if begin <= c.at <= end and c.place > int(offset)]
    page = sorted(found, key=lambda c: c.place)[: min(int(limit), MOST)]
    if not page:
        return _refused("NO_COMMENT")
    lines = [
        f"`{spaced(c.at)},` {c.trade_no},`{c.stars},`{c.text}" for c in page
    ]  # with the blank of the documents' own sample
    return Answer("\n".join([str(page[-1].place), *lines]).encode(), "text/plain")


def _refused(code: str) -> Answer:
    told = {"return_code": "SUCCESS", "result_code": "FAIL", "err_code": code}
    return Answer(xml.write(told), "text/plain")


def _seconds(text: str) -> float | None:
    try:
        return (
            datetime.strptime(text, "%Y%m%d%H%M%S")
            .replace(tzinfo=BEIJING)
            .astimezone(UTC)
            .timestamp()
        )
    except ValueError:
        return None
