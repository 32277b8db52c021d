"""``make bench-automated``: how many labels of people it takes to label the digits at 95 %.

Three workers, each right in 95 %, and ten seeds. Ours is a job with automated labeling in the local service. Beside it,
with the same workers' labels, the same model and the same threshold: a loop that sends people objects at random, not
those that the model is least sure of (the median of five tries); and a job in which people label everything. A further
job labels 5,200 messages of a grammar (``dev/messages.py``).

Once, a job draws boxes on 2,000 pictures of 800 × 600 pixels, and one paints masks on them (``dev/pictures.py``), by
workers who answer at once: how many are labeled by machine, their mean overlap with the truth and that of people's
labels, the seconds from the job's creation to its end, the processor time of the service meanwhile, and its memory at
most. ``--scenes 2000`` does only this. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from dev.messages import CLASSES, messages
from dev.pictures import SCENE_LABELS, digits, scene
from dev.processes import cpu_seconds, peak_mb
from dev.stack import Service, wait_until
from labeling_provider.request import AutomatedLabeling, LabelingJobSpec, PrivateWorkteam
from labeling_provider.service.kinds.choices import SingleChoice
from labeling_provider.service.learning.learner import Learner, LearningSample, Material
from labeling_provider.service.learning.models import BUILT_IN, import_model

SEEDS = range(10)
SET_SIZE = 25
SHUFFLES = 5
MESSAGES = 5_200
MINIMUM = 1_250
TEXT_SET_SIZE = 200
SCENES = 2_000
SCENE_SET_SIZE = 200
ENLARGED = 5
"""How many times as large as drawn the scenes are."""
SCENE_TASKS = {"bounding-box": "label", "semantic-segmentation": "label-ref"}
"""The label attribute of each task on scenes."""
LABELS = [str(digit) for digit in range(10)]
ALGORITHM = "image-classification"
PICTURES = digits()


class Bench:
    """A service in which jobs are measured.

    :param minimum: how many objects automated labeling needs at least.
    """

    def __init__(self, folder: Path, seed: int, minimum: int) -> None:
        workforce = folder / "workforce.json"
        workforce.write_text(json.dumps({"seed": seed, "workteams": {"private-simulated": {"workers": 3}}}))
        self.service = Service(folder, "--workforce", str(workforce), "--minimum-automated", str(minimum))
        self.s3, self.sagemaker = self.service.client("s3"), self.service.client("sagemaker")
        self.s3.create_bucket(Bucket="bench")

    def put_digits_and_messages(self, seed: int) -> None:
        """Store the digits, and messages."""
        with ThreadPoolExecutor(8) as pool:
            self._put(ALGORITHM, list(pool.map(self._picture, range(len(PICTURES)))))
        texts = [{"source": text, "truth": name} for text, name in messages(MESSAGES, seed)]
        self._put("text-classification", texts)

    def _picture(self, number: int) -> dict[str, str]:
        picture, digit = PICTURES[number]
        self.s3.put_object(Bucket="bench", Key=f"{number}.png", Body=picture)
        return {"source-ref": f"s3://bench/{number}.png", "truth": digit}

    def put_scenes(self, count: int) -> None:
        """Store scenes, with the truth for each task."""
        with ThreadPoolExecutor(4) as pool:
            lines = list(pool.map(self._scene, range(count)))
        for task_type in SCENE_TASKS:
            self._put(task_type, [{"source-ref": source, "truth": truths[task_type]} for source, truths in lines])

    def _scene(self, number: int) -> tuple[str, dict[str, Any]]:
        drawn = scene(number)
        uris = []
        for name, body, method, form in (
            (f"scene-{number}.jpg", drawn.picture, Image.Resampling.BICUBIC, "JPEG"),
            (f"mask-{number}.png", drawn.mask, Image.Resampling.NEAREST, "PNG"),
        ):
            image, enlarged = Image.open(BytesIO(body)), BytesIO()
            image.resize((image.width * ENLARGED, image.height * ENLARGED), method).save(enlarged, form)
            self.s3.put_object(Bucket="bench", Key=name, Body=enlarged.getvalue())
            uris.append(f"s3://bench/{name}")
        boxes = [
            {**box, **{side: box[side] * ENLARGED for side in ("left", "top", "width", "height")}}
            for box in drawn.boxes
        ]
        return uris[0], dict(zip(SCENE_TASKS, (boxes, uris[1]), strict=True))

    def processor_seconds(self) -> float:
        """The processor time that the service has taken."""
        return cpu_seconds(self.service.group.process.pid)

    def forget_memory(self) -> None:
        """Let the service's largest memory be what it has now."""
        Path(f"/proc/{self.service.group.process.pid}/clear_refs").write_text("5")

    def overlap(self, line: dict[str, Any], attribute: str) -> float:
        """What a label and the truth share of what they cover together, all classes at once."""
        drawn, other = (self._mask(label) for label in (line[attribute], line["truth"]))
        covered = np.count_nonzero((drawn > 0) | (other > 0))
        return np.count_nonzero((drawn == other) & (drawn > 0)) / covered if covered else 1.0

    def _mask(self, label: Any) -> Any:
        """A label or a truth as a mask: 0 background, n the n-th label."""
        if isinstance(label, str):
            body = self.s3.get_object(Bucket="bench", Key=label.removeprefix("s3://bench/"))["Body"].read()
            return np.asarray(Image.open(BytesIO(body)))
        mask = np.zeros((120 * ENLARGED, 160 * ENLARGED), dtype=np.uint8)
        for box in label["annotations"] if isinstance(label, dict) else label:
            left, top = round(box["left"]), round(box["top"])
            place = slice(top, round(top + box["height"])), slice(left, round(left + box["width"]))
            mask[place] = 1 + (box["class_id"] if "class_id" in box else SCENE_LABELS.index(box["label"]))
        return mask

    def _put(self, task_type: str, lines: list[dict[str, Any]]) -> None:
        body = "".join(json.dumps(line) + "\n" for line in lines).encode()
        self.s3.put_object(Bucket="bench", Key=f"{task_type}.manifest", Body=body)

    def job(
        self, name: str, task_type: str, labels: list[str], set_size: int, automated: AutomatedLabeling | None
    ) -> list[dict[str, Any]]:
        """The output of a labeling job."""
        draft = LabelingJobSpec(
            task_type=task_type,
            manifest_uri=f"s3://bench/{task_type}.manifest",
            output_uri="s3://bench/out",
            labels=labels,
            workforce=PrivateWorkteam(self.service.ready["workteams"]["private-simulated"]),
            role_arn=self.service.ready["role_arn"],
            title="What is it?",
            instructions="Choose one.",
            workers_per_object=3,
            max_concurrent_objects=set_size,
            automated_labeling=automated,
        ).draft(name, "us-east-1")
        for uri, text in draft.files.items():
            self.s3.put_object(Bucket="bench", Key=uri.removeprefix("s3://bench/"), Body=text.encode())
        self.sagemaker.create_labeling_job(**draft.request)

        def ended() -> dict[str, Any] | None:
            description = self.sagemaker.describe_labeling_job(LabelingJobName=name)
            return description if description["LabelingJobStatus"] not in {"Initializing", "InProgress"} else None

        description = wait_until(ended, 3600, "the job ends", 0.1)
        assert description["LabelingJobStatus"] == "Completed", description
        output = self.s3.get_object(Bucket="bench", Key=f"out/{name}/manifests/output/output.manifest")["Body"].read()
        return [json.loads(line) for line in output.splitlines()]


