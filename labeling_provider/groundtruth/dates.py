"""Dates as Ground Truth and other tools write them.

Ground Truth writes ``creation-date`` in ISO 8601 without a zone, meaning UTC (developer guide, "Output metadata").
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
    """Nanoseconds since the start of the year 1, UTC; None if the string is not a date.

    :param text: ISO 8601 in any form: ``T`` or a space, with or without dashes and colons, with ``Z``, an offset or no
        zone (read as UTC). Fractions of a second may have any number of digits; the first nine are used.
    """
    whole, fraction_ns = text.strip().upper().replace(" UTC", "Z"), 0
    if fraction := _FRACTION.search(whole):
        whole = whole[: fraction.end(1)] + whole[fraction.end() :]
        fraction_ns = int(fraction[2][:_DIGITS].ljust(_DIGITS, "0"))
    try:
        when = datetime.fromisoformat(re.sub(r"\s{1,9}(?=[+-])", "", whole))
    except ValueError:
        return None
    # Integers, because applying the offset can take a datetime out of its range of years.
    seconds = (when.hour * 60 + when.minute) * 60 + when.second - int((when.utcoffset() or timedelta()).total_seconds())
    return (when.toordinal() * _DAY + seconds) * _UNIT + fraction_ns
