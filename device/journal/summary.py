"""What was taken and given back on one day, as the HIS counts it (his-link §3.13).

By the provider's Beijing date of the payment or refund. A payment counts if the HIS was ever told
`paid` of it; what was undone before that never was one. A refund counts here because this desk gave
it, whoever took the payment. A reverse has no time of the provider: the box's own stands for it.
"""

import sqlite3
from datetime import date, timedelta

from device.domain.replies import SummaryRow

# A provider's time is stored in Beijing's own offset, so a day is a range of texts.
_TOLD_PAID = """
EXISTS (SELECT 1 FROM answers t WHERE t.his_id = a.his_id AND t.business_date = a.business_date
  AND t.try = a.try AND t.status = 'paid'
  AND json_extract(t.content, '$.out_trade_no') = a.out_trade_no)
"""
_SUMMARY = f"""
WITH taken AS (
  SELECT a.wallet, c.business, a.amount_fen AS paid, 0 AS back, c.operator
  FROM attempts a JOIN charges c USING (his_id, business_date, try)
  WHERE a.paid_at <> '' AND a.paid_at >= :day AND a.paid_at < :next AND {_TOLD_PAID}
), reversed AS (
  SELECT a.wallet, c.business, 0 AS paid, a.amount_fen AS back, c.operator
  FROM attempts a JOIN charges c USING (his_id, business_date, try)
  WHERE a.returned_at <> '' AND a.returned_at >= :day AND a.returned_at < :next
    AND a.state = 'reversed' AND {_TOLD_PAID}
), refunded AS (
  SELECT r.wallet, coalesce(c.business, '') AS business, 0 AS paid, r.amount_fen AS back, r.operator
  FROM refunds r LEFT JOIN attempts a USING (out_trade_no)
    LEFT JOIN charges c
      ON (c.his_id, c.business_date, c.try) = (a.his_id, a.business_date, a.try)
  WHERE r.refunded_at <> '' AND r.refunded_at >= :day AND r.refunded_at < :next
    AND r.state = 'refunded' AND coalesce(a.state, '') <> 'reversed'
    AND (a.out_trade_no IS NULL OR {_TOLD_PAID})
)
SELECT wallet, business, sum(paid > 0) AS paid_count, sum(paid) AS paid_fen,
  sum(back > 0) AS refund_count, sum(back) AS refund_fen
FROM (SELECT * FROM taken UNION ALL SELECT * FROM reversed UNION ALL SELECT * FROM refunded)
WHERE :operator IN ('', operator)
GROUP BY wallet, business ORDER BY wallet, business
"""  # noqa: S608  constants


def of_day(db: sqlite3.Connection, day: str, operator: str) -> list[SummaryRow]:
    """Return the day's rows; `day` is an ISO date, `operator` empty = by everybody."""
    after = (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    found = db.execute(_SUMMARY, {"day": day, "next": after, "operator": operator})
    return [SummaryRow(*row) for row in found]
