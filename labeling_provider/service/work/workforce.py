"""The service's workforce: the workteams that exist from the start, and their simulated workers.

The workforce file is JSON::

    {"seed": 7,
     "workteams": {"private-simulated": {"workers": 10, "accuracy": 0.95, "seconds_per_task": 0, "declined": 0}},
     "functions": {"arn:aws:lambda:us-east-1:123456789012:function:PreRecipe": "my_package.my_module:handler"},
     "models": {"image-classification": "my_package.my_module:MyModel"},
     "mask_function": "my_package.my_module:mask"}

A workteam that does not exist yet is created as a private one with simulated workers.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.facts import arn_of, public_workteam_arn
from labeling_provider.groundtruth.ready_functions import READY_CONSOLIDATIONS, ready_function_arn
from labeling_provider.service.cloud.identity import Identity

MAX_SECONDS: Final = 900
"""How long one call of a function may take. Source: Lambda's quotas."""
MAX_MASK_SECONDS: Final = 30
"""How long one call of the mask function may take, because a person waits for it."""


_READY: Final = "labeling_provider.service.kinds.drawings"
_KEYS: Final = ("seed", "workteams", "functions", "models", "mask_function")


class WorkforceFileError(LabelingError):
    """A workforce file that can't be used; the text names the file and the key."""


class Function(NamedTuple):
    """A function in the workforce file.

    :param target: ``module:callable``.
    :param timeout_seconds: how long one call may take.
    """

    target: str
    timeout_seconds: float = MAX_SECONDS


class MaskFunction(NamedTuple):
    """The function that makes masks for people who draw.

    :param prompts: the inputs that it takes, some of :data:`PROMPTS`.
    """

    function: Function
    prompts: tuple[str, ...]


PROMPTS: Final = ("points", "box", "extreme_points")
_READY_MASKS: Final = MaskFunction(Function(f"{_READY}:mask", MAX_MASK_SECONDS), ("box", "extreme_points"))


@dataclass(frozen=True)
class SimulatedWorker:
    """A simulated worker, who answers from the truth.

    :param worker_id: as in Amazon's output: ``private.<region>.<16 hex digits>``.
    :param accuracy: share of right answers, 0 to 1.
    :param seconds_per_task: mean seconds per task; a task takes between half and one and a half times as long.
    :param declined: share of tasks that the worker declines, 0 to 1.
    """

    worker_id: str
    accuracy: float
    seconds_per_task: float
    declined: float

    def chance(self, seed: int, job: str, object_id: int, tries: int) -> Random:
        """Random numbers for one object; always the same, even after a restart."""
        return Random(f"{seed}|{self.worker_id}|{job}|{object_id}|{tries}")  # noqa: S311 - a simulation

    @property
    def sub(self) -> str:
        """The worker's id at the identity provider, a UUID."""
        digest = hashlib.sha256(self.worker_id.encode()).hexdigest()
        return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"


@dataclass(frozen=True)
class WorkforceFile:
    """The workteams, the functions for custom tasks, and the user's own models.

    :param seed: seed of the simulated workers.
    :param names: ARNs by workteam name, for all workteams that exist from the start.
    :param teams: simulated workers by workteam ARN; a workteam without an entry waits for people.
    :param functions: functions for custom tasks, by Lambda function ARN: the ready ones and those of the file.
    :param models: import paths of models that replace the built-in ones, by algorithm.
    :param mask_function: turns the points and boxes of people who draw into masks.
    :param file: the file's path, for messages.
    """

    seed: int
    names: dict[str, str]
    teams: dict[str, tuple[SimulatedWorker, ...]]
    functions: dict[str, Function] = field(default_factory=dict)
    models: dict[str, Any] = field(default_factory=dict)
    mask_function: MaskFunction = _READY_MASKS
    file: str = ""


_DEFAULTS: dict[str, Any] = {"workers": 10, "accuracy": 0.95, "seconds_per_task": 0.0, "declined": 0.0}
_SIMULATED = ("private-simulated", "vendor-simulated", "public")
PEOPLE = "private-people"


def load_workforce(path: Path | None, *, seed: int, region: str, account: str) -> WorkforceFile:
    """Read a workforce file.

    :param path: the file; None for the defaults.
    :param seed: used if the file has none.
    :raises WorkforceFileError: naming the file, the key and the values allowed there.
    """
    where = str(path)
    settings: Any = {}
    if path is not None:
        try:
            settings = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise WorkforceFileError(f"{where}: can't be read as JSON: {error}") from None
    settings = _mapping(settings, where, "the file")
    unknown = settings.keys() - set(_KEYS)
    if unknown:
        raise WorkforceFileError(f"{where}: unknown key {min(unknown)!r}; use {', '.join(_KEYS)}")
    workteams = _mapping(settings.get("workteams", {}), where, "workteams")
    if PEOPLE in workteams:
        raise WorkforceFileError(f"{where}: workteams.{PEOPLE} is for people; simulate another workteam")
    names = {name: _arn(name, region, account) for name in (*_SIMULATED, PEOPLE, *workteams)}
    teams = {}
    for name in dict.fromkeys((*_SIMULATED, *workteams)):
        given = _mapping(workteams.get(name, {}), where, f"workteams.{name}")
        teams[names[name]] = _workers(name, given, f"{where}: workteams.{name}", region)
    functions = {ready_function_arn(name, region): Function(f"{_READY}:{name}") for name in READY_CONSOLIDATIONS} | {
        arn: _function(given, f"{where}: functions.{arn}", MAX_SECONDS)
        for arn, given in _mapping(settings.get("functions", {}), where, "functions").items()
    }
    models = dict(_mapping(settings.get("models", {}), where, "models"))
    chosen_seed = settings.get("seed", seed)
    if type(chosen_seed) is not int:
        raise WorkforceFileError(f"{where}: seed must be a whole number")
    mask_function = _READY_MASKS
    if "mask_function" in settings:
        mask_function = _mask_function(settings["mask_function"], f"{where}: mask_function")
    return WorkforceFile(chosen_seed, names, teams, functions, models, mask_function, where)


