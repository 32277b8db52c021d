"""What a model has to do to label by machine, and the models that are built in.

A model is named by the algorithm of a task type, as in Amazon's algorithm ARNs; the workforce file may name others of
your own, by import path.
"""

from __future__ import annotations

import importlib
import io
import json
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Final, NamedTuple

BUILT_IN: Final = {
    "image-classification": "labeling_provider.service.learning.classification:ImageClassifier",
    "text-classification": "labeling_provider.service.learning.classification:TextClassifier",
    "object-detection": "labeling_provider.service.learning.pixels:BoxDetector",
    "semantic-segmentation": "labeling_provider.service.learning.pixels:MaskPainter",
}
"""Import path of the model of each algorithm."""

_LARGEST_MODEL: Final = 1 << 30
_SAVED: Final = "model"
_FORMER_ROOM: Final = "labeling_provider.local."
"""Where the built-in models were in 0.1, as their files say."""
_ABOUT: Final = "about.json"


class Prediction(NamedTuple):
    """What a model says about one object.

    :param answer: a class position (int), boxes (a list of ``{"class_id", "left", "top", "width", "height"}``, in
        pixels), or a mask (array of height × width, 0 background, n the n-th label).
    :param score: how sure it is, on any scale that grows with certainty; it is calibrated afterwards.
    """

    answer: Any
    score: float


class ModelFailure(Exception):
    """A model that raises or gives answers that are none; the text says what it did."""


class Model(ABC):
    """A model of one labeling job; each training makes a new one.

    The same examples and the same seed must give the same model.

    :param labels: label names in class order.
    :param seed: for whatever the model leaves to chance.
    """

    version: ClassVar[int] = 1
    """Raise it when a saved model can't be loaded any more."""
    most_kept: ClassVar[int] = 20_000
    """So many objects stay in memory as :meth:`read` gives them; the others are read anew each time."""

    def __init__(self, labels: Sequence[str], seed: int) -> None:
        self.labels, self.seed = list(labels), seed

    @property
    def import_path(self) -> str:
        """Where its class is, as its file says."""
        return f"{type(self).__module__}:{type(self).__qualname__}"

    @abstractmethod
    def read(self, data: bytes | str) -> Any:
        """Turn an object, the bytes of a picture or a text, into what the model works on; kept between trainings.

        :raises ValueError: if it can't be read; people get it then.
        """

    @abstractmethod
    def train(self, inputs: Sequence[Any], answers: Sequence[Any]) -> None:
        """Learn from people's answers, at least one; they have the forms of :class:`Prediction`."""

    @abstractmethod
    def predict(self, inputs: Sequence[Any]) -> list[Prediction]:
        """Answer for objects that were read."""

    @abstractmethod
    def save(self) -> bytes:
        """Everything that :meth:`load` needs, without code in it."""

    @abstractmethod
    def load(self, saved: bytes, labels: Sequence[str]) -> None:
        """Start from an earlier model; :meth:`train` goes on from there.

        :param labels: the label names that it knew, in its class order.
        :raises ValueError: if it can't be used.
        """


def import_model(path: str) -> type[Model]:
    """The model class at ``module:Class``.

    :raises ValueError: if there is none.
    """
    module, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:  # noqa: BLE001 - a user's module may raise anything
        raise ValueError(f"{path!r} cannot be imported: {error}") from None
    if not (isinstance(found, type) and issubclass(found, Model)):
        raise ValueError(f"{path!r} is no labeling_provider.service.learning.models.Model")
    return found


def pack(model: Model, algorithm: str) -> bytes:
    """A model as ``model.tar.gz``; the same model gives the same bytes."""
    about = {"algorithm": algorithm, "labels": model.labels, "model": model.import_path, "version": model.version}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=1) as files:
        for name, content in ((_ABOUT, json.dumps(about).encode()), (_SAVED, model.save())):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            files.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def unpack(archive: bytes, model: Model) -> None:
    """Let a model start from an earlier one's ``model.tar.gz``.

    :raises ValueError: if it is another kind of model, or was changed on the way.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as files:
            about = json.loads(_member(files, _ABOUT))
            saved = _member(files, _SAVED)
        labels, kind = about["labels"], (about["model"], about["version"])
    except (tarfile.TarError, zlib.error, OSError, EOFError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"it is no model of this service ({error})") from None
    if isinstance(kind[0], str) and kind[0].startswith(_FORMER_ROOM):
        kind = (kind[0].replace(_FORMER_ROOM, "labeling_provider.service.", 1), kind[1])
    if kind != (model.import_path, model.version):
        raise ValueError(f"it was made by {kind[0]} version {kind[1]}")
    if not isinstance(labels, list) or not set(labels) & set(model.labels):
        raise ValueError("it knows none of the labels")
    model.load(saved, labels)


def _member(files: tarfile.TarFile, name: str) -> bytes:
    entry = files.getmember(name)
    content = files.extractfile(entry)
    if content is None or entry.size > _LARGEST_MODEL:
        raise KeyError(name)
    return content.read()


def save_arrays(**arrays: Any) -> bytes:
    """Arrays as bytes; the same arrays give the same bytes."""
    import numpy as np

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as files:
        for name, array in arrays.items():
            body = io.BytesIO()
            np.save(body, np.asarray(array), allow_pickle=False)
            files.writestr(zipfile.ZipInfo(f"{name}.npy"), body.getvalue())
    return content.getvalue()


def load_arrays(saved: bytes, *names: str) -> list[Any]:
    """The arrays of :func:`save_arrays`.

    :raises ValueError: if one is missing or is no array.
    """
    import numpy as np

    try:
        with zipfile.ZipFile(io.BytesIO(saved)) as files:
            if sum(entry.file_size for entry in files.infolist()) > _LARGEST_MODEL:
                raise ValueError("it is too large")
        with np.load(io.BytesIO(saved), allow_pickle=False) as arrays:
            return [arrays[name] for name in names]
    except (zipfile.BadZipFile, KeyError, OSError, EOFError) as error:
        raise ValueError(f"its arrays can't be read ({error})") from None


def translated(classes: Any, old: Sequence[str], new: Sequence[str]) -> Any:
    """Class positions of an earlier model as positions among other labels; -1 for those that there are no more.

    :param classes: array of positions among ``old``; others become -1, too.
    """
    import numpy as np

    places = {name: position for position, name in enumerate(new)}
    table = np.array([*(places.get(name, -1) for name in old), -1], dtype=np.int64)
    classes = np.asarray(classes)
    return table[np.where((classes >= 0) & (classes < len(old)), classes, len(old)).astype(np.int64)]
