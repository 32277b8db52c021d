"""Label the cars around a vehicle in point clouds: follow them, measure, and export for training.

``scan`` stands in for a lidar: it makes a few clouds of a street with cars, and the sequence file that lists them. A
worker follows the cars with cuboids through the sequence. ``measure`` compares the cuboids with where the cars were,
which only the simulated workers of the self-hosted service read, and counts id switches; ``export`` writes the
tables of nuScenes.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

from airflow.sdk import DAG, Param, task

from labeling_provider.operators.export_labels import ExportLabelsOperator
from labeling_provider.operators.labeling_job import CreateLabelingJobOperator
from labeling_provider.operators.quality import LabelQualityOperator
from labeling_provider.request import PrivateWorkteam

FOLDER = "s3://{{ params.bucket }}/street"
LABELS = ["car", "truck"]
SCANS = 6
GROUND, ON_CAR = 3_000, 400
"""How many points of a cloud are on the ground, and how many on each car."""
WORKTEAMS = [
    f"arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/{name}"
    for name in ("private-simulated", "private-people")
]
"""Suggestions in the form that starts a run; any other workteam can be typed in."""


def cars(scan: int) -> list[dict[str, Any]]:
    """Where the cars are at a scan: cuboids as ``SeqLabel.json`` has them."""
    lanes = [("car", 1, 4.0, 6.0, 1.5), ("car", 2, 8.0, 14.0, 0.8), ("truck", 3, -5.0, 30.0, -1.2)]
    sizes = {"car": (4.5, 1.9, 1.5), "truck": (9.0, 2.5, 3.2)}
    cuboids = []
    for label, number, across, ahead, speed in lanes:
        length, width, height = sizes[label]
        place = {"center-x": across, "center-y": ahead + speed * scan, "center-z": height / 2}
        size = {"length": length, "width": width, "height": height}
        ids = {"object-id": f"scanned-{number}", "object-name": f"{label}:{number}", "class-id": LABELS.index(label)}
        cuboids.append({**ids, **place, **size, "roll": 0, "pitch": 0, "yaw": math.copysign(math.pi / 2, speed)})
    return cuboids


def points(scan: int) -> Iterator[tuple[float, float, float, float]]:
    """The points of a scan: x, y, z and intensity. Cars drive along y."""
    chance = Random(scan)
    for _ in range(GROUND):
        yield chance.uniform(-20, 20), chance.uniform(-5, 45), chance.gauss(0, 0.02), 0.2
    for car in cars(scan):
        halves = (car["width"] / 2, car["length"] / 2, car["height"] / 2)
        for _ in range(ON_CAR):
            # On the surface: one of the axes is at its end.
            place = [chance.uniform(-half, half) for half in halves]
            axis = chance.randrange(3)
            place[axis] = math.copysign(halves[axis], place[axis])
            x, y, z = (car[f"center-{name}"] + value for name, value in zip("xyz", place, strict=True))
            yield x, y, z, 0.8


with DAG(
    dag_id="label_clouds",
    description="Follow cars through point clouds, measure the tracks, and export them for training",
    schedule=None,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["labeling"],
    doc_md=__doc__,
    params={
        "bucket": Param("labeling-demo", type="string", description="bucket for the clouds and the labels"),
        "role_arn": Param(
            "arn:aws:iam::123456789012:role/labeling-local", type="string", description="role of the labeling job"
        ),
        "workteam_arn": Param(
            WORKTEAMS[0],
            type="string",
            examples=WORKTEAMS,
            description="private workteam that follows the cars; "
            "`labeling workers new-team` prints the ARN of a new one",
        ),
    },
) as dag:

    @task
    def scan(bucket: str) -> dict[str, str]:
        """Make the clouds; URIs of their manifest, and of one with the truth."""
        from labeling_provider.hooks.labeling import LabelingHook

        s3 = LabelingHook().s3
        if bucket not in {present["Name"] for present in s3.list_buckets()["Buckets"]}:
            s3.create_bucket(Bucket=bucket)

        def put(name: str, body: bytes) -> str:
            s3.put_object(Bucket=bucket, Key=f"street/{name}", Body=body)
            return f"s3://{bucket}/street/{name}"

        frames = []
        for number in range(SCANS):
            put(f"scans/{number}.bin", b"".join(struct.pack("<4f", *point) for point in points(number)))
            frames.append({"frame-no": number, "frame": f"{number}.bin", "unix-timestamp": 100 + number / 2})
        prefix = f"s3://{bucket}/street/scans/"
        sequence = {"seq-no": 1, "prefix": prefix, "number-of-frames": SCANS, "frames": frames}
        uri = put("sequence.json", json.dumps(sequence).encode())
        seen = [
            {"frame-number": number, "frame-name": f"{number}.bin", "annotations": cars(number)}
            for number in range(SCANS)
        ]
        truth = put("truth.json", json.dumps({"tracking-annotations": seen}).encode())
        about = {
            "type": "groundtruth/point_cloud_object_tracking",
            "class-map": {str(place): label for place, label in enumerate(LABELS)},
        }
        golden = {"source-ref": uri, "truth": truth, "right-ref": truth, "right-ref-metadata": about}
        line = {"source-ref": uri, "truth": truth}
        return {
            "manifest_uri": put("input.manifest", json.dumps(line).encode() + b"\n"),
            "golden_uri": put("golden.manifest", json.dumps(golden).encode() + b"\n"),
        }

    follow = CreateLabelingJobOperator(
        task_id="follow",
        task_type="3d-point-cloud-object-tracking",
        manifest_uri="{{ ti.xcom_pull('scan')['manifest_uri'] }}",
        label_attribute_name="cars-ref",
        output_uri=f"{FOLDER}/labels/",
        labels=LABELS,
        workforce=PrivateWorkteam("{{ params.workteam_arn }}"),
        role_arn="{{ params.role_arn }}",
        title="Follow the cars",
        instructions="One tight cuboid for each car and each truck, from the first scan to the last.",
        time_limit=8 * 3600,
        fix_cors=True,
        deferrable=True,
        poll_interval=2,
    )
    measure = LabelQualityOperator(
        task_id="measure",
        manifest_uri=follow.output,
        golden_uri="{{ ti.xcom_pull('scan')['golden_uri'] }}",
        golden_attribute_name="right-ref",
        min_golden_accuracy=0.6,
        on_poor_labels="warn",
    )
    export = ExportLabelsOperator(
        task_id="export",
        manifest_uri=follow.output,
        output_uri=f"{FOLDER}/{{{{ run_id }}}}/nuscenes/",
        format="nuscenes",
        classes=LABELS,
    )

    scan("{{ params.bucket }}") >> follow >> [measure, export]
