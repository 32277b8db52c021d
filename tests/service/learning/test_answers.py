"""People's answers as they are kept for learning."""

from __future__ import annotations

import io
import tracemalloc
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labeling_provider.service.cloud.object_store import MissingObject
from labeling_provider.service.learning.answers import ANSWERS, Answers
from labeling_provider.service.learning.learner import DataObject, Learner, Material
from labeling_provider.service.learning.models import BUILT_IN, import_model

MASKS = "semantic-segmentation"
LABELS = ["ball"]
WIDTH, HEIGHT = 1_920, 1_080


def png(pixels: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


class Files(dict[str, bytes]):
    """A bucket."""

    def read(self, uri: str) -> bytes:
        if uri not in self:
            raise MissingObject(uri)
        return self[uri]


def answers(files: Files) -> Answers:
    job = SimpleNamespace(labels=LABELS, storage=files)
    return ANSWERS[MASKS](SimpleNamespace(job=job))  # type: ignore[arg-type]


def mask(left: int) -> Any:
    pixels = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    pixels[200:700, left : left + 600] = 1
    return pixels


@pytest.mark.parametrize("file", [None, b"", b"no picture", png(mask(0))[:300], png(mask(0)).replace(b"IDAT", b"IDAX")])
def test_a_mask_that_can_not_be_read_is_not_learned_from(file: bytes | None) -> None:
    files = Files() if file is None else Files(mask=file)
    assert answers(files).of_people("mask") is None


def test_a_mask_comes_back_as_it_was_and_agrees_with_itself() -> None:
    asked = answers(Files(mask=png(mask(30)), other=png(mask(330))))
    kept = [asked.of_people("mask"), asked.of_people("other")]
    opened = asked.opened(kept)
    assert [list(np.argwhere(one)[0]) for one in opened] == [[200, 30], [200, 330]]
    assert [list(np.argwhere(one)[0]) for one in opened[1:]] == [[200, 330]]
    assert asked.agreement(mask(30), kept[0]) == 1
    assert asked.agreement(mask(30), kept[1]) == pytest.approx(300 / 900)


def test_masks_of_large_pictures_are_not_all_in_memory_at_once() -> None:
    count = 60
    files = Files({str(number): png(mask(number * 20)) for number in range(count)})
    picture = png(np.dstack([mask(30) * 200] * 3))
    model = import_model(BUILT_IN[MASKS])
    asked = answers(files)
    learner = Learner(lambda: model(LABELS, 1), asked, lambda line: picture)
    # What a training takes anyway, libraries included.
    learner.train(Material([DataObject(0, {}, asked.of_people("0"))]))
    tracemalloc.start()
    try:
        examples = [DataObject(number, {}, asked.of_people(str(number))) for number in range(count)]
        learner.train(Material(examples))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < count * WIDTH * HEIGHT / 2
