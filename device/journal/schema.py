"""The tables, as a list of named migrations; `docs/journal.md` says what each column means.

A migration is never edited after a release: its word lists are literal on purpose, and a test
compares them with the domain's. What money must not do is written here as CHECK and trigger, so
that wrong code is refused by the file itself. Read only where a file lacks one (`versions`).
"""

import sqlite3

from sqlite_utils import Database, Migrations

from device.journal.versions import SET

migrations = Migrations(SET)

_REASONS = (
    "cancelled cancelled_at_box superseded expired restarted offline "
    "declined_balance declined_limit declined_code declined_account declined_other "
    "payer_timeout reversed not_booked late_payment_returned merchant_fault "
    "storage_failed manual window_closed over_refund payer_account balance_short "
    "provider_busy"
)
_BUSINESSES = (
    "registration appointment outpatient_fee outpatient_prepay inpatient_deposit "
    "inpatient_prepay inpatient_settlement"
)
_ATTEMPT_STATES = (
    "intended waiting unknown paid failed reversing reversed refund_due refunding refunded manual"
)
_FEN = "CHECK (typeof({0}) = 'integer' AND {0} >= 0)"
_FLAG = "INTEGER NOT NULL CHECK ({0} IN (0, 1))"


def _fen(column: str, default: str = "") -> str:
    return f"{column} INTEGER NOT NULL {default} {_FEN.format(column)}"


def _flag(column: str) -> str:
    return f"{column} {_FLAG.format(column)}"


def _one_of(column: str, words: str, *, empty: bool = False) -> str:
    """Say that a column holds one of these words, or, if `empty`, none.

    Comparisons and no `IN`: for a list of three and more SQLite fills a table in memory each time
    a row is written. Measured: that was 0.9 ms of a payment's 1.5 in SQL.
    """
    allowed = [*([""] if empty else []), *words.split()]
    return "CHECK ({})".format(" OR ".join(f"{column} = '{word}'" for word in allowed))


def _word(column: str, words: str, *, empty: bool = False) -> str:
    return f"{column} TEXT NOT NULL {_one_of(column, words, empty=empty)}"


_CHARGES = f"""
CREATE TABLE charges (
  business_date TEXT NOT NULL,
  his_id TEXT NOT NULL,
  try INTEGER NOT NULL CHECK (try >= 1),
  {_fen("amount_fen")},
  {_word("business", _BUSINESSES)},
  {_word("department", "outpatient inpatient")},
  operator TEXT NOT NULL,
  title TEXT NOT NULL,
  {_word("wallet", "wechat alipay", empty=True)},
  patient_hash TEXT NOT NULL,
  ttl_s REAL NOT NULL,
  {_word("state", "open not_paid paid returned")},
  {_word("reason", _REASONS, empty=True)},
  {_flag("answered_paid")},
  {_fen("refunded_fen")},
  {_flag("attention")},
  {_word("undo", _REASONS, empty=True)},
  stored_at TEXT NOT NULL,
  PRIMARY KEY (his_id, business_date, try)
);
CREATE INDEX charges_open ON charges (stored_at) WHERE state = 'open';
"""

_ATTEMPTS = f"""
CREATE TABLE attempts (
  out_trade_no TEXT NOT NULL PRIMARY KEY,
  business_date TEXT NOT NULL,
  his_id TEXT NOT NULL,
  try INTEGER NOT NULL,
  number INTEGER NOT NULL CHECK (number >= 1),
  {_word("wallet", "wechat alipay")},
  {_fen("amount_fen")},
  code_hash TEXT NOT NULL,
  {_word("state", _ATTEMPT_STATES)},
  {_word("reason", _REASONS, empty=True)},
  detail TEXT NOT NULL,
  provider_trade_no TEXT NOT NULL,
  payer_mask TEXT NOT NULL,
  paid_at TEXT NOT NULL,
  {_flag("cancel_wish")},
  {_flag("confirmed")},
  {_flag("held_paid")},
  {_flag("watch")},
  watched INTEGER NOT NULL CHECK (watched >= 0),
  refusals INTEGER NOT NULL CHECK (refusals >= 0),
  contradictions INTEGER NOT NULL CHECK (contradictions >= 0),
  glass TEXT NOT NULL,
  stored_at TEXT NOT NULL,
  UNIQUE (his_id, business_date, try, number),
  FOREIGN KEY (his_id, business_date, try) REFERENCES charges (his_id, business_date, try)
);
CREATE INDEX attempts_code ON attempts (code_hash, stored_at);
CREATE INDEX attempts_open ON attempts (stored_at) WHERE state IN
  ('intended','waiting','unknown','reversing','refund_due','refunding');
CREATE INDEX attempts_watched ON attempts (stored_at) WHERE watch = 1 AND watched < 4
  AND state IN ('failed','reversed');
"""

