"""Lists in pages. Each page starts after the last row of the one before, so rows added meanwhile shift nothing.

A token belongs to its list, filters and order; with others it is refused.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

PAGE_SIZE: Final = 10
_MAX_INTEGER: Final = 1 << 63


class BadToken(ValueError):
    """A token that was not issued by this list, with these filters and in this order."""


class Between(NamedTuple):
    """A range of times in epoch seconds, excluding both ends.

    :param after: None if it has no start.
    :param before: None if it has no end.
    """

    after: float | None = None
    before: float | None = None

    def narrow(self, query: sa.Select[Any], column: sa.Column[Any]) -> sa.Select[Any]:
        """Restrict a query to rows within the range."""
        if self.after is not None:
            query = query.where(column > self.after)
        if self.before is not None:
            query = query.where(column < self.before)
        return query


ALWAYS: Final = Between()


class _Position(FunctionElement[int]):
    """Where a string has a part, from 1; 0 if nowhere. Both databases find that sooner than what is LIKE a pattern."""

    inherit_cache = True
    type = sa.Integer()


@compiles(_Position)
def _position(element: _Position, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(_Position, "postgresql")
def _position_in_postgresql(element: _Position, compiler: SQLCompiler, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"


def has_part(column: sa.Column[str], part: str) -> sa.ColumnElement[bool]:
    """Whether a column's string has a part, in this case."""
    return _Position(column, sa.literal(part)) > 0


@dataclass(frozen=True)
class PageRequest:
    """The page of a list to read.

    :param size: the maximum number of rows.
    :param token: the token from the page before; None for the first page.
    """

    size: int = PAGE_SIZE
    descending: bool = False
    token: str | None = None


def read_page(
    connection: Connection,
    query: sa.Select[Any],
    column: sa.Column[Any],
    unique: sa.Column[Any],
    wanted: PageRequest,
    whole: sa.Select[Any] | None = None,
    where: sa.ColumnElement[bool] | None = None,
) -> tuple[list[sa.Row[Any]], str | None]:
    """The rows of a page, and the token for the next page; None if this is the last.

    :param query: selects both columns.
    :param column: the column to sort by.
    :param unique: a unique column, which breaks ties.
    :param whole: selects what the rows shall have if the query selects only what is in an index; what the query selects
        follows.
    :param where: what all rows of the query meet anyway, if it leads to them sooner. Tokens do not depend on it.
    :raises BadToken: if the token was not issued by this list, with these filters and in this order.
    """
    listing = _listing(query, column, wanted)
    if where is not None:
        query = query.where(where)
    if wanted.token is not None:
        here = sa.tuple_(column, unique)
        last = sa.tuple_(*(sa.literal(value) for value in _read_token(wanted.token, listing, column, unique)))
        query = query.where(here < last if wanted.descending else here > last)
    place: list[sa.ColumnElement[Any]] = [column, unique]
    query = query.order_by(*_ordered(place, wanted)).limit(wanted.size + 1)
    if whole is not None:
        page = query.subquery("page")
        place = [page.c[column.name], page.c[unique.name]]
        query = whole.join(page, unique == place[1]).add_columns(*page.c).order_by(*_ordered(place, wanted))
    rows = list(connection.execute(query))
    if len(rows) <= wanted.size:
        return rows, None
    last_row = rows[wanted.size - 1]._mapping
    token = json.dumps([listing, *(last_row[end] for end in place)])
    return rows[: wanted.size], base64.urlsafe_b64encode(token.encode()).decode()


def _ordered(place: Iterable[sa.ColumnElement[Any]], wanted: PageRequest) -> list[sa.UnaryExpression[Any]]:
    return [column.desc() if wanted.descending else column.asc() for column in place]


def _listing(query: sa.Select[Any], column: sa.Column[Any], wanted: PageRequest) -> str:
    """A string that identifies a list: the same for each of its pages."""
    compiled = query.compile()
    parts = [str(compiled), sorted(map(str, compiled.params.items())), column.name, wanted.descending]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _read_token(token: str, listing: str, *columns: sa.Column[Any]) -> list[Any]:
    """The last row's values in these columns.

    :param listing: which list the token must be of.
    :raises BadToken: if the token is invalid.
    """
    try:
        of, *values = json.loads(base64.urlsafe_b64decode(token.encode()))
        if of != listing or not all(_fits(*pair) for pair in zip(values, columns, strict=True)):
            raise ValueError(token)
    except (ValueError, TypeError, RecursionError):
        raise BadToken(token[:100]) from None
    return list(values)


def _fits(value: Any, column: sa.Column[Any]) -> bool:
    """Whether the database can compare a value with a column."""
    if not isinstance(value, column.type.python_type) or isinstance(value, bool):
        return False
    if isinstance(value, str):
        return bool(value.encode())
    return bool(-_MAX_INTEGER < value < _MAX_INTEGER)
