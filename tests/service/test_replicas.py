"""Two services on one PostgreSQL and one S3, killed in the middle, do each thing once."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from pathlib import Path

from dev.stack import Service
from tests.conftest import Lab, texts


def test_two_services_that_are_killed_again_and_again_label_every_object_once(
    tmp_path: Path, postgresql_url: str
) -> None:
    workforce = tmp_path / "workforce.json"
    teams = {"private-simulated": {"workers": 9, "accuracy": 1, "seconds_per_task": 0.01}}
    workforce.write_text(json.dumps({"workteams": teams, "seed": 3}))
    keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    s3 = Service(tmp_path / "s3")
    where = ("--database-url", postgresql_url, "--shared", "--s3-endpoint", s3.endpoint_url)
    options = (*where, "--workforce", str(workforce))
    replicas = [Service(tmp_path / name, *options, env=keys) for name in ("one", "two")]
    try:
        labs = [Lab(one, s3.client("s3")) for one in replicas]
        names = [labs[number % 2].create(texts(60), f"job-{number}", max_concurrent_objects=25) for number in range(4)]
        chance = random.Random(5)
        for turn in range(4):
            time.sleep(chance.uniform(0.2, 1.5))  # the instant of the kill is what the test varies
            killed = replicas[turn % 2]
            killed.kill()
            killed.start()
            labs[turn % 2].connect()
        for name in names:
            lab = labs[0]
            description = lab.wait(name, seconds=180)
            lab.s3 = s3.client("s3")
            assert description["LabelingJobStatus"] == "Completed", description
            assert description["LabelCounters"]["HumanLabeled"] == description["LabelCounters"]["TotalLabeled"] == 60
            output = lab.output(description)
            assert [line["source"] for line in output] == [line["source"] for line in texts(60)]
            assert all("label-metadata" in line for line in output)
            written = lab.keys(f"out/{name}/")
            responses = [key for key in written if "/worker-response/" in key]
            assert Counter(Counter(key.split("/")[5] for key in responses).values()) == {1: 60}
            for key in responses:
                workers = [answer["workerId"] for answer in json.loads(lab.get(f"s3://lab/{key}"))["answers"]]
                assert len(workers) == len(set(workers)) == 3
            asked = [
                one["datasetObjectId"]
                for key in written
                if "/consolidation-request/" in key
                for one in json.loads(lab.get(f"s3://lab/{key}"))
            ]
            assert len(asked) == len(set(asked)) == 60
    finally:
        for one in (*replicas, s3):
            one.stop()
