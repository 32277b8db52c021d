"""The built-in models, and examples that they can learn."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from dev.messages import CLASSES, messages
from dev.pictures import SCENE_LABELS, digits, scene
from labeling_provider.service.learning.models import BUILT_IN, Model, import_model

TEXT, IMAGE = "text-classification", "image-classification"
BOXES, MASKS = "object-detection", "semantic-segmentation"


def new(algorithm: str, labels: list[str], seed: int = 1) -> Model:
    return import_model(BUILT_IN[algorithm])(labels, seed)


def examples(algorithm: str, count: int) -> tuple[list[str], list[bytes | str], list[Any]]:
    """Labels, data and answers."""
    if algorithm == TEXT:
        texts = messages(count, 3)
        return CLASSES, [text for text, _ in texts], [CLASSES.index(name) for _, name in texts]
    if algorithm == IMAGE:
        chosen = digits()[:count]
        return [str(digit) for digit in range(10)], [data for data, _ in chosen], [int(digit) for _, digit in chosen]
    scenes = [scene(number) for number in range(count)]
    if algorithm == BOXES:
        answers: list[Any] = [
            [{**box, "class_id": SCENE_LABELS.index(box["label"])} for box in scene.boxes] for scene in scenes
        ]
    else:
        from PIL import Image

        answers = [np.asarray(Image.open(io.BytesIO(scene.mask))) for scene in scenes]
    return SCENE_LABELS, [scene.picture for scene in scenes], answers
