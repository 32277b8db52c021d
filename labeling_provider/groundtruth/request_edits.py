"""A copy of a labeling job's request that is changed before it is sent.

Source: API reference, CreateLabelingJob.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Self

from labeling_provider.groundtruth.description import ECHOED, JobDescription, JobRequest
from labeling_provider.groundtruth.tag_lists import write_tags
from labeling_provider.groundtruth.uris import join_s3_uri

_OPTIONAL: Final[Mapping[str, tuple[str, ...]]] = {
    "S3DataSource": ("InputConfig", "DataSource"),
    "SnsDataSource": ("InputConfig", "DataSource"),
    "SnsTopicArn": ("OutputConfig",),
    "StoppingConditions": (),
    "LabelingJobAlgorithmsConfig": (),
    "InitialActiveLearningModelArn": ("LabelingJobAlgorithmsConfig",),
    "PreHumanTaskLambdaArn": ("HumanTaskConfig",),
    "AnnotationConsolidationConfig": ("HumanTaskConfig",),
    "PublicWorkforceTaskPrice": ("HumanTaskConfig",),
}
"""Where the members are that a request can do without."""


class EditableRequest(JobRequest):
    """A CreateLabelingJob request that can be changed. What would go into a member that is no mapping is not written:
    the member stays as it is, for :func:`labeling_provider.request.check_request` to name.

    :param members: arguments of ``create_labeling_job``; they are changed in place.
    """

    members: dict[str, Any]

    @classmethod
    def of(cls, job: JobDescription) -> Self:
        """The request that makes a job as described.

        A description has members without a value, which a request must not have.
        """
        return cls(_filled({name: job.members[name] for name in ("LabelingJobName", *ECHOED) if name in job.members}))

    def retire(self) -> list[str]:
        """Leave out what concerns only work to come: topics, stopping conditions, automated labeling.

        :return: names of the members that were there.
        """
        return self._remove("SnsDataSource", "SnsTopicArn", "StoppingConditions", "LabelingJobAlgorithmsConfig")

    def drop_functions(self) -> list[str]:
        """Leave out the functions before and after the work.

        :return: names of the members that were there.
        """
        return self._remove("PreHumanTaskLambdaArn", "AnnotationConsolidationConfig")

    def drop_manifest(self) -> None:
        """Take no objects from a manifest."""
        self._remove("S3DataSource")

    def drop_input_topic(self) -> None:
        """Take no objects from a topic."""
        self._remove("SnsDataSource")

    def drop_automation(self) -> None:
        """Let people label all objects."""
        self._remove("LabelingJobAlgorithmsConfig")

    def drop_first_model(self) -> bool:
        """Let automated labeling start without a model; returns whether it had one."""
        return bool(self._remove("InitialActiveLearningModelArn"))

    def drop_price(self) -> list[str]:
        """Leave out what workers of the public workforce are paid.

        :return: names of the members that were there.
        """
        return self._remove("PublicWorkforceTaskPrice")

    def tag(self, tags: Mapping[str, str]) -> None:
        """Add tags, values by key; an earlier tag with such a key is replaced."""
        self.members["Tags"] = write_tags({**self.tags, **tags})

    def read_manifest(self, uri: str) -> None:
        """Take the objects from the manifest at this S3 URI."""
        self._inside("InputConfig", "DataSource")["S3DataSource"] = {"ManifestS3Uri": uri}

    def write_to_folder(self, folder: str) -> None:
        """Write to a folder of the output path."""
        if self.output_path:
            self._inside("OutputConfig")["S3OutputPath"] = join_s3_uri(self.output_path, folder)

    def replace_topics(self, topics: Mapping[str, str]) -> None:
        """Put other topics in the place of those that it names: new ARNs by old ones."""
        for holder in (self._inside("InputConfig", "DataSource", "SnsDataSource"), self._inside("OutputConfig")):
            topic = holder.get("SnsTopicArn")
            if isinstance(topic, str) and topic in topics:
                holder["SnsTopicArn"] = topics[topic]

    def assign(self, workteam_arn: str) -> None:
        """Let this workteam do the work."""
        self._inside("HumanTaskConfig")["WorkteamArn"] = workteam_arn

    def stop_after(self, human_labeled: int) -> None:
        """Change the stopping condition that there is: objects labeled by people."""
        self._inside("StoppingConditions")["MaxHumanLabeledObjectCount"] = human_labeled

    def stop_at(self, percentage: int) -> None:
        """Change the stopping condition that there is: labeled objects in percent of all objects."""
        self._inside("StoppingConditions")["MaxPercentageOfInputDatasetLabeled"] = percentage

    def start_from(self, model_arn: str) -> None:
        """Let automated labeling start from this model."""
        self._inside("LabelingJobAlgorithmsConfig")["InitialActiveLearningModelArn"] = model_arn

    def name_categories(self, uri: str) -> None:
        """Take the labels from the category file at this S3 URI."""
        self.members["LabelCategoryConfigS3Uri"] = uri

    def show(self, template_uri: str) -> None:
        """Let workers work on the page of the template at this S3 URI."""
        self._inside("HumanTaskConfig").setdefault("UiConfig", {})
        self._inside("HumanTaskConfig", "UiConfig")["UiTemplateS3Uri"] = template_uri

    def fill_defaults(self) -> None:
        """Write down what CreateLabelingJob takes for limits that are not given."""
        human = self._inside("HumanTaskConfig")
        human.setdefault("MaxConcurrentTaskCount", self.max_concurrent_objects)
        human.setdefault("TaskAvailabilityLifetimeInSeconds", self.availability_seconds)

    def _remove(self, *names: str) -> list[str]:
        """Leave out optional members, keys of :data:`_OPTIONAL`; returns those that were there."""
        return [name for name in names if self._inside(*_OPTIONAL[name]).pop(name, None)]

    def _inside(self, *path: str) -> dict[str, Any]:
        """The mapping at this place, to write into; one that nobody sees if there is none."""
        holder = self._member(*path)
        return holder if isinstance(holder, dict) else {}


def _filled(value: Any) -> Any:
    """A copy of a structure without its empty members."""
    if isinstance(value, Mapping):
        filled = {name: _filled(member) for name, member in value.items()}
        return {name: member for name, member in filled.items() if member not in (None, "", [], {})}
    return [_filled(item) for item in value] if isinstance(value, list) else value
