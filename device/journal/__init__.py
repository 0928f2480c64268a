"""The box's durable memory: one SQLite file, one writer, one transaction a commit."""

from device.journal.journal import SqliteJournal
from device.journal.threads import Inline, Runner, WriterThread

__all__ = ["Inline", "Runner", "SqliteJournal", "WriterThread"]