def at_random(people: list[int], seed: int) -> tuple[int, float]:
    """Labels by people, and accuracy of all labels, when people get objects at random.

    :param people: what they say about each digit.
    """
    kind = SingleChoice(SimpleNamespace(labels=LABELS, workers_per_object=3))  # type: ignore[arg-type]
    new_model = import_model(BUILT_IN[ALGORITHM])
    learner = Learner(lambda: new_model(LABELS, seed), kind, lambda line: PICTURES[line["number"]][0])
    objects = [LearningSample(number, {"number": number}, answer) for number, answer in enumerate(people)]
    Random(seed).shuffle(objects)
    measured = SET_SIZE + math.ceil(0.2 * len(objects))
    material = Material(objects[:SET_SIZE], objects[SET_SIZE:measured], [], objects[measured:])
    material.group_sizes.update(item.answer for item in material.validation)
    labels = {item.object_id: item.answer for item in objects[:measured]}
    by_people = measured
    while material.unlabeled:
        outcome = learner.train(material)
        if outcome.model is not None and outcome.threshold is not None:
            threshold = outcome.threshold
            sure = [item for item in material.unlabeled if outcome.scores[item.object_id] >= threshold]
            labels.update(
                {item.object_id: prediction.answer for item, prediction in learner.predictions(outcome.model, sure)}
            )
            material.taken += [item for item in outcome.judged.values() if item.score >= threshold]
            done = [item for item in material.validation if outcome.judged[item.object_id].score >= threshold]
            material.examples = [*material.examples, *done]
            material.validation = [item for item in material.validation if item not in done]
            material.unlabeled = [item for item in material.unlabeled if item.object_id not in labels]
        asked = material.unlabeled[:SET_SIZE]
        by_people += len(asked)
        labels.update({item.object_id: item.answer for item in asked})
        material.examples = [*material.examples, *asked]
        material.unlabeled = material.unlabeled[SET_SIZE:]
    right = sum(str(label) == PICTURES[number][1] for number, label in labels.items())
    return by_people, right / len(labels)


