"""Which rows a user may see at all: a cashier those of the own desks, today."""

from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from center.accounts.models import User
from center.accounts.roles import Role
from center.ledger.rows import BEIJING

M = TypeVar("M", bound=Model)


def beijing_today() -> Any:
    """The day it is for the providers."""
    return datetime.now(BEIJING).date()


def seen_by(user: User, rows: QuerySet[M]) -> QuerySet[M]:
    """Return the rows narrowed to what this user may see."""
    if user.role == Role.CASHIER:
        return rows.filter(desk__in=user.desks, day=beijing_today())
    return rows
