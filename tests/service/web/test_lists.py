"""What a list is asked for, and how it goes on."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from labeling_provider.service.database.paging import Between, PageRequest
from labeling_provider.service.web.lists import between, next_token, page_request
from tests.conftest import Lab, texts
from tests.own_names import own_id


def test_a_page_goes_on_only_with_the_same_question(lab: Lab) -> None:
    manifest = lab.manifest(texts(1))
    stem = f"turn-{own_id().hex[:8]}"
    for number in range(3):
        lab.create(manifest, f"{stem}-{number}", workforce=lab.team("private-people"))
    asked = {"NameContains": stem, "SortBy": "Name", "MaxResults": 2}
    token = lab.sagemaker.list_labeling_jobs(**asked)["NextToken"]
    for change in (
        {"SortOrder": "Descending"},
        {"SortBy": "CreationTime"},
        {"NameContains": f"{stem}-"},
        {"StatusEquals": "InProgress"},
    ):
        with pytest.raises(ClientError) as caught:
            lab.sagemaker.list_labeling_jobs(**{**asked, **change}, NextToken=token)
        assert caught.value.response["Error"]["Code"] == "ValidationException"
    (last,) = lab.sagemaker.list_labeling_jobs(**{**asked, "MaxResults": 5}, NextToken=token)["LabelingJobSummaryList"]
    assert last["LabelingJobName"] == f"{stem}-2"


def test_a_list_is_asked_for_by_what_the_request_has() -> None:
    assert page_request({}) == PageRequest(10, False, None)
    asked = {"MaxResults": 3, "SortOrder": "Descending", "NextToken": "t"}
    assert page_request(asked) == PageRequest(3, True, "t")
    assert page_request({"SortOrder": "Ascending"}).descending is False
    times = {"CreationTimeAfter": 1.0, "CreationTimeBefore": 2.0, "LastModifiedTimeAfter": 3.0}
    assert between(times, "CreationTime") == Between(1.0, 2.0)
    assert between(times, "LastModifiedTime") == Between(3.0, None)
    assert (next_token("t"), next_token(None)) == ({"NextToken": "t"}, {})
