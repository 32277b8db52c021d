"""``@task.label``: a function returns objects, and the task returns their labels."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow.sdk.bases.decorator import DecoratedOperator, TaskDecorator, task_decorator_factory
from airflow.sdk.exceptions import AirflowSkipException

from labeling_provider.errors import InvalidRequestError, LabelingError, Problem
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.operators.labeling_job import CreateLabelingJobOperator
from labeling_provider.operators.manifest_task import manifest_uris_of
from labeling_provider.xcoms import RESULT_KEY

if TYPE_CHECKING:
    from airflow.sdk import Context

    from labeling_provider.jobs.caller import Wait
    from labeling_provider.manifest import Manifests

MAX_INLINE_BYTES: Final = 1_000_000
"""Most bytes of JSON that a task returns as labels."""
_NOT_HERE: Final = {
    "manifest_uri": "the function returns the objects",
    "input_topic_arn": "a streaming job has no labels when its task succeeds",
    "wait_for_completion": "the task returns the labels, so it waits for them",
}


class LabelDecoratedOperator(DecoratedOperator, CreateLabelingJobOperator):
    """Label the objects that a function returns.

    The function returns texts, S3 URIs or lines of a manifest as dicts, each object once or more often; or the S3 URI
    of a manifest, or the result of a task that wrote one. If it returns no objects, the task and its downstream tasks
    are skipped. Every try calls the function again; as long as it returns the same objects, a retry continues with the
    job of the earlier try.

    Returns ``{object: label}``, where an object is its text or S3 URI, and a label is what
    :attr:`labeling_provider.manifest.Label.plain` says; None for an object without a label. If there are more than
    ``max_inline`` objects, if their labels have more than 1 MB, or if two objects have the same text or URI, it returns
    the result of :class:`labeling_provider.operators.labeling_job.CreateLabelingJobOperator`.
    :meth:`labeling_provider.hooks.labeling.LabelingHook.labels` reads both. The XCom ``labeling_result`` always has
    the operator's result.

    Takes the arguments of :class:`labeling_provider.operators.labeling_job.CreateLabelingJobOperator` as well, without
    ``manifest_uri``, ``input_topic_arn`` and ``wait_for_completion``.

    :param python_callable: the function.
    :param max_inline: most objects whose labels are returned themselves; 0 for the manifest only.
    :raises LabelingError: if the function returns something else.
    :raises ManifestError: if an object can't be a line of a manifest.
    """

    custom_operator_name: str = "@task.label"
    # The manifest's URI is known only after the function has run.
    overwrite_rtif_after_execution: bool = True
    template_fields: Sequence[str] = (*DecoratedOperator.template_fields, *CreateLabelingJobOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **DecoratedOperator.template_fields_renderers,
        **CreateLabelingJobOperator.template_fields_renderers,
    }

    def __init__(self, *, python_callable: Callable[..., Any], max_inline: int = 1000, **kwargs: Any) -> None:
        for name, reason in _NOT_HERE.items():
            if name in kwargs:
                raise ValueError(f"@task.label takes no {name}: {reason}")
        if max_inline < 0:
            raise ValueError(f"max_inline must be 0 or more, not {max_inline}")
        super().__init__(python_callable=python_callable, **kwargs)
        self.max_inline = max_inline

    def execute(self, context: Context) -> dict[str, Any]:
        """Call the function, write the manifest of its objects, and label them."""
        self.read_arguments()
        folder = self._folder()
        arguments = self.determine_kwargs({**context, **self.op_kwargs})
        returned = self.python_callable(*self.op_args, **arguments)
        if inspect.iscoroutine(returned):
            returned = asyncio.run(returned)
        self.manifest_uri = self._manifest_of(returned, folder)
        return self._labels(context, super().execute(context))

    def execute_complete(
        self, context: Context, event: dict[str, Any], started: float | None = None, manifest_uri: str | None = None
    ) -> dict[str, Any]:
        """Continue after the trigger has fired; the function is not called again."""
        self.manifest_uri = manifest_uri
        return self._labels(context, super().execute_complete(context, event, started))

    def defer_to_trigger(self, wait: Wait, *, kwargs: dict[str, Any] | None = None, **options: Any) -> None:
        """Let the triggerer wait, and remember the manifest.

        :raises TaskDeferred: always.
        """
        super().defer_to_trigger(wait, kwargs={**(kwargs or {}), "manifest_uri": self.manifest_uri}, **options)

    def _folder(self) -> str:
        """S3 URI of the folder for the manifest, beside the jobs' output.

        :raises InvalidRequestError: if there is none, or the request has objects already.
        """
        given = JobRequest(self.config)
        folder = given.output_path or self.output_uri
        problems = []
        if not folder:
            problems.append(Problem("output_uri", "is missing.", "Set it: the manifest and the labels go there."))
        if given.manifest_uri or given.input_topic_arn:
            problems.append(
                Problem("config.InputConfig.DataSource", "names other objects.", "Leave it out, or return its URI.")
            )
        if problems:
            raise InvalidRequestError(problems)
        return f"{str(folder).rstrip('/')}/objects"

    def _manifest_of(self, returned: Any, folder: str) -> str:
        """S3 URI of a manifest of what the function has returned.

        The same objects give the same URI, so that a retry sends the same request.
        """
        name = getattr(self.python_callable, "__name__", "the function")
        if isinstance(returned, str) and not returned.startswith("s3://"):
            raise LabelingError(f"{name} returned a string; return a list of objects, or the S3 URI of a manifest.")
        if isinstance(returned, str | Mapping):
            return manifest_uris_of(returned)[0]
        if isinstance(returned, bytes) or not isinstance(returned, Iterable):
            raise LabelingError(
                f"{name} returned {type(returned).__name__}; return a list of texts, S3 URIs or dicts, or the S3 URI "
                "of a manifest."
            )
        lines = self._lines(returned, name)
        if not lines:
            raise AirflowSkipException(f"there is nothing to label: {name} returned no objects")
        uri = f"{folder}/{hashlib.sha256(b''.join(lines)).hexdigest()[:32]}.manifest"
        self._manifests.files.write_all(uri, lines)
        self.log.info("%s objects in %s", len(lines), uri)
        return uri

    def _lines(self, objects: Iterable[Any], name: str) -> list[bytes]:
        """Manifest lines of objects; one that is repeated has one line."""
        from labeling_provider.manifest.building import Building, Candidate

        def candidates() -> Iterator[Candidate]:
            for number, given in enumerate(objects, 1):
                if given is None:
                    raise LabelingError(f"object {number} of {name} is None; leave it out.")
                yield Candidate.of(given, f"object {number} of {name}")

        with closing(self._manifests.known(())) as known:
            building = Building(known)
            lines = list(building.lines(candidates()))
        if building.counts["known"]:
            self.log.info("%s objects are repeated; each is labeled once", building.counts["known"])
        return lines

    @cached_property
    def _manifests(self) -> Manifests:
        from labeling_provider.manifest import Manifests

        return Manifests(self.ground_truth.objects)

    def _labels(self, context: Context, result: dict[str, Any]) -> dict[str, Any]:
        """The labels by object, or else the operator's result."""
        context["ti"].xcom_push(key=RESULT_KEY, value=result)
        uri = result["output_manifest_uri"]
        if uri is None:
            return result
        labels: dict[str, Any] = {}
        size = 0
        for object_id, label in self._manifests.labels(uri, result["label_attribute_name"]):
            size += len(json.dumps({object_id: label}))
            if len(labels) == self.max_inline or size > MAX_INLINE_BYTES or object_id in labels:
                self.log.info("The labels are in %s; LabelingHook.labels reads them", uri)
                return result
            labels[object_id] = label
        return labels


def label_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """Turn a function that returns objects into a task that returns their labels: ``@task.label``.

    :param python_callable: the function.
    :param kwargs: arguments of :class:`LabelDecoratedOperator`.
    """
    return task_decorator_factory(
        python_callable,
        # The function's annotation is of the objects and says nothing of the labels.
        multiple_outputs=False,
        decorated_operator_class=LabelDecoratedOperator,
        **kwargs,
    )