def _mapping(value: Any, where: str, key: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise WorkforceFileError(f"{where}: {key} must be a JSON object")
    return value


def _arn(name: str, region: str, account: str) -> str:
    if name == "public":
        return public_workteam_arn(region)
    kind = "vendor-crowd" if name == "vendor-simulated" else "private-crowd"
    return arn_of("sagemaker", f"workteam/{kind}/{name}", region, account)


def _workers(name: str, given: Mapping[str, Any], where: str, region: str) -> tuple[SimulatedWorker, ...]:
    unknown = given.keys() - _DEFAULTS.keys()
    if unknown:
        raise WorkforceFileError(f"{where}.{min(unknown)} is unknown; use {', '.join(_DEFAULTS)}")
    values = {**_DEFAULTS, **given}
    count = values["workers"]
    if type(count) is not int or not 1 <= count <= 1000:
        raise WorkforceFileError(f"{where}.workers must be a whole number from 1 to 1000")
    accuracies = values["accuracy"] if isinstance(values["accuracy"], list) else [values["accuracy"]] * count
    if len(accuracies) != count:
        raise WorkforceFileError(f"{where}.accuracy lists {len(accuracies)} values for {count} workers")
    for key, number in (*(("accuracy", accuracy) for accuracy in accuracies), ("declined", values["declined"])):
        if not _is_number(number) or not 0 <= number <= 1:
            raise WorkforceFileError(f"{where}.{key} must be a number from 0 to 1")
    seconds = values["seconds_per_task"]
    if not _is_number(seconds) or not 0 <= seconds <= 86_400:
        raise WorkforceFileError(f"{where}.seconds_per_task must be a number from 0 to 86400")
    kind = {"public": "public", "vendor-simulated": "vendor"}.get(name, "private")
    return tuple(
        SimulatedWorker(
            f"{kind}.{region}.{hashlib.sha256(f'{name}/{number}'.encode()).hexdigest()[:16]}",
            float(accuracy),
            float(seconds),
            float(values["declined"]),
        )
        for number, accuracy in enumerate(accuracies)
    )


def simulated_identities(workforce: WorkforceFile) -> dict[str, list[Identity]]:
    """Who the simulated workers are in their user pool, by the ARN of their workteam."""
    return {arn: [Identity(worker.worker_id, worker.sub) for worker in team] for arn, team in workforce.teams.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _mask_function(given: Any, where: str) -> MaskFunction:
    prompts = given.get("prompts", PROMPTS) if isinstance(given, dict) else PROMPTS
    known = isinstance(prompts, list | tuple) and prompts and all(prompt in PROMPTS for prompt in prompts)
    if not known or len(set(prompts)) < len(prompts):
        raise WorkforceFileError(f"{where}.prompts must be a list of some of {', '.join(PROMPTS)}, each once")
    return MaskFunction(_function(given, where, MAX_MASK_SECONDS, ("prompts",)), tuple(prompts))


def _function(given: Any, where: str, max_seconds: float, more: tuple[str, ...] = ()) -> Function:
    """A function, given as its path or as an object with its path and time limit.

    :param more: keys that the object may have as well.
    """
    settings = given if isinstance(given, dict) else {"handler": given}
    keys = ("handler", "timeout_seconds", *more)
    unknown = settings.keys() - set(keys)
    if unknown:
        raise WorkforceFileError(f"{where}.{min(unknown)} is unknown; use {', '.join(keys)}")
    target, seconds = settings.get("handler"), settings.get("timeout_seconds", max_seconds)
    if not _is_number(seconds) or not 0 < seconds <= max_seconds:
        raise WorkforceFileError(f"{where}.timeout_seconds must be a number greater than 0 and at most {max_seconds}")
    _check_callable(target, where)
    return Function(str(target), float(seconds))


def _check_callable(target: Any, where: str) -> None:
    module, colon, name = str(target).partition(":")
    if not colon:
        raise WorkforceFileError(f"{where} must be 'module:callable', not {target!r}")
    try:
        function = getattr(importlib.import_module(module), name)
    except Exception as error:  # noqa: BLE001 - a user's module may raise anything
        raise WorkforceFileError(f"{where}: {target!r} can't be imported: {error}") from None
    if not callable(function):
        raise WorkforceFileError(f"{where}: {target!r} is not callable")
