"""What moto would do, and this service does not, is refused."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.service.inside import ACCOUNT, Inside

APPLICATION = f"arn:aws:sns:us-east-1:{ACCOUNT}:app/GCM/phones"


def test_nothing_is_unpacked_for_a_query(inside: Inside) -> None:
    s3 = inside.client("s3")
    s3.create_bucket(Bucket="lab")
    s3.put_object(Bucket="lab", Key="a", Body=gzip.compress(b'{"a": 1}\n'))
    with pytest.raises(ClientError, match="SelectObjectContent is not offered") as error:
        s3.select_object_content(
            Bucket="lab",
            Key="a",
            Expression="SELECT * FROM s3object",
            ExpressionType="SQL",
            InputSerialization={"JSON": {"Type": "LINES"}, "CompressionType": "GZIP"},
            OutputSerialization={"JSON": {}},
        )
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("create_platform_application", {"Name": "phones", "Platform": "GCM", "Attributes": {}}),
        ("create_platform_endpoint", {"PlatformApplicationArn": APPLICATION, "Token": "t"}),
        ("set_sms_attributes", {"attributes": {"DefaultSenderID": "me"}}),
        ("opt_in_phone_number", {"phoneNumber": "+447420500600"}),
    ],
)
def test_what_would_be_gone_after_a_restart_is_refused(
    inside: Inside, operation: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match="is not offered") as error:
        getattr(inside.client("sns"), operation)(**arguments)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
