"""Models that put objects into classes: one answer of yes or no per class, so that what is unlike all of them shows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labeling_provider.manifest.pictures import open_picture
from labeling_provider.service.learning.models import Model, Prediction, load_arrays, save_arrays, translated

Floats = npt.NDArray[Any]

_MAX_TEXT: Final = 20_000
_TEXT_FEATURES: Final = 1 << 18
_SIDE: Final = 32
_CELL: Final = 4
_DIRECTIONS: Final = 9
_PIXEL_SIDE: Final = 8
_IMAGE_FEATURES: Final = 4 * _DIRECTIONS * (_SIDE // _CELL - 1) ** 2 + 3 * _PIXEL_SIDE**2
_BATCH: Final = 2_000


class _Classifier(Model):
    """A model of classes; it is saved as its examples, so that a later one can learn from them and from its own."""

    most_examples: int

    def __init__(self, labels: Sequence[str], seed: int) -> None:
        super().__init__(labels, seed)
        self._earlier: tuple[Any, Floats] | None = None
        self._rows: Any = None
        self._classes: Floats = np.zeros(0, dtype=np.int64)

    @abstractmethod
    def _stack(self, rows: Sequence[Any]) -> Any:
        """One matrix of rows or matrices."""

    @abstractmethod
    def _fit(self, rows: Any, wanted: Floats) -> None:
        """Learn which column of each row of ``wanted`` is 1; the others are -1."""

    @abstractmethod
    def _decide(self, rows: Any) -> Floats:
        """Rows × known classes: how much an object looks like each, around 1 for yes and -1 for no."""

    def train(self, inputs: Sequence[Any], answers: Sequence[Any]) -> None:
        rows, classes = self._stack(inputs), np.asarray(answers, dtype=np.int64)
        if self._earlier is not None:
            rows = self._stack([self._earlier[0], rows])
            classes = np.concatenate([self._earlier[1], classes])
        if len(classes) > self.most_examples:
            chosen = np.sort(np.random.default_rng(self.seed).permutation(len(classes))[: self.most_examples])
            rows, classes = rows[chosen], classes[chosen]
        self._rows, self._classes = rows, classes
        self._known = np.unique(classes)
        self._fit(rows, np.where(classes[:, None] == self._known[None], 1.0, -1.0))

    def _start_from(self, rows: Any, classes: Floats, labels: Sequence[str]) -> None:
        positions = translated(classes, labels, self.labels)
        if (positions >= 0).any():
            self._earlier = rows[positions >= 0], positions[positions >= 0]

    def predict(self, inputs: Sequence[Any]) -> list[Prediction]:
        found = []
        for start in range(0, len(inputs), _BATCH):
            batch = inputs[start : start + _BATCH]
            if len(self._known) == 1:
                found += [Prediction(int(self._known[0]), 0.0)] * len(batch)
                continue
            decided = self._decide(self._stack(batch))
            ordered = np.sort(decided, axis=1)
            scores = ordered[:, -1] - ordered[:, -2]
            chosen = self._known[decided.argmax(axis=1)]
            found += [Prediction(int(one), float(score)) for one, score in zip(chosen, scores, strict=True)]
        return found


class TextClassifier(_Classifier):
    """Hashed n-grams of characters and words under a linear model."""

    most_examples = 50_000

    @cached_property
    def _vectorizers(self) -> list[Any]:
        from sklearn.feature_extraction.text import HashingVectorizer

        return [
            HashingVectorizer(analyzer="char_wb", ngram_range=(2, 5), n_features=_TEXT_FEATURES, dtype=np.float32),
            HashingVectorizer(ngram_range=(1, 2), n_features=_TEXT_FEATURES, dtype=np.float32),
        ]

    def read(self, data: bytes | str) -> Any:
        from scipy.sparse import hstack

        text = data.decode(errors="replace") if isinstance(data, bytes) else data
        return hstack([one.transform([text[:_MAX_TEXT]]) for one in self._vectorizers], format="csr")

    def _stack(self, rows: Sequence[Any]) -> Any:
        from scipy.sparse import vstack

        return vstack(rows, format="csr")

    def _fit(self, rows: Any, wanted: Floats) -> None:
        from sklearn.linear_model import RidgeClassifier

        self._model = RidgeClassifier(alpha=0.3, solver="sparse_cg", tol=1e-4, random_state=self.seed)
        self._model.fit(rows, wanted.argmax(axis=1))

    def _decide(self, rows: Any) -> Floats:
        decided: Floats = self._model.decision_function(rows)
        return decided if decided.ndim == 2 else np.stack([-decided, decided], axis=1)

    def save(self) -> bytes:
        rows = self._rows
        return save_arrays(data=rows.data, indices=rows.indices, indptr=rows.indptr, classes=self._classes)

    def load(self, saved: bytes, labels: Sequence[str]) -> None:
        from scipy.sparse import csr_matrix

        data, indices, indptr, classes = load_arrays(saved, "data", "indices", "indptr", "classes")
        rows = csr_matrix((data, indices, indptr), shape=(len(classes), 2 * _TEXT_FEATURES))
        rows.check_format()
        self._start_from(rows, classes, labels)


class ImageClassifier(_Classifier):
    """Histograms of gradients and scaled pixels under a kernel model."""

    most_examples = 4_000

    def read(self, data: bytes | str) -> Any:
        picture = open_picture(data if isinstance(data, bytes) else data.encode(), "RGB")
        gray = np.asarray(picture.convert("L").resize((_SIDE, _SIDE)), dtype=np.float32) / 255
        pixels = np.asarray(picture.resize((_PIXEL_SIDE, _PIXEL_SIDE)), dtype=np.float32).ravel() / 255 - 0.5
        # Both halves have a length of about one, so that neither drowns the other.
        return np.concatenate([_gradient_histograms(gray), pixels / np.sqrt(len(pixels)) * 2])

    def _stack(self, rows: Sequence[Any]) -> Any:
        return np.vstack(rows)

    def _fit(self, rows: Any, wanted: Floats) -> None:
        from sklearn.kernel_ridge import KernelRidge

        width = float(rows.shape[1] * rows.var()) or 1.0
        self._model = KernelRidge(alpha=0.3, kernel="rbf", gamma=1 / width).fit(rows, wanted)

    def _decide(self, rows: Any) -> Floats:
        decided: Floats = self._model.predict(rows)
        return decided

    def save(self) -> bytes:
        return save_arrays(rows=self._rows.astype(np.float32), classes=self._classes)

    def load(self, saved: bytes, labels: Sequence[str]) -> None:
        rows, classes = load_arrays(saved, "rows", "classes")
        if rows.shape != (len(classes), _IMAGE_FEATURES):
            raise ValueError("its examples have another size")
        self._start_from(rows, classes, labels)


def _gradient_histograms(gray: Floats) -> Floats:
    """Directions of gradients, weighted by strength, per cell; cells are normalised together with their neighbours."""
    down, right = np.gradient(gray)
    strength = np.hypot(down, right)
    direction = (np.arctan2(down, right) % np.pi) / np.pi * _DIRECTIONS
    lower = direction.astype(np.int64) % _DIRECTIONS
    share = direction - np.floor(direction)
    cells = _SIDE // _CELL
    histograms = np.zeros((cells, cells, _DIRECTIONS), dtype=np.float32)
    rows, columns = np.mgrid[0:_SIDE, 0:_SIDE] // _CELL
    np.add.at(histograms, (rows, columns, lower), strength * (1 - share))
    np.add.at(histograms, (rows, columns, (lower + 1) % _DIRECTIONS), strength * share)
    corners = [histograms[row : cells - 1 + row, column : cells - 1 + column] for row in (0, 1) for column in (0, 1)]
    blocks = np.concatenate(corners, axis=-1)
    blocks = blocks / np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + 1e-2)
    result: Floats = (blocks / (cells - 1)).ravel()
    return result
