"""The objects on a page: what of a job's data a browser may see."""

from __future__ import annotations

import json
import os
import re
import struct
from html import unescape
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from PIL import Image, ImageOps

from labeling_provider.manifest.sequences import sequence_document
from tests.conftest import Lab
from tests.ui.at_service import facts_of, job_of, picture
from tests.ui.conftest import Jobs, Pages

pytestmark = pytest.mark.usefixtures("connection")


def test_only_pictures_of_the_job_itself_are_signed(lab: Lab, jobs: Jobs, pages: Pages, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "local.png").write_bytes(picture())
    refs = [lab.put(f"pictures/{number}.png", picture()) for number in range(2)]
    beside = lab.put("in/beside.png", picture())
    secret = lab.put("secret/one.png", picture())
    task = jobs.add(None)
    far = lab.put("pictures/far.png", picture())
    address = "https://lab.s3.us-east-1.amazonaws.com/pictures/far.png"
    inputs = [{"source-ref": ref, "truth": "cat"} for ref in (*refs, address)]
    name = job_of(lab, task, inputs, task_type="image-classification")
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
        address,
        "https://lab.s3.amazonaws.com/in/%2e%2e/secret/one.png",
    ]
    lines += [{"source-ref": ref, "label": 0, "label-metadata": {"class-name": "cat"}} for ref in sources]
    body = "".join(json.dumps(line) + "\n" for line in lines)
    lab.put(f"out/{name}/manifests/output/output.manifest", body)
    page = pages.shows("/job/labels", **task)
    addresses = [unescape(address) for address in re.findall(r'href="(picture\?[^"]*)"', page)]
    signed = {parse_qs(address.partition("?")[2])["uri"][0] for address in addresses}
    assert signed == {*refs, far, beside, good_mask}
    assert page.count("Its mask is not part of the job") == sum(isinstance(mask, str) for mask in masks) - 1
    assert page.count("Its picture is not part of the job") == len(sources) - 3
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
    assert [(label["width"], label["height"]) for label in labels] == [(60, 40), (1_200, 800)]
    page = pages.shows("/job/labels", **task)
    addresses = [unescape(address) for address in re.findall(r'href="(picture\?[^"]*)"', page)]
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


def test_frames_of_a_sequence_are_shown_with_their_labels(lab: Lab, jobs: Jobs, pages: Pages) -> None:
    names = [f"{number}.png" for number in range(3)]
    frames = [lab.put(f"cam/{name}", picture()) for name in names]
    ref = lab.put("cam/seq.json", json.dumps(sequence_document(1, "s3://lab/cam/", names)))
    box = {"left": 1, "top": 2, "width": 3, "height": 4, "class-id": "0", "object-id": "a", "object-name": "van:1"}
    shown = [{"frame-no": number, "frame": name, "annotations": [box]} for number, name in enumerate(names[:2])]
    task = jobs.add(None)
    arguments = {"task_type": "video-object-tracking", "labels": ["van"], "label_attribute_name": "label-ref"}
    line = {"source-ref": ref, "truth": {"tracking-annotations": shown}}
    name = job_of(lab, task, [line], workers_per_object=1, **arguments)
    jobs.add(facts_of(name), run=task["run_id"])
    page = pages.shows("/job/labels", **task)
    addresses = [unescape(address) for address in re.findall(r'href="(picture\?[^"]*)"', page)]
    assert [parse_qs(address.partition("?")[2])["uri"][0] for address in addresses] == frames[:2]
    assert page.count("<rect") == 2
    assert "van:1" in page
    assert pages.client.get(addresses[0]).status_code == 200


def test_point_clouds_are_shown_from_above_with_their_cuboids(lab: Lab, jobs: Jobs, pages: Pages) -> None:
    cloud = lab.put("clouds/1.bin", struct.pack("<8f", 1, 2, 3, 0, 20, 30, 3, 1))
    task = jobs.add(None)
    name = job_of(lab, task, [{"source-ref": cloud, "truth": "cat"}], task_type="image-classification")
    jobs.add(facts_of(name), run=task["run_id"])
    place = {"center-x": 10, "center-y": 20, "center-z": 1, "length": 4, "width": 2, "height": 1.5}
    cuboid = {**place, "class-id": 0, "object-name": "van:1"}
    about = {"human-annotated": "yes", "creation-date": "2026-01-01T00:00:00", "confidence": 0.5}
    detected = {**about, "type": "groundtruth/point_cloud_object_detection", "class_map": {"0": "van"}}
    tracked = {**about, "type": "groundtruth/point_cloud_object_tracking", "class-map": {"0": "van"}}
    secret = lab.put("secret/SeqLabel.json", json.dumps({"tracking-annotations": []}))
    lines = [
        {"source-ref": cloud, "label": {"annotations": [cuboid]}, "label-metadata": detected},
        {"source-ref": cloud, "label": {"annotations": [{**cuboid, "width": 0}]}, "label-metadata": detected},
        {"source-ref": cloud, "label": secret, "label-metadata": tracked},
    ]
    lab.put(f"out/{name}/manifests/output/output.manifest", "".join(json.dumps(line) + "\n" for line in lines))
    page = unescape(pages.shows("/job/labels", **task))
    assert page.count('class="cloud"') == page.count("<polygon") == 1
    assert "M20.00 -30.00h0" in page
    assert "van:1" in page
    assert "label.annotations[0].width is 0; a cuboid has" in page
    assert page.count("Its label is not part of the job's output.") == 1
