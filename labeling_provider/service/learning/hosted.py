"""Runs a user's own models in a separate process with a time limit. Built-in models run in the service's process.

This module has both ends. In the service, a :class:`HostedModel` forwards each call; in the process, :func:`answer`
executes it. Models and the inputs that they have read stay in the process and are referred to by number. Messages are
JSON with packed arrays and files; they contain no code.
"""

from __future__ import annotations

import base64
import itertools
import weakref
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from labeling_provider.groundtruth.documents import plain
from labeling_provider.manifest.pictures import MAX_PIXELS
from labeling_provider.service.cloud.function_clients import met_outage
from labeling_provider.service.cloud.processes import Fault, Process
from labeling_provider.service.failures import Outage
from labeling_provider.service.learning.models import Model, ModelFailure, Prediction, import_model

MAX_CALL_SECONDS: Final = 3600.0
"""How long one training, or up to 100 predictions, may take."""
_MAX_ANSWER: Final = 1 << 30
_EXAMPLES_AT_ONCE: Final = 100
_SHOWN: Final = 500


# In the service


class ModelProcess:
    """A process for models of one class. It ends when this object is garbage-collected.

    :param path: the class's import path, ``module:Class``.
    :param is_wanted: called regularly during a call; if it returns False, the call is abandoned.
    """

    def __init__(self, path: str, is_wanted: Callable[[], bool]) -> None:
        self.path, self._is_wanted, self._seconds = path, is_wanted, MAX_CALL_SECONDS
        self._process = Process(f"{__name__}:{answer.__name__}", _MAX_ANSWER)
        self._forgotten: deque[int] = deque()
        weakref.finalize(self, self._process.end)

    def ask(self, method: str, **arguments: Any) -> Any:
        """Call a model's method in the process.

        :return: its result, still packed.
        :raises ValueError: if the method has raised it, about an object or a saved model.
        :raises ModelFailure: if it raises anything else, takes too long or ends its process.
        :raises Outage: naming the method, if it raises because S3 or the service's API is away.
        :raises InterruptedError: if the result is no longer wanted.
        """
        name = f"{self.path.rpartition(':')[2]}.{method}"
        forget = [self._forgotten.popleft() for _ in range(len(self._forgotten))]
        try:
            result = self._process.ask(
                {"method": method, "forget": forget, **arguments}, self._seconds, self._is_wanted
            )
        except Fault as fault:
            self._process.end()
            raise ModelFailure(f"{name} failed with {fault}") from None
        except Outage as outage:
            self._process.end()
            raise Outage(f"{name} met {plain(str(outage), _SHOWN)}") from None
        except BaseException:
            self._process.end()
            raise
        if "refused" in result:
            raise ValueError(result["refused"])
        return result["done"]

    def forget(self, number: int) -> None:
        """Drop something in the process, with the next call."""
        self._forgotten.append(number)


class _Kept:
    """A reference to something in the process, which is dropped there when this is garbage-collected."""

    def __init__(self, process: ModelProcess, number: int) -> None:
        self.number = number
        weakref.finalize(self, process.forget, number)


class HostedModel(Model):
    """A model in another process.

    :param labels: label names in class order.
    :param seed: seed of the model's random choices.
    """

    def __init__(self, process: ModelProcess, labels: Sequence[str], seed: int) -> None:
        super().__init__(labels, seed)
        self._process = process
        about = process.ask("__init__", path=process.path, labels=self.labels, seed=seed)
        self._kept = _Kept(process, about["number"])
        self._path = str(about["path"])
        self.version, self.max_kept = about["version"], about["max_kept"]  # type: ignore[misc]

    @property
    def import_path(self) -> str:
        return self._path

    def read(self, data: bytes | str) -> Any:
        return _Kept(self._process, self._process.ask("read", model=self._kept.number, data=packed(data)))

    def train(self, inputs: Sequence[Any], answers: Sequence[Any]) -> None:
        # In parts: all masks of a large job, unpacked, would not fit into memory.
        pairs = zip(inputs, answers, strict=True)
        for start in range(0, len(inputs), _EXAMPLES_AT_ONCE):
            part = [(kept.number, packed(answer)) for kept, answer in itertools.islice(pairs, _EXAMPLES_AT_ONCE)]
            self._process.ask("take_examples", model=self._kept.number, start=start, examples=part)
        self._process.ask("train", model=self._kept.number)

    def predict(self, inputs: Sequence[Any]) -> list[Prediction]:
        pairs = self._process.ask("predict", model=self._kept.number, inputs=[kept.number for kept in inputs])
        return [Prediction(unpacked(answer), float.fromhex(score)) for answer, score in pairs]

    def save(self) -> bytes:
        saved: bytes = unpacked(self._process.ask("save", model=self._kept.number))
        return saved

    def load(self, saved: bytes, labels: Sequence[str]) -> None:
        self._process.ask("load", model=self._kept.number, saved=packed(saved), labels=list(labels))


