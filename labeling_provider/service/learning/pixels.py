"""Models that classify each pixel by its surroundings. They predict masks, or boxes around connected pixels."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
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
_MIN_SHARE_IN_BOX: Final = 0.2
_MAX_BACKGROUND: Final = 0.2
_EDGES: Final = _SMOOTHINGS[0]


class _Sample(NamedTuple):
    """Some pixels of a picture, to learn from.

    :param key: the seed, and a checksum of what people say about the picture.
    :param rows: pixels × features.
    :param classes: the class of each pixel: 0 background, n the n-th label.
    :param parts: the number of the box that each pixel is in; 0 for none.
    """

    key: tuple[int, int]
    rows: Array
    classes: Array
    parts: Array


@dataclass(eq=False)
class Picture:
    """A picture as input for the models.

    :param pixels: RGB, height × width × 3, with sides of at most 128 pixels.
    :param width: width of the original, in pixels.
    :param height: height of the original, in pixels.
    :param sample: what was last learned from it. Each training of a job learns from all earlier pictures again.
    """

    pixels: Array
    width: int
    height: int
    sample: _Sample | None = None


class _PixelModel(Model):
    """Predicts the class of each pixel (0 background, n the n-th label) from the colors and structure around it."""

    max_kept = 5_000

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

    def _sample(self, picture: Picture, classes: Array, parts: Array) -> _Sample:
        """Some pixels of a picture, the same number of each class as far as possible.

        :param classes: the pixels' classes, in the picture's reduced size: height × width.
        :param parts: likewise, the numbers of boxes.
        """
        key = self.seed, zlib.crc32(np.stack([classes, parts]).astype(np.int32).tobytes())
        if picture.sample is None or picture.sample.key != key:
            chosen = _balanced(classes.ravel(), np.random.default_rng(key))
            rows = _features(picture.pixels)[chosen]
            picture.sample = _Sample(key, rows, classes.ravel()[chosen].astype(np.int64), parts.ravel()[chosen])
        return picture.sample

    def _learn(self, rows: Array, classes: Array) -> None:
        """Learn from pixels, and from those of the earlier model."""
        self._fit(np.concatenate([self._earlier[0], rows]), np.concatenate([self._earlier[1], classes]))

    def _fit(self, rows: Array, classes: Array) -> None:
        self._rows, self._classes = rows, classes
        if len(self._classes) > _MAX_PIXELS:
            chance = np.random.default_rng(self.seed)
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

        if self._network is None:
            self._fit(*self._earlier)
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
        with _one_thread():
            samples = [self._sample(picture, mask, mask) for picture, mask in zip(inputs, masks, strict=True)]
            rows, classes, _ = _joined(samples)
            self._learn(rows, classes)

    def predict(self, inputs: Sequence[Any]) -> list[Prediction]:
        with _one_thread():
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
        with _one_thread():
            self._learn_boxes(inputs, answers)

    def _learn_boxes(self, pictures: Sequence[Picture], answers: Sequence[Sequence[dict[str, Any]]]) -> None:
        samples = []
        for picture, boxes in zip(pictures, answers, strict=True):
            parts = _numbered(boxes, picture)
            classes = np.array([0, *(box["class_id"] + 1 for box in boxes)])
            samples.append(self._sample(picture, classes[parts], parts))
        rows, classes, parts = _joined(samples)
        self._learn(rows, classes)
        # Boxes contain background as well: pixels that look like it are learned as such in a second round.
        if self._known[0] == 0:
            looks_empty = self._network.predict_proba(rows)[:, 0] > 0.5
            self._learn(rows, np.where(looks_empty & ~_nearly_empty(looks_empty, parts)[parts], 0, classes))

    def predict(self, inputs: Sequence[Any]) -> list[Prediction]:
        with _one_thread():
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


def _one_thread() -> Any:
    """Multiply matrices in one thread: they are so small here that several threads only wait for each other."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas")


def _features(pixels: Array) -> Array:
    """The features of each pixel: colors and their spread at several scales, edges and position.

    :return: pixels × features.
    """
    image = pixels.astype(np.float32).transpose(2, 0, 1) / 255
    height, width = image.shape[1:]
    layers = np.concatenate([image, image.mean(axis=0, keepdims=True) ** 2])
    planes = [image]
    for sigma in _SMOOTHINGS:
        smooth = _smoothing(height, sigma) @ layers @ _smoothing(width, sigma).T
        gray = smooth[:3].mean(axis=0)
        planes += [smooth[:3], np.sqrt(np.maximum(smooth[3] - gray**2, 0))[None]]
        if sigma == _EDGES:
            edges = np.hypot(*np.gradient(gray))
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    planes.append(np.stack([edges, rows / height, columns / width]))
    return np.ascontiguousarray(np.concatenate(planes).reshape(-1, height * width).T)


@lru_cache(maxsize=1_000)
def _smoothing(size: int, sigma: float) -> Array:
    """A matrix that smooths columns of a picture with a Gaussian: the result of a filter, many times as fast."""
    from scipy.ndimage import gaussian_filter1d

    matrix: Array = gaussian_filter1d(np.eye(size, dtype=np.float32), sigma, axis=0)
    return matrix


def _joined(samples: Sequence[_Sample]) -> tuple[Array, Array, Array]:
    """Rows, classes and parts of all pictures, with a different number for each box."""
    counts = [int(sample.parts.max(initial=0)) for sample in samples]
    before = np.cumsum([0, *counts[:-1]])
    parts = [np.where(sample.parts, sample.parts + start, 0) for sample, start in zip(samples, before, strict=True)]
    rows, classes = [sample.rows for sample in samples], [sample.classes for sample in samples]
    return np.concatenate(rows), np.concatenate(classes), np.concatenate(parts)


def _nearly_empty(looks_empty: Array, parts: Array) -> Array:
    """For each box number, whether so little of the box would be left that it is learned unchanged."""
    sizes, left = np.bincount(parts), np.bincount(parts, ~looks_empty)
    nearly: Array = left < _MIN_SHARE_IN_BOX * sizes
    nearly[0] = False
    return nearly


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


def _numbered(boxes: Sequence[dict[str, Any]], picture: Picture) -> Array:
    """The number of the box that each pixel is in, from 1; of several boxes, the smallest."""
    numbers = np.zeros(picture.pixels.shape[:2], dtype=np.int64)
    for number, box in sorted(enumerate(boxes, 1), key=lambda pair: -pair[1]["width"] * pair[1]["height"]):
        numbers[_part(box, picture)] = number
    return numbers
