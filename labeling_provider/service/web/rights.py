"""What a requester may do: a table by operation, and checks of who owns the resources that a request names.

Requesters have their own labeling jobs, buckets, topics and queues. What the table does not name is for the
administrator.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

from labeling_provider.groundtruth.facts import arn_of, bucket_arn, names_function, topics_and_queues
from labeling_provider.service.cloud.offered import Service
from labeling_provider.service.database import key_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.failures import ApiError
from labeling_provider.service.web.asked import SUBRESOURCES, Asked
from labeling_provider.service.work.requesters import Requester, Right

SIGN_IN: Final = "/sign-in"
SIGN_OUT: Final = "/sign-out"
OWN_KEYS: Final = "/own-keys"
"""Pages below ``/_labeling`` that ask who is there."""
_OF_SAGEMAKER: Final[dict[str, Right]] = {
    "CreateLabelingJob": Right.CREATE,
    "AddTags": Right.CREATE,
    "DeleteTags": Right.CREATE,
    "StopLabelingJob": Right.STOP,
    "DescribeLabelingJob": Right.READ,
    "ListLabelingJobs": Right.READ,
    "ListLabelingJobsForWorkteam": Right.READ,
    "ListTags": Right.READ,
    "DescribeWorkteam": Right.READ,
    "ListWorkteams": Right.READ,
    "DescribeSubscribedWorkteam": Right.READ,
    "ListSubscribedWorkteams": Right.READ,
    "DescribeWorkforce": Right.READ,
    "ListWorkforces": Right.READ,
    "DescribeHumanTaskUi": Right.READ,
    "ListHumanTaskUis": Right.READ,
}
_OF_OTHERS: Final[dict[Service, dict[str, Right]]] = {
    Service.STS: {"GetCallerIdentity": Right.READ},
    Service.IAM: {"GetRole": Right.READ, "SimulatePrincipalPolicy": Right.READ},
    Service.SNS: {
        **dict.fromkeys(("CreateTopic", "DeleteTopic", "Publish", "PublishBatch", "Subscribe"), Right.CREATE),
        **dict.fromkeys(("Unsubscribe", "SetTopicAttributes", "SetSubscriptionAttributes"), Right.CREATE),
        **dict.fromkeys(("TagResource", "UntagResource"), Right.CREATE),
        **dict.fromkeys(("GetTopicAttributes", "GetSubscriptionAttributes"), Right.READ),
        **dict.fromkeys(("ListSubscriptionsByTopic", "ListTagsForResource"), Right.READ),
    },
    Service.SQS: {
        **dict.fromkeys(("CreateQueue", "DeleteQueue", "SendMessage", "SendMessageBatch"), Right.CREATE),
        **dict.fromkeys(("SetQueueAttributes", "PurgeQueue", "TagQueue", "UntagQueue"), Right.CREATE),
        **dict.fromkeys(("GetQueueUrl", "GetQueueAttributes", "ListQueueTags", "ReceiveMessage"), Right.READ),
        **dict.fromkeys(("DeleteMessage", "DeleteMessageBatch"), Right.READ),
        **dict.fromkeys(("ChangeMessageVisibility", "ChangeMessageVisibilityBatch"), Right.READ),
    },
}
_MAKES: Final = {"CreateTopic": "Name", "CreateQueue": "QueueName"}
_ENDS: Final = frozenset({"DeleteTopic", "DeleteQueue", "DeleteBucket"})
# Fields that senders write freely: an ARN in them is only a string.
_CONTENT: Final = frozenset({"Message", "MessageBody", "Subject", "MessageAttributes", "ReceiptHandle"})
_SETTINGS_OF_BUCKETS: Final = frozenset({"cors", "tagging", "versioning", "notification"})
"""Settings of a bucket that a requester may change; others could affect other people."""
_QUEUE_URL: Final = re.compile(r"(?:(?:https?://[^/?#]+)?/(?:[0-9]+/)?)?([A-Za-z0-9_.-]{1,80})")
# Marks with which XML could spell an ARN in another way.
_XML_MARKS: Final = re.compile(r"&|<!")


class Rights:
    """Decides whether requesters may do what they ask for.

    :param place: region and account of the topics and queues, as they are in an ARN.
    """

    def __init__(self, database: Database, *, region: str, account: str) -> None:
        self._database, self._region, self._account = database, region, account

    def check(self, who: Requester, asked: Asked) -> None:
        """Refuse what a requester may not do; give what is about to be created to the requester.

        :raises ApiError: if it is refused.
        """
        if who.is_administrator:
            return
        right = self._right(asked)
        if right is None:
            raise _denied(f"{asked.operation or 'This'} is for the administrator of the service.")
        if right not in who.rights:
            raise _denied(f"The key of {who.name} does not have the right to {right}.")
        if asked.service in {Service.SAGEMAKER, Service.STS, Service.IAM}:
            return
        self._check_request(who, asked)

    def done(self, asked: Asked, *, is_done: bool) -> None:
        """Drop the ownership of something that was not created, or no longer exists."""
        making = asked.operation in {*_MAKES, "CreateBucket"}
        if (making and not is_done) or (asked.operation in _ENDS and is_done):
            with self._database.write() as connection:
                for arn in self._named(asked):
                    key_rows.release(connection, arn)

    @staticmethod
    def _right(asked: Asked) -> Right | None:
        if asked.service == Service.SAGEMAKER:
            return _OF_SAGEMAKER.get(asked.operation)
        if asked.service == Service.S3:
            return _right_in_s3(asked)
        return _OF_OTHERS.get(asked.service, {}).get(asked.operation)

    def _check_request(self, who: Requester, asked: Asked) -> None:
        if _XML_MARKS.search(asked.text):
            raise _denied("The settings of a bucket must be written without entities.")
        if names_function(asked.text) or any(names_function(value) for _, value in asked.fields):
            raise _denied("Only administrators can use functions.")
        if asked.operation == "Subscribe" and {value for name, value in asked.fields if name == "Protocol"} != {"sqs"}:
            raise _denied("Only queues can subscribe to a requester's topic.")
        arns = self._named(asked)
        # Using somebody else's bucket does not include deleting it.
        is_deletion = asked.operation == "DeleteBucket"
        buckets = set() if is_deletion else {bucket_arn(bucket) for bucket in who.buckets}
        if asked.operation in {*_MAKES, "CreateBucket"}:
            own = self._arn_of_new(asked)
            with self._database.write() as connection:
                if own is None or not key_rows.claim(connection, own, who.name):
                    raise _denied("The name belongs to somebody else.")
        if not arns:
            raise _denied(f"{asked.operation} without a name is for the administrator of the service.")
        with self._database.read() as connection:
            others = arns - buckets - key_rows.owned(connection, who.name, arns)
        if others and is_deletion:
            raise _denied("Only its owner and the administrator can delete a bucket.")
        if others:
            raise _denied(who.lacks(others))

    def _arn_of_new(self, asked: Asked) -> str | None:
        """The ARN of what is to be created."""
        if asked.service == Service.S3:
            return bucket_arn(asked.request.bucket_and_key[0])
        name = dict(asked.fields).get(_MAKES[asked.operation])
        return self._arn(asked.service, name) if name else None

    def _arn(self, service: str, name: str) -> str:
        return arn_of(service, name, self._region, self._account)

    def _named(self, asked: Asked) -> set[str]:
        """The ARNs of all buckets, topics and queues that a request names."""
        arns = {self._arn(service, name) for service, name in topics_and_queues(asked.text)}
        if asked.service == Service.S3:
            bucket, _ = asked.request.bucket_and_key
            source = asked.request.copy_source
            return arns | {bucket_arn(bucket_name) for bucket_name in (bucket, source and source.bucket) if bucket_name}
        for name, value in asked.fields:
            if name.partition(".")[0] in _CONTENT or any(part in _CONTENT for part in name.split(".")):
                continue
            arns |= {self._arn(service, name) for service, name in topics_and_queues(value)}
            if name == "QueueUrl":
                url = _QUEUE_URL.fullmatch(value)
                arns.add(self._arn(Service.SQS, url[1] if url else value))
            if name == "QueueName" or (name == "Name" and asked.operation == "CreateTopic"):
                arns.add(self._arn(asked.service, value))
        if asked.service == Service.SQS and asked.request.path != "/":
            url = _QUEUE_URL.fullmatch(unquote(asked.request.path))
            arns.add(self._arn(Service.SQS, url[1] if url else ""))
        return arns


def check_page_right(who: Requester, path: str, method: str = "GET", *, has_session: bool = False) -> None:
    """Refuse pages that are for the administrator, and those that are for people with a session.

    :param path: below ``/_labeling``. The page of a job or a report checks its owner itself.
    :param has_session: whether the caller has a session and no key, which suffices for reading and for own keys.
    :raises ApiError: if it is refused.
    """
    if path == SIGN_IN or (has_session and (path == SIGN_OUT or (path + "/").startswith(f"{OWN_KEYS}/"))):
        return
    if has_session and method not in {"GET", "HEAD"}:
        raise _denied("A browser session may only read here. Use an access key.")
    is_own = path == "/" or path.startswith(("/jobs/", "/reports/"))
    if not who.is_administrator and not (is_own and Right.READ in who.rights):
        raise _denied("This page is for the administrator of the service.")


def _right_in_s3(asked: Asked) -> Right | None:
    bucket, key = asked.request.bucket_and_key
    named = {name for name, _ in asked.request.parameters} & SUBRESOURCES
    if not bucket:
        return None
    if asked.request.method in {"GET", "HEAD"}:
        return Right.READ
    if key or asked.operation in {"CreateBucket", "DeleteBucket", "DeleteObjects"}:
        return Right.CREATE
    is_setting = named and named <= _SETTINGS_OF_BUCKETS and asked.request.method in {"PUT", "DELETE"}
    return Right.CREATE if is_setting else None


def _denied(message: str) -> ApiError:
    return ApiError("AccessDenied", message, HTTPStatus.FORBIDDEN)
