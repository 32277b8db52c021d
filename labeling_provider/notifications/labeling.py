"""Notifies people of the end of a labeling job: counters, links, and errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

from labeling_provider.hooks.connection import TEMPLATED_ARGUMENTS, ConnectionArguments
from labeling_provider.links import JOB_LINKS, QUALITY_LINK
from labeling_provider.xcoms import JOB_KEY, PROGRESS_KEY

if TYPE_CHECKING:
    from airflow.sdk import Context

_MAX_REASON = 2_000


@dataclass(kw_only=True, eq=False, repr=False)
class LabelingNotifier(ConnectionArguments, BaseNotifier):
    """A notifier for ``on_success_callback`` and ``on_failure_callback`` of a labeling task.

    Takes the arguments of :class:`labeling_provider.hooks.connection.ConnectionArguments` as well, for the topic.

    Set ``send`` or ``topic_arn``. Any other provider's notifier can send the text:
    ``send=lambda subject, text, context: SlackNotifier(text=text)(context)``.

    :param send: called with a subject, a text of several lines, and Airflow's context.
    :param topic_arn: ARN of an SNS topic to publish to (templated).
    :raises ValueError: unless exactly one of ``send`` and ``topic_arn`` is set.
    """

    send: Callable[[str, str, Context], Any] | None = None
    topic_arn: str | None = None

    template_fields = ("topic_arn", *TEMPLATED_ARGUMENTS)

    def __post_init__(self) -> None:
        # Past ConnectionArguments, which would set the defaults.
        super(ConnectionArguments, self).__init__()
        if (self.send is None) == (self.topic_arn is None):
            raise ValueError("set either send or topic_arn")

    def notify(self, context: Context) -> None:
        """Send the notification."""
        subject, text = message_about(context)
        if self.send is not None:
            self.send(subject, text, context)
            return
        # SNS subjects are ASCII without line breaks, at most 100 characters. Source: API reference, Publish.
        plain = " ".join(subject.encode("ascii", "replace").decode().split())[:100]
        self.make_hook().client("sns").publish(TopicArn=self.topic_arn, Subject=plain, Message=text)


def message_about(context: Context) -> tuple[str, str]:
    """Subject and text of a notification about a task's labeling job."""
    task_instance: Any = context.get("ti") or context.get("task_instance")
    job, progress = _pulled(task_instance, JOB_KEY), _pulled(task_instance, PROGRESS_KEY)
    exception: Any = context.get("exception")
    where = f"{task_instance.dag_id}.{task_instance.task_id}"
    name = job.get("job_name") or progress.get("job_name") or "no labeling job"
    state = "has failed" if exception else str(progress.get("status") or "has ended")
    lines = [f"Labeling job {name} of {where}, run {task_instance.run_id}"]
    if progress:
        lines.append(
            f"{progress.get('labeled', 0):,} of {progress.get('total', 0):,} labeled "
            f"({progress.get('human_labeled', 0):,} by people, {progress.get('machine_labeled', 0):,} by machine), "
            f"{progress.get('failed', 0):,} failed, {progress.get('unlabeled', 0):,} unlabeled"
        )
    if exception:
        lines.append(f"{type(exception).__name__}: {exception}"[:_MAX_REASON])
    for link in (*JOB_LINKS, QUALITY_LINK):
        address = _pulled_value(task_instance, link.xcom_key)
        if isinstance(address, str) and address:
            lines.append(f"{link.name}: {address}")
    return f"Labeling {name}: {state}", "\n".join(lines)


def _pulled(task_instance: Any, key: str) -> Mapping[str, Any]:
    value = _pulled_value(task_instance, key)
    return value if isinstance(value, Mapping) else {}


def _pulled_value(task_instance: Any, key: str) -> Any:
    try:
        return task_instance.xcom_pull(task_ids=task_instance.task_id, key=key)
    except Exception:  # noqa: BLE001 - report what is available
        return None
