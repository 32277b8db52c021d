"""A user's own models, in a process of their own with a limit of time: ours are in the service's process.

This module is both ends. In the service, a :class:`HostedModel` hands each call on; in the process, :func:`answer` does
it. Models and what they have read stay there, under numbers. What goes over is JSON, arrays and files packed into it,
no code.
"""

from __future__ import annotations

import base64
import itertools
import weakref
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from labeling_provider.manifest.pictures import MAX_PIXELS
from labeling_provider.service.cloud.processes import Fault, Process
from labeling_provider.service.learning.models import Model, ModelFailure, Prediction, import_model

MAX_CALL_SECONDS: Final = 3600.0
"""How long a model may take for one training, or for up to 100 predictions."""
_MAX_ANSWER: Final = 1 << 30
_EXAMPLES_AT_ONCE: Final = 100


# In the service


class ModelProcess:
    """A process with models of one class; it ends with this object.

    :param path: import path of the class, ``module:Class``.
    :param is_wanted: is asked now and then whether what they do is wanted any more.
    """

    def __init__(self, path: str, is_wanted: Callable[[], bool]) -> None:
        self.path, self._is_wanted, self._seconds = path, is_wanted, MAX_CALL_SECONDS
        self._process = Process(f"{__name__}:{answer.__name__}", _MAX_ANSWER)
        self._forgotten: deque[int] = deque()
        weakref.finalize(self, self._process.end)

    def ask(self, method: str, **said: Any) -> Any:
        """What a model's method has come to, unpacked.

        :raises ValueError: what the method has raised of an object or a saved model.
        :raises ModelFailure: if it has raised anything else, takes too long or ends its process.
        :raises InterruptedError: if it is not wanted any more.
        """
        name = f"{self.path.rpartition(':')[2]}.{method}"
        forget = [self._forgotten.popleft() for _ in range(len(self._forgotten))]
        try:
            told = self._process.ask({"method": method, "forget": forget, **said}, self._seconds, self._is_wanted)
            if "failed" in told:
                raise Fault(told["failed"])
        except Fault as fault:
            self._process.end()
            raise ModelFailure(f"{name} failed with {fault}") from None
        except BaseException:
            self._process.end()
            raise
        if "refused" in told:
            raise ValueError(told["refused"])
        return told["done"]

    def forget(self, number: int) -> None:
        """Let something go, at the next call."""
        self._forgotten.append(number)


class _Kept:
    """Something that stays in the process as long as this is here."""

    def __init__(self, process: ModelProcess, number: int) -> None:
        self.number = number
        weakref.finalize(self, process.forget, number)


class HostedModel(Model):
    """A model in another process.

    :param labels: label names in class order.
    :param seed: for whatever the model leaves to chance.
    """

    def __init__(self, process: ModelProcess, labels: Sequence[str], seed: int) -> None:
        super().__init__(labels, seed)
        self._process = process
        about = process.ask("__init__", path=process.path, labels=self.labels, seed=seed)
        self._kept = _Kept(process, about["number"])
        self._path = str(about["path"])
        self.version, self.most_kept = about["version"], about["most_kept"]  # type: ignore[misc]

    @property
    def import_path(self) -> str:
        return self._path

    def read(self, data: bytes | str) -> Any:
        return _Kept(self._process, self._process.ask("read", model=self._kept.number, data=packed(data)))

    def train(self, inputs: Sequence[Any], answers: Sequence[Any]) -> None:
        # In parts: packed, the masks of a large job are small, but not all at once as they are.
        pairs = zip(inputs, answers, strict=True)
        for start in range(0, len(inputs), _EXAMPLES_AT_ONCE):
            part = [(one.number, packed(said)) for one, said in itertools.islice(pairs, _EXAMPLES_AT_ONCE)]
            self._process.ask("take_examples", model=self._kept.number, start=start, examples=part)
        self._process.ask("train", model=self._kept.number)

    def predict(self, inputs: Sequence[Any]) -> list[Prediction]:
        found = self._process.ask("predict", model=self._kept.number, inputs=[one.number for one in inputs])
        return [Prediction(unpacked(said), float.fromhex(score)) for said, score in found]

    def save(self) -> bytes:
        saved: bytes = unpacked(self._process.ask("save", model=self._kept.number))
        return saved

    def load(self, saved: bytes, labels: Sequence[str]) -> None:
        self._process.ask("load", model=self._kept.number, saved=packed(saved), labels=list(labels))


