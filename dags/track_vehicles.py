"""Follow the vehicles in a video: label, adjust, report how well the tracks fit, and export them for training.

``film`` stands in for a camera: it draws a short video of cars and a bus that cross a square. Its frames, five a
second, become a sequence; a worker tracks the vehicles through it, and another one adjusts the tracks. ``report``
compares them with what was filmed, which goes to a file that only the simulated workers of the self-hosted
service read. ``export`` writes the adjusted tracks as the MOT challenge has them.

Needs ``pip install 'airflow-provider-labeling[video]'``.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, task

from labeling_provider.operators.export_labels import ExportLabelsOperator
from labeling_provider.operators.labeling_job import CreateLabelingJobOperator
from labeling_provider.operators.manifest import BuildManifestOperator
from labeling_provider.request import PrivateWorkteam

FOLDER = "s3://{{ params.bucket }}/vehicles"
LABELS = ["car", "bus"]
SIZE = (320, 180)
FRAMES, FILMED, TAKEN = 60, 10, 5
"""Length of the video, and the frames a second that are filmed and that are labeled."""
WORKTEAMS = [
    f"arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/{name}"
    for name in ("private-simulated", "private-people")
]
"""Suggestions in the form that starts a run; any other workteam can be typed in."""


def vehicles(seconds: float) -> list[dict[str, Any]]:
    """Where the vehicles are at a time: boxes as ``SeqLabel.json`` has them."""
    lanes = [("car", 0, 20, 40, 24, 60.0), ("car", 1, 70, 40, 24, 35.0), ("bus", 2, 120, 90, 36, -45.0)]
    boxes = []
    for label, number, top, width, height, speed in lanes:
        left = round((0 if speed > 0 else SIZE[0] - width) + speed * seconds)
        if 0 <= left <= SIZE[0] - width:
            box = {"left": left, "top": top, "width": width, "height": height, "class-id": str(LABELS.index(label))}
            boxes.append({**box, "object-id": f"filmed-{number}", "object-name": f"{label}:{number + 1}"})
    return boxes


def truth_of(frames: list[str]) -> dict[str, Any]:
    """What was filmed, in the form of a label.

    :param frames: names of the frames, in order.
    """
    shown = [
        {"frame": name, "frame-no": place, "annotations": vehicles(place / TAKEN)} for place, name in enumerate(frames)
    ]
    return {"tracking-annotations": shown}


with DAG(
    dag_id="track_vehicles",
    description="Track vehicles through a video, adjust the tracks, report how well they fit, and export them",
    schedule=None,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["labeling"],
    doc_md=__doc__,
    params={
        "bucket": Param("labeling-demo", type="string", description="bucket for the video, its frames and the labels"),
        "role_arn": Param(
            "arn:aws:iam::123456789012:role/labeling-local", type="string", description="role of the labeling jobs"
        ),
        "workteam_arn": Param(
            WORKTEAMS[0],
            type="string",
            examples=WORKTEAMS,
            description="private workteam that tracks and adjusts; "
            "`labeling workers new-team` prints the ARN of a new one",
        ),
    },
) as dag:

    @task
    def film(bucket: str) -> str:
        """Draw the video; its S3 URI."""
        from tempfile import TemporaryDirectory

        import av
        from PIL import Image, ImageDraw

        from labeling_provider.hooks.labeling import LabelingHook

        s3 = LabelingHook().s3
        if bucket not in {present["Name"] for present in s3.list_buckets()["Buckets"]}:
            s3.create_bucket(Bucket=bucket)
        with TemporaryDirectory() as folder:
            path = f"{folder}/square.mp4"
            with av.open(path, "w") as container:
                stream = container.add_stream("mpeg4", rate=FILMED)
                stream.width, stream.height = SIZE
                stream.pix_fmt = "yuv420p"
                for number in range(FRAMES):
                    image = Image.new("RGB", SIZE, "#9aa5b1")
                    for vehicle in vehicles(number / FILMED):
                        area = (
                            vehicle["left"],
                            vehicle["top"],
                            vehicle["left"] + vehicle["width"],
                            vehicle["top"] + vehicle["height"],
                        )
                        ImageDraw.Draw(image).rectangle(area, fill=("#c43d2f", "#1f5fa8")[int(vehicle["class-id"])])
                    container.mux(stream.encode(av.VideoFrame.from_image(image)))
                container.mux(stream.encode())
            s3.upload_file(path, bucket, "vehicles/square.mp4")
        return f"s3://{bucket}/vehicles/square.mp4"

    @task
    def tell_truth(bucket: str, manifest_uri: str) -> None:
        """Write down what was filmed, for simulated workers."""
        from labeling_provider.hooks.labeling import LabelingHook
        from labeling_provider.manifest.sequences import read_sequence

        hook, lines = LabelingHook(), []
        for line in b"".join(hook.read_chunks(manifest_uri)).splitlines():
            uri = json.loads(line)["source-ref"]
            sequence = read_sequence(b"".join(hook.read_chunks(uri)), uri)
            lines.append({"source-ref": uri, "truth": truth_of([frame.name for frame in sequence.frames])})
        body = "".join(json.dumps(line) + "\n" for line in lines)
        hook.s3.put_object(Bucket=bucket, Key="vehicles/truth.jsonl", Body=body.encode())

    build = BuildManifestOperator(
        task_id="build",
        manifest_uri=f"{FOLDER}/{{{{ run_id }}}}/input.manifest",
        video_uri="{{ ti.xcom_pull('film') }}",
        frames_per_second=TAKEN,
    )

    common: dict[str, Any] = {
        "output_uri": f"{FOLDER}/labels/",
        "labels": LABELS,
        "workforce": PrivateWorkteam("{{ params.workteam_arn }}"),
        "role_arn": "{{ params.role_arn }}",
        "time_limit": 8 * 3600,
        "fix_cors": True,
        "deferrable": True,
        "poll_interval": 2,
    }
    track = CreateLabelingJobOperator(
        task_id="track",
        task_type="video-object-tracking",
        manifest_uri="{{ ti.xcom_pull('build')['manifest_uri'] }}",
        label_attribute_name="tracks-ref",
        title="Follow the vehicles",
        instructions="One tight box for each car and each bus, from where it enters to where it leaves.",
        **common,
    )
    adjust = CreateLabelingJobOperator(
        task_id="adjust",
        task_type="adjustment-video-object-tracking",
        manifest_uri="{{ ti.xcom_pull('track')['output_manifest_uri'] }}",
        label_attribute_name="adjusted-ref",
        audited_attribute="tracks-ref",
        title="Correct the tracks",
        instructions="Move boxes that are off; each vehicle keeps its number.",
        **common,
    )

    export = ExportLabelsOperator(
        task_id="export",
        manifest_uri=adjust.output,
        output_uri=f"{FOLDER}/{{{{ run_id }}}}/mot/",
        format="mot",
        classes=LABELS,
    )

    @task
    def report(output_manifest_uri: str) -> dict[str, Any]:
        """How well the tracks fit what was filmed, before and after their adjustment."""
        from labeling_provider.groundtruth.frame_tools import BOX
        from labeling_provider.hooks.labeling import LabelingHook
        from labeling_provider.manifest.sequences import read_sequence_label, sequence_label
        from labeling_provider.quality import compare

        hook = LabelingHook()
        (line,) = b"".join(hook.read_chunks(output_manifest_uri)).splitlines()
        agreement: dict[str, Any] = {}
        for attribute in ("tracks-ref", "adjusted-ref"):
            uri = json.loads(line)[attribute]
            body = b"".join(hook.read_chunks(uri))
            labeled = read_sequence_label(body, uri, "trackingAnnotations", LABELS).frames
            truth = truth_of([frame.name for frame in labeled])
            filmed = sequence_label(truth, "what was filmed", "trackingAnnotations", LABELS).frames
            agreement[attribute] = compare(filmed, labeled, BOX)._asdict()
        print(agreement)
        return agreement

    filmed = film("{{ params.bucket }}")
    truth_told = tell_truth("{{ params.bucket }}", "{{ ti.xcom_pull('build')['manifest_uri'] }}")
    reported = report("{{ ti.xcom_pull('adjust')['output_manifest_uri'] }}")
    filmed >> build >> truth_told >> track >> adjust >> [reported, export]