def share_right(output: list[dict[str, Any]]) -> float:
    """The share of labels that are true."""
    return sum(line["label-metadata"]["class-name"] == line["truth"] for line in output) / len(output)


def by_machine(output: list[dict[str, Any]], attribute: str = "label") -> list[dict[str, Any]]:
    """The objects that a model has labeled."""
    return [line for line in output if line[f"{attribute}-metadata"]["human-annotated"] == "no"]


def by_people(output: list[dict[str, Any]], attribute: str = "label") -> list[dict[str, Any]]:
    """The objects that people have labeled."""
    return [line for line in output if line[f"{attribute}-metadata"]["human-annotated"] == "yes"]


def of_scenes(bench: Bench, count: int, tasks: Sequence[str]) -> dict[str, float]:
    """The figures of the jobs over scenes.

    :param tasks: of :data:`SCENE_TASKS`.
    """
    bench.put_scenes(count)
    figures: dict[str, float] = {"scenes": count}
    for task_type in tasks:
        measured, output = of_scene_job(bench, task_type)
        figures |= {f"{task_type.replace('-', '_')}_{name}": figure for name, figure in measured.items()}
        print(f"{task_type}, {len(output):,} pictures: {measured}", flush=True)
    return figures


def of_scene_job(bench: Bench, task_type: str) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """The figures of one job over scenes, and its output."""
    attribute = SCENE_TASKS[task_type]
    bench.forget_memory()
    processor, began = bench.processor_seconds(), time.monotonic()
    output = bench.job(task_type, task_type, SCENE_LABELS, SCENE_SET_SIZE, AutomatedLabeling())
    seconds, processor = time.monotonic() - began, bench.processor_seconds() - processor
    overlaps = [bench.overlap(line, attribute) for line in by_machine(output, attribute)]
    of_people = [bench.overlap(line, attribute) for line in by_people(output, attribute)]
    return {
        "machine_share": round(len(overlaps) / len(output), 4),
        "overlap": round(statistics.fmean(overlaps), 4) if overlaps else 1.0,
        "overlap_of_people": round(statistics.fmean(of_people), 4),
        "seconds": round(seconds, 1),
        "processor_seconds": round(processor, 1),
        "peak_mb": round(peak_mb(bench.service.group.process.pid)),
    }, output


