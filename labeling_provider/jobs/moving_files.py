"""The files of a labeling job that comes from Amazon: its output, its manifest, and its data objects."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import zip_longest
from typing import Any, Final

from labeling_provider.client.copies import Copied, Copies, OtherObjectError
from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.client.listing import list_uris
from labeling_provider.client.retries import error_code
from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.description import JobDescription
from labeling_provider.groundtruth.layout import intermediate_folder
from labeling_provider.groundtruth.objects import HUMAN_ANNOTATED, METADATA, job_of, metadata_of
from labeling_provider.jobs.line_files import files_of_line
from labeling_provider.jobs.moving_choice import Data, Manner
from labeling_provider.jobs.moving_parts import Entry, Outcome
from labeling_provider.jobs.moving_plan import LineCounts, Plan, is_finished
from labeling_provider.manifest import ManifestError, written
from labeling_provider.manifest.reader import LineProblem, parse_line
from labeling_provider.manifest.sequences import SequenceError

_GONE: Final = frozenset({"404", "NoSuchKey", "NoSuchBucket"})


class JobFiles:
    """Copies what jobs have read and written.

    :param source: where the jobs are.
    :param target: the service.
    """

    def __init__(self, source: GroundTruth, target: GroundTruth, manner: Manner) -> None:
        self._source, self._target, self._manner = source, target, manner
        self._copies = Copies(source, target, dry_run=manner.dry_run)
        self._looks = Copies(source, target, dry_run=True)

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

    def count(self, plan: Plan) -> LineCounts:
        """Count the lines of the source's manifest.

        :raises LabelingError: if it can't be read.
        """
        labeled = rest = own = 0
        for line, _ in self._lines(plan):
            if plan.job.label_attribute not in line:
                rest += 1
                continue
            labeled += 1
            metadata = metadata_of(line, plan.job.label_attribute)
            is_own = job_of(metadata).casefold() in {"", plan.job.name.casefold()}
            own += is_own and metadata.get(HUMAN_ANNOTATED) != "no"
        return LineCounts(labeled, rest, own)

    def check(self, plan: Plan) -> None:
        """Make sure that the files that a job needs can be copied.

        :raises LabelingError: if one can't be.
        """
        if self._copies.is_needed:
            for uri in self._needed(plan, self._looks):
                self._looks.copy(uri)

    def copy(self, plan: Plan, *, goes_on: bool = False) -> Generator[Entry, None, Copied]:
        """Copy the files of a job: manifest, label categories, worker template, and all of its output.

        :param goes_on: whether a job here continues it, and so writes its own output manifest.
        :return: how many were copied.
        :raises LabelingError: if one that the job needs can't be copied.
        """
        tally, job = Copied(), plan.job
        if not self._copies.is_needed:
            return tally
        for uri in self._needed(plan, self._copies):
            tally.add(Copied(copied=1) if self._copies.copy(uri) else Copied(there=1))
        changing = (job.output_manifest_uri, intermediate_folder(job.output_uri)) if goes_on else ()
        output = list_uris(self._source.objects, f"{job.output_uri}/")
        tally.add(self._copies.copy_all(uri for uri in output if not uri.startswith(changing)))
        yield from _not_copied(tally, f"output of {job.name}")
        return tally

    def _needed(self, plan: Plan, copies: Copies) -> Iterator[str]:
        """URIs of the files that a job needs. Notes a manifest that is gone, if its lines are elsewhere."""
        yield from filter(None, (plan.job.category_uri, plan.job.template_uri))
        if (manifest := plan.job.manifest_uri) is None:
            return
        if manifest == plan.labels_uri or copies.has_source(manifest):
            yield manifest
        elif copies is self._copies:
            plan.notes.append(f"{manifest} is gone. All of its lines are in the output manifest.")

    def write_manifest(self, plan: Plan) -> None:
        """Write the new job's input manifest: all lines, or for a finished job those with a label.

        :raises LabelingError: if it can't be written.
        """
        if self._manner.dry_run or plan.labels_uri is None:
            return
        self._copies.make_bucket(plan.manifest_uri)
        with self._target.objects.writer(plan.manifest_uri) as upload:
            for line, raw in self._lines(plan):
                if not plan.is_finished or plan.job.label_attribute in line:
                    upload.write(raw)

    def replace_output(self, job: JobDescription, uri: str, manifest: str) -> str | None:
        """Replace the service's own output manifest with the job's, and never any other.

        :param uri: URI of the service's manifest.
        :param manifest: URI of the job's input manifest here.
        :return: a note if another one is there; None if all is well.
        :raises LabelingError: if it can't be copied.
        """
        source = job.output_manifest_uri
        if not self._copies.has_source(source):
            return None
        try:
            self._copies.copy(source, to=uri)
        except OtherObjectError:
            if not self._is_the_services(uri, manifest):
                return "Its output manifest has changed here since the import. It was left as it is."
            self._copies.copy(source, overwrite=True, to=uri)
        return None

    def _is_the_services(self, uri: str, manifest: str) -> bool:
        """Whether an output manifest is what the service writes for a job with nothing left to label: its input."""
        read = self._target.objects.read_lines
        return all(_same_line(there, here) for there, here in zip_longest(read(uri), read(manifest)))

    def copy_data(self, plan: Plan) -> Generator[Entry, None, Copied]:
        """Copy the data objects that workers will look at, or all.

        :return: how many were copied.
        :raises LabelingError: if the manifest, or a sequence file that it names, can't be read; one that does not exist
            is reported as not copied.
        """
        data, tally = self._manner.data, Copied()
        if data == Data.NONE or not self._copies.is_needed or (data == Data.OPEN and plan.is_finished):
            return tally

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
                    # If it is missing, copying it reports that.
                    if error_code(error) not in _GONE:
                        raise

        tally.add(self._copies.copy_all(uris()))
        tally.add(Copied(problems=problems))
        done = "to copy" if self._manner.dry_run else "copied"
        plan.notes.append(f"Data objects: {tally.copied:,} {done}, {tally.there:,} already there.")
        yield from _not_copied(tally, f"data of {plan.job.name}")
        return tally

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
            if attribute not in line and line.pop(f"{attribute}{METADATA}", None) is not None:
                # Why there was no label last time.
                yield line, written(line)
            else:
                yield line, raw if raw.endswith(b"\n") else raw + b"\n"


def _same_line(there: bytes | None, here: bytes | None) -> bool:
    if there is None or here is None:
        return False
    try:
        return parse_line(there, half_surrogates=True) == parse_line(here, half_surrogates=True)
    except ValueError:
        return False


def _not_copied(tally: Copied, what: str) -> Iterator[Entry]:
    for uri, reason in tally.problems:
        yield Entry("object", uri, Outcome.REFUSED, (reason,))
    if tally.more_problems:
        reason = f"and {tally.more_problems:,} more like these"
        yield Entry("object", what, Outcome.REFUSED, (reason,))
