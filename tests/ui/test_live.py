"""What pages show of jobs at a service: only of the task's own job, by its own connection, of its own data."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from PIL import Image, ImageOps

from dev.stack import wait_until
from labeling_provider.jobs.ownership import Owner
from labeling_provider.ui.application import make_application
from labeling_provider.ui.live import Confirmed, is_plain_s3
from tests.conftest import Lab, texts
from tests.ui.conftest import Jobs, Pages

MINE = {"X-Labeling": "1"}
PATHS = sorted(route.path for route in make_application().routes if route.path.startswith("/job/"))  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def connection(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service, by a connection that Airflow has and by the credentials of this process."""
    monkeypatch.setenv("AIRFLOW_CONN_LAB", lab.service.connection())
    monkeypatch.setenv("AWS_ENDPOINT_URL", lab.service.endpoint_url)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")


def facts_of(name: str, **others: Any) -> dict[str, Any]:
    told = {"job_name": name, "status": "InProgress", "created": 1.0, "aws_conn_id": "lab", "region_name": "us-east-1"}
    return {**told, **others}


def job_of(lab: Lab, task: dict[str, Any], lines: Any, **arguments: Any) -> str:
    """A job of a task, as ``CreateLabelingJobOperator`` makes it; its name."""
    request = lab.request(lines, **arguments)
    owner = Owner(task["dag_id"], task["task_id"], task["run_id"], task["map_index"])
    request["Tags"] = owner.tags("mark", 1.0, 1, None)
    lab.sagemaker.create_labeling_job(**request)
    lab.wait(request["LabelingJobName"])
    return str(request["LabelingJobName"])


def asked(admin: Pages, path: str, task: dict[str, Any]) -> str:
    """What a route answers about a task, read or changed."""
    changes = path in {"/job/stop", "/job/relabel"}
    address = f"{path}?{urlencode(task)}"
    answer = admin.client.post(address, headers=MINE, json={"lines": [1]}) if changes else admin.client.get(address)
    assert answer.status_code == (502 if changes else 200), answer.text
    return unescape(answer.text)


@pytest.mark.parametrize("status", ["InProgress", "Completed"])
@pytest.mark.parametrize("path", PATHS)
def test_no_route_tells_of_a_job_that_the_task_has_not_made(
    lab: Lab, jobs: Jobs, signed_in: Callable[[str], Pages], path: str, status: str
) -> None:
    other = job_of(lab, {"dag_id": "secret", "task_id": "label", "run_id": "r", "map_index": -1}, texts(4))
    task = jobs.add(facts_of(other, status=status))
    body = asked(signed_in("admin"), path, task)
    assert "was not created by this task" in body
    assert "by people" not in body
    assert lab.describe(other)["LabelingJobStatus"] == "Completed"


def test_the_list_tells_nothing_of_such_a_job(lab: Lab, jobs: Jobs, pages: Pages) -> None:
    other = job_of(lab, {"dag_id": "secret", "task_id": "label", "run_id": "r", "map_index": -1}, texts(4))
    jobs.add(facts_of(other))
    task = jobs.add(None)
    mine = job_of(lab, task, texts(5))
    jobs.add(facts_of(mine), task="label", run=task["run_id"])
    jobs.add(facts_of("no-such-job"))
    wait_until(lambda: "5 of 5" in pages.shows("/"), 30, "the job of the task is looked at")
    wait_until(lambda: "was not created by this task" in pages.shows("/"), 30, "the other is refused")
    assert "no-such-job no longer exists" in pages.shows("/")
    assert "4 of 4" not in pages.shows("/")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"aws_conn_id": "nowhere"}, "not have the connection 'nowhere'"),
        ({"verify": "/no/such/bundle"}, "not have the CA bundle '/no/such/bundle'"),
    ],
)
def test_a_connection_that_is_missing_is_told_and_no_other_is_taken(
    lab: Lab, jobs: Jobs, signed_in: Callable[[str], Pages], path: str, told: dict[str, Any], words: str
) -> None:
    task = jobs.add(None)
    name = job_of(lab, task, texts(4))
    jobs.add(facts_of(name, **told), run=task["run_id"])
    body = asked(signed_in("admin"), path, task)
    assert words in body
    assert "4 of 4" not in body


