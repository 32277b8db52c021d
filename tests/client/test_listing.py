"""What is under an S3 prefix, in the order of the keys."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.client.listing import list_uris
from labeling_provider.errors import LabelingError
from tests.conftest import Lab
from tests.own_names import own_id

KEYS = st.lists(st.text(st.sampled_from("ab/0é "), min_size=1, max_size=5), unique=True, max_size=12)


class Bucket:
    """A bucket that lists as S3 does, some keys at a time."""

    def __init__(self, keys: list[str], page: int) -> None:
        self.keys, self.page = sorted(keys), page

    def list_page(
        self, *, Bucket: str, Prefix: str, Delimiter: str = "", ContinuationToken: str = ""
    ) -> dict[str, Any]:
        entries: dict[str, bool] = {}
        for key in self.keys:
            if key.startswith(Prefix):
                rest = key.removeprefix(Prefix)
                folder, delimiter, _ = rest.partition(Delimiter) if Delimiter else (rest, "", "")
                entries[f"{Prefix}{folder}{delimiter}"] = bool(delimiter)
        left = [entry for entry in sorted(entries) if entry > ContinuationToken]
        shown = left[: self.page]
        return {
            "Contents": [{"Key": entry} for entry in shown if not entries[entry]],
            "CommonPrefixes": [{"Prefix": entry} for entry in shown if entries[entry]],
            **({"NextContinuationToken": shown[-1]} if len(left) > self.page else {}),
        }


@settings(deadline=None)
@given(KEYS, st.sampled_from(["", "a", "a/", "b/a"]), st.integers(1, 4), st.sampled_from([(), ("a",), ("0", "é")]))
def test_every_object_is_listed_once_and_in_order(
    keys: list[str], prefix: str, page: int, suffixes: tuple[str, ...]
) -> None:
    listed = list(list_uris(Bucket(keys, page), f"s3://bucket/{prefix}", suffixes))  # type: ignore[arg-type]
    assert listed == [
        f"s3://bucket/{key}"
        for key in sorted(keys)
        if key.startswith(prefix) and not key.endswith("/") and (not suffixes or key.endswith(suffixes))
    ]


def test_a_real_bucket_is_listed(lab: Lab, client: GroundTruth) -> None:
    folder = f"listing-{own_id().hex[:8]}/"
    names = ["a", "a.png", "a/1.png", "a/2/3.png", "b/", "ä +%.png"]
    for name in names:
        lab.put(folder + name, b"x")
    uri = f"s3://{lab.bucket}/{folder}"
    assert list(list_uris(client.objects, uri)) == [uri + name for name in names if name != "b/"]
    assert list(list_uris(client.objects, uri, [".png"])) == [uri + name for name in names if name.endswith(".png")]
    assert list(list_uris(client.objects, f"{uri}nothing")) == []


def test_what_can_not_be_listed_is_an_error(client: GroundTruth) -> None:
    with pytest.raises(LabelingError, match="Listing s3://no-such-bucket/a: .*NoSuchBucket"):
        list(list_uris(client.objects, "s3://no-such-bucket/a"))
    with pytest.raises(LabelingError, match="is not an S3 URI"):
        list(list_uris(client.objects, "/local"))