@contextmanager
def benches(seed: int, minimum: int) -> Iterator[Bench]:
    """A service for a while."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), seed, minimum)
        try:
            yield bench
        finally:
            bench.service.stop()


def of_digits_and_messages() -> dict[str, float]:
    """The figures of the jobs over digits and messages; prints lines for each seed."""
    shares, accuracies, humans, random_people = [], [], [], []
    text_shares, text_accuracies = [], []
    for seed in SEEDS:
        with benches(seed, MINIMUM) as bench:
            bench.put_digits_and_messages(seed)
            output = bench.job("automated", ALGORITHM, LABELS, SET_SIZE, AutomatedLabeling())
            everything = bench.job("people", ALGORITHM, LABELS, 1000, None)
            texts = bench.job("texts", "text-classification", CLASSES, TEXT_SET_SIZE, AutomatedLabeling())
        machine = by_machine(output)
        people = [line["label"] for line in everything]
        tries = [at_random(people, SHUFFLES * seed + number) for number in range(SHUFFLES)]
        randomly, random_accuracy = (statistics.median(column) for column in zip(*tries, strict=True))
        shares.append(len(machine) / len(output))
        accuracies.append(share_right(machine) if machine else 1.0)
        humans.append(len(output) - len(machine))
        random_people.append(randomly)
        text_machine = by_machine(texts)
        text_shares.append(len(text_machine) / len(texts))
        text_accuracies.append(share_right(text_machine) if text_machine else 1.0)
        print(
            f"seed {seed}: {shares[-1]:.1%} by machine, {accuracies[-1]:.2%} of them right, all labels "
            f"{share_right(output):.2%}; people label {humans[-1]:,}; at random {randomly:,} "
            f"({random_accuracy:.2%}); people alone {len(everything):,} ({share_right(everything):.2%})\n"
            f"  {len(texts):,} messages: {text_shares[-1]:.1%} by machine, {text_accuracies[-1]:.2%} of them right",
            flush=True,
        )
    ratios = [ours / other for ours, other in zip(humans, random_people, strict=True)]
    return {
        "objects": len(PICTURES),
        "machine_share": round(statistics.median(shares), 4),
        "worst_machine_share": round(min(shares), 4),
        "machine_accuracy": round(statistics.median(accuracies), 4),
        "worst_machine_accuracy": round(min(accuracies), 4),
        "human_labels": statistics.median(humans),
        "human_labels_vs_random": round(statistics.median(ratios), 4),
        "human_labels_vs_all_human": round(statistics.median(humans) / len(PICTURES), 4),
        "messages": MESSAGES,
        "message_machine_share": round(statistics.median(text_shares), 4),
        "worst_message_machine_share": round(min(text_shares), 4),
        "message_machine_accuracy": round(statistics.median(text_accuracies), 4),
        "worst_message_machine_accuracy": round(min(text_accuracies), 4),
    }


def main() -> None:
    """Measure, and print the figures."""
    global SEEDS, SHUFFLES, MESSAGES, MINIMUM, PICTURES, SCENES, SCENE_SET_SIZE, ENLARGED
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--smallest", action="store_true", help="as little as runs all of it")
    options.add_argument("--scenes", type=int, help="only the jobs over scenes, with so many")
    options.add_argument("--tasks", nargs="+", choices=SCENE_TASKS, default=[*SCENE_TASKS], help="what to do on scenes")
    chosen = options.parse_args()
    if chosen.smallest:
        SEEDS, SHUFFLES, MESSAGES, MINIMUM, PICTURES = range(1), 1, 250, 1, PICTURES[:150]
        SCENES, SCENE_SET_SIZE, ENLARGED = 30, 10, 1
    figures = of_digits_and_messages() if chosen.scenes is None else {}
    scenes = chosen.scenes or SCENES
    with benches(0, min(MINIMUM, scenes)) as bench:
        figures |= of_scenes(bench, scenes, chosen.tasks)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
