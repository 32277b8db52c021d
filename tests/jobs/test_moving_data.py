"""Which files belong to a manifest line."""

from __future__ import annotations

from typing import Any

import pytest

from labeling_provider.client.s3_objects import Objects
from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.task_types import TASK_TYPES
from labeling_provider.jobs.moving_data import data_uris, named_uris
from tests.service.kinds import some_clouds, some_sequences


class Held(Objects):
    """Sequence files in memory."""

    def __init__(self) -> None:
        self._objects = some_clouds.cloud_objects() | some_sequences.sequence_objects()

    def read(self, uri: str, max_bytes: int) -> bytes:
        if uri not in self._objects:
            raise LabelingError(f"there is no {uri}")
        return self._objects[uri]


def test_files_that_a_line_names_are_found_however_deep() -> None:
    line = {
        "source": "s3://not/one",
        "source-ref": "https://lab.s3.amazonaws.com/a%20b",
        "mask-ref": "s3://lab/mask.png",
        "views": [{"left": "s3://lab/left"}, {"note": "see s3://lab/none", "count": 3, "prefix": "s3://lab/folder/"}],
    }
    assert list(named_uris(line)) == ["s3://lab/a b", "s3://lab/mask.png", "s3://lab/left"]


@pytest.mark.parametrize(
    ("task_type", "line", "more"),
    [
        ("video-object-tracking", {"source-ref": some_sequences.URI}, sorted(some_sequences.sequence_objects())[:-1]),
        ("3d-point-cloud-object-tracking", some_clouds.SEQUENCE_LINE, sorted(some_clouds.cloud_objects())[:-1]),
        ("3d-point-cloud-object-detection", some_clouds.LINE, [some_clouds.PICTURE]),
        ("3d-point-cloud-object-detection", {"source-ref": "s3://lab/a.bin"}, []),
        ("3d-point-cloud-object-tracking", {"source-ref": "s3://lab/none.json"}, []),
        ("bounding-box", {"source-ref": some_sequences.URI}, []),
    ],
)
def test_frames_and_pictures_belong_to_their_object(task_type: str, line: dict[str, Any], more: list[str]) -> None:
    found = list(data_uris(line, TASK_TYPES[task_type], Held()))
    assert found[0] == line["source-ref"]
    assert sorted(found[1:]) == more
