"""What a self-hosted service says about the people who work on a labeling job. Amazon has no such operation."""

from __future__ import annotations

import time
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.structures import make_ready

MAX_BYTES: Final = 256 << 10
MAX_SECONDS: Final = 10.0
MAX_LATEST: Final = 10
_PIECE: Final = 64 << 10
_UNKNOWN: Final = frozenset({401, 404})
"""What an older version of the service answers: it demands a password here, or has no such page."""

_Count = Annotated[int, msgspec.Meta(ge=0, le=10**12)]


class Remark(msgspec.Struct, frozen=True):
    """Something that a person tells the requester about a data object.

    :param object: the object's number, from 0.
    :param at: epoch seconds.
    :param kind: ``decline`` for the reason why a task was declined, ``comment`` for anything else.
    """

    object: _Count
    worker_id: str
    at: Annotated[float, msgspec.Meta(ge=0, le=10**11)]
    kind: str
    text: str


class JobPeople(msgspec.Struct, frozen=True):
    """The people who work on a labeling job.

    :param at_work: how many people have a task of it in hand.
    :param in_hand: how many tasks these are.
    :param declined: how many tasks people have declined.
    :param remarks: how many remarks there are.
    :param waits: whether the job goes on only when people work.
    :param latest: the latest remarks, newest first.
    """

    at_work: _Count
    in_hand: _Count
    declined: _Count
    remarks: _Count
    waits: bool
    latest: list[Remark]


class _Answer(NamedTuple):
    status: int
    body: bytes


def read_people(ground_truth: GroundTruth, job_page: str) -> JobPeople | None:
    """Ask a self-hosted service who works on a job.

    The request is signed as those to SageMaker are, and goes the same way: proxies, certificates and time limits are
    those of the SageMaker client.

    :param job_page: URL of the job's page on the service.
    :return: None if the service is too old to say.
    :raises LabelingError: if it does not answer, or its answer is something else.
    """
    action = "Asking the service who is at work"
    try:
        answer = _get(ground_truth.sagemaker.now, f"{job_page}/people")
    except Exception as error:
        raise LabelingError(f"{action}: {error}") from error
    if answer.status in _UNKNOWN:
        return None
    if answer.status != 200:
        raise LabelingError(f"{action}: it answered with status {answer.status}.")
    if len(answer.body) > MAX_BYTES:
        raise LabelingError(f"{action}: its answer has more than {MAX_BYTES:,} bytes.")
    try:
        people = msgspec.json.decode(answer.body, type=JobPeople)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise LabelingError(f"{action}: its answer can't be read: {error}") from None
    return msgspec.structs.replace(people, latest=people.latest[:MAX_LATEST])


def _get(client: Any, url: str) -> _Answer:
    """Get a page with a client's credentials and connections; of its body not much more than the limit.

    :raises TimeoutError: if it has not come within the time limit.
    """
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    request = AWSRequest("GET", url, stream_output=True)
    # botocore has no public way to a client's credentials; boto3 takes them in the same way (boto3.crt).
    credentials = client._get_credentials()
    if credentials is not None:
        SigV4Auth(credentials.get_frozen_credentials(), "sagemaker", client.meta.region_name).add_auth(request)
    until = time.monotonic() + MAX_SECONDS
    response = client._endpoint.http_session.send(request.prepare())
    body = bytearray()
    try:
        while len(body) <= MAX_BYTES and (piece := response.raw.read1(_PIECE)):
            body += piece
            if time.monotonic() > until:
                raise TimeoutError(f"no complete answer within {MAX_SECONDS:.0f} s")
    finally:
        response.raw.close()
    return _Answer(response.status_code, bytes(body))


make_ready(__name__)
