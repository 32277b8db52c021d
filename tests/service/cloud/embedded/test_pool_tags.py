"""Tags of user pools."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.service.inside import Inside


def test_tags_of_a_user_pool_are_read_changed_and_removed(inside: Inside) -> None:
    cognito = inside.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="birders", UserPoolTags={"env": "test", "team": "birds"})["UserPool"]
    arn = pool["Arn"]
    assert cognito.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"env": "test", "team": "birds"}
    cognito.tag_resource(ResourceArn=arn, Tags={"env": "live", "owner": "Ada"})
    cognito.untag_resource(ResourceArn=arn, TagKeys=["team", "none"])
    wanted = {"env": "live", "owner": "Ada"}
    assert cognito.list_tags_for_resource(ResourceArn=arn)["Tags"] == wanted
    assert cognito.describe_user_pool(UserPoolId=pool["Id"])["UserPool"]["UserPoolTags"] == wanted


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({str(number): "" for number in range(51)}, "InvalidParameterException"),
        ({"x" * 129: ""}, "InvalidParameterException"),
        ({"x": "y" * 257}, "InvalidParameterException"),
    ],
)
def test_tags_that_a_user_pool_can_not_have_are_refused(inside: Inside, tags: dict[str, Any], code: str) -> None:
    cognito = inside.client("cognito-idp")
    arn = cognito.create_user_pool(PoolName="birders")["UserPool"]["Arn"]
    with pytest.raises(ClientError) as raised:
        cognito.tag_resource(ResourceArn=arn, Tags=tags)
    assert raised.value.response["Error"]["Code"] == code
    assert cognito.list_tags_for_resource(ResourceArn=arn)["Tags"] == {}


def test_a_user_pool_that_is_not_there_has_no_tags(inside: Inside) -> None:
    cognito = inside.client("cognito-idp")
    gone = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_gone"
    with pytest.raises(cognito.exceptions.ResourceNotFoundException):
        cognito.list_tags_for_resource(ResourceArn=gone)
