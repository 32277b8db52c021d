"""Where the options of the service's commands come from: the command line, the environment, a file."""

from __future__ import annotations

import argparse
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from labeling_provider.service.failures import StartError

PREFIX: Final = "LABELING_LOCAL_"
SECRETS: Final = frozenset(
    {"ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "METRICS_TOKEN", "ENCRYPTION_KEY", "ENCRYPTION_KEY_FILE"}
)
"""Settings that exist only as variables: too many can read a command line or a file."""
MAX_FILE_BYTES: Final = 1 << 20
_TRUTH: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class _Refused(Exception):
    """An argument that the parser does not accept; the text says why."""


class OptionParser(argparse.ArgumentParser):
    """A parser that can also say what is wrong with a single value that came from elsewhere."""

    raises = False

    def error(self, message: str) -> NoReturn:
        """Raise, or exit with the usage and the message."""
        if self.raises:
            raise _Refused(message.partition(": ")[2] or message)
        super().error(message)


def read_options(options: OptionParser, arguments: Sequence[str] | None, environment: Mapping[str, str]) -> Any:
    """The value of each option: from the command line, else the environment, else the file that ``--settings`` names.

    In the environment, ``--data-dir`` is ``LABELING_LOCAL_DATA_DIR``. The file is TOML, with the options' names as
    keys. An option that may be given more than once collects the values of all of them.

    :raises StartError: if the environment or the file contains an unknown option or a wrong value.
    """
    defaults = vars(options.parse_args([]))
    path = options.parse_args(arguments).settings or environment.get(f"{PREFIX}SETTINGS")
    known = {dest.replace("_", "-"): dest for dest in defaults if dest != "settings"}
    values: dict[str, Any] = {}
    for name, value in (_read_file(Path(path)) if path else {}).items():
        if name not in known:
            raise StartError(f"{path}: {name!r} is not an option; see {options.prog} --help")
        values[known[name]] = _value(options, f"{path}: {name}", name, value, defaults[known[name]])
    for variable, text in environment.items():
        name = variable.removeprefix(PREFIX).lower().replace("_", "-")
        if not variable.startswith(PREFIX) or not text:
            continue
        if name in known:
            values[known[name]] = _value(options, variable, name, text, defaults[known[name]])
    return options.parse_args(arguments, argparse.Namespace(**values))


def unknown_variables(options: OptionParser, environment: Mapping[str, str]) -> list[str]:
    """Variables that look like settings but are not. That is not an error: Kubernetes sets some for its services."""
    names = {dest.upper() for dest in vars(options.parse_args([]))} | SECRETS
    known = {f"{PREFIX}{name}" for name in names}
    return sorted(variable for variable in environment if variable.startswith(PREFIX) and variable not in known)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise StartError(f"{path} is not a settings file: it has more than {MAX_FILE_BYTES:,} bytes")
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
        raise StartError(f"the settings file {path} can't be read: {error}") from None


def _value(options: OptionParser, source: str, name: str, value: Any, default: Any) -> Any:
    """A value as the command line would give it.

    :param source: where it comes from, for the error.
    :raises StartError: if the option does not accept it.
    """
    if isinstance(default, bool):
        is_set = value if isinstance(value, bool) else _TRUTH.get(str(value).lower())
        if is_set is None:
            raise StartError(f"{source}: {value!r} is neither true nor false")
        return is_set
    if isinstance(default, list):
        try:
            values = shlex.split(value) if isinstance(value, str) else value
        except ValueError as error:
            raise StartError(f"{source}: {value!r} is not a list of words: {error}") from None
        if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
            raise StartError(f"{source}: {value!r} is not a list of strings")
        return values
    if isinstance(value, (bool, list, dict)):
        raise StartError(f"{source}: {value!r} must be a string or a number")
    options.raises = True
    try:
        return getattr(options.parse_args([f"--{name}={value}"]), name.replace("-", "_"))
    except _Refused as refused:
        raise StartError(f"{source}: {refused}") from None
    finally:
        options.raises = False
