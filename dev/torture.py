"""``make torture``: a real Airflow labels while its scheduler, triggerer, workers and the labeling service are killed.

A seeded script ends a random one of them at a random moment with SIGKILL and starts it again, over and over. In the end
every task has succeeded, each has made exactly one labeling job, and every object was labeled exactly once. With
``--push`` the tasks push texts to a streaming job instead, some from the triggerer and some from a worker. With
``--people`` people label in the portal instead, without an Airflow, and their browsers are killed: see
``torture_people``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dev.stack import PARSED_ONCE, Airflow, Service, StackError, descendants, free_port, wait_until

OBJECTS = 45
ANIMALS = ("cat", "dog")
WORKERS = 5
SHORTEST_PAUSE, LONGEST_PAUSE = 1.5, 9.0
VICTIMS = ("scheduler", "triggerer", "worker", "worker", "service")
SETTINGS = {
    **PARSED_ONCE,
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

with DAG("{dag}", schedule=None, max_active_tasks={tasks}):
    for number in range({tasks}):
        CreateLabelingJobOperator(
            task_id=f"label_{{number}}",
            task_type="text-classification",
            manifest_uri=f"s3://{bucket}/in/{{number}}.manifest",
            output_uri=f"s3://{bucket}/out/{{number}}",
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

with DAG("{dag}", schedule=None, max_active_tasks={tasks}):
    start = CreateLabelingJobOperator(
        task_id="start",
        task_type="text-classification",
        input_topic_arn=TOPIC,
        create_topics=True,
        output_uri="s3://{bucket}/out",
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
            prefix_uri=f"s3://{bucket}/in/{{number}}/",
            text=True,
            max_backlog=200,
            poll_interval=1,
            deferrable=number % 3 != 0,
            **AGAIN,
        )
        start >> push >> stop
'''


class Load(ABC):
    """What an Airflow has to do while it is tortured: a Dag of tasks, all of which are to succeed.

    :param tasks: how many, at the same time.
    """

    dag_id: str
    dag_file: str

    def __init__(self, tasks: int, objects: int) -> None:
        self.tasks, self.objects = tasks, objects

    @property
    def bucket(self) -> str:
        """Where its objects and labels are."""
        return f"torture-{self.dag_id}"

    def truth(self) -> list[dict[str, Any]]:
        """What is true of objects whose manifest lines do not say it."""
        return []

    def prepare(self, service: Service, dags: Path) -> None:
        """Store the objects and the Dag."""
        s3 = service.client("s3")
        s3.create_bucket(Bucket=self.bucket)
        for key, body in self.files().items():
            s3.put_object(Bucket=self.bucket, Key=key, Body=body.encode())
        team, role = service.ready["workteams"]["private-simulated"], service.ready["role_arn"]
        text = self.dag_file.format(dag=self.dag_id, bucket=self.bucket, tasks=self.tasks, team=team, role=role)
        (dags / f"{self.dag_id}.py").write_text(text)

    @abstractmethod
    def files(self) -> dict[str, str]:
        """The objects, by key."""

    @abstractmethod
    def check(self, service: Service, results: dict[str, Any]) -> None:
        """See that every object was labeled once.

        :param results: what each task has returned, by task id.
        :raises AssertionError: if it was not.
        """


class Labeling(Load):
    """Tasks that each run a labeling job, some deferred and some on a worker."""

    dag_id = "label"
    dag_file = DAG_FILE

    def __init__(self, tasks: int) -> None:
        super().__init__(tasks, tasks * OBJECTS)

    def files(self) -> dict[str, str]:
        """A manifest for each task."""
        return {
            f"in/{task}.manifest": "".join(
                json.dumps({"source": f"text {task} {number}", "truth": ANIMALS[number % 2]}) + "\n"
                for number in range(OBJECTS)
            )
            for task in range(self.tasks)
        }

    def check(self, service: Service, results: dict[str, Any]) -> None:
        """One job for each task, and one answer for each object."""
        sagemaker, s3 = service.client("sagemaker"), service.client("s3")
        pages = sagemaker.get_paginator("list_labeling_jobs").paginate(NameContains=f"{self.dag_id}-label")
        jobs = {job["LabelingJobName"]: job for page in pages for job in page["LabelingJobSummaryList"]}
        names = {result["job_name"] for result in results.values()}
        others = {name: jobs[name]["LabelingJobStatus"] for name in jobs.keys() - names}
        assert not others, f"jobs of no task: {others}"
        assert len(names) == len(jobs) == self.tasks, f"{len(jobs)} jobs for {self.tasks} tasks"
        for number in range(self.tasks):
            result = results[f"label_{number}"]
            job = jobs[result["job_name"]]
            assert job["LabelingJobStatus"] == "Completed", job
            assert result["counters"]["total_labeled"] == job["LabelCounters"]["TotalLabeled"] == OBJECTS
            key = result["output_manifest_uri"].removeprefix(f"s3://{self.bucket}/")
            body = s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            lines = [json.loads(line) for line in body.splitlines()]
            assert [line["source"] for line in lines] == [f"text {number} {copy}" for copy in range(OBJECTS)]
            assert all(line["label-metadata"]["class-name"] == line["truth"] for line in lines)
            prefix = f"out/{number}/{result['job_name']}/annotations/worker-response/"
            listed = s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            answers = [item["Key"] for page in listed for item in page.get("Contents", [])]
            assert len(answers) == OBJECTS, f"{len(answers)} answers for {OBJECTS} objects"


class Pushing(Load):
    """Tasks that push texts to a streaming job, from the triggerer or from a worker; two start and stop it."""

    dag_id = "push"
    dag_file = PUSH_DAG_FILE

    def texts(self, part: int) -> list[str]:
        """What one task has to push."""
        return [f"text {number}" for number in range(part, self.objects, self.tasks - 2)]

    def truth(self) -> list[dict[str, Any]]:
        """Texts have no place for it."""
        return [{"source": f"text {number}", "truth": ANIMALS[number % 2]} for number in range(self.objects)]

    def files(self) -> dict[str, str]:
        """Text files under a prefix for each task."""
        return {
            f"in/{part}/{number:05}.txt": "\n".join(self.texts(part)[number : number + 100])
            for part in range(self.tasks - 2)
            for number in range(0, len(self.texts(part)), 100)
        }

    def check(self, service: Service, results: dict[str, Any]) -> None:
        """One job, and in its output each text once, with its label."""
        s3, name = service.client("s3"), results["start"]["job_name"]
        answer = service.client("sagemaker").list_labeling_jobs(NameContains=f"{self.dag_id}-start")
        (job,) = answer["LabelingJobSummaryList"]
        assert (job["LabelingJobName"], job["LabelingJobStatus"]) == (name, "Stopped"), job
        key = f"out/{name}/manifests/output/output.manifest"
        lines = [json.loads(line) for line in s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().splitlines()]
        times = Counter(line["source"] for line in lines)
        assert times == Counter(f"text {number}" for number in range(self.objects)), "each object arrives once"
        for line in lines:
            assert line["label-metadata"]["class-name"] == ANIMALS[int(line["source"].split()[1]) % 2], line


class Torture:
    """An Airflow and a service that are killed again and again.

    :param folder: for everything that they store.
    :param kills: how often something is killed.
    :param loads: what is to be done meanwhile.
    """

    def __init__(self, folder: Path, *, seed: int, kills: int, loads: Sequence[Load]) -> None:
        self.folder, self.kills, self.loads = folder, kills, loads
        self.random = random.Random(seed)
        self.killed: Counter[str] = Counter()

    def run(self) -> None:
        """Do it all.

        :raises StackError: if a task does not succeed in time.
        :raises AssertionError: if something was labeled twice or not at all.
        """
        workforce, truth, dags = self.folder / "workforce.json", self.folder / "truth.jsonl", self.folder / "dags"
        # The work lasts a little longer than the killing.
        lasts = self.kills * (SHORTEST_PAUSE + LONGEST_PAUSE) / 2 * 1.1
        pace = lasts * WORKERS / sum(load.objects for load in self.loads)
        team = {"workers": WORKERS, "accuracy": 1, "seconds_per_task": pace}
        workforce.write_text(json.dumps({"workteams": {"private-simulated": team}}))
        truth.write_text("".join(json.dumps(line) + "\n" for load in self.loads for line in load.truth()))
        dags.mkdir()
        files = ["--workforce", str(workforce), "--truth", str(truth)]
        self.service = Service(self.folder, *files, "--port", str(free_port()))
        cluster = None
        try:
            for load in self.loads:
                load.prepare(self.service, dags)
            cluster = Airflow(self.folder, dags, self.service.connection(), SETTINGS)
            cluster.wait_healthy()
            runs = [(load, cluster.trigger(load.dag_id, 120)) for load in self.loads]
            while self.killed.total() < self.kills:
                time.sleep(self.random.uniform(SHORTEST_PAUSE, LONGEST_PAUSE))
                self.kill_one(cluster)
            for load, run in runs:
                tasks = self.wait_for_the_end(cluster, load, run)
                load.check(self.service, {task: cluster.xcom(load.dag_id, run, task) for task in tasks})
        finally:
            if cluster is not None:
                cluster.stop()
            self.service.stop()

    def kill_one(self, cluster: Airflow) -> None:
        """End a random part at once, if there is one at the moment, and start it again."""
        victim = self.random.choice(VICTIMS)
        if victim == "service":
            self.service.kill()
            self.service.start()
        elif victim == "worker":
            # An idle one may hold the lock of the queue that all of them wait for, and Airflow would never go on.
            started = descendants(cluster.leaders["scheduler"])
            workers = sorted(pid for pid, command in started.items() if "<idle>" not in command)
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

    def instances(self, cluster: Airflow, load: Load, run: str) -> list[dict[str, Any]]:
        """All task instances."""
        path = f"/api/v2/dags/{load.dag_id}/dagRuns/{run.replace('+', '%2B')}/taskInstances?limit=100"
        instances: list[dict[str, Any]] = cluster.get(path)["task_instances"]
        return instances

    def wait_for_the_end(self, cluster: Airflow, load: Load, run: str) -> list[str]:
        """Wait until all tasks have succeeded; their ids.

        :raises StackError: if one has failed, or some have not ended in time; with what they said last.
        """
        try:
            wait_until(lambda: self.has_ended(cluster, load, run), 600, "every task has ended", 2)
        except StackError as error:
            late = [task for task in self.instances(cluster, load, run) if task["state"] not in {"success", "failed"}]
            states = [f"{task['task_id']} is {task['state']}, try {task['try_number']}" for task in late]
            for task in late[:2]:
                states.append(cluster.task_log(load.dag_id, run, task["task_id"], task["try_number"])[-3000:])
            raise StackError("\n".join([str(error), *states])) from error
        return [task["task_id"] for task in self.instances(cluster, load, run)]

    def has_ended(self, cluster: Airflow, load: Load, run: str) -> bool:
        """Whether all tasks have succeeded.

        :raises StackError: if one has failed.
        """
        tasks = self.instances(cluster, load, run)
        for task in tasks:
            if task["state"] == "failed":
                log = cluster.task_log(load.dag_id, run, task["task_id"], task["try_number"])
                server = (cluster.folder / "api-server.log").read_text()
                raise StackError(f"{task['task_id']} has failed:\n{log[-3000:]}\nAPI server:\n{server[-6000:]}")
        return [task["state"] for task in tasks] == ["success"] * load.tasks


def main() -> None:
    """Torture with the arguments of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--push", action="store_true", help="push to a streaming job")
    which.add_argument("--people", action="store_true", help="people label in the portal")
    parser.add_argument("--tasks", type=int, help="how many tasks (20, or 6 with --push)")
    parser.add_argument("--kills", type=int, help="how many kills (100, or 30 with --push or --people)")
    parser.add_argument("--objects", type=int, help="objects to push (5000), or to be labeled by people (200)")
    chosen = parser.parse_args()
    if chosen.people:
        torture_people(chosen.seed, chosen.kills or 30, chosen.objects or 200)
        return
    load: Load = Pushing(chosen.tasks or 6, chosen.objects or 5000) if chosen.push else Labeling(chosen.tasks or 20)
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="labeling-torture-"))
    torture = Torture(folder, seed=chosen.seed, kills=chosen.kills or (30 if chosen.push else 100), loads=[load])
    try:
        torture.run()
    except (StackError, AssertionError) as error:
        sys.exit(f"seed {chosen.seed}: {error}; the logs are in {folder}")
    shutil.rmtree(folder)
    print(
        f"{load.tasks} tasks, {load.objects} objects, {torture.killed.total()} kills {dict(torture.killed)}, "
        f"{time.monotonic() - began:.0f} s: every object labeled once"
    )


def torture_people(seed: int, kills: int, objects: int) -> None:
    """Let people label while the service and their browsers are killed."""
    from dev.torture_people import PEOPLE, Crowd

    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="labeling-torture-") as folder:
        crowd = Crowd(Path(folder), seed=seed, kills=kills, objects=objects, chromium=True)
        try:
            crowd.run()
        except (StackError, AssertionError) as error:
            sys.exit(f"seed {seed}: {error}")
    print(
        f"{PEOPLE} people, {crowd.answers} answers, {crowd.killed.total()} kills {dict(crowd.killed)}, "
        f"{time.monotonic() - began:.0f} s: every accepted answer counts once"
    )


if __name__ == "__main__":
    main()