def test_a_bundle_that_never_ends_is_not_read(lab: Lab, jobs: Jobs, pages: Pages, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "bundle.pem")
    task = jobs.add(facts_of("x", verify=str(tmp_path / "bundle.pem")))
    assert "not have the CA bundle" in pages.shows("/job/labels", **task)


def picture(side: int = 8) -> bytes:
    body = BytesIO()
    Image.new("RGB", (side, side), "red").save(body, "PNG")
    return body.getvalue()


def test_only_pictures_of_the_job_itself_are_signed(lab: Lab, jobs: Jobs, pages: Pages, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "local.png").write_bytes(picture())
    refs = [lab.put(f"pictures/{number}.png", picture()) for number in range(2)]
    beside = lab.put("in/beside.png", picture())
    secret = lab.put("secret/one.png", picture())
    task = jobs.add(None)
    name = job_of(lab, task, [{"source-ref": ref, "truth": "cat"} for ref in refs], task_type="image-classification")
    jobs.add(facts_of(name), run=task["run_id"])
    output = f"s3://lab/out/{name}"
    good_mask = lab.put(f"out/{name}/annotations/mask.png", picture())
    masks = [
        good_mask,
        str(tmp_path / "local.png"),
        str(tmp_path / "fifo"),
        f"file://{tmp_path}/local.png",
        secret,
        f"{output}/../../secret/one.png",
        f"{output}x/one.png",
        beside,
        None,
        7,
    ]
    about = {"type": "groundtruth/semantic-segmentation", "internal-color-map": {}, "confidence": 0.5}
    about |= {"human-annotated": "yes", "creation-date": "2026-01-01T00:00:00"}
    lines = [
        {"source-ref": refs[0], "label-ref": mask, "label-ref-metadata": about, "label": mask, "label-metadata": about}
        for mask in masks
    ]
    sources = [
        refs[1],
        beside,
        secret,
        "s3://lab/../secret/one.png",
        f"{output}/../../secret/one.png",
        "s3://lab",
        "s3:///x",
    ]
    lines += [{"source-ref": ref, "label": 0, "label-metadata": {"class-name": "cat"}} for ref in sources]
    body = "".join(json.dumps(line) + "\n" for line in lines)
    lab.put(f"out/{name}/manifests/output/output.manifest", body)
    page = pages.shows("/job/labels", **task)
    addresses = [unescape(one) for one in re.findall(r'href="(picture\?[^"]*)"', page)]
    signed = {parse_qs(one.partition("?")[2])["uri"][0] for one in addresses}
    assert signed == {*refs, beside, good_mask}
    assert page.count("Its mask is not part of the job") == sum(isinstance(mask, str) for mask in masks) - 1
    assert page.count("Its picture is not part of the job") == len(sources) - 2
    for address in addresses:
        answer = pages.client.get(address)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")