_REFUNDS = f"""
CREATE TABLE orders (
  out_trade_no TEXT NOT NULL PRIMARY KEY,
  {_word("wallet", "wechat alipay")},
  {_fen("amount_fen")},
  {_fen("refund_fen", "DEFAULT 0")},
  {_fen("elsewhere_fen")},
  stored_at TEXT NOT NULL,
  CONSTRAINT over_refund CHECK (refund_fen + elsewhere_fen <= amount_fen)
) WITHOUT ROWID;
CREATE TABLE refunds (
  out_refund_no TEXT NOT NULL PRIMARY KEY,
  his_id TEXT NOT NULL UNIQUE,
  {_word("kind", "refund reverse own")},
  {_word("wallet", "wechat alipay")},
  out_trade_no TEXT NOT NULL REFERENCES orders (out_trade_no),
  {_fen("amount_fen")},
  {_fen("total_fen")},
  pay_id TEXT NOT NULL,
  pay_date TEXT NOT NULL,
  {_word("state", "requested sent pending refunded failed manual")},
  {_word("reason", _REASONS, empty=True)},
  detail TEXT NOT NULL,
  provider_refund_no TEXT NOT NULL,
  refunded_at TEXT NOT NULL,
  operator TEXT NOT NULL,
  remark TEXT NOT NULL,
  do_id TEXT NOT NULL,
  stored_at TEXT NOT NULL
);
CREATE INDEX refunds_order ON refunds (out_trade_no);
CREATE INDEX refunds_open ON refunds (stored_at) WHERE state IN ('requested','sent','pending');
"""

_MONEY_RULES = """
CREATE TRIGGER refund_added AFTER INSERT ON refunds BEGIN
  UPDATE orders SET refund_fen = (SELECT coalesce(sum(amount_fen), 0) FROM refunds
    WHERE out_trade_no = NEW.out_trade_no AND state <> 'failed')
  WHERE out_trade_no = NEW.out_trade_no;
END;
CREATE TRIGGER refund_changed AFTER UPDATE OF state, amount_fen ON refunds BEGIN
  UPDATE orders SET refund_fen = (SELECT coalesce(sum(amount_fen), 0) FROM refunds
    WHERE out_trade_no = NEW.out_trade_no AND state <> 'failed')
  WHERE out_trade_no = NEW.out_trade_no;
END;
CREATE TRIGGER refund_kept BEFORE DELETE ON refunds BEGIN
  SELECT RAISE(ABORT, 'a refund is never deleted');
END;
CREATE TRIGGER refund_fixed BEFORE UPDATE ON refunds
WHEN NEW.out_refund_no <> OLD.out_refund_no OR NEW.his_id <> OLD.his_id
  OR NEW.out_trade_no <> OLD.out_trade_no OR NEW.amount_fen <> OLD.amount_fen BEGIN
  SELECT RAISE(ABORT, 'the number, id, order and amount of a refund are fixed');
END;
CREATE TRIGGER order_fixed BEFORE UPDATE ON orders
WHEN NEW.out_trade_no <> OLD.out_trade_no OR NEW.amount_fen <> OLD.amount_fen BEGIN
  SELECT RAISE(ABORT, 'the number and amount of an order are fixed');
END;
CREATE TRIGGER attempt_fixed BEFORE UPDATE ON attempts
WHEN NEW.out_trade_no <> OLD.out_trade_no OR NEW.amount_fen <> OLD.amount_fen
  OR NEW.his_id <> OLD.his_id OR NEW.business_date <> OLD.business_date OR NEW.try <> OLD.try
  OR NEW.number <> OLD.number OR NEW.wallet <> OLD.wallet BEGIN
  SELECT RAISE(ABORT, 'the number, place, wallet and amount of an attempt are fixed');
END;
CREATE TRIGGER charge_fixed BEFORE UPDATE ON charges WHEN NEW.amount_fen <> OLD.amount_fen BEGIN
  SELECT RAISE(ABORT, 'the amount of a charge is fixed');
END;
CREATE TRIGGER charge_id_free BEFORE INSERT ON charges
WHEN EXISTS (SELECT 1 FROM refunds WHERE his_id = NEW.his_id) BEGIN
  SELECT RAISE(ABORT, 'this id is a refund');
END;
CREATE TRIGGER refund_id_free BEFORE INSERT ON refunds
WHEN EXISTS (SELECT 1 FROM charges WHERE his_id = NEW.his_id) BEGIN
  SELECT RAISE(ABORT, 'this id is a charge');
END;
"""

