"""Tags of labeling jobs and workteams."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from labeling_provider.service.database.database import Database
from labeling_provider.service.database.job_rows import insert_job
from labeling_provider.service.database.schema import owners
from labeling_provider.service.database.states import Role
from labeling_provider.service.failures import ApiError
from labeling_provider.service.web.tags import Tags
from labeling_provider.service.work.requesters import Requester
from tests.conftest import Lab, texts
from tests.service.web.test_labeling_jobs import refused


def test_tags_are_added_listed_replaced_and_deleted(lab: Lab) -> None:
    arn = lab.describe(lab.create(texts(1)))["LabelingJobArn"]
    lab.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    lab.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "3"}])
    assert lab.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [
        {"Key": "a", "Value": "3"},
        {"Key": "b", "Value": "2"},
    ]
    lab.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a"])
    assert lab.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    too_many = [{"Key": f"k{number}", "Value": "v"} for number in range(50)]
    assert refused(lab, "add_tags", ResourceArn=arn, Tags=too_many)[0] == "ResourceLimitExceeded"
    assert refused(lab, "list_tags", ResourceArn=arn + "x")[0] == "ResourceNotFound"


def test_a_requester_reads_and_changes_tags_of_own_resources_only(database: Database) -> None:
    tags = Tags(database)
    with database.write() as connection:
        for name, requester in (("Cats", "Ann"), ("Dogs", "Ben")):
            arn = f"labeling-job/{name}"
            insert_job(connection, name=name, arn=arn, reference_code="r", workteam_arn="w", request={})
            connection.execute(sa.insert(owners).values(arn=arn, requester=requester))
    ann = Requester("Ann", Role.REQUESTER)
    own = {"ResourceArn": "labeling-job/Cats"}
    assert tags.add({**own, "Tags": [{"Key": "a", "Value": "1"}]}, ann) == {"Tags": [{"Key": "a", "Value": "1"}]}
    other = {"ResourceArn": "labeling-job/Dogs", "Tags": [{"Key": "a", "Value": "1"}], "TagKeys": ["a"]}
    for operation in (tags.add, tags.list, tags.delete):
        with pytest.raises(ApiError, match="There is no labeling job"):
            operation(other, ann)
    assert tags.delete({**own, "TagKeys": ["a"]}, ann) == {}
    assert tags.list(own, ann) == {"Tags": []}
