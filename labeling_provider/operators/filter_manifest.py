"""Selects lines of manifests by their labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow.sdk.exceptions import AirflowSkipException

from labeling_provider.errors import LabelingError, check_choice, counted
from labeling_provider.groundtruth.objects import LineState
from labeling_provider.operators import arguments
from labeling_provider.operators.manifest_task import ManifestTask, label_attribute_of, manifest_uris_of

if TYPE_CHECKING:
    from airflow.sdk import Context

_STATES: Final = tuple(state.value for state in LineState)
_MAKERS: Final = ("people", "machine")


class FilterManifestOperator(ManifestTask):
    """Keep the objects of a manifest whose label meets all conditions that are given.

    For example, it passes only what a verification has rejected to an adjustment. If no object is kept, the task
    and its downstream tasks are skipped.

    Returns ``manifest_uri``, ``objects`` (number of objects kept), ``left_out`` (number of the others) and
    ``label_attribute_name``.

    Takes the connection arguments of :class:`labeling_provider.operators.base.LabelingTask` as well.

    :param manifest_uri: the manifest, or the result of a task that wrote it (templated).
    :param filtered_uri: where to write the objects that are kept (templated).
    :param label_attribute_name: the label attribute; by default the one in the result given as ``manifest_uri``
        (templated).
    :param state: ``labeled``, ``failed`` (a job gave up on it) or ``unlabeled`` (neither).
    :param by: who made the label: ``people`` or ``machine``.
    :param classes: the label has at least one of these classes, by name (templated).
    :param min_confidence: the label's confidence is at least this, 0 to 1; of several confidences the lowest counts.
    :param below_confidence: the label's confidence is below this, 0 to 1.
    :param skip_if_empty: whether to skip rather than fail if no object is kept.
    :raises ManifestError: if lines can't be read.
    :raises LabelingError: if no object is kept and that is an error.
    """

    argument_kinds: ClassVar[Mapping[str, arguments.ArgumentKind]] = {
        "manifest_uri": arguments.required(arguments.source),
        "filtered_uri": arguments.required(arguments.name),
        "label_attribute_name": arguments.name,
        "classes": arguments.texts,
        **arguments.CONNECTION,
    }
    template_fields: Sequence[str] = tuple(argument_kinds)

    manifest_uri: Any
    filtered_uri: str
    label_attribute_name: str | None
    state: str | None
    by: str | None
    classes: Sequence[str] | None
    min_confidence: float | None
    below_confidence: float | None
    skip_if_empty: bool

    def __init__(
        self,
        *,
        manifest_uri: Any,
        filtered_uri: str,
        label_attribute_name: str | None = None,
        state: str | None = None,
        by: str | None = None,
        classes: Sequence[str] | None = None,
        min_confidence: float | None = None,
        below_confidence: float | None = None,
        skip_if_empty: bool = True,
        **kwargs: Any,
    ) -> None:
        given = locals()
        super().__init__(**kwargs)
        self.keep(given)
        for name, value, choices in (("state", state, _STATES), ("by", by, _MAKERS)):
            if value is not None:
                check_choice(name, value, choices)
        if all(condition is None for condition in (state, by, classes, min_confidence, below_confidence)):
            raise ValueError("give a condition: state, by, classes, min_confidence or below_confidence")

    def execute(self, context: Context) -> dict[str, Any]:
        """Select the objects."""
        self.read_arguments()
        from labeling_provider.manifest import Filter

        (source,) = manifest_uris_of([self.manifest_uri])
        attribute = label_attribute_of(self.label_attribute_name, self.manifest_uri)
        keep = Filter(
            state=None if self.state is None else LineState(self.state),
            by=self.by,  # type: ignore[arg-type]
            min_confidence=self.min_confidence,
            below_confidence=self.below_confidence,
            classes=None if self.classes is None else frozenset(self.classes),
        )
        counts = self.manifests.filter(source, attribute, keep, self.filtered_uri)
        self.lineage_inputs, self.lineage_outputs = [source], [self.filtered_uri]
        self.log.info("%s of %s objects kept", counts["kept"], counts["kept"] + counts["left"])
        if not counts["kept"]:
            objects = counted(counts["left"], "object")
            message = f"no object of {source} meets the conditions on {attribute!r}; it has {objects}"
            raise AirflowSkipException(message) if self.skip_if_empty else LabelingError(f"{message}.")
        return {
            "manifest_uri": self.filtered_uri,
            "objects": counts["kept"],
            "left_out": counts["left"],
            "label_attribute_name": attribute,
        }
