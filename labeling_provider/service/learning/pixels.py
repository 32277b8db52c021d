"""Models that classify each pixel by its surroundings. They predict masks, or boxes around connected pixels."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from labeling_provider.manifest.pictures import open_picture
from labeling_provider.service.learning.models import Model, Prediction, load_arrays, save_arrays, translated

Array = npt.NDArray[Any]

_MAX_SIDE: Final = 128
_PIXELS_PER_PICTURE: Final = 300
_MAX_PIXELS: Final = 60_000
_SMOOTHINGS: Final = (1.0, 3.0, 7.0)
_SMALLEST_PART: Final = 0.002
_FEATURES: Final = 18
_FEWEST_IN_BOX: Final = 0.2
_MAX_BACKGROUND: Final = 0.2


class Picture(NamedTuple):
    """A picture as input for the models.

    :param pixels: RGB, height × width × 3, with sides of at most 128 pixels.
    :param width: of the original, in pixels.
    :param height: of the original, in pixels.
    """

    pixels: Array
    width: int
    height: int


class _PixelModel(Model):
    """Predicts the class of each pixel (0 background, n the n-th label) from the colors and structure around it."""

    most_kept = 5_000

    def __init__(self, labels: Sequence[str], seed: int) -> None:
        super().__init__(labels, seed)
        self._rows = np.zeros((0, _FEATURES), dtype=np.float32)
        self._classes = np.zeros(0, dtype=np.int64)
        self._earlier = self._rows, self._classes
        self._network: Any = None

    def read(self, data: bytes | str) -> Picture:
        picture = open_picture(data if isinstance(data, bytes) else data.encode(), "RGB")
        width, height = picture.size
        picture.thumbnail((_MAX_SIDE, _MAX_SIDE))
        return Picture(np.asarray(picture), width, height)

    def save(self) -> bytes:
        return save_arrays(rows=self._rows, classes=self._classes)

    def load(self, saved: bytes, labels: Sequence[str]) -> None:
        rows, classes = load_arrays(saved, "rows", "classes")
        if rows.ndim != 2 or rows.shape != (len(classes), _FEATURES):
            raise ValueError("its examples have a different number of features")
        positions = translated(classes - 1, labels, self.labels) + 1
        kept = (positions > 0) | (classes == 0)
        self._earlier = rows[kept], positions[kept]

    def _learn(self, pictures: Sequence[Picture], masks: Sequence[Array]) -> None:
        """Learn from masks in the pictures' reduced size."""
        chance = np.random.default_rng(self.seed)
        rows, classes = [self._earlier[0]], [self._earlier[1]]
        for picture, mask in zip(pictures, masks, strict=True):
            chosen = _balanced(mask.ravel(), chance)
            rows.append(_features(picture.pixels)[chosen])
            classes.append(mask.ravel()[chosen].astype(np.int64))
        self._rows, self._classes = np.concatenate(rows), np.concatenate(classes)
        if len(self._classes) > _MAX_PIXELS:
            kept = np.sort(chance.permutation(len(self._classes))[:_MAX_PIXELS])
            self._rows, self._classes = self._rows[kept], self._classes[kept]
        self._known = np.unique(self._classes)
        self._network = self._fitted()

    def _fitted(self) -> Any:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        network = MLPClassifier((32,), batch_size=min(1_000, len(self._classes)), max_iter=40, random_state=self.seed)
        with warnings.catch_warnings():
            # It does not have to converge: how good it is will be measured.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return make_pipeline(StandardScaler(), network).fit(self._rows, self._classes)

    def _likelihoods(self, picture: Picture) -> Array:
        """How likely each class is for each pixel, slightly smoothed: height × width × classes, background first."""
        from scipy.ndimage import gaussian_filter

        height, width = picture.pixels.shape[:2]
        likely = np.zeros((height, width, len(self.labels) + 1), dtype=np.float32)
        predicted = self._network.predict_proba(_features(picture.pixels)).reshape(height, width, -1)
        for position, name in enumerate(self._known):
            likely[..., name] = gaussian_filter(predicted[..., position], 0.7)
        return likely


class MaskPainter(_PixelModel):
    """Semantic segmentation."""

    def train(self, inputs: Sequence[Any], answers: Sequence[Any]) -> None:
        masks = [_reduced(mask, picture) for picture, mask in zip(inputs, answers, strict=True)]
        self._learn(inputs, masks)

    def predict(self, inputs: Sequence[Any]) -> list[Prediction]:
        return [self._paint(picture) for picture in inputs]

    def _paint(self, picture: Picture) -> Prediction:
        likely = self._likelihoods(picture)
        best = likely.max(axis=-1)
        # Certainty counts where there may be something, not on clear background.
        weight = 0.02 + 1 - likely[..., 0]
        return Prediction(_enlarged(likely, picture), float((best * weight).sum() / weight.sum()))