_EVENTS = f"""
CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE epochs (
  epoch TEXT NOT NULL PRIMARY KEY,
  first_id INTEGER NOT NULL UNIQUE,
  acknowledged INTEGER NOT NULL DEFAULT 0 CHECK (acknowledged >= 0),
  opened_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  epoch TEXT NOT NULL REFERENCES epochs (epoch),
  seq INTEGER NOT NULL CHECK (seq >= 1),
  uid TEXT NOT NULL,
  {_word("kind", "payment refund charge do digest")},
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  ref TEXT NOT NULL,
  channel TEXT NOT NULL,
  desk TEXT NOT NULL,
  department TEXT NOT NULL,
  business TEXT NOT NULL,
  business_date TEXT NOT NULL,
  operator TEXT NOT NULL,
  his_id TEXT NOT NULL,
  try INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  {_fen("amount_fen")},
  out_trade_no TEXT NOT NULL,
  provider_trade_no TEXT NOT NULL,
  out_refund_no TEXT NOT NULL,
  payer_mask TEXT NOT NULL,
  money_at TEXT NOT NULL,
  at TEXT NOT NULL,
  do_id TEXT NOT NULL,
  prev TEXT NOT NULL CHECK (length(prev) = 64),
  hash TEXT NOT NULL CHECK (length(hash) = 64)
);
"""

_EVENT_RULES = """
CREATE TRIGGER event_fixed BEFORE UPDATE ON events BEGIN
  SELECT RAISE(ABORT, 'an event is never changed');
END;
CREATE TRIGGER event_kept BEFORE DELETE ON events BEGIN
  SELECT RAISE(ABORT, 'an event is never deleted');
END;
CREATE TRIGGER event_next BEFORE INSERT ON events
WHEN NEW.seq <> 1 + coalesce((SELECT max(id) FROM events), 0)
    + 1 - (SELECT first_id FROM epochs WHERE epoch = NEW.epoch) BEGIN
  SELECT RAISE(ABORT, 'the seq of an event is the next of its epoch');
END;
CREATE VIEW outbox AS SELECT events.* FROM events JOIN epochs USING (epoch)
  WHERE events.id >= epochs.first_id + epochs.acknowledged;
"""

_ANSWERS = f"""
CREATE TABLE answers (
  id INTEGER PRIMARY KEY,
  business_date TEXT NOT NULL,
  his_id TEXT NOT NULL,
  revision INTEGER NOT NULL CHECK (revision >= 1),
  try INTEGER NOT NULL CHECK (try >= 0),
  {_word("type", "result refund_result")},
  status TEXT NOT NULL,
  content TEXT NOT NULL,
  at TEXT NOT NULL,
  {_flag("offer")},
  {_flag("delivered")},
  newest INTEGER NOT NULL DEFAULT 1 CHECK (newest IN (0, 1)),
  UNIQUE (his_id, business_date, revision)
);
CREATE INDEX answers_waiting ON answers (id) WHERE newest = 1 AND offer = 1 AND delivered = 0;
"""

