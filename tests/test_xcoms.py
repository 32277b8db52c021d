"""XComs that other tasks and the pages read."""

from __future__ import annotations

from labeling_provider import xcoms
from labeling_provider.links import JOB_LINKS, QUALITY_LINK, WORKERS_LINK

KEYS = {name: value for name, value in vars(xcoms).items() if name.endswith("_KEY")}


def test_keys_stay_what_they_are() -> None:
    """A task of one version may be read by a page, or by a DAG, of another."""
    assert KEYS == {
        "JOB_KEY": "labeling_job",
        "NAME_KEY": "labeling_job_name",
        "PROGRESS_KEY": "labeling_progress",
        "MODEL_KEY": "labeling_model",
        "PUSHED_KEY": "labeling_pushed",
        "QUALITY_KEY": "labeling_quality",
        "BUILT_KEY": "labeling_manifest",
        "RESULT_KEY": "labeling_result",
    }


def test_no_key_is_used_twice() -> None:
    links = [link.xcom_key for link in (*JOB_LINKS, QUALITY_LINK, WORKERS_LINK)]
    used = [*KEYS.values(), *links, "labeling_try", "return_value"]
    assert len(set(used)) == len(used)
