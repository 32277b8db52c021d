"""The files of a labeling job that comes from Amazon: its output, its manifest, and its data objects."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any, Final

from labeling_provider.client.copies import Copied, Copies
from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.client.listing import list_uris
from labeling_provider.client.retries import error_code
from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.description import JobDescription
from labeling_provider.jobs.line_files import files_of_line
from labeling_provider.jobs.moving_choice import Data, Manner
from labeling_provider.jobs.moving_plan import Plan, is_finished
from labeling_provider.jobs.moving_teams import Entry, Outcome
from labeling_provider.manifest import ManifestError, written
from labeling_provider.manifest.reader import LineProblem, parse_line
from labeling_provider.manifest.sequences import SequenceError

_GONE: Final = frozenset({"404", "NoSuchKey", "NoSuchBucket"})


class JobFiles:
    """Copies what jobs read and have written.

    :param source: where the jobs are.
    :param target: the service.
    """

    def __init__(self, source: GroundTruth, target: GroundTruth, manner: Manner) -> None:
        self._source, self._target, self._manner = source, target, manner
        self._copies = Copies(source, target, dry_run=manner.dry_run)

    @property
    def same_s3(self) -> bool:
        """Whether source and service use one S3, so that nothing is copied."""
        return not self._copies.is_needed

    def labels_uri(self, job: JobDescription) -> str | None:
        """URI of the manifest with the labels so far, which is the input manifest while there are none; None if a
        streaming job has neither.

        :raises LabelingError: if it can't be read.
        """
        output, given, read = job.output_manifest_uri, job.manifest_uri, self._source.objects.read_chunks
        try:
            next(read(output), None)
        except LabelingError as error:
            if error_code(error) not in _GONE or is_finished(job):
                raise
            if given is not None:
                next(read(given), None)
            return given
        return output

    def copy(self, plan: Plan) -> Generator[Entry, None, Copied]:
        """Copy the files of a job: manifest, label categories, worker template, and all of its output.

        :return: how many were copied.
        :raises LabelingError: if one that the job needs can't be copied.
        """
        tally, job = Copied(), plan.job
        if not self._copies.is_needed:
            return tally
        for uri in filter(None, (job.category_uri, job.template_uri, job.manifest_uri)):
            try:
                tally.add(Copied(copied=1) if self._copies.copy(uri) else Copied(there=1))
            except LabelingError as error:
                # Its lines are in the output manifest, too.
                if uri in {job.category_uri, job.template_uri, plan.labels_uri} or error_code(error) not in _GONE:
                    raise
                plan.notes.append(f"{uri} is gone. All of its lines are in the output manifest.")
        tally.add(self._copies.copy_all(list_uris(self._source.objects, f"{job.output_uri}/")))
        yield from _not_copied(tally, f"output of {job.name}")
        return tally

    def write_manifest(self, plan: Plan) -> tuple[int, int]:
        """Write the new job's input manifest.

        :return: how many of the source's lines have a label, and how many have none.
        """
        labeled = rest = 0

        def pieces() -> Iterator[bytes]:
            nonlocal labeled, rest
            for line, raw in self._lines(plan):
                if plan.job.label_attribute in line:
                    labeled += 1
                else:
                    rest += 1
                    if plan.is_finished:
                        continue
                yield raw

        if self._manner.dry_run or plan.labels_uri is None:
            for _ in pieces():
                pass
        else:
            self._copies.make_bucket(plan.manifest_uri)
            with self._target.objects.writer(plan.manifest_uri) as upload:
                for piece in pieces():
                    upload.write(piece)
        return labeled, rest

    def replace_output(self, job: JobDescription, uri: str) -> None:
        """Put a job's output manifest in place of the service's own.

        :param uri: of the latter.
        :raises LabelingError: if it can't be copied.
        """
        self._copies.copy(job.output_manifest_uri, overwrite=True, to=uri)

    def copy_data(self, plan: Plan) -> Iterator[Entry]:
        """Copy the data objects that workers will look at, or all."""
        data = self._manner.data
        if data == Data.NONE or not self._copies.is_needed or (data == Data.OPEN and plan.is_finished):
            return

        manifest, read, problems = plan.labels_uri or "", self._source.objects.read, list[tuple[str, str]]()

        def uris() -> Iterator[str]:
            for line, _ in self._lines(plan):
                if data != Data.ALL and plan.job.label_attribute in line:
                    continue
                try:
                    yield from files_of_line(line, plan.task_type, read, manifest)
                except SequenceError as error:
                    problems.append((error.where, str(error)))
                except LabelingError as error:
                    # That it is not there is told when it is copied.
                    if error_code(error) not in _GONE:
                        raise

        tally = self._copies.copy_all(uris())
        tally.add(Copied(problems=problems))
        done = "to copy" if self._manner.dry_run else "copied"
        plan.notes.append(f"Data objects: {tally.copied:,} {done}, {tally.there:,} already there.")
        yield from _not_copied(tally, f"data of {plan.job.name}")

    def _lines(self, plan: Plan) -> Iterator[tuple[dict[str, Any], bytes]]:
        """The lines of the source's manifest, parsed and as the new job's input.

        :raises LabelingError: if it can't be read.
        """
        attribute = plan.job.label_attribute
        if plan.labels_uri is None:
            return
        for number, raw in enumerate(self._source.objects.read_lines(plan.labels_uri), 1):
            try:
                line = parse_line(raw, half_surrogates=True)
            except ValueError as error:
                raise ManifestError(plan.labels_uri, [LineProblem(number, 0, str(error))]) from None
            if attribute not in line and line.pop(f"{attribute}-metadata", None) is not None:
                # The reason why there was no label the last time.
                yield line, written(line)
            else:
                yield line, raw if raw.endswith(b"\n") else raw + b"\n"


def _not_copied(tally: Copied, what: str) -> Iterator[Entry]:
    for uri, reason in tally.problems:
        yield Entry("object", uri, Outcome.REFUSED, (reason,))
    if tally.more_problems:
        reason = f"and {tally.more_problems:,} more like these"
        yield Entry("object", what, Outcome.REFUSED, (reason,))
