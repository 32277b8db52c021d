"""Options from the command line, the environment and a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dev.stack import Service, free_port
from labeling_provider.service.__main__ import parser
from labeling_provider.service.failures import StartError
from labeling_provider.service.settings import read_options


def read(*arguments: str, **environment: str) -> Any:
    return read_options(parser(), arguments, environment)


def test_the_command_line_comes_before_the_environment_and_the_environment_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('port = 1\nregion = "eu-west-1"\nspeed = 2\nshared = true\ntruth = ["a b", "c"]\n')
    options = read("--port", "3", "--settings", str(file), LABELING_LOCAL_PORT="2", LABELING_LOCAL_SPEED="4")
    assert (options.port, options.speed, options.region, options.shared) == (3, 4.0, "eu-west-1", True)
    assert options.truth == ["a b", "c"]
    assert options.host == "127.0.0.1"
    same = read(LABELING_LOCAL_SETTINGS=str(file), LABELING_LOCAL_SHARED="no", LABELING_LOCAL_DATA_DIR="/state")
    assert (same.port, same.shared, same.data_dir) == (1, False, Path("/state"))


def test_what_may_be_given_more_than_once_adds_up() -> None:
    options = read("--truth", "d", LABELING_LOCAL_TRUTH="a 'b c'")
    assert options.truth == ["a", "b c", "d"]
    assert read().truth == []


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("PORT", "many", "LABELING_LOCAL_PORT: invalid int value: 'many'"),
        ("LOG_FORMAT", "xml", "LABELING_LOCAL_LOG_FORMAT: invalid choice: 'xml'"),
        ("SHARED", "perhaps", "LABELING_LOCAL_SHARED: 'perhaps' is neither true nor false"),
        ("TRUTH", "'a", "LABELING_LOCAL_TRUTH: "),
    ],
)
def test_a_wrong_variable_is_named(variable: str, value: str, words: str) -> None:
    with pytest.raises(StartError) as error:
        read(**{f"LABELING_LOCAL_{variable}": value})
    assert str(error.value).startswith(words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('port = "many"', "port: invalid int value: 'many'"),
        ("port = [1]", "port: [1] must be a string or a number"),
        ("prot = 1", "'prot' is not an option; see labeling local --help"),
        ("[local]\nport = 1", "'local' is not an option"),
        ("settings = 'more.toml'", "'settings' is not an option"),
        ("truth = [1]", "truth: [1] is not a list of strings"),
        ("port = \n", "can't be read: Invalid value (at line 1"),
        ("\x00", "can't be read: "),
        (b"\xff", "can't be read: "),
        ("#" * 2_000_000, "has more than 1,048,576 bytes"),
        (None, "can't be read: "),
    ],
)
def test_a_wrong_file_is_named_and_what_is_wrong_with_it(
    content: str | bytes | None, words: str, tmp_path: Path
) -> None:
    file = tmp_path / "settings.toml"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(StartError) as error:
        read("--settings", str(file))
    assert str(file) in str(error.value)
    assert words in str(error.value)


def test_variables_that_are_no_settings_are_left_alone() -> None:
    assert read(LABELING_LOCAL_SERVICE_HOST="10.0.0.1", LABELING_LOCAL_SECRET_ACCESS_KEY="secret").port == 0


def test_a_service_starts_by_its_environment_alone(tmp_path: Path) -> None:
    port = free_port()
    workforce = tmp_path / "workforce.json"
    workforce.write_text(json.dumps({"workteams": {"mine": {"workers": 1}}}))
    service = Service(
        tmp_path,
        env={
            "LABELING_LOCAL_PORT": str(port),
            "LABELING_LOCAL_WORKFORCE": str(workforce),
            "LABELING_LOCAL_LOG_FORMAT": "json",
            "LABELING_LOCAL_SERVICE_HOST": "10.0.0.1",
            "LABELING_LOCAL_METRICS_TOKEN": "secret",
        },
    )
    try:
        assert service.endpoint_url.endswith(f":{port}")
        assert "mine" in service.ready["workteams"]
        (entry,) = [json.loads(line) for line in service.group.log.read_text().splitlines()]
        assert (
            entry["message"] == "the environment variable LABELING_LOCAL_SERVICE_HOST is not a setting of this service"
        )
    finally:
        service.stop()
