"""What the files of a labeling job must be, by task type."""

from __future__ import annotations

import pytest

from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.media import IMAGE_ENDINGS, Media, media_of
from labeling_provider.groundtruth.task_types import TASK_TYPES


@pytest.mark.parametrize("name", sorted(TASK_TYPES))
def test_what_a_browser_reads_from_a_bucket_needs_a_cors_rule(name: str) -> None:
    task_type = TASK_TYPES[name]
    media = media_of(task_type)
    in_files = task_type.data_key == "source-ref"
    assert (media.cors is not None) == in_files
    assert media.writes == task_type.is_sequence
    assert all(ending == ending.lower() and ending.startswith(".") for ending in media.endings)


def test_only_images_have_pixels_and_fewer_if_a_model_labels_them() -> None:
    boxes, masks = TASK_TYPES["bounding-box"], TASK_TYPES["semantic-segmentation"]
    assert media_of(boxes).endings == IMAGE_ENDINGS
    assert media_of(boxes).max_pixels == media_of(masks).max_pixels == Quota.IMAGE_PIXELS
    assert media_of(boxes, automated=True).max_pixels == Quota.AUTOMATED_IMAGE_PIXELS
    assert media_of(masks, automated=True).max_pixels == Quota.AUTOMATED_MASK_PIXELS
    assert media_of(TASK_TYPES["video-classification"], automated=True).max_pixels is None


def test_texts_and_what_is_not_known_may_be_anything() -> None:
    assert media_of(None, automated=True) == media_of(TASK_TYPES["text-classification"]) == Media()
    assert media_of(TASK_TYPES["custom"]) == Media()
