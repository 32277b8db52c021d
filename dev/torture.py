"""``make torture``: a real Airflow labels while its scheduler, triggerer, workers and the labeling service are killed.

A seeded script ends a random one of them at a random moment with SIGKILL and starts it again, over and over. In the end
every task has succeeded, each has made exactly one labeling job, and every object was labeled exactly once. With
``--push`` the tasks push texts to a streaming job instead, some from the triggerer and some from a worker.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from dev.stack import Cluster, Service, StackError, descendants, free_port, wait_until

OBJECTS = 45
WORKERS = 5
SHORTEST_PAUSE, LONGEST_PAUSE = 1.5, 9.0
VICTIMS = ("scheduler", "triggerer", "worker", "worker", "service")
SETTINGS = {
    "AIRFLOW__CORE__PARALLELISM": "6",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "3",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
    "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "8",
}
DAG_FILE = '''"""Labeling tasks, some deferred and some on a worker."""

from datetime import timedelta

from airflow.sdk import DAG

from labeling_provider.operators.labeling_job import CreateLabelingJobOperator

with DAG("torture", schedule=None, max_active_tasks={tasks}):
    for number in range({tasks}):
        CreateLabelingJobOperator(
            task_id=f"label_{{number}}",
            task_type="text-classification",
            manifest_uri=f"s3://torture/in/{{number}}.manifest",
            output_uri=f"s3://torture/out/{{number}}",
            labels=["cat", "dog"],
            workforce="{team}",
            role_arn="{role}",
            title="What is it?",
            instructions="Choose.",
            workers_per_object=1,
            poll_interval=1,
            deferrable=number % 6 != 0,
            retries=500,
            retry_delay=timedelta(seconds=1),
        )
'''
PUSH_DAG_FILE = '''"""A streaming job, and tasks that push to it."""

from datetime import timedelta

from airflow.sdk import DAG

from labeling_provider.operators.labeling_job import CreateLabelingJobOperator, StopLabelingJobOperator
from labeling_provider.operators.streaming import PushNewObjectsOperator

TOPIC = "arn:aws:sns:us-east-1:123456789012:groundtruth-torture"
AGAIN = {{"retries": 500, "retry_delay": timedelta(seconds=1)}}

with DAG("torture", schedule=None, max_active_tasks={tasks}):
    start = CreateLabelingJobOperator(
        task_id="start",
        task_type="text-classification",
        input_topic_arn=TOPIC,
        create_topics=True,
        output_uri="s3://torture/out",
        labels=["cat", "dog"],
        workforce="{team}",
        role_arn="{role}",
        title="What is it?",
        instructions="Choose.",
        max_concurrent_objects=50,
        poll_interval=1,
        deferrable=True,
        **AGAIN,
    )
    stop = StopLabelingJobOperator(
        task_id="stop",
        job_name="{{{{ ti.xcom_pull(task_ids='start')['job_name'] }}}}",
        drain=True,
        drain_quiet=5,
        poll_interval=1,
        deferrable=True,
        **AGAIN,
    )
    for number in range({tasks} - 2):
        push = PushNewObjectsOperator(
            task_id=f"push_{{number}}",
            input_topic_arn=TOPIC,
            job_name="{{{{ ti.xcom_pull(task_ids='start')['job_name'] }}}}",
            prefix_uri=f"s3://torture/in/{{number}}/",
            text=True,
            max_backlog=200,
            poll_interval=1,
            deferrable=number % 3 != 0,
            **AGAIN,
        )
        start >> push >> stop
'''


class Torture:
    """An Airflow and a service that are killed again and again.

    :param folder: for everything that they store.
    :param tasks: labeling tasks at the same time.
    :param kills: how often something is killed.
    """

    def __init__(self, folder: Path, *, seed: int, tasks: int, kills: int) -> None:
        self.folder, self.tasks, self.kills = folder, tasks, kills
        self.objects = tasks * OBJECTS
        self.random = random.Random(seed)
        self.killed: Counter[str] = Counter()

    def run(self) -> None:
        """Do it all.

        :raises StackError: if a task does not succeed in time.
        :raises AssertionError: if something was labeled twice or not at all.
        """
        workforce = self.folder / "workforce.json"
        # The work lasts a little longer than the killing.
        lasts = self.kills * (SHORTEST_PAUSE + LONGEST_PAUSE) / 2 * 1.1
        pace = lasts * WORKERS / self.objects
        team = {"workers": WORKERS, "accuracy": 1, "seconds_per_task": pace}
        workforce.write_text(json.dumps({"workteams": {"private-simulated": team}}))
        command = ["--workforce", str(workforce), "--port", str(free_port()), *self.options()]
        self.service = Service(self.folder, *command)
        cluster = None
        try:
            self.prepare()
            cluster = Cluster(self.folder, self.folder / "dags", self.service.connection(), SETTINGS)
            cluster.wait_healthy()
            run = cluster.trigger("torture", 120)
            while self.killed.total() < self.kills:
                time.sleep(self.random.uniform(SHORTEST_PAUSE, LONGEST_PAUSE))
                self.kill_one(cluster)
            self.wait_for_the_end(cluster, run)
            self.check(cluster, run)
        finally:
            if cluster is not None:
                cluster.stop()
            self.service.stop()

    def options(self) -> list[str]:
        """Further options of the service."""
        return []

    def prepare(self) -> None:
        """A manifest for each task, and the DAG."""
        s3 = self.service.client("s3")
        s3.create_bucket(Bucket="torture")
        for task in range(self.tasks):
            lines = [{"source": f"text {task} {one}", "truth": ["cat", "dog"][one % 2]} for one in range(OBJECTS)]
            body = "".join(json.dumps(line) + "\n" for line in lines)
            s3.put_object(Bucket="torture", Key=f"in/{task}.manifest", Body=body.encode())
        self.write_dag(DAG_FILE)

    def write_dag(self, text: str) -> None:
        """The DAG, with the names of the service filled in."""
        ready = self.service.ready
        (self.folder / "dags").mkdir()
        filled = text.format(tasks=self.tasks, team=ready["workteams"]["private-simulated"], role=ready["role_arn"])
        (self.folder / "dags" / "torture.py").write_text(filled)

    def kill_one(self, cluster: Cluster) -> None:
        """End a random part at once, if there is one at the moment, and start it again."""
        victim = self.random.choice(VICTIMS)
        if victim == "service":
            self.service.kill()
            self.service.start()
        elif victim == "worker":
            workers = sorted(descendants(cluster.groups["scheduler"].process.pid))
            if not workers:
                return
            try:
                os.kill(self.random.choice(workers), signal.SIGKILL)
            except ProcessLookupError:
                return
        else:
            cluster.kill(victim)
            cluster.start(victim)
        self.killed[victim] += 1
        print(f"kill {self.killed.total()} of {self.kills}: {victim}", flush=True)

    def instances(self, cluster: Cluster, run: str) -> list[dict[str, Any]]:
        """All task instances."""
        path = f"/api/v2/dags/torture/dagRuns/{run.replace('+', '%2B')}/taskInstances?limit=100"
        found: list[dict[str, Any]] = cluster.get(path)["task_instances"]
        return found

    def wait_for_the_end(self, cluster: Cluster, run: str) -> None:
        """Wait until all tasks have succeeded.

        :raises StackError: if one has failed, or some have not ended in time; with what they said last.
        """
        try:
            wait_until(lambda: self.has_ended(cluster, run), 600, "every task has ended", 2)
        except StackError as error:
            late = [task for task in self.instances(cluster, run) if task["state"] not in {"success", "failed"}]
            told = [f"{task['task_id']} is {task['state']}, try {task['try_number']}" for task in late]
            for task in late[:2]:
                told.append(cluster.task_log("torture", run, task["task_id"], task["try_number"])[-3000:])
            raise StackError("\n".join([str(error), *told])) from error

    def has_ended(self, cluster: Cluster, run: str) -> bool:
        """Whether all tasks have succeeded.

        :raises StackError: if one has failed.
        """
        tasks = self.instances(cluster, run)
        for one in tasks:
            if one["state"] == "failed":
                log = cluster.task_log("torture", run, one["task_id"], one["try_number"])
                server = cluster.groups["api-server"].log.read_text()
                raise StackError(f"{one['task_id']} has failed:\n{log[-3000:]}\nAPI server:\n{server[-6000:]}")
        return [one["state"] for one in tasks] == ["success"] * self.tasks

    def check(self, cluster: Cluster, run: str) -> None:
        """One job for each task, and one answer for each object."""
        sagemaker, s3 = self.service.client("sagemaker"), self.service.client("s3")
        pages = sagemaker.get_paginator("list_labeling_jobs").paginate()
        jobs = {one["LabelingJobName"]: one for page in pages for one in page["LabelingJobSummaryList"]}
        results = [cluster.xcom("torture", run, f"label_{number}") for number in range(self.tasks)]
        assert sorted(jobs) == sorted(one["job_name"] for one in results), "each task has one job"
        for number, result in enumerate(results):
            job = jobs[result["job_name"]]
            assert job["LabelingJobStatus"] == "Completed", job
            assert result["counters"]["total_labeled"] == job["LabelCounters"]["TotalLabeled"] == OBJECTS
            key = result["output_manifest_uri"].removeprefix("s3://torture/")
            body = s3.get_object(Bucket="torture", Key=key)["Body"].read()
            lines = [json.loads(line) for line in body.splitlines()]
            assert [line["source"] for line in lines] == [f"text {number} {one}" for one in range(OBJECTS)]
            assert all(line["label-metadata"]["class-name"] == line["truth"] for line in lines)
            prefix = f"out/{number}/{result['job_name']}/annotations/worker-response/"
            listed = s3.get_paginator("list_objects_v2").paginate(Bucket="torture", Prefix=prefix)
            answers = [one["Key"] for page in listed for one in page.get("Contents", [])]
            assert len(answers) == OBJECTS, f"{len(answers)} answers for {OBJECTS} objects"


class PushTorture(Torture):
    """The same while tasks push to a streaming job; two tasks start and stop it.

    :param objects: how many texts there are to push.
    """

    def __init__(self, folder: Path, *, seed: int, tasks: int, kills: int, objects: int) -> None:
        super().__init__(folder, seed=seed, tasks=tasks, kills=kills)
        self.objects = objects

    def texts(self, part: int) -> list[str]:
        """What one task has to push."""
        pushers = self.tasks - 2
        return [f"text {number}" for number in range(part, self.objects, pushers)]

    def prepare(self) -> None:
        """Text files under a prefix for each task, what is true, and the DAG."""
        s3 = self.service.client("s3")
        s3.create_bucket(Bucket="torture")
        for part in range(self.tasks - 2):
            lines = self.texts(part)
            for number in range(0, len(lines), 100):
                body = "\n".join(lines[number : number + 100])
                s3.put_object(Bucket="torture", Key=f"in/{part}/{number:05}.txt", Body=body.encode())
        self.write_dag(PUSH_DAG_FILE)

    def options(self) -> list[str]:
        """What is true goes to the service in a file."""
        truth = self.folder / "truth.jsonl"
        lines = [{"source": f"text {number}", "truth": ["cat", "dog"][number % 2]} for number in range(self.objects)]
        truth.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return ["--truth", str(truth)]

    def check(self, cluster: Cluster, run: str) -> None:
        """One job, and in its output each text once, with its label."""
        s3 = self.service.client("s3")
        (job,) = self.service.client("sagemaker").list_labeling_jobs()["LabelingJobSummaryList"]
        assert job["LabelingJobStatus"] == "Stopped", job
        key = f"out/{job['LabelingJobName']}/manifests/output/output.manifest"
        lines = [json.loads(line) for line in s3.get_object(Bucket="torture", Key=key)["Body"].read().splitlines()]
        times = Counter(line["source"] for line in lines)
        assert times == Counter(f"text {number}" for number in range(self.objects)), "each object arrives once"
        for line in lines:
            assert line["label-metadata"]["class-name"] == ["cat", "dog"][int(line["source"].split()[1]) % 2], line


def main() -> None:
    """Torture with the arguments of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--push", action="store_true", help="push to a streaming job")
    parser.add_argument("--tasks", type=int, help="how many tasks (20, or 6 with --push)")
    parser.add_argument("--kills", type=int, help="how many kills (100, or 30 with --push)")
    parser.add_argument("--objects", type=int, default=5000, help="objects to push (%(default)s)")
    chosen = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="labeling-torture-") as folder:
        if chosen.push:
            tasks, kills = chosen.tasks or 6, chosen.kills or 30
            torture: Torture = PushTorture(
                Path(folder), seed=chosen.seed, tasks=tasks, kills=kills, objects=chosen.objects
            )
        else:
            torture = Torture(Path(folder), seed=chosen.seed, tasks=chosen.tasks or 20, kills=chosen.kills or 100)
        try:
            torture.run()
        except (StackError, AssertionError) as error:
            sys.exit(f"seed {chosen.seed}: {error}; the logs were in {folder}/airflow")
    print(
        f"{torture.tasks} tasks, {torture.objects} objects, {torture.killed.total()} kills {dict(torture.killed)}, "
        f"{time.monotonic() - began:.0f} s: every object labeled once"
    )


if __name__ == "__main__":
    main()
