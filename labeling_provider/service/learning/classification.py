"""Models for classification. They answer yes or no for each class, so an object unlike any class gets a low score."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labeling_provider.manifest.pictures import open_picture
from labeling_provider.service.learning.models import Model, Prediction, load_arrays, save_arrays, translated

Values = npt.NDArray[Any]

_MAX_TEXT: Final = 20_000
_TEXT_FEATURES: Final = 1 << 18
_SIDE: Final = 32
_CELL: Final = 4
_DIRECTIONS: Final = 9
_PIXEL_SIDE: Final = 8
_IMAGE_FEATURES: Final = 4 * _DIRECTIONS * (_SIDE // _CELL - 1) ** 2 + 3 * _PIXEL_SIDE**2
_BATCH: Final = 2_000


class _Classifier(Model):
    """A classification model. It is saved as its examples, so that a later model can learn from them as well."""

    max_examples: int

    def __init__(self, labels: Sequence[str], seed: int) -> None:
        super().__init__(labels, seed)
        self._earlier: tuple[Any, Values] | None = None
        self._rows: Any = None
        self._classes: Values = np.zeros(0, dtype=np.int64)

    @abstractmethod
    def _stack(self, rows: Sequence[Any]) -> Any:
        """Stack rows or matrices into one matrix."""

    @abstractmethod
    def _fit(self, rows: Any, wanted: Values) -> None:
        """Fit the model.

        :param rows: examples × features.
        :param wanted: examples × known classes: 1 for the right class, -1 for the others.
        """

    @abstractmethod
    def _decide(self, rows: Any) -> Values:
        """How well each row matches each class: rows × known classes, around 1 for yes and -1 for no."""

    def train(self, inputs: Sequence[Any], answers: Sequence[Any]) -> None:
        rows, classes = self._stack(inputs), np.asarray(answers, dtype=np.int64)
        if self._earlier is not None:
            rows = self._stack([self._earlier[0], rows])
            classes = np.concatenate([self._earlier[1], classes])
        self._learn(rows, classes)

    def _learn(self, rows: Any, classes: Values) -> None:
        if len(classes) > self.max_examples:
            chosen = np.sort(np.random.default_rng(self.seed).permutation(len(classes))[: self.max_examples])
            rows, classes = rows[chosen], classes[chosen]
        self._rows, self._classes = rows, classes
        self._known = np.unique(classes)
        self._fit(rows, np.where(classes[:, None] == self._known[None], 1.0, -1.0))

    def _start_from(self, rows: Any, classes: Values, labels: Sequence[str]) -> None:
        positions = translated(classes, labels, self.labels)
        if (positions >= 0).any():
            self._earlier = rows[positions >= 0], positions[positions >= 0]

    def predict(self, inputs: Sequence[Any]) -> list[Prediction]:
        if self._rows is None and self._earlier is not None:
            self._learn(*self._earlier)
        predictions = []
        for start in range(0, len(inputs), _BATCH):
            batch = inputs[start : start + _BATCH]
            if len(self._known) == 1:
                predictions += [Prediction(int(self._known[0]), 0.0)] * len(batch)
                continue
            decided = self._decide(self._stack(batch))
            ordered = np.sort(decided, axis=1)
            scores = ordered[:, -1] - ordered[:, -2]
            chosen = self._known[decided.argmax(axis=1)]
            predictions += [Prediction(int(choice), float(score)) for choice, score in zip(chosen, scores, strict=True)]
        return predictions


class TextClassifier(_Classifier):
    """A linear model on hashed n-grams of characters and words."""

    max_examples = 50_000

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
        return hstack([vectorizer.transform([text[:_MAX_TEXT]]) for vectorizer in self._vectorizers], format="csr")

    def _stack(self, rows: Sequence[Any]) -> Any:
        from scipy.sparse import vstack

        return vstack(rows, format="csr")

    def _fit(self, rows: Any, wanted: Values) -> None:
        from sklearn.linear_model import RidgeClassifier

        self._model = RidgeClassifier(alpha=0.3, solver="sparse_cg", tol=1e-4, random_state=self.seed)
        self._model.fit(rows, wanted.argmax(axis=1))

    def _decide(self, rows: Any) -> Values:
        decided: Values = self._model.decision_function(rows)
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
    """A kernel model on histograms of gradients and downscaled pixels."""

    max_examples = 4_000

    def read(self, data: bytes | str) -> Any:
        picture = open_picture(data if isinstance(data, bytes) else data.encode(), "RGB")
        gray = np.asarray(picture.convert("L").resize((_SIDE, _SIDE)), dtype=np.float32) / 255
        pixels = np.asarray(picture.resize((_PIXEL_SIDE, _PIXEL_SIDE)), dtype=np.float32).ravel() / 255 - 0.5
        # Both parts have a norm of about one, so that neither dominates.
        return np.concatenate([_gradient_histograms(gray), pixels / np.sqrt(len(pixels)) * 2])

    def _stack(self, rows: Sequence[Any]) -> Any:
        return np.vstack(rows)

    def _fit(self, rows: Any, wanted: Values) -> None:
        from sklearn.kernel_ridge import KernelRidge

        width = float(rows.shape[1] * rows.var()) or 1.0
        self._model = KernelRidge(alpha=0.3, kernel="rbf", gamma=1 / width).fit(rows, wanted)

    def _decide(self, rows: Any) -> Values:
        decided: Values = self._model.predict(rows)
        return decided

    def save(self) -> bytes:
        return save_arrays(rows=self._rows.astype(np.float32), classes=self._classes)

    def load(self, saved: bytes, labels: Sequence[str]) -> None:
        rows, classes = load_arrays(saved, "rows", "classes")
        if rows.shape != (len(classes), _IMAGE_FEATURES):
            raise ValueError("its examples have a different number of features")
        self._start_from(rows, classes, labels)


def _gradient_histograms(gray: Values) -> Values:
    """A histogram of gradient directions, weighted by strength, for each cell; normalized with neighboring cells."""
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
    result: Values = (blocks / (cells - 1)).ravel()
    return result
