"""Buckets with pictures, for jobs over them."""

from __future__ import annotations

import io
from typing import Any

import pytest
from botocore.exceptions import ClientError
from PIL import Image

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.errors import InvalidRequestError
from labeling_provider.jobs.ownership import Owner
from labeling_provider.jobs.run import LabelingRun
from tests.client.clients import ground_truth
from tests.conftest import Lab, texts
from tests.jobs.runs import Notebook, run
from tests.own_names import own_id


class Yard:
    """A bucket of its own with pictures in it."""

    def __init__(self, lab: Lab, pictures: int = 3, **bucket: Any) -> None:
        self.lab, self.bucket = lab, f"yard-{own_id().hex[:8]}"
        lab.s3.create_bucket(Bucket=self.bucket, **bucket)
        self.uris = [self.put(f"{number}.png") for number in range(pictures)]

    def put(self, key: str, body: bytes = b"x", **more: Any) -> str:
        self.lab.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **more)
        return f"s3://{self.bucket}/{key}"

    def cors(self) -> list[dict[str, Any]]:
        try:
            return self.lab.s3.get_bucket_cors(Bucket=self.bucket)["CORSRules"]
        except ClientError:
            return []

    def manifest(self) -> str:
        return self.lab.manifest([{"source-ref": uri} for uri in self.uris])


def picture(width: int, height: int, kind: str = "PNG") -> bytes:
    """A file that says it is so large, and the little that it takes to say so."""
    if kind == "JPEG":
        frame = b"\xff\xc0\0\x11\x08" + height.to_bytes(2) + width.to_bytes(2) + b"\x03"
        return b"\xff\xd8\xff\xe1\x40\0" + b"x" * 0x3FFE + frame + bytes(100)
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + width.to_bytes(4) + height.to_bytes(4) + bytes(100)


def turned(orientation: int) -> bytes:
    """A JPEG that is stored turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.new("RGB", (60, 40)).save(file, "JPEG", exif=exif.tobytes())
    return file.getvalue()


OPTIONS = {"preflight", "fix_cors", "create_topics", "notify_from"}


def looked_at(lab: Lab, lines: Any = None, *, client: GroundTruth | None = None, **arguments: Any) -> LabelingRun:
    """A job whose surroundings are looked at; it is created and not waited for."""
    options = {name: value for name, value in arguments.items() if name in OPTIONS}
    others = {name: value for name, value in arguments.items() if name not in OPTIONS}
    spec = lab.spec(texts(6) if lines is None else lines, **others)
    caller = Notebook(Owner("notebook", "label", own_id().hex, -1))
    defaults = {"preflight": "fail", "wait_for_completion": False}
    return run(client or ground_truth(lab), spec, caller, **{**defaults, **options})


def pictures(yard: Yard, **arguments: Any) -> LabelingRun:
    """A job over a yard's pictures."""
    defaults = {"task_type": "image-classification", "fix_cors": True}
    return looked_at(yard.lab, yard.manifest(), **{**defaults, **arguments})


def complaints(task: LabelingRun) -> list[str]:
    with pytest.raises(InvalidRequestError) as caught:
        task.run()
    return [str(problem) for problem in caught.value.problems]
