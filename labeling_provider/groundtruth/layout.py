"""Amazon's layout of a job's output: paths and contents of the files.

Source: developer guide, "Labeling job output data", and the output of real jobs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from labeling_provider.groundtruth.objects import CREATION_DATE, FAILURE_REASON, HUMAN_ANNOTATED, JOB_NAME, METADATA
from labeling_provider.groundtruth.uris import join_s3_uri

OUTPUT_MANIFEST: Final = "manifests/output/output.manifest"
"""Path of the output manifest in a job's output folder."""
WORKER_RESPONSES: Final = "annotations/worker-response"
"""Path of the folder with the workers' answers in a job's output folder."""
_CONSOLIDATED: Final = "annotations/consolidated-annotation"
_INTERMEDIATE: Final = "annotations/intermediate"
ADJUSTMENT_STATUS: Final = "adjustment-status"
"""Key in the metadata of an adjusted label: whether at least one worker has changed it."""
ADJUSTED: Final = "adjusted"
UNADJUSTED: Final = "unadjusted"
OBJECTS_PER_FILE = 50
"""Most objects in one consolidation file."""


def file_stamp(at: float) -> str:
    """A time in a file's name: UTC, in seconds."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d_%H:%M:%S")


def creation_date(at: float) -> str:
    """A time in a label's metadata: ISO 8601, microseconds, UTC without a zone."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


def worker_time(at: float, *, whole: bool = False) -> str:
    """A time in a worker's answer: ISO 8601, milliseconds, ``Z``.

    :param whole: in seconds, as in the answers of public workers.
    """
    timespec = "seconds" if whole else "milliseconds"
    return datetime.fromtimestamp(at, UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def output_manifest_uri(output: str) -> str:
    """S3 URI of the output manifest.

    :param output: S3 URI of the job's output folder.
    """
    return join_s3_uri(output, OUTPUT_MANIFEST)


def worker_response_uri(output: str, iteration: int, object_id: int, stamp: int) -> str:
    """S3 URI of the file with all answers about one object."""
    folder = f"{WORKER_RESPONSES}/iteration-{iteration}/{object_id}"
    return join_s3_uri(output, folder, f"{file_stamp(stamp)}.json")


def consolidation_uri(output: str, which: str, iteration: int, stamp: int) -> str:
    """S3 URI of a consolidation step's file.

    :param which: ``request`` or ``response``.
    """
    folder = f"{_CONSOLIDATED}/consolidation-{which}/iteration-{iteration}"
    return join_s3_uri(output, folder, f"{file_stamp(stamp)}.json")


def intermediate_uri(output: str, iteration: int) -> str:
    """S3 URI of the labels of one iteration, written while the job runs."""
    return f"{intermediate_folder(output)}{iteration}/annotations.json"


def intermediate_folder(output: str) -> str:
    """S3 URI of the folder that changes while the job runs, with a slash at its end."""
    return f"{join_s3_uri(output, _INTERMEDIATE)}/"


def label_file_uri(output: str, *path: str) -> str:
    """S3 URI of a label that is a file, such as a mask.

    :param output: S3 URI of the job's output folder.
    """
    return join_s3_uri(output, f"{_CONSOLIDATED}/output", *path)


def output_of(consolidation: str) -> str:
    """S3 URI of the job's output folder; the inverse of :func:`consolidation_uri`."""
    return consolidation.partition(f"/{_CONSOLIDATED}/")[0]


def learning_uri(output: str, folder: str, iteration: int, *path: str) -> str:
    """S3 URI of a file of automated labeling.

    :param folder: ``training``, ``inference`` or ``activelearning``.
    """
    return join_s3_uri(output, folder, str(iteration), *path)


def label_metadata(
    metadata: dict[str, Any], metadata_type: str, job_name: str, at: float, *, by_people: bool = True
) -> dict[str, Any]:
    """A label's metadata: its own keys, then those of every label. Amazon writes the job name in lower case."""
    return {
        **metadata,
        "type": metadata_type,
        JOB_NAME: f"labeling-job/{job_name.lower()}",
        HUMAN_ANNOTATED: "yes" if by_people else "no",
        CREATION_DATE: creation_date(at),
    }


def failure(reason: str, attribute: str, metadata_type: str, job_name: str, at: float) -> dict[str, Any]:
    """Output keys of an object that was given up on: metadata with the reason, and no label."""
    return {f"{attribute}{METADATA}": label_metadata({FAILURE_REASON: reason}, metadata_type, job_name, at)}


def data_object(line: dict[str, Any], data_key: str = "") -> tuple[str, str]:
    """The key and value of a manifest line's data object.

    :param data_key: ``source`` or ``source-ref``, as the task type requires; empty for either.
    """
    keys = (data_key,) if data_key else ("source-ref", "source")
    return next(((key, line[key]) for key in keys if isinstance(line.get(key), str)), ("source", ""))


def _payload_object(line: dict[str, Any]) -> dict[str, str]:
    key, value = data_object(line)
    return {"s3Uri": value} if key == "source-ref" else {"content": value}


def consolidation_request(
    batch: Iterable[tuple[int, dict[str, Any], Sequence[tuple[str, dict[str, Any]]]]],
) -> Any:
    """The input of a consolidation function.

    :param batch: for each object its id, its manifest line, and (worker id, answer content) of each answer.
    """
    return [
        {
            "datasetObjectId": str(object_id),
            "dataObject": _payload_object(line),
            "annotations": [
                {"workerId": worker, "annotationData": {"content": json.dumps(content, ensure_ascii=False)}}
                for worker, content in answers
            ],
        }
        for object_id, line, answers in batch
    ]


def consolidation_response(contents: Iterable[tuple[int, dict[str, Any]]]) -> Any:
    """The output of a consolidation function.

    :param contents: for each object its id and the content of its consolidated annotation.
    """
    return [
        {"datasetObjectId": str(object_id), "consolidatedAnnotation": {"content": content}}
        for object_id, content in contents
    ]
