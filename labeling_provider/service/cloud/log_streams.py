"""The log streams of labeling jobs and of the trainings of their models.

The lines are made from what the database knows, so they survive a restart, and every service that shares the database
has them. Their names are Amazon's, and the lines that clients read figures from have Amazon's form.
Source: developer guide, "CloudWatch logs for SageMaker"; what Amazon's notebooks read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from labeling_provider.groundtruth.facts import TRAINING_FIGURES
from labeling_provider.service.database import log_rows
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.log_rows import StreamLine, StreamQuery, TrainingLog

LABELING_JOBS: Final = "/aws/sagemaker/LabelingJobs"
TRAINING_JOBS: Final = "/aws/sagemaker/TrainingJobs"
_EVENT_NAME: Final = "LABELING_JOB_PROGRESS"


class LogStream(NamedTuple):
    """A log stream. Times are epoch seconds.

    :param size: length of its lines, in characters.
    :param lines: reads its lines, oldest first.
    """

    name: str
    created: float
    first: float
    last: float
    size: int
    lines: Callable[[], Sequence[StreamLine]]


def groups(connection: Connection) -> dict[str, float]:
    """The log groups that have streams, by name, and when each began, in epoch seconds."""
    began = zip((LABELING_JOBS, TRAINING_JOBS), log_rows.began(connection), strict=True)
    return {name: at for name, at in began if at is not None}


def streams(connection: Connection, group: str, wanted: StreamQuery) -> Iterator[LogStream]:
    """Streams of a group, which is one of :func:`groups`. Their lines can be read as long as the transaction lasts."""
    if group == LABELING_JOBS:
        for log in log_rows.job_logs(connection, wanted):
            yield LogStream(*log, lines=_lines_of_job(connection, log.name))
    else:
        for training in log_rows.training_logs(connection, wanted):
            name, lines = f"{training.model}/algo-1-{int(training.created)}", _lines_of_training(training)
            times, size = (training.created,) * 3, sum(len(line.message) for line in lines)
            yield LogStream(name, *times, size, lambda lines=lines: lines)  # type: ignore[misc]


def _lines_of_job(connection: Connection, name: str) -> Callable[[], Sequence[StreamLine]]:
    def read() -> list[StreamLine]:
        return [
            line._replace(
                message=json.dumps(
                    {"labeling-job-name": name, "event-name": _EVENT_NAME, "event-log-message": line.message},
                    ensure_ascii=False,
                )
            )
            for line in log_rows.lines_of_job(connection, name)
        ]

    return read


def _lines_of_training(training: TrainingLog) -> list[StreamLine]:
    """The log lines of a training. Notebooks read the number of samples and the figure."""
    lines = [
        f"Training for the labeling job {training.job}, iteration {training.iteration}: {training.algorithm}",
        f"Final configuration: {{u'num_training_samples': u'{training.examples}', u'epochs': u'1'}}",
    ]
    if training.agreement is None:
        lines.append("There is nothing to measure the model on.")
    else:
        lines.append("The figure below is the model's mean agreement with people on the validation objects, 0 to 1.")
        lines.append(TRAINING_FIGURES[training.algorithm].format(training.agreement))
    if training.threshold is None:
        lines.append("The model is not good enough to label objects.")
    else:
        lines.append(f"Objects with a score of at least {training.threshold:.6g} are labeled: {training.labeled:,}")
    lines.append(f"The model is at {training.data_uri}")
    return [StreamLine(number, training.created, message) for number, message in enumerate(lines, 1)]
