"""Dates as they are met in the wild."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.groundtruth.dates import nanoseconds

MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(lambda moment: moment.replace(microsecond=0))
ZONES = st.none() | st.just("Z") | st.integers(-14 * 60, 14 * 60)


def written(moment: datetime, nanos: int, digits: int, zone: str | int | None, form: tuple[str, bool, bool]) -> str:
    """A moment, UTC, as somebody may write it."""
    blank, basic, comma = form
    local = moment if not isinstance(zone, int) else moment + timedelta(minutes=zone)
    text = local.strftime("%Y%m%d{}%H%M%S" if basic else "%Y-%m-%d{}%H:%M:%S").format(blank)
    if digits:
        text += ("," if comma else ".") + f"{nanos:09}"[:digits]
    if isinstance(zone, int):
        offset = timezone(timedelta(minutes=zone))
        text += local.replace(tzinfo=offset).strftime("%z")
    return text + (zone if isinstance(zone, str) else "")


WRITTEN = st.tuples(
    MOMENTS,
    st.integers(0, 999_999_999),
    st.integers(0, 9),
    ZONES,
    st.tuples(st.sampled_from("Tt "), st.booleans(), st.booleans()),
)


@given(WRITTEN, WRITTEN)
def test_dates_are_compared_as_times(
    first: tuple[datetime, int, int, str | int | None, tuple[str, bool, bool]],
    another: tuple[datetime, int, int, str | int | None, tuple[str, bool, bool]],
) -> None:
    def exact(given: tuple[datetime, int, int, str | int | None, tuple[str, bool, bool]]) -> tuple[datetime, int]:
        moment, nanos, digits, *_ = given
        return moment, nanos - nanos % 10 ** (9 - digits)

    times = [nanoseconds(written(*each)) for each in (first, another)]
    assert None not in times, (written(*first), written(*another))
    assert (times[0] < times[1], times[0] == times[1]) == (  # type: ignore[operator]
        exact(first) < exact(another),
        exact(first) == exact(another),
    )


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("2024-05-03T09:14:31Z", "2024-05-03T09:14:31.9"),
        ("2024-05-03T09:14:31.9", "2024-05-03T09:14:32Z"),
        ("2024-05-03T11:14:31+02:00", "2024-05-03T09:14:31.000001"),
        ("2024-05-03T09:14:31.123456788Z", "2024-05-03T09:14:31.123456789"),
        ("20240503T091431Z", "2024-05-03 09:14:31.5 +0000"),
        ("2024-05-03", "2024-05-03 00:00:00.1 UTC"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"),
    ],
)
def test_the_newer_of_two_dates(earlier: str, later: str) -> None:
    first, second = nanoseconds(earlier), nanoseconds(later)
    assert first is not None
    assert second is not None
    assert first < second


@given(st.text(alphabet="0123456789-:.,TZ+ W٣") | st.text())
def test_no_text_makes_it_stumble(text: str) -> None:
    time = nanoseconds(text)
    assert time is None or isinstance(time, int)


def test_what_is_no_date() -> None:
    for text in ("", "yesterday", "1714727671", "2024-13-01", "Fri, 03 May 2024 09:14:31 GMT"):
        assert nanoseconds(text) is None, text
    assert nanoseconds("2024-05-03T09:14:31") == nanoseconds(datetime(2024, 5, 3, 9, 14, 31, tzinfo=UTC).isoformat())