# Between the two


def packed(value: Any) -> Any:
    """A value as JSON: texts, numbers, lists and objects, bytes, and arrays of numbers.

    :raises TypeError: for anything else.
    """
    import numpy as np

    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        body = zlib.compress(np.ascontiguousarray(value).tobytes(), 1)
        return {"array": base64.b64encode(body).decode(), "type": value.dtype.str, "shape": list(value.shape)}
    if isinstance(value, list | tuple):
        return [packed(one) for one in value]
    if isinstance(value, dict):
        return {"object": {str(key): packed(one) for key, one in value.items()}}
    raise TypeError(f"{type(value).__name__} is no answer of a model")


def unpacked(value: Any) -> Any:
    """What :func:`packed` was given; tuples are lists.

    :raises ValueError: if it can't be, or an array has more numbers than a picture may have pixels.
    """
    import numpy as np

    if isinstance(value, list):
        return [unpacked(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "object" in value:
        return {key: unpacked(one) for key, one in value["object"].items()}
    if "bytes" in value:
        return base64.b64decode(value["bytes"])
    kind, shape = np.dtype(value["type"]), tuple(value["shape"])
    count = int(np.prod(shape, dtype=object))
    if kind.kind not in "biuf" or not 0 <= count <= MAX_PIXELS:
        raise ValueError(f"an array of {kind} and shape {shape} is no answer of a model")
    body = zlib.decompressobj().decompress(base64.b64decode(value["array"]), count * kind.itemsize + 1)
    return np.frombuffer(body, kind).reshape(shape).copy()


# In the process

_kept: Final[dict[int, Any]] = {}
_examples: Final[dict[int, list[tuple[int, Any]]]] = {}
_numbers: Final = itertools.count()


def answer(event: dict[str, Any], context: None) -> Any:
    """Do one call: ``{"done": …}``, or ``{"refused": …}`` or ``{"failed": …}`` with the reason."""
    for number in event["forget"]:
        _kept.pop(number, None)
    method = event["method"]
    try:
        return {"done": _METHODS[method](event)}
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a model raises is told
        if isinstance(error, ValueError) and method in {"read", "load"}:
            return {"refused": str(error)}
        import traceback

        traceback.print_exc()
        return {"failed": f"{type(error).__name__}: {error}"}


def _keep(value: Any) -> int:
    number = next(_numbers)
    _kept[number] = value
    return number


def _make(event: dict[str, Any]) -> Any:
    model = import_model(event["path"])(event["labels"], event["seed"])
    about = {"path": model.import_path, "version": model.version, "most_kept": model.most_kept}
    return {"number": _keep(model), **about}


def _read(event: dict[str, Any]) -> Any:
    return _keep(_kept[event["model"]].read(unpacked(event["data"])))


def _take_examples(event: dict[str, Any]) -> None:
    taken = _examples.setdefault(event["model"], [])
    taken[event["start"] :] = event["examples"]


def _train(event: dict[str, Any]) -> None:
    examples = _examples.pop(event["model"])
    inputs, answers = [_kept[number] for number, _ in examples], _Unpacked([said for _, said in examples])
    _kept[event["model"]].train(inputs, answers)


def _predict(event: dict[str, Any]) -> Any:
    found = _kept[event["model"]].predict([_kept[number] for number in event["inputs"]])
    return [(packed(said.answer), float(said.score).hex()) for said in found]


def _save(event: dict[str, Any]) -> Any:
    return packed(bytes(_kept[event["model"]].save()))


def _load(event: dict[str, Any]) -> None:
    _kept[event["model"]].load(unpacked(event["saved"]), event["labels"])


_METHODS: Final[dict[str, Callable[[dict[str, Any]], Any]]] = {
    "__init__": _make,
    "read": _read,
    "take_examples": _take_examples,
    "train": _train,
    "predict": _predict,
    "save": _save,
    "load": _load,
}


class _Unpacked(Sequence[Any]):
    """Answers that are unpacked when they are looked at."""

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, place: Any) -> Any:
        return _Unpacked(self._values[place]) if isinstance(place, slice) else unpacked(self._values[place])