_ANSWER_RULES = """
CREATE TRIGGER answer_rises BEFORE INSERT ON answers
WHEN NEW.revision <= (SELECT max(revision) FROM answers
  WHERE his_id = NEW.his_id AND business_date = NEW.business_date) BEGIN
  SELECT RAISE(ABORT, 'revisions of an id only rise');
END;
CREATE TRIGGER answer_newest AFTER INSERT ON answers BEGIN
  UPDATE answers SET newest = 0 WHERE his_id = NEW.his_id AND business_date = NEW.business_date
    AND try = NEW.try AND revision < NEW.revision AND newest = 1;
END;
CREATE TRIGGER answer_fixed BEFORE UPDATE ON answers
WHEN NEW.content <> OLD.content OR NEW.revision <> OLD.revision OR NEW.his_id <> OLD.his_id
  OR NEW.business_date <> OLD.business_date OR NEW.delivered < OLD.delivered BEGIN
  SELECT RAISE(ABORT, 'a stored answer is fixed');
END;
"""


@migrations(name="0001_first")
def first(db: Database) -> None:
    """Everything the first release needs."""
    for part in (
        _EVENTS,
        _EVENT_RULES,
        _CHARGES,
        _ATTEMPTS,
        _REFUNDS,
        _MONEY_RULES,
        _ANSWERS,
        _ANSWER_RULES,
    ):
        db.executescript(part)


@migrations(name="0002_adopted")
def adopted(db: Database) -> None:
    """Charges that a young journal found at a wallet (payment-states §1.9)."""
    db.execute(f"ALTER TABLE charges ADD COLUMN {_flag('adopted')} DEFAULT 0")


@migrations(name="0003_form")
def form(db: Database) -> None:
    """How the HIS writes about a charge or refund (his-link §2)."""
    for table in ("charges", "refunds"):
        db.execute(
            f"ALTER TABLE {table} ADD COLUMN form TEXT NOT NULL DEFAULT 'json' "
            + _one_of("form", "json xml")
        )


_SYNC = f"""
ALTER TABLE epochs ADD COLUMN ended INTEGER CHECK (ended >= 0);
ALTER TABLE epochs ADD COLUMN lost_from INTEGER NOT NULL DEFAULT 0 CHECK (lost_from >= 0);
ALTER TABLE events ADD COLUMN date TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN {_fen("count", "DEFAULT 0")};
ALTER TABLE events ADD COLUMN {_fen("sum_fen", "DEFAULT 0")};
ALTER TABLE events ADD COLUMN last_hash TEXT NOT NULL DEFAULT '';
CREATE INDEX events_do ON events (do_id) WHERE do_id <> '';
CREATE INDEX events_digest ON events (id) WHERE kind = 'digest';
DROP VIEW outbox;
CREATE VIEW outbox AS SELECT events.* FROM events JOIN epochs USING (epoch)
  WHERE events.seq > epochs.acknowledged AND events.seq <= coalesce(epochs.ended, events.seq);
"""  # noqa: S608  our own names


@migrations(name="0004_sync")
def sync(db: Database) -> None:
    """Epochs that could not go on at the centre, digests, and finding what an action caused."""
    db.executescript(_SYNC)


@migrations(name="0005_booking")
def booking(db: Database) -> None:
    """Booking in two steps (his-link §3.8), and what `summary` asks for (§3.13)."""
    states = "none wanted offered held booked refused"
    db.execute(
        "ALTER TABLE charges ADD COLUMN booking TEXT NOT NULL DEFAULT 'none' "
        + _one_of("booking", states)
    )
    db.execute(
        "CREATE INDEX charges_unbooked ON charges (stored_at) "
        "WHERE state = 'paid' AND booking IN ('offered','held')"
    )
    db.execute("ALTER TABLE attempts ADD COLUMN returned_at TEXT NOT NULL DEFAULT ''")
    db.execute("CREATE INDEX attempts_paid_at ON attempts (paid_at) WHERE paid_at <> ''")
    db.execute(
        "CREATE INDEX attempts_returned_at ON attempts (returned_at) WHERE returned_at <> ''"
    )
    db.execute("CREATE INDEX refunds_refunded_at ON refunds (refunded_at) WHERE refunded_at <> ''")


@migrations(name="0006_trace+")
def trace(db: Database) -> None:
    """Where the time of the newest payments went; JSON pairs of mark and milliseconds."""
    db.execute(
        "CREATE TABLE traces "
        "(id INTEGER PRIMARY KEY, out_trade_no TEXT NOT NULL, marks TEXT NOT NULL)"
    )


def apply(connection: sqlite3.Connection) -> None:
    """Apply what the file lacks, inside the caller's transaction."""
    migrations.apply(Database(connection, recursive_triggers=False, execute_plugins=False))
