"""Dates as Ground Truth and other tools write them.

Ground Truth writes ``creation-date`` as ISO 8601 without a zone, which is UTC (developer guide, "Output metadata").
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

_FRACTION: Final = re.compile(r"((?:\d\d:\d\d:|\d{4})\d\d)[.,](\d{1,100})")
_DIGITS: Final = 9
_UNIT: Final = 10**_DIGITS
_DAY: Final = 86_400


@lru_cache(maxsize=1024)
def nanoseconds(text: str) -> int | None:
    """Nanoseconds since the beginning of the year 1, UTC; None if the text is no date.

    :param text: ISO 8601 in any of its forms: with ``T`` or a blank, with or without dashes and colons, with ``Z``, an
        offset or no zone, which is UTC, and with any number of digits of a second, of which nine count.
    """
    whole, found = text.strip().upper().replace(" UTC", "Z"), 0
    if fraction := _FRACTION.search(whole):
        whole = whole[: fraction.end(1)] + whole[fraction.end() :]
        found = int(fraction[2][:_DIGITS].ljust(_DIGITS, "0"))
    try:
        when = datetime.fromisoformat(re.sub(r"\s{1,9}(?=[+-])", "", whole))
    except ValueError:
        return None
    # Reckoned in whole numbers, as a zone may lead out of the years that a datetime can be of.
    seconds = (when.hour * 60 + when.minute) * 60 + when.second - int((when.utcoffset() or timedelta()).total_seconds())
    return (when.toordinal() * _DAY + seconds) * _UNIT + found
