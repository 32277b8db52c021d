"""Moves of jobs from one service, which plays Amazon, to another."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.jobs.moving import JobMove
from labeling_provider.jobs.moving_choice import JobChoice, Manner
from labeling_provider.jobs.moving_parts import Entry
from tests.client.clients import ground_truth
from tests.conftest import Lab, texts

UNKNOWN = {"source": "nobody knows"}
"""Simulated workers decline what they know no truth of, so it fails."""
HERE = {"workteams": {"private-people": "private-simulated"}}
"""At the service, others take the place of people."""


def bring(amazon: Lab | GroundTruth, lab: Lab, *names: str, **manner: Any) -> list[Entry]:
    source = ground_truth(amazon) if isinstance(amazon, Lab) else amazon
    return list(JobMove(source, ground_truth(lab), Manner(**manner)).run(JobChoice(names=names)))


def bring_one(amazon: Lab | GroundTruth, lab: Lab, name: str, **manner: Any) -> Entry:
    """Bring a job; what became of it."""
    kinds = {"labeling job", "files of a job"}
    return [entry for entry in bring(amazon, lab, name, **manner) if entry.kind in kinds][-1]


def notes_of(entry: Entry) -> str:
    return " ".join(entry.notes)


def make(amazon: Lab, name: str, lines: Any = None, **arguments: Any) -> dict[str, Any]:
    """A job of two objects, or of some lines, that has ended; its output is in a folder of its own."""
    amazon.create(texts(2) if lines is None else lines, name, **arguments_for(name, **arguments))
    return amazon.wait(name)


def make_running(amazon: Lab, name: str, lines: Any = None, **arguments: Any) -> dict[str, Any]:
    """The same, with people who don't do anything."""
    amazon.create(
        texts(2) if lines is None else lines, name, **arguments_for(name, workforce=amazon.people, **arguments)
    )
    return amazon.wait(name, {"InProgress"})


def arguments_for(name: str, **arguments: Any) -> dict[str, Any]:
    return {"output_uri": f"s3://lab/{name}", "workers_per_object": 1, **arguments}


def tags(lab: Lab, name: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in lab.describe(name)["Tags"]}


def png(pixels: Any) -> bytes:
    body = io.BytesIO()
    Image.fromarray(pixels).save(body, "PNG")
    return body.getvalue()


def make_team(amazon: Lab, name: str, *people: str, **more: Any) -> str:
    """A workteam at Amazon; the id of its user pool."""
    cognito = amazon.service.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName=name)["UserPool"]["Id"]
    client = cognito.create_user_pool_client(UserPoolId=pool, ClientName=name)["UserPoolClient"]["ClientId"]
    cognito.create_group(UserPoolId=pool, GroupName="experts")
    for person in people:
        cognito.admin_create_user(UserPoolId=pool, Username=person)
        cognito.admin_add_user_to_group(UserPoolId=pool, GroupName="experts", Username=person)
    member = {"UserPool": pool, "ClientId": client, "UserGroup": "experts"}
    amazon.sagemaker.create_workteam(
        WorkteamName=name,
        Description="They know birds.",
        MemberDefinitions=[{"CognitoMemberDefinition": member}],
        **more,
    )
    return str(pool)


def arn_of_team(amazon: Lab, name: str) -> str:
    """ARN of a workteam there."""
    return f"{amazon.team().rpartition('/')[0]}/{name}"


def people_of_team(lab: Lab, name: str) -> set[str]:
    members = lab.sagemaker.describe_workteam(WorkteamName=name)["Workteam"]["MemberDefinitions"]
    group = members[0]["CognitoMemberDefinition"]
    users = lab.service.client("cognito-idp").list_users_in_group(
        UserPoolId=group["UserPool"], GroupName=group["UserGroup"]
    )["Users"]
    return {user["Username"] for user in users}
