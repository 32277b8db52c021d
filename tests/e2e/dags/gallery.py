"""Boxes on photographs and names in sentences, for people to look at."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task

from labeling_provider.operators.labeling_job import CreateLabelingJobOperator

SHIPS, PORTS = ("Aurora", "Stella Maris", "Fram"), ("Bergen", "Tromsø", "Gdańsk", "Aberdeen")
COMMON: dict[str, Any] = {
    "workforce": "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/private-simulated",
    "role_arn": "arn:aws:iam::123456789012:role/labeling-local",
    "workers_per_object": 3,
    "poll_interval": 1,
    "fix_cors": True,
}

with DAG("gallery", schedule=None):

    @task
    def photographs() -> str:
        """Parts of the two photographs that scikit-learn ships, with a box around what they show."""
        import json
        from io import BytesIO

        from PIL import Image
        from sklearn.datasets import load_sample_image

        from labeling_provider.hooks.labeling import LabelingHook

        hook, lines = LabelingHook(), []
        for name, label, box in (
            ("flower.jpg", "flower", (148, 70, 305, 295)),
            ("china.jpg", "building", (55, 20, 310, 335)),
        ):
            picture = Image.fromarray(load_sample_image(name))
            for number in range(6):
                left, top = 8 * number, 5 * number
                part = picture.crop((left, top, picture.width - 4 * number, picture.height - 3 * number))
                body = BytesIO()
                part.save(body, "JPEG", quality=85)
                key = f"gallery/{number}-{name}"
                hook.s3.put_object(Bucket="lab", Key=key, Body=body.getvalue(), ContentType="image/jpeg")
                width, height = min(box[2], part.width - box[0] + left), min(box[3], part.height - box[1] + top)
                place = {"left": max(box[0] - left, 0), "top": max(box[1] - top, 0), "width": width, "height": height}
                lines.append({"source-ref": f"s3://lab/{key}", "truth": [{"label": label, **place}]})
        hook.write_text("s3://lab/gallery/photographs.manifest", "".join(json.dumps(line) + "\n" for line in lines))
        return "s3://lab/gallery/photographs.manifest"

    @task
    def sentences() -> str:
        """What ships did, with their names and those of the ports marked."""
        import json

        from labeling_provider.hooks.labeling import LabelingHook

        lines = []
        for number in range(24):
            ship, port = SHIPS[number % len(SHIPS)], PORTS[number % len(PORTS)]
            text = (
                f"The {ship} {('left', 'reached', 'waits before')[number % 3]} {port} at {number}:00, in calm weather."
            )
            spans = [
                {"label": label, "startOffset": text.index(name), "endOffset": text.index(name) + len(name)}
                for label, name in (("ship", ship), ("port", port))
            ]
            lines.append({"source": text, "truth": spans})
        body = "".join(json.dumps(line) + "\n" for line in lines)
        LabelingHook().write_text("s3://lab/gallery/sentences.manifest", body)
        return "s3://lab/gallery/sentences.manifest"

    CreateLabelingJobOperator(
        task_id="boxes",
        task_type="bounding-box",
        manifest_uri=photographs(),
        output_uri="s3://lab/gallery/boxes",
        labels=["flower", "building"],
        title="Where is it?",
        instructions="Draw a box around the flower or the building.",
        **COMMON,
    )
    CreateLabelingJobOperator(
        task_id="names",
        task_type="named-entity-recognition",
        manifest_uri=sentences(),
        output_uri="s3://lab/gallery/names",
        labels=["ship", "port"],
        title="Which names are there?",
        instructions="Mark the names of ships and ports.",
        **COMMON,
    )

with DAG("gallery_stream", schedule=None):
    CreateLabelingJobOperator(
        task_id="label",
        task_type="text-classification",
        input_topic_arn="arn:aws:sns:us-east-1:123456789012:gallery-in",
        create_topics=True,
        output_uri="s3://lab/gallery/stream",
        labels=["ship", "port"],
        title="What is it?",
        instructions="Choose.",
        **COMMON,
    )
