"""The tools of video frame jobs, and where their labels are."""

from __future__ import annotations

from labeling_provider.groundtruth.frame_tools import LABEL_LISTS, TOOLS, sequence_label_uri
from labeling_provider.groundtruth.task_types import TASK_TYPES


def test_each_video_frame_job_has_its_list_of_frames() -> None:
    keys = {row.answer_key for row in TASK_TYPES.values() if row.media == "frames"}
    assert keys == LABEL_LISTS.keys()


def test_the_lists_of_shapes_tell_the_tool() -> None:
    assert len({tool.labels for tool in TOOLS.values()}) == len({tool.answers for tool in TOOLS.values()}) == 4
    assert [name for name, tool in TOOLS.items() if tool.name != name] == []


def test_labels_are_where_amazon_writes_them() -> None:
    uri = "s3://out/yard/annotations/consolidated-annotation/output/7/SeqLabel.json"
    assert sequence_label_uri("s3://out/yard", 7) == sequence_label_uri("s3://out/yard/", 7) == uri
