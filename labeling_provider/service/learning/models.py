"""The interface of models for automated labeling, and the list of built-in ones.

Models are named after a task type's algorithm, as in Amazon's algorithm ARNs. The workforce file can replace them with
your own, by import path.
"""

from __future__ import annotations

import importlib
import io
import json
import tarfile
import warnings
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
"""The import path of the model for each algorithm."""

_MAX_MODEL_BYTES: Final = 1 << 30
_SAVED: Final = "model"
_FORMER_ROOM: Final = "labeling_provider.local."
"""The package of the built-in models in version 0.1, which files of that version name."""
_ABOUT: Final = "about.json"
_FORMER_MAX_KEPT: Final = "most_kept"
"""The name of ``max_kept`` in users' classes that were written for an earlier version."""


class Prediction(NamedTuple):
    """A model's answer for one object.

    :param answer: a class position (int), boxes (a list of ``{"class_id", "left", "top", "width", "height"}``, in
        pixels), or a mask (an array of height × width, 0 background, n the n-th label).
    :param score: how sure the model is, on any scale that grows with certainty; it is calibrated later.
    """

    answer: Any
    score: float


class ModelFailure(Exception):
    """A model has raised an error or given an invalid answer; the text says which."""


class Model(ABC):
    """A model for one labeling job. Each training creates a new one.

    The same examples and seed must give the same model.

    :param labels: label names in class order.
    :param seed: seed of the model's random choices.
    """

    version: ClassVar[int] = 1
    """Increase this when models saved earlier can no longer be loaded."""
    max_kept: ClassVar[int] = 20_000
    """How many objects are kept in memory as :meth:`read` returns them; others are read again each time."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        names = (name for base in cls.__mro__ for name in ("max_kept", _FORMER_MAX_KEPT) if name in vars(base))
        if next(names) == _FORMER_MAX_KEPT:
            cls.max_kept = getattr(cls, _FORMER_MAX_KEPT)
            warnings.warn(f"{cls.__qualname__}: {_FORMER_MAX_KEPT} is called max_kept now", FutureWarning, stacklevel=2)

    def __init__(self, labels: Sequence[str], seed: int) -> None:
        self.labels, self.seed = list(labels), seed

    @property
    def import_path(self) -> str:
        """The import path of its class, which is written to its file."""
        return f"{type(self).__module__}:{type(self).__qualname__}"

    @abstractmethod
    def read(self, data: bytes | str) -> Any:
        """Turn an object, the bytes of a picture or a text, into the model's input. It is kept between trainings.

        :raises ValueError: if the object can't be read; it then goes to people.
        """

    @abstractmethod
    def train(self, inputs: Sequence[Any], answers: Sequence[Any]) -> None:
        """Learn from people's answers.

        :param inputs: as returned by :meth:`read`; at least one.
        :param answers: one for each input, in the form of :attr:`Prediction.answer`.
        """

    @abstractmethod
    def predict(self, inputs: Sequence[Any]) -> list[Prediction]:
        """Predict the answers for objects.

        :param inputs: as returned by :meth:`read`.
        :return: one prediction for each input.
        """

    @abstractmethod
    def save(self) -> bytes:
        """Everything that :meth:`load` needs. It must not contain code."""

    @abstractmethod
    def load(self, saved: bytes, labels: Sequence[str]) -> None:
        """Start from an earlier model: :meth:`predict` answers as it did, and :meth:`train` continues from there.

        :param saved: what the earlier model's :meth:`save` returned.
        :param labels: the earlier model's label names, in its class order.
        :raises ValueError: if it can't be used.
        """


def import_model(path: str) -> type[Model]:
    """Import the model class at ``module:Class``.

    :raises ValueError: if it can't be imported or is not a model.
    """
    module, _, name = path.partition(":")
    try:
        model_class = getattr(importlib.import_module(module), name)
    except Exception as error:
        raise ValueError(f"{path!r} can't be imported: {error}") from error
    if not (isinstance(model_class, type) and issubclass(model_class, Model)):
        raise ValueError(f"{path!r} is not a subclass of labeling_provider.service.learning.models.Model")
    return model_class


def pack(model: Model, algorithm: str) -> bytes:
    """Pack a model as ``model.tar.gz``. The same model gives the same bytes."""
    about = {
        "algorithm": algorithm,
        "labels": model.labels,
        "model": model.import_path,
        "version": model.version,
        "seed": model.seed,
    }
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=1) as files:
        for name, content in ((_ABOUT, json.dumps(about).encode()), (_SAVED, model.save())):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            files.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def unpack(archive: bytes, model: Model) -> None:
    """Load an earlier model's ``model.tar.gz`` into a model.

    :raises ValueError: if it is a different kind of model, or the file is damaged.
    """
    packed = _opened(archive)
    if (packed.path, packed.version) != (model.import_path, model.version):
        raise ValueError(f"it was made by {packed.path} version {packed.version}")
    if not set(packed.labels) & set(model.labels):
        raise ValueError("it knows none of the labels")
    model.load(packed.saved, packed.labels)


def load_model(archive: bytes, model_class: type[Model] | None = None) -> Model:
    """A model as a labeling job has left it, from its ``model.tar.gz``.

    :param model_class: the class of the model, unless it is a built-in one.
    :return: a model that can predict; it has the job's labels.
    :raises ValueError: if it is a different kind of model, or the file is damaged.
    """
    packed = _opened(archive)
    if model_class is None:
        # A name in a file must not decide what is imported.
        if packed.path not in BUILT_IN.values():
            raise ValueError(f"it was made by {packed.path}: pass that class as well")
        model_class = import_model(packed.path)
    model = model_class(packed.labels, packed.seed)
    unpack(archive, model)
    return model


class _Packed(NamedTuple):
    """What a ``model.tar.gz`` contains.

    :param path: the import path of the model's class.
    :param labels: label names in class order.
    :param seed: 0 for files without one.
    :param saved: what the model's :meth:`Model.save` returned.
    """

    path: str
    version: Any
    labels: list[str]
    seed: int
    saved: bytes


def _opened(archive: bytes) -> _Packed:
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as files:
            about = json.loads(_member(files, _ABOUT))
            saved = _member(files, _SAVED)
        path, version, labels, seed = str(about["model"]), about["version"], about["labels"], int(about.get("seed", 0))
    except (tarfile.TarError, zlib.error, OSError, EOFError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"it is not a model of this service ({error})") from None
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ValueError("it has no list of labels")
    if path.startswith(_FORMER_ROOM):
        path = path.replace(_FORMER_ROOM, "labeling_provider.service.", 1)
    return _Packed(path, version, labels, seed, saved)


def _member(files: tarfile.TarFile, name: str) -> bytes:
    entry = files.getmember(name)
    content = files.extractfile(entry)
    if content is None or entry.size > _MAX_MODEL_BYTES:
        raise KeyError(name)
    return content.read()


def save_arrays(**arrays: Any) -> bytes:
    """Pack arrays as bytes. The same arrays give the same bytes."""
    import numpy as np

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as files:
        for name, array in arrays.items():
            body = io.BytesIO()
            np.save(body, np.asarray(array), allow_pickle=False)
            files.writestr(zipfile.ZipInfo(f"{name}.npy"), body.getvalue())
    return content.getvalue()


def load_arrays(saved: bytes, *names: str) -> list[Any]:
    """Unpack arrays of :func:`save_arrays`.

    :param names: the names of the arrays to return, in order.
    :raises ValueError: if an array is missing or can't be read.
    """
    import numpy as np

    try:
        with zipfile.ZipFile(io.BytesIO(saved)) as files:
            if sum(entry.file_size for entry in files.infolist()) > _MAX_MODEL_BYTES:
                raise ValueError("it is too large")
        with np.load(io.BytesIO(saved), allow_pickle=False) as arrays:
            return [arrays[name] for name in names]
    except (zipfile.BadZipFile, KeyError, OSError, EOFError) as error:
        raise ValueError(f"its arrays can't be read ({error})") from None


def translated(classes: Any, old: Sequence[str], new: Sequence[str]) -> Any:
    """Translate class positions from one list of labels to another.

    :param classes: positions in ``old``: an array of integers, of any shape.
    :return: positions in ``new``, an int64 array of the same shape; -1 for labels that it does not have, and for
        invalid positions.
    """
    import numpy as np

    places = {name: position for position, name in enumerate(new)}
    table = np.array([*(places.get(name, -1) for name in old), -1], dtype=np.int64)
    classes = np.asarray(classes)
    return table[np.where((classes >= 0) & (classes < len(old)), classes, len(old)).astype(np.int64)]