def test_pictures_that_are_stored_turned_are_shown_as_their_labels_have_them(
    lab: Lab, jobs: Jobs, pages: Pages
) -> None:
    exif, lines = Image.Exif(), []
    exif[0x0112] = 6
    for width in (60, 1_200):
        body = BytesIO()
        Image.new("RGB", (width, width * 2 // 3)).save(body, "JPEG", exif=exif.tobytes())
        box = {"label": "cat", "left": 1, "top": 1, "width": 20, "height": 10}
        lines.append({"source-ref": lab.put(f"pictures/turned-{width}.jpg", body.getvalue()), "truth": [box]})
    task = jobs.add(None)
    name = job_of(lab, task, lines, task_type="bounding-box")
    jobs.add(facts_of(name), run=task["run_id"])
    labels = [line["label"]["image_size"][0] for line in lab.output(lab.describe(name))]
    assert [(one["width"], one["height"]) for one in labels] == [(60, 40), (1_200, 800)]
    page = pages.shows("/job/labels", **task)
    addresses = [unescape(one) for one in re.findall(r'href="(picture\?[^"]*)"', page)]
    assert len(addresses) == 2
    for address in addresses:
        # As a browser shows it.
        shown = ImageOps.exif_transpose(Image.open(BytesIO(pages.client.get(address).content)))
        assert shown.width * 2 == shown.height * 3


def test_pictures_are_shown_though_the_input_manifest_is_gone(lab: Lab, jobs: Jobs, pages: Pages) -> None:
    near, far = lab.put("in/near.png", picture()), lab.put("pictures/far.png", picture())
    task = jobs.add(None)
    lines = [{"source-ref": ref, "truth": "cat"} for ref in (near, far)]
    name = job_of(lab, task, lines, task_type="image-classification")
    jobs.add(facts_of(name), run=task["run_id"])
    manifest = lab.describe(name)["InputConfig"]["DataSource"]["S3DataSource"]["ManifestS3Uri"]
    lab.s3.delete_object(Bucket="lab", Key=manifest.removeprefix("s3://lab/"))
    page = pages.shows("/job/labels", **task)
    assert page.count('href="picture?') == 1
    assert page.count("Its picture is not part of the job") == 1


@pytest.mark.parametrize(
    "uri",
    [
        "/etc/passwd",
        "",
        "s3://",
        "s3://bucket",
        "s3://bucket/",
        "s3://b/a/../c",
        "s3://b/./c",
        "S3://b/c",
        "http://b/c",
        "s3://b/\ud800",
    ],
)
def test_what_is_no_object_in_s3_is_not_plain(uri: str) -> None:
    assert not is_plain_s3(uri)


def test_a_whole_bucket_is_no_folder_of_an_input() -> None:
    mine = Confirmed(None, "job", "s3://b/out/job", "label", "s3://b/in.manifest")
    assert not mine.has_beside_input("s3://b/other.png")
    assert mine._replace(manifest_uri="s3://b/in/in.manifest").has_beside_input("s3://b/in/deep/other.png")
    assert mine.has_written("s3://b/out/job/x")
    assert not mine.has_written("s3://b/out/job2/x")


def test_numbers_and_letters_that_nothing_can_hold_are_told_and_all_else_is_shown(
    lab: Lab, jobs: Jobs, pages: Pages
) -> None:
    task = jobs.add(None)
    name = job_of(lab, task, texts(3))
    jobs.add(facts_of(name), run=task["run_id"])
    about = '"label-metadata": {"class-name": "cat", "confidence": 0.5}'
    odd = [
        '{"source": "odd", "label": 1e999, "label-metadata": {"confidence": 0.5}}',
        '{"source": "odd", "label": [1e999], "label-metadata": {"confidence": 0.5}}',
        '{"source": "odd", "label": 0, "label-metadata": {"class-name": "cat", "confidence": 1e999}}',
        f'{{"source": "odd", "label": {"9" * 5_000}, {about}}}',
        f'{{"source": "odd", "label": 0, "x": {"9" * 5_000}, {about}}}',
        '{"source": "odd", "label": 0, "label-metadata": {"class-name": "\\ud800", "confidence": 0.4}}',
        f'{{"source": "half \\ud800 letter", "label": 0, {about}}}',
        '{"source": "odd", "label-metadata": {"failure-reason": "\\udfff why"}}',
        f'{{"source-ref": "s3://lab/\\ud800", "label": 0, {about}}}',
        '{"source": "odd", "label": ' + "[" * 40_000 + "]" * 40_000 + "}",
    ]
    good = f'{{"source": "a good text", "label": 0, {about}}}'
    lab.put(f"out/{name}/manifests/output/output.manifest", "\n".join([good, *odd, good]))
    page = pages.shows("/job/labels", **task)
    assert page.count("a good text") == 2
    assert "10 lines can't be read" in page
    assert "10 lines can't be read" in pages.shows("/job/labels", **task, state="failed")
    assert "a good text" in pages.shows("/job/labels", **task, class_name="cat", below=0.9)
