"""What is checked before a labeling job is created: objects, frames and point clouds."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import pytest

from labeling_provider.groundtruth.task_types import TASK_TYPES
from labeling_provider.jobs.input_objects import LineSample
from labeling_provider.jobs.surroundings import Inspection
from labeling_provider.manifest.sequences import sequence_document
from tests.client.clients import ground_truth
from tests.conftest import Lab
from tests.jobs.yards import Yard, complaints, looked_at, picture, pictures, turned
from tests.manifest.scenes import LINE, as_body, changed, sequence

pytestmark = pytest.mark.once


def test_objects_that_are_not_as_they_must_be_are_named_all_at_once(lab: Lab) -> None:
    yard = Yard(lab, 2)
    yard.uris += [
        f"s3://{yard.bucket}/gone.png",
        yard.put("page.png", ContentType="text/html"),
        yard.put("drawing.svg"),
        yard.put("large.PNG", b"x" * 40_000_001),
        yard.put("photo.JPG", ContentType="image/jpeg"),
        f"https://{yard.bucket}.s3.amazonaws.com/lost.png",
    ]
    complained = complaints(pictures(yard, labels=["only one"]))
    assert len(complained) == 6
    for line, words in {
        8: "lost.png does not exist",
        3: "gone.png does not exist",
        4: "page.png has the content type 'text/html'",
        5: "drawing.svg does not end with .jpg or .jpeg or .png",
        6: "large.PNG has 40,000,001 bytes; at most 40,000,000 are allowed",
    }.items():
        assert any(f"line {line}: s3://{yard.bucket}/{words}" in complaint for complaint in complained)
    assert any("labels" in complaint.lower() for complaint in complained)


@pytest.mark.parametrize(
    ("task", "automated", "largest"),
    [
        ("image-classification", False, (10_000, 10_000)),
        ("image-classification", True, (3_840, 2_160)),
        ("bounding-box", True, (2_160, 3_840)),
        ("semantic-segmentation", True, (1_920, 1_080)),
    ],
)
def test_pictures_that_are_too_large_for_the_job_are_named(
    lab: Lab, task: str, automated: bool, largest: tuple[int, int]
) -> None:
    yard = Yard(lab, 0)
    (width, height), allowed = largest, f"at most {largest[0] * largest[1]:,} in total are allowed"
    yard.uris = [
        yard.put("fits.png", picture(*largest)),
        yard.put("wide.png", picture(width + 1, height)),
        yard.put("high.jpg", picture(width, height + 1, "JPEG")),
        yard.put("fits.jpg", picture(*largest, "JPEG")),
        yard.put("unknown.jpg", b"\xff\xd8 and what not"),
        yard.put("empty.png", b""),
    ]
    ref = "label-ref" if task == "semantic-segmentation" else "label"
    complained = complaints(pictures(yard, task_type=task, automated_labeling=automated, label_attribute_name=ref))
    assert len(complained) == 3
    assert f"line 2: s3://{yard.bucket}/wide.png has {width + 1:,} × {height:,} pixels; {allowed}" in complained[0]
    assert f"line 3: s3://{yard.bucket}/high.jpg has {width:,} × {height + 1:,} pixels; {allowed}" in complained[1]
    assert f"line 6: s3://{yard.bucket}/empty.png is empty" in complained[2]


def test_pictures_that_are_stored_turned_are_told_and_fail_nothing(lab: Lab, logged: Callable[[], str]) -> None:
    yard = Yard(lab, 1)
    yard.uris += [yard.put(f"{number}.jpg", turned(number)) for number in (1, 6, 3)]
    assert pictures(yard).run()
    words = "2 of the 4 pictures checked are stored rotated, the first in line 3."
    assert logged().count(words) == 1


def test_many_wrong_objects_are_counted(lab: Lab) -> None:
    yard = Yard(lab, 1)
    yard.uris += [f"s3://{yard.bucket}/gone-{number}.png" for number in range(25)]
    complained = complaints(pictures(yard))
    assert len(complained) == 11
    assert "15 more of the 26 objects checked are wrong" in complained[-1]


def test_of_a_large_manifest_a_sample_is_looked_at(lab: Lab) -> None:
    yard = Yard(lab, 0)
    yard.uris = [f"s3://{yard.bucket}/gone-{number}.png" for number in range(3000)]
    task = pictures(yard)
    complained = complaints(task)
    assert "990 more of the 1000 objects checked are wrong" in complained[-1]
    assert complained == complaints(task)
    lines = [int(complaint.split(" line ")[1].split(":")[0]) for complaint in complained[:-1]]
    assert lines == sorted(lines)
    assert lines[-1] > 10


def tracked(yard: Yard, name: str, **more: Any) -> Any:
    """A video frame job over a sequence file of the yard."""
    return looked_at(
        yard.lab,
        [{"source-ref": f"s3://{yard.bucket}/{name}"}],
        task_type="video-object-tracking",
        labels=["van"],
        label_attribute_name="track-ref",
        workers_per_object=1,
        **{"preflight": "fail", "fix_cors": True, **more},
    )


def test_sequence_files_and_their_frames_are_looked_at(lab: Lab) -> None:
    yard = Yard(lab, 0)
    document = sequence_document(1, f"s3://{yard.bucket}/cam/", ["0.jpg", "1.jpg"])
    yard.put("cam/0.jpg")
    yard.put("seq.json", json.dumps(document).encode())
    problems = "\n".join(complaints(tracked(yard, "seq.json", fix_cors=False)))
    assert f"line 1: the frame s3://{yard.bucket}/cam/1.jpg does not exist." in problems
    assert f"the bucket {yard.bucket} has no CORS rule that allows GET, HEAD, PUT" in problems
    yard.put("cam/1.jpg")
    assert tracked(yard, "seq.json").run()
    yard.put("wrong.json", json.dumps({**document, "number-of-frames": 3, "seq-no": None}).encode())
    problems = complaints(tracked(yard, "wrong.json"))
    assert [problem.partition("wrong.json: ")[2][:20] for problem in problems] == [
        "seq-no is null; writ",
        "number-of-frames is ",
    ]
    (problem,) = complaints(tracked(yard, "none.json"))
    assert f"line 1: s3://{yard.bucket}/none.json does not exist" in problem


def inspected(yard: Yard, task: str, *lines: Any) -> list[str]:
    """What is wrong with a manifest of point clouds, in the order of its lines."""
    inspection = Inspection(ground_truth(yard.lab), TASK_TYPES[task], fix_cors=True)
    sample = LineSample("seed")
    list(sample.through(json.dumps(line).encode() + b"\n" for line in lines))
    inspection.of_manifest(f"s3://{yard.bucket}/in.manifest", sample)
    return [str(problem).partition(" line ")[2].partition(". ")[0] for problem in inspection.problems]


def test_point_clouds_and_their_pictures_are_looked_at(lab: Lab) -> None:
    yard = Yard(lab, 0)
    good = changed(LINE, "source-ref-metadata.prefix", f"s3://{yard.bucket}/cam/")
    about = {"unix-timestamp": 1}
    yard.put("cam/images/1.jpg")
    four = struct.pack("<4f", 1, 2, 3, 4)
    files = {"1.bin": four * 5_000, "half.bin": four[:-1], "nan.bin": four[:8] + b"\0\0\xc0\x7f" * 2, "none.bin": b""}
    for name, body in {**files, "1.txt": b"1 2 3\n" * 20_000}.items():
        yard.put(name, body)
    lines = [{**good, "source-ref": f"s3://{yard.bucket}/{name}"} for name in (*files, "gone.bin")]
    lines.append({"source-ref": f"s3://{yard.bucket}/1.txt", "source-ref-metadata": about})
    lines.append(changed(lines[0], "source-ref-metadata.images.0.image-path", "images/2.jpg"))
    lines.append(changed(lines[0], "source-ref-metadata.ego-vehicle-pose.heading.qw", 2))
    complained = inspected(yard, "3d-point-cloud-object-detection", *lines)
    bucket = f"s3://{yard.bucket}"
    assert sorted(complained) == [
        f"2: the point cloud {bucket}/half.bin: it has 15 bytes, which is not a multiple of 16, the size of a point in "
        "binary/xyzi",
        f"3: the point cloud {bucket}/nan.bin: byte 8 (point 1): z is nan, which is not a number of 4 bytes",
        f"4: the point cloud {bucket}/none.bin is empty",
        f"5: {bucket}/gone.bin does not exist",
        f"6: the point cloud {bucket}/1.txt: line 1 has 3 numbers; text/xyzi has 4: x y z i",
        f"7: the picture {bucket}/cam/images/2.jpg does not exist",
        "8: source-ref-metadata.ego-vehicle-pose.heading has the length 2.09; a quaternion of a heading has the length "
        "1",
    ]


def test_sequences_of_point_clouds_are_looked_at(lab: Lab) -> None:
    yard = Yard(lab, 0)
    document = {**sequence(), "prefix": f"s3://{yard.bucket}/seq/"}
    yard.put("seq/images/1.jpg")
    yard.put("seq/lidar/0.bin", bytes(16))
    uri = yard.put("good.json", as_body(document))
    wrong = yard.put("wrong.json", as_body(changed(document, "frames.0.frame", "../wrong.json")))
    lines = [{"source-ref": address} for address in (uri, wrong)]
    assert inspected(yard, "3d-point-cloud-object-tracking", *lines) == [
        f"2: {wrong}: frames[0].frame is '../wrong.json'; write the path of a point cloud below the prefix",
        f"1: the frame s3://{yard.bucket}/seq/lidar/1.bin does not exist",
    ]
    yard.put("seq/lidar/1.bin", bytes(32))
    assert inspected(yard, "3d-point-cloud-object-tracking", lines[0]) == []
    assert yard.cors()[0]["AllowedMethods"] == ["GET", "HEAD", "PUT"]
