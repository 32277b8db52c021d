"""Who does the work: a private workteam, a vendor's workteam, or Amazon Mechanical Turk.

These are named tuples because Airflow renders the templates inside a named tuple and finds its upstream tasks. Values
are checked after rendering, not on construction.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from labeling_provider.groundtruth import facts
from labeling_provider.groundtruth.facts import usd_to_amount


class PrivateWorkteam(NamedTuple):
    """Your own people.

    :param arn: the workteam's ARN, ``arn:…:workteam/private-crowd/NAME``.
    """

    arn: str

    def human_task_config(self, region: str) -> dict[str, Any]:
        """The members of HumanTaskConfig that choose the workers."""
        return {"WorkteamArn": self.arn}

    @property
    def content_classifiers(self) -> list[str]:
        """Declarations about the content: none are needed, because it stays with your people."""
        return []


class VendorWorkteam(NamedTuple):
    """A vendor's people, by subscription in the AWS Marketplace.

    :param arn: the workteam's ARN, ``arn:…:workteam/vendor-crowd/NAME``.
    """

    arn: str

    def human_task_config(self, region: str) -> dict[str, Any]:
        """The members of HumanTaskConfig that choose the workers."""
        return {"WorkteamArn": self.arn}

    @property
    def content_classifiers(self) -> list[str]:
        """Declarations about the content: none are needed, because the vendor's contract covers it."""
        return []


class MechanicalTurk(NamedTuple):
    """The public workforce.

    Amazon's own pages say that Mechanical Turk closed on 2026-09-30. The self-hosted service still runs such jobs.

    :param price_usd: USD paid to each worker for each task, one of the task type's prices.
    :param free_of_personal_information: your declaration that the data contains no personal information.
        Amazon fails the job without it, so you must set it explicitly.
    :param adult_content: False declares the data free of adult content. True and None declare nothing,
        and Amazon may then show the tasks to fewer workers.
    """

    price_usd: float | str | Decimal
    free_of_personal_information: bool = False
    adult_content: bool | None = None

    def human_task_config(self, region: str) -> dict[str, Any]:
        """The members of HumanTaskConfig that choose the workers and their pay.

        :raises ValueError: if the price is not a whole number of tenths of a cent.
        """
        return {
            "WorkteamArn": facts.public_workteam_arn(region),
            "PublicWorkforceTaskPrice": {"AmountInUsd": usd_to_amount(self.price_usd)},
        }

    @property
    def content_classifiers(self) -> list[str]:
        """The declarations for InputConfig.DataAttributes.ContentClassifiers."""
        return [
            *(["FreeOfPersonallyIdentifiableInformation"] if self.free_of_personal_information else []),
            *(["FreeOfAdultContent"] if self.adult_content is False else []),
        ]


Workforce = PrivateWorkteam | VendorWorkteam | MechanicalTurk


class AutomatedLabeling(NamedTuple):
    """Let a model label the objects that it is confident about.

    :param initial_model_arn: FinalActiveLearningModelArn of an earlier job, to start from its model. Start without a
        model if it is empty or ``None``, or if a template renders to the string ``None``.
    :param continue_from_previous_run: start from the last model of this task in an earlier run of its Dag. Start
        without a model in the first run, or if that model no longer exists.
    :param volume_kms_key: KMS key for the disks of the training instances.
    :param subnets: subnets for the training and inference instances; goes with ``security_group_ids``.
    :param security_group_ids: security groups for those instances.
    """

    initial_model_arn: str | None = None
    volume_kms_key: str | None = None
    subnets: list[str] | None = None
    security_group_ids: list[str] | None = None
    continue_from_previous_run: bool = False

    def algorithms_config(self, algorithm_arn: str) -> dict[str, Any]:
        """LabelingJobAlgorithmsConfig for one algorithm."""
        config: dict[str, Any] = {"LabelingJobAlgorithmSpecificationArn": algorithm_arn}
        if self.initial_model_arn not in {None, "", "None"}:
            config["InitialActiveLearningModelArn"] = self.initial_model_arn
        resources: dict[str, Any] = {}
        if self.volume_kms_key:
            resources["VolumeKmsKeyId"] = self.volume_kms_key
        if self.subnets or self.security_group_ids:
            resources["VpcConfig"] = {
                "SecurityGroupIds": list(self.security_group_ids or []),
                "Subnets": list(self.subnets or []),
            }
        if resources:
            config["LabelingJobResourceConfig"] = resources
        return config
