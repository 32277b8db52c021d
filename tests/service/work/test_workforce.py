"""The workforce file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labeling_provider.groundtruth.ready_functions import READY_CONSOLIDATIONS, ready_function_arn
from labeling_provider.service.work.workforce import WorkforceFileError, load_workforce


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "can't be read as JSON"),
        ("[]", "the file must be a JSON object"),
        ('{"teams": {}}', "unknown key 'teams'"),
        ('{"workteams": {"a": {"worker": 1}}}', "workteams.a.worker is unknown"),
        ('{"workteams": {"a": {"workers": 0}}}', "workteams.a.workers must be"),
        ('{"workteams": {"a": {"accuracy": 1.5}}}', "workteams.a.accuracy must be"),
        ('{"workteams": {"a": {"workers": 2, "accuracy": [1]}}}', "lists 1 values for 2 workers"),
        ('{"workteams": {"a": {"seconds_per_task": -1}}}', "seconds_per_task must be"),
        ('{"workteams": {"a": {"declined": "half"}}}', "workteams.a.declined must be"),
        ('{"workteams": {"private-people": {}}}', "is for people"),
        ('{"seed": "x"}', "seed must be"),
        ('{"functions": {"arn": "os.path"}}', "functions.arn must be 'module:callable'"),
        ('{"functions": {"arn": "no.such:thing"}}', "can't be imported"),
        ('{"functions": {"arn": "os:sep"}}', "is not callable"),
        ('{"functions": {"arn": "tests.raises_at_import:pre"}}', "can't be imported: not today"),
        ('{"functions": {"arn": {"path": "os:getcwd"}}}', "functions.arn.path is unknown"),
        ('{"functions": {"arn": {"handler": "os:getcwd", "timeout_seconds": 0}}}', "timeout_seconds must be"),
        ('{"functions": {"arn": {"handler": "os:getcwd", "timeout_seconds": NaN}}}', "timeout_seconds must be"),
        ("[" * 50_000, "can't be read as JSON"),
    ],
)
def test_a_workforce_file_is_checked_key_by_key(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "workforce.json"
    path.write_text(content)
    with pytest.raises(WorkforceFileError) as caught:
        load_workforce(path, seed=0, region="us-east-1", account="123456789012")
    assert str(path) in str(caught.value)
    assert words in str(caught.value)


def test_a_worker_has_the_same_luck_whenever_it_is_asked() -> None:
    def luck(seed: int, job: str, object_id: int, tries: int) -> float:
        workforce = load_workforce(None, seed=seed, region="us-east-1", account="1")
        worker = workforce.teams[workforce.names["private-simulated"]][3]
        return worker.chance(workforce.seed, job, object_id, tries).random()

    assert luck(1, "cats", 2, 0) == luck(1, "cats", 2, 0)
    assert (
        len(
            {
                luck(1, "cats", 2, 0),
                luck(2, "cats", 2, 0),
                luck(1, "dogs", 2, 0),
                luck(1, "cats", 3, 0),
                luck(1, "cats", 2, 1),
            }
        )
        == 5
    )


def test_every_worker_of_every_team_is_somebody_else() -> None:
    workforce = load_workforce(None, seed=0, region="eu-west-1", account="1")
    workers = [worker for team in workforce.teams.values() for worker in team]
    assert len({worker.worker_id for worker in workers}) == len({worker.sub for worker in workers}) == len(workers)
    assert all(worker.worker_id.split(".")[1] == "eu-west-1" for worker in workers)
    assert workforce.names["private-people"] not in workforce.teams


def test_ready_functions_are_there_without_a_file_and_a_file_can_name_them(tmp_path: Path) -> None:
    arns = {ready_function_arn(name, "eu-west-1") for name in READY_CONSOLIDATIONS}
    assert load_workforce(None, seed=0, region="eu-west-1", account="1").functions.keys() == arns
    path, own = tmp_path / "workforce.json", "arn:aws:lambda:eu-west-1:123456789012:function:Mine"
    path.write_text(json.dumps({"functions": {own: "labeling_provider.service.kinds.drawings:polygons"}}))
    functions = load_workforce(path, seed=0, region="eu-west-1", account="1").functions
    assert functions.keys() == {own, *arns}
    assert functions[own] == functions[ready_function_arn("polygons", "eu-west-1")]


def test_the_mask_function_is_the_ready_one_unless_a_file_names_another(tmp_path: Path) -> None:
    path = tmp_path / "workforce.json"
    function = load_workforce(None, seed=0, region="eu-west-1", account="1").mask_function
    assert function == (("labeling_provider.service.kinds.drawings:mask", 30), ("box", "extreme_points"))
    own = {"handler": "tests.functions:mask_of_box", "timeout_seconds": 5}
    path.write_text(json.dumps({"mask_function": own}))
    function = load_workforce(path, seed=0, region="eu-west-1", account="1").mask_function
    assert function == ((own["handler"], 5), ("points", "box", "extreme_points"))
    path.write_text(json.dumps({"mask_function": {**own, "prompts": ["points"]}}))
    assert load_workforce(path, seed=0, region="eu-west-1", account="1").mask_function.prompts == ("points",)
    for wrong in ([], ["sam"], "points", ["box", "box"], [["box"]], None):
        path.write_text(json.dumps({"mask_function": {**own, "prompts": wrong}}))
        with pytest.raises(WorkforceFileError, match="mask_function.prompts must be a list of some of points, box"):
            load_workforce(path, seed=0, region="eu-west-1", account="1")
    path.write_text(json.dumps({"mask_function": {**own, "timeout_seconds": 31}}))
    with pytest.raises(WorkforceFileError, match="mask_function.timeout_seconds must be .* at most 30"):
        load_workforce(path, seed=0, region="eu-west-1", account="1")