class BoxDetector(_PixelModel):
    """Bounding boxes around connected pixels of one class."""

    def train(self, inputs: Sequence[Any], answers: Sequence[Any]) -> None:
        masks = [_filled(boxes, picture) for picture, boxes in zip(inputs, answers, strict=True)]
        self._learn(inputs, masks)
        # Boxes contain background as well: pixels that look like it are removed before learning again.
        triples = zip(inputs, masks, answers, strict=True)
        self._learn(inputs, [self._tightened(picture, mask, boxes) for picture, mask, boxes in triples])

    def _tightened(self, picture: Picture, mask: Array, boxes: Sequence[dict[str, Any]]) -> Array:
        background = self._likelihoods(picture)[..., 0] > 0.5
        tight = np.where(background, 0, mask)
        for box in boxes:
            part = _part(box, picture)
            if (tight[part] > 0).mean() < _FEWEST_IN_BOX:
                tight[part] = mask[part]
        return tight

    def predict(self, inputs: Sequence[Any]) -> list[Prediction]:
        return [self._detect(picture) for picture in inputs]

    def _detect(self, picture: Picture) -> Prediction:
        from scipy.ndimage import find_objects, label

        likely = self._likelihoods(picture)
        # Labeled pixels are more frequent among the examples than in pictures, so demand clear evidence.
        names = np.where(likely[..., 0] < _MAX_BACKGROUND, 1 + likely[..., 1:].argmax(axis=-1), 0)
        height, width = names.shape
        across, down = picture.width / width, picture.height / height
        boxes, scores = [], []
        for name in range(1, likely.shape[-1]):
            numbered, _ = label(names == name)
            for number, part in enumerate(find_objects(numbered), 1):
                inside = numbered[part] == number
                if inside.sum() < _SMALLEST_PART * names.size:
                    continue
                rows, columns = part
                scores.append(float(likely[part][..., name][inside].mean()))
                boxes.append(
                    {
                        "class_id": name - 1,
                        "left": columns.start * across,
                        "top": rows.start * down,
                        "width": (columns.stop - columns.start) * across,
                        "height": (rows.stop - rows.start) * down,
                    }
                )
        return Prediction(boxes, min(scores, default=float(likely[..., 0].min())))


def _features(pixels: Array) -> Array:
    """The features of each pixel: colors and their spread at several scales, edges and position.

    :return: pixels × features.
    """
    from scipy.ndimage import gaussian_filter

    image = pixels.astype(np.float32) / 255
    height, width = image.shape[:2]
    gray = image.mean(axis=-1)
    layers = [image]
    for sigma in _SMOOTHINGS:
        smooth = gaussian_filter(image, (sigma, sigma, 0))
        spread = gaussian_filter(gray**2, sigma) - gaussian_filter(gray, sigma) ** 2
        layers += [smooth, np.sqrt(np.maximum(spread, 0))[..., None]]
    edges = np.hypot(*np.gradient(gaussian_filter(gray, 1.0)))
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    layers += [edges[..., None], (rows / height)[..., None], (columns / width)[..., None]]
    return np.concatenate(layers, axis=-1).reshape(height * width, -1)


def _balanced(classes: Array, chance: np.random.Generator) -> Array:
    """Choose some pixels of a picture, the same number from each class as far as possible; their indices."""
    names = np.unique(classes)
    size = _PIXELS_PER_PICTURE // len(names)
    return np.concatenate([chance.permutation(np.flatnonzero(classes == name))[:size] for name in names])


def _reduced(mask: Array, picture: Picture) -> Array:
    from PIL import Image

    height, width = picture.pixels.shape[:2]
    return np.asarray(Image.fromarray(mask.astype(np.uint8)).resize((width, height), Image.Resampling.NEAREST))


def _enlarged(likely: Array, picture: Picture) -> Array:
    """The most likely class of each pixel in the original size: an array of height × width."""
    from PIL import Image

    best = np.full((picture.height, picture.width), -1.0, dtype=np.float32)
    names = np.zeros(best.shape, dtype=np.uint8)
    for name in np.flatnonzero(likely.max(axis=(0, 1)) > 0):
        layer = Image.fromarray(likely[..., name]).resize((picture.width, picture.height), Image.Resampling.BILINEAR)
        values = np.asarray(layer)
        names[values > best] = name
        np.maximum(best, values, out=best)
    return names


def _part(box: dict[str, Any], picture: Picture) -> tuple[slice, slice]:
    """The rows and columns of a box in the reduced picture; at least one pixel."""
    height, width = picture.pixels.shape[:2]
    across, down = width / picture.width, height / picture.height
    left, top = int(box["left"] * across), int(box["top"] * down)
    right = max(round((box["left"] + box["width"]) * across), left + 1)
    bottom = max(round((box["top"] + box["height"]) * down), top + 1)
    return slice(max(top, 0), bottom), slice(max(left, 0), right)


def _filled(boxes: Sequence[dict[str, Any]], picture: Picture) -> Array:
    """Boxes as a mask, with smaller boxes on top."""
    mask = np.zeros(picture.pixels.shape[:2], dtype=np.int64)
    for box in sorted(boxes, key=lambda box: -box["width"] * box["height"]):
        mask[_part(box, picture)] = box["class_id"] + 1
    return mask
