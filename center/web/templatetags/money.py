"""Fen as yuan, and short words for states."""

from django import template

register = template.Library()


@register.filter
def yuan(fen: int | None) -> str:
    """12345 -> 123.45, with thousands separators; None -> empty."""
    if fen is None:
        return ""
    sign, whole, part = "-" if fen < 0 else "", *divmod(abs(int(fen)), 100)
    return f"{sign}{whole:,}.{part:02d}"


@register.filter
def attribute(row: object, name: str) -> object:
    """The value of a column."""
    return getattr(row, name, "")