# On both sides


def packed(value: Any) -> Any:
    """Pack a value as JSON: strings, numbers, lists, objects, bytes, and arrays of numbers.

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
        return [packed(item) for item in value]
    if isinstance(value, dict):
        return {"object": {str(key): packed(item) for key, item in value.items()}}
    raise TypeError(f"a model's answer can't contain the type {type(value).__name__}")


def unpacked(value: Any) -> Any:
    """Unpack what :func:`packed` returned; tuples become lists.

    :raises ValueError: if it is malformed, or an array has more items than a picture may have pixels.
    """
    import numpy as np

    if isinstance(value, list):
        return [unpacked(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "object" in value:
        return {key: unpacked(item) for key, item in value["object"].items()}
    if "bytes" in value:
        return base64.b64decode(value["bytes"])
    kind, shape = np.dtype(value["type"]), tuple(value["shape"])
    count = int(np.prod(shape, dtype=object))
    if kind.kind not in "biuf" or not 0 <= count <= MAX_PIXELS:
        raise ValueError(f"a model's answer can't contain an array of {kind} with shape {shape}")
    body = zlib.decompressobj().decompress(base64.b64decode(value["array"]), count * kind.itemsize + 1)
    return np.frombuffer(body, kind).reshape(shape).copy()


# In the process

_kept: Final[dict[int, Any]] = {}
_examples: Final[dict[int, list[tuple[int, Any]]]] = {}
_numbers: Final = itertools.count()


def answer(event: dict[str, Any], context: object) -> Any:
    """Execute one call.

    :return: ``{"done": result}``, or ``{"refused": reason}`` for a ValueError about an object or a saved model.
    :raises Exception: whatever else the model raises; the process reports it as it does a function's.
    """
    for number in event["forget"]:
        _kept.pop(number, None)
    method = event["method"]
    try:
        return {"done": _METHODS[method](event)}
    except ValueError as error:
        # An object that could not be fetched is not one that can't be read.
        if method not in {"read", "load"} or met_outage(error):
            raise
        return {"refused": str(error)}


def _keep(value: Any) -> int:
    number = next(_numbers)
    _kept[number] = value
    return number


def _make(event: dict[str, Any]) -> Any:
    model = import_model(event["path"])(event["labels"], event["seed"])
    about = {"path": model.import_path, "version": model.version, "max_kept": model.max_kept}
    return {"number": _keep(model), **about}


def _read(event: dict[str, Any]) -> Any:
    return _keep(_kept[event["model"]].read(unpacked(event["data"])))


def _take_examples(event: dict[str, Any]) -> None:
    taken = _examples.setdefault(event["model"], [])
    taken[event["start"] :] = event["examples"]


def _train(event: dict[str, Any]) -> None:
    examples = _examples.pop(event["model"])
    inputs, answers = [_kept[number] for number, _ in examples], _Unpacked([answer for _, answer in examples])
    _kept[event["model"]].train(inputs, answers)


def _predict(event: dict[str, Any]) -> Any:
    predictions = _kept[event["model"]].predict([_kept[number] for number in event["inputs"]])
    return [(packed(prediction.answer), float(prediction.score).hex()) for prediction in predictions]


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
    """Answers that are unpacked when they are accessed."""

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, place: Any) -> Any:
        return _Unpacked(self._values[place]) if isinstance(place, slice) else unpacked(self._values[place])
