"""S3, SNS and the others answer as Amazon's do, and refuse what they would not keep."""

from __future__ import annotations

from tests.service.inside import ACCOUNT, Inside


def test_an_object_of_parts_has_an_access_control_list(inside: Inside) -> None:
    s3 = inside.client("s3")
    s3.create_bucket(Bucket="lab")
    place = {"Bucket": "lab", "Key": "parts"}
    upload = s3.create_multipart_upload(**place)["UploadId"]
    part = s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=b"body")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload=parts)
    s3.put_object(Bucket="lab", Key="whole", Body=b"body")
    of_whole = s3.get_object_acl(Bucket="lab", Key="whole")["Grants"]
    assert s3.get_object_acl(**place)["Grants"] == of_whole
    assert [grant["Permission"] for grant in of_whole] == ["FULL_CONTROL"]
    inside.start()
    assert s3.get_object_acl(**place)["Grants"] == of_whole


def test_all_that_moto_keeps_of_s3_sns_and_sqs_is_kept_here_or_refused(inside: Inside) -> None:
    """A newer moto may know more."""
    from moto.s3.models import s3_backends
    from moto.sns.models import sns_backends
    from moto.sqs.models import sqs_backends

    ours = {"buckets", "topics", "subscriptions", "queues", "tagger"}
    refused = {"applications", "platform_endpoints", "sms_attributes", "opt_out_numbers"}
    refused |= {"sms_messages", "sms_message_objects"}
    # Table buckets are of a service that is not offered; inventories are their bucket's.
    unused = {"table_buckets", "inventory_configs", "_pagination_tokens", "_message_public_keys"}
    fixed = {"region_name", "account_id", "partition"}
    replaced = {
        "publish",
        "purge_queue",
        "receive_message",
        "change_message_visibility",
        "get_queue_attributes",
        "get_object_acl",
        "get_bucket_acl",
    }
    replaced |= {"list_objects", "list_objects_v2", "list_object_versions"}
    held: set[str] = set()
    for backend in (
        s3_backends[ACCOUNT]["aws"],
        sns_backends[ACCOUNT]["us-east-1"],
        sqs_backends[ACCOUNT]["us-east-1"],
    ):
        held |= set(vars(backend))
    assert held - ours - refused - unused - fixed - replaced == set()
