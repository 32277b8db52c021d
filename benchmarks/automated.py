"""``make bench-automated``: how many labels of people it takes to label the digits at 95 %.

Three workers, each right in 95 %, and ten seeds. Ours is a job with automated labeling in the local service. Beside it,
with the same workers' labels, the same model and the same threshold: a loop that sends people objects at random, not
those that the model is least sure of (the median of five tries); and a job in which people label everything. The last
line is JSON.
"""

from __future__ import annotations

import json
import math
import statistics
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from dev.pictures import digits
from dev.stack import Service, wait_until
from labeling_provider.local.learning.answers import ANSWERS
from labeling_provider.local.learning.learner import DataObject, Learner, Material
from labeling_provider.local.learning.models import BUILT_IN, import_model
from labeling_provider.request import AutomatedLabeling, LabelingJobSpec, PrivateWorkteam

SEEDS = range(10)
SET_SIZE = 25
SHUFFLES = 5
LABELS = [str(digit) for digit in range(10)]
ALGORITHM = "image-classification"
PICTURES = digits()


class Bench:
    """A service with the digits in it."""

    def __init__(self, folder: Path, seed: int) -> None:
        workforce = folder / "workforce.json"
        workforce.write_text(json.dumps({"seed": seed, "workteams": {"private-simulated": {"workers": 3}}}))
        self.service = Service(folder, "--workforce", str(workforce))
        self.s3, self.sagemaker = self.service.client("s3"), self.service.client("sagemaker")
        self.s3.create_bucket(Bucket="bench")
        with ThreadPoolExecutor(8) as pool:
            lines = list(pool.map(self._put, range(len(PICTURES))))
        self.s3.put_object(Bucket="bench", Key="in.manifest", Body="".join(lines).encode())

    def _put(self, number: int) -> str:
        picture, digit = PICTURES[number]
        self.s3.put_object(Bucket="bench", Key=f"{number}.png", Body=picture)
        return json.dumps({"source-ref": f"s3://bench/{number}.png", "truth": digit}) + "\n"

    def job(self, name: str, automated: AutomatedLabeling | None) -> list[dict[str, Any]]:
        """The output of a labeling job."""
        draft = LabelingJobSpec(
            task_type=ALGORITHM,
            manifest_uri="s3://bench/in.manifest",
            output_uri="s3://bench/out",
            labels=LABELS,
            workforce=PrivateWorkteam(self.service.ready["workteams"]["private-simulated"]),
            role_arn=self.service.ready["role_arn"],
            title="Which digit is it?",
            instructions="Choose one.",
            workers_per_object=3,
            max_concurrent_objects=SET_SIZE,
            automated_labeling=automated,
        ).draft(name, "us-east-1")
        for uri, text in draft.files.items():
            self.s3.put_object(Bucket="bench", Key=uri.removeprefix("s3://bench/"), Body=text.encode())
        self.sagemaker.create_labeling_job(**draft.request)

        def ended() -> dict[str, Any] | None:
            found = self.sagemaker.describe_labeling_job(LabelingJobName=name)
            return found if found["LabelingJobStatus"] not in {"Initializing", "InProgress"} else None

        found = wait_until(ended, 300, "the job ends", 0.1)
        assert found["LabelingJobStatus"] == "Completed", found
        output = self.s3.get_object(Bucket="bench", Key=f"out/{name}/manifests/output/output.manifest")["Body"].read()
        return [json.loads(line) for line in output.splitlines()]


def at_random(people: list[int], seed: int) -> tuple[int, float]:
    """Labels by people, and accuracy of all labels, when people get objects at random.

    :param people: what they say about each digit.
    """
    answers = ANSWERS[ALGORITHM](SimpleNamespace(job=SimpleNamespace(labels=LABELS)))  # type: ignore[arg-type]
    new_model = import_model(BUILT_IN[ALGORITHM])
    learner = Learner(lambda: new_model(LABELS, seed), answers, lambda line: PICTURES[line["number"]][0])
    objects = [DataObject(number, {"number": number}, answer) for number, answer in enumerate(people)]
    Random(seed).shuffle(objects)
    measured = SET_SIZE + math.ceil(0.2 * len(objects))
    material = Material(objects[:SET_SIZE], objects[SET_SIZE:measured], [], objects[measured:])
    material.group_sizes.update(one.answer for one in material.validation)
    labels = {one.object_id: one.answer for one in objects[:measured]}
    by_people = measured
    while material.unlabeled:
        outcome = learner.train(material)
        if outcome.model is not None and outcome.threshold is not None:
            threshold = outcome.threshold
            sure = [one for one in material.unlabeled if outcome.scores[one.object_id] >= threshold]
            labels.update({one.object_id: said.answer for one, said in learner.predictions(outcome.model, sure)})
            material.taken += [one for one in outcome.judged.values() if one.score >= threshold]
            done = [one for one in material.validation if outcome.judged[one.object_id].score >= threshold]
            material.examples = [*material.examples, *done]
            material.validation = [one for one in material.validation if one not in done]
            material.unlabeled = [one for one in material.unlabeled if one.object_id not in labels]
        asked = material.unlabeled[:SET_SIZE]
        by_people += len(asked)
        labels.update({one.object_id: one.answer for one in asked})
        material.examples = [*material.examples, *asked]
        material.unlabeled = material.unlabeled[SET_SIZE:]
    right = sum(str(label) == PICTURES[number][1] for number, label in labels.items())
    return by_people, right / len(labels)


def share_right(output: list[dict[str, Any]]) -> float:
    """The share of labels that are true."""
    return sum(str(line["label"]) == line["truth"] for line in output) / len(output)


def main() -> None:
    """Measure, and print a line for each seed."""
    shares, accuracies, by_people, random_people = [], [], [], []
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(Path(folder), seed)
            try:
                output, everything = bench.job("automated", AutomatedLabeling()), bench.job("people", None)
            finally:
                bench.service.stop()
        machine = [line for line in output if line["label-metadata"]["human-annotated"] == "no"]
        people = [line["label"] for line in everything]
        tries = [at_random(people, SHUFFLES * seed + number) for number in range(SHUFFLES)]
        randomly, random_accuracy = (statistics.median(one) for one in zip(*tries, strict=True))
        shares.append(len(machine) / len(output))
        accuracies.append(share_right(machine))
        by_people.append(len(output) - len(machine))
        random_people.append(randomly)
        print(
            f"seed {seed}: {shares[-1]:.1%} by machine, {accuracies[-1]:.2%} of them right, all labels "
            f"{share_right(output):.2%}; people label {by_people[-1]:,}; at random {randomly:,} "
            f"({random_accuracy:.2%}); people alone {len(everything):,} ({share_right(everything):.2%})",
            flush=True,
        )
    ratios = [ours / other for ours, other in zip(by_people, random_people, strict=True)]
    print(
        json.dumps(
            {
                "objects": len(PICTURES),
                "machine_share": round(statistics.median(shares), 4),
                "worst_machine_share": round(min(shares), 4),
                "machine_accuracy": round(statistics.median(accuracies), 4),
                "worst_machine_accuracy": round(min(accuracies), 4),
                "human_labels": statistics.median(by_people),
                "human_labels_vs_random": round(statistics.median(ratios), 4),
                "human_labels_vs_all_human": round(statistics.median(by_people) / len(PICTURES), 4),
            }
        )
    )


if __name__ == "__main__":
    main()
