"""``make torture-team``: many label with a service whose processes are killed, as are its PostgreSQL and its S3.

Twenty people label in the portal, simulated workers label in forty jobs, and texts are pushed to a streaming job, all
through a balancer; the service reaches PostgreSQL and SeaweedFS, where the objects are, through one each. Meanwhile a
seeded script kills one of three processes of the service or somebody's browser, lets a process stand still for longer
than its leases last, breaks all connections to the service, to PostgreSQL or to SeaweedFS, leaves all of them half open
for a while, or kills PostgreSQL or SeaweedFS, over and over. In the end every object was labeled once, every accepted
answer counts, counters are what the rows say, each object has the tasks of its answers and no others, and every label
was told of, each time with the same id.

With ``--update-from`` all begin with an earlier version's code. In the middle the database is upgraded; from then on
each process that was killed comes back with the code of either version, and in the end all have the new one.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dev.balancer import Balancer
from dev.postgresql import postgresql
from dev.replicas import Balanced
from dev.seaweedfs import KEYS, SeaweedFS
from dev.stack import BIN, ROOT, Service, StackError, free_port, wait_until
from dev.torture_people import ANSWERS_EACH as ANSWERS_OF_PEOPLE
from dev.torture_people import BUCKET, AtProtocol, Crowd
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.request import LabelingJobSpec, PrivateWorkteam
from labeling_provider.service.database.schema import jobs, objects, tasks
from labeling_provider.service.database.states import UNDECIDED, ObjectState, TaskState
from labeling_provider.service.database.upkeep import upgrade
from labeling_provider.service.engine.leases import LEASE_SECONDS

PARTS = ("local", "serve", "work")
"""Three processes: one that does everything, one that answers, one that works."""
WORKERS = 20
ANSWERS_EACH = 2
LABELS = ["cat", "dog", "bird"]
ID_KEY = "dataset-objectid-attribute-name"
STREAM = "torture-stream"
COUNTED = (ObjectState.GIVEN, ObjectState.LABELED, ObjectState.FAILED)
"""Each has a counter in its job."""
MAX_HOLD_SECONDS = 3.0
PAGES = Path("labeling_provider/service/web/static")
"""What is built, and so in no commit."""
_PATIENCE_SECONDS = 180.0


class Unhurried(AtProtocol):
    """A person who thinks before each answer.

    :param pause: for how many seconds, on average.
    """

    def __init__(self, pause: float, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.pause = pause

    def work(self, task: Any) -> Any:
        """Think, then do a task."""
        time.sleep(self.random.uniform(0, 2 * self.pause))
        return super().work(task)


class Team(Crowd):
    """A service of several processes, whom it serves, and somebody who kills.

    :param people: how many label in the portal.
    :param lines: objects of each job of simulated workers.
    :param pushed: texts for the streaming job.
    :param database_kills: how often PostgreSQL is killed, beside the other kills; as often, all connections to it and
        all to the service are broken.
    :param store_kills: how often SeaweedFS is killed, and as often all connections to it are broken.
    :param freezes: how often a process stands still for longer than its leases last.
    :param holds: how often all connections are left half open.
    :param update_from: the commit of the version with which all begin; None if nothing is updated.
    """

    def __init__(
        self,
        folder: Path,
        *,
        seed: int,
        kills: int,
        objects: int,
        people: int,
        jobs: int,
        lines: int,
        pushed: int,
        database_kills: int,
        store_kills: int,
        freezes: int,
        holds: int,
        update_from: str | None = None,
    ) -> None:
        super().__init__(folder, seed=seed, kills=kills, objects=objects, chromium=False)
        self.size, self.lines, self.pushed = people, lines, pushed
        self.database_kills, self.store_kills, self.freezes, self.holds = database_kills, store_kills, freezes, holds
        self.names = [f"torture-{number}" for number in range(jobs)]
        self.pushing = threading.Thread(target=self.push, daemon=True)
        self.push_trouble = ""
        self.old = self.new = dict[str, str]()
        if update_from is not None:
            self.old = {"PYTHONPATH": str(code_of(update_from, folder / "old"))}
            self.new = {"PYTHONPATH": str(ROOT)}
        self.codes = [self.old]

    def run(self) -> None:
        """Do it all.

        :raises AssertionError: if something was lost, doubled or changed, or somebody got stuck.
        """
        with postgresql() as server:
            self.server = server
            self.url = server.create("team")
            if self.old:
                command = [BIN / "labeling", "database", "--database-url", self.url, "upgrade"]
                subprocess.run(command, env={**os.environ, **self.old}, check=True)
            else:
                upgrade(self.url)
            self.objects_store = SeaweedFS(self.folder / "s3")
            self.replicas: list[Service] = []
            self.balancers = {"database": Balancer([server.port]), "objects": Balancer([self.objects_store.port])}
            try:
                self.replicas = [self.replica(part) for part in PARTS]
                ports = [
                    int(replica.endpoint_url.rpartition(":")[2]) for replica in self.replicas if replica.part != "work"
                ]
                self.balancers["service"] = Balancer(ports)
                self.service = Balanced(self.balancers["service"], self.objects_store, self.replicas[0].ready)
                self.torture()
            finally:
                for stopping in (*self.replicas, self.objects_store):
                    stopping.stop()
                for balancer in self.balancers.values():
                    balancer.stop()

    def replica(self, part: str) -> Service:
        """Start a process of the service."""
        workforce = self.folder / "workforce.json"
        pace = self.pace(WORKERS, len(self.names) * self.lines * ANSWERS_EACH + self.pushed)
        team = {"workers": WORKERS, "accuracy": 1, "seconds_per_task": pace}
        workforce.write_text(json.dumps({"workteams": {"private-simulated": team}, "seed": 3}))
        database = sa.make_url(self.url).set(port=self.balancers["database"].port).render_as_string()
        where = ["--database-url", database, "--s3-endpoint", self.balancers["objects"].endpoint_url]
        more = ["--shared"] if part == "local" else []
        options = [*where, *more, "--workforce", str(workforce), "--port", str(free_port())]
        return Service(self.folder / part, *options, env={**KEYS, **self.old}, part=part)

    def pace(self, workers: int, answers: int) -> float:
        """Seconds for an answer with which the work lasts for most of the killing."""
        return max((3.0 * self.kills + 10) * workers / answers, 0.01)

    def torture(self) -> None:
        """Let everybody work, kill, and see what has become of the work."""
        job = self.create()
        pause = self.pace(self.size, self.objects * ANSWERS_OF_PEOPLE)
        self.people = [
            Unhurried(pause, f"Person {number}", self.service, job, f"{self.seed} {number}", self.hear)
            for number in range(self.size)
        ]
        # All begin together, so that none has finished before the first kill.
        self.create_others()
        for person in self.people:
            person.start()
        self.pushing.start()
        self.kill_all()
        self.wait_for_all()
        self.pushing.join(_PATIENCE_SECONDS)
        assert not self.push_trouble, self.push_trouble
        assert not self.pushing.is_alive(), "the texts are not all pushed"
        self.check()
        self.check_others()
        self.check_stream()
        self.check_rows()

    # What is to be done

    def create_others(self) -> None:
        """Create the jobs of simulated workers, and the stream."""
        s3, sagemaker, sns, sqs = (self.service.client(name) for name in ("s3", "sagemaker", "sns", "sqs"))
        new, labels = (sns.create_topic(Name=name)["TopicArn"] for name in ("new", "told"))
        self.topic, self.heard_url = new, sqs.create_queue(QueueName="heard")["QueueUrl"]
        asked = sqs.get_queue_attributes(QueueUrl=self.heard_url, AttributeNames=["QueueArn"])
        sns.subscribe(TopicArn=labels, Protocol="sqs", Endpoint=asked["Attributes"]["QueueArn"])
        for number, name in enumerate(self.names):
            lines = [{"source": f"{number} {line}", "truth": LABELS[line % 3]} for line in range(self.lines)]
            body = "".join(json.dumps(line) + "\n" for line in lines).encode()
            s3.put_object(Bucket=BUCKET, Key=f"{name}.manifest", Body=body)
            self.start(name, manifest_uri=f"s3://{BUCKET}/{name}.manifest", workers_per_object=ANSWERS_EACH)
        self.start(
            STREAM, input_topic_arn=new, output_topic_arn=labels, workers_per_object=1, max_concurrent_objects=100
        )
        wait_until(
            lambda: sagemaker.describe_labeling_job(LabelingJobName=STREAM)["LabelingJobStatus"] == "InProgress",
            60,
            "the stream begins",
        )

    def start(self, name: str, **arguments: Any) -> None:
        """Create a job."""
        s3, sagemaker = self.service.client("s3"), self.service.client("sagemaker")
        draft = LabelingJobSpec(
            task_type="text-classification",
            output_uri=f"s3://{BUCKET}/out",
            labels=LABELS,
            workforce=PrivateWorkteam(self.service.ready["workteams"]["private-simulated"]),
            role_arn=self.service.ready["role_arn"],
            title="Which?",
            instructions="Choose one.",
            **arguments,
        ).draft(name, "us-east-1")
        for uri, text in draft.files.items():
            s3.put_object(Bucket=BUCKET, Key=uri.removeprefix(f"s3://{BUCKET}/"), Body=text.encode())
        sagemaker.create_labeling_job(**draft.request)

    def push(self) -> None:
        """Push texts, each until it is taken."""
        sns = self.service.client("sns")
        try:
            for number in range(self.pushed):
                message = json.dumps({"source": f"pushed {number}", "truth": LABELS[number % 3], ID_KEY: "source"})
                patiently(lambda text=message: sns.publish(TopicArn=self.topic, Message=text))
        except Exception as error:  # noqa: BLE001 - told in the end, whatever it is
            self.push_trouble = f"the texts are not all pushed: {error!r}"

    # Killing

    def kill_all(self) -> None:
        """Kill one thing after the other."""
        victims = ["database", "cut database", "cut service"] * self.database_kills
        victims += ["objects", "cut objects"] * self.store_kills
        victims += self.random.choices(PARTS, k=self.kills) + ["browser"] * (self.kills // 6)
        victims += ["frozen"] * self.freezes + ["held"] * self.holds
        self.random.shuffle(victims)
        for number, victim in enumerate(victims, 1):
            if self.old and number == len(victims) // 3:
                upgrade(self.url)
                self.codes = [self.old, self.new]
            time.sleep(self.random.uniform(0.1, 1.5))  # the instant of the kill is what is varied
            assert not self.trouble, self.trouble
            how = self.kill_one(victim)
            self.killed[victim] += 1
            print(f"kill {number} of {len(victims)}, after {self.answers} answers: {how}", flush=True)
        self.codes = [self.new]
        for replica in self.replicas if self.old else []:
            replica.stop()
            self.start_again(replica)

    def kill_one(self, victim: str) -> str:
        """Kill something, and start it again after a moment; what."""
        if victim == "database":
            self.server.kill()
            time.sleep(self.random.uniform(0, 3))
            self.server.start()
        elif victim == "objects":
            self.objects_store.kill()
            time.sleep(self.random.uniform(0, 3))
            self.objects_store.start()
        elif victim.startswith("cut "):
            self.balancers[victim.removeprefix("cut ")].cut()
        elif victim == "held":
            for balancer in self.balancers.values():
                balancer.hold()
            time.sleep(self.random.uniform(1, MAX_HOLD_SECONDS))
            are_lost = self.random.random() < 0.5
            for balancer in self.balancers.values():
                if are_lost:
                    # What was on its way may have come in, and nobody hears of it.
                    balancer.cut()
                balancer.let_go()
            return "held, then lost" if are_lost else "held"
        elif victim == "frozen":
            # Whoever wakes up after its leases have run out must not write any more.
            group = self.replicas[PARTS.index("work")].group.process.pid
            os.killpg(group, signal.SIGSTOP)
            time.sleep(self.random.uniform(LEASE_SECONDS, LEASE_SECONDS + 3))
            os.killpg(group, signal.SIGCONT)
        elif victim == "browser":
            person = self.random.choice(self.people)
            return person.kill_browser(self.random)
        else:
            replica = self.replicas[PARTS.index(victim)]
            replica.kill()
            time.sleep(self.random.uniform(0, 1))
            return victim + self.start_again(replica)
        return victim

    def start_again(self, replica: Service) -> str:
        """Start a process with the code of a version that runs now; which, if there are two."""
        code = self.random.choice(self.codes)
        replica.env.update(code)
        replica.start()
        return f", now {'old' if code is self.old else 'new'}" if self.old else ""

    # What has become of it

    def check_others(self) -> None:
        """See that simulated workers have labeled every object of every job once."""
        sagemaker = self.service.client("sagemaker")
        for number, name in enumerate(self.names):

            def ended(job: str = name) -> Any:
                described = sagemaker.describe_labeling_job(LabelingJobName=job)
                return described["LabelingJobStatus"] not in {"InProgress", "Initializing"} and described

            described = wait_until(ended, 120, f"{name} ends")
            assert described["LabelingJobStatus"] == "Completed", described
            counters = described["LabelCounters"]
            assert counters["TotalLabeled"] == counters["HumanLabeled"] == self.lines, (name, counters)
            lines = self.read(f"out/{name}/manifests/output/output.manifest").splitlines()
            assert [json.loads(line)["source"] for line in lines] == [f"{number} {copy}" for copy in range(self.lines)]
            responses = self.keys(f"out/{name}/annotations/worker-response/")
            assert len({key.split("/")[-2] for key in responses}) == len(responses) == self.lines, (
                f"{name}: {len(responses)}"
            )
            for key in responses:
                workers = [answer["workerId"] for answer in json.loads(self.read(key))["answers"]]
                assert len(workers) == len(set(workers)) == ANSWERS_EACH, f"{key}: {workers}"

    def check_stream(self) -> None:
        """See that every text that was pushed was labeled once, and told of with one id."""
        sagemaker, sqs = self.service.client("sagemaker"), self.service.client("sqs")

        def counters() -> Any:
            return sagemaker.describe_labeling_job(LabelingJobName=STREAM)["LabelCounters"]

        wait_until(lambda: counters()["TotalLabeled"] >= self.pushed, 120, "all that was pushed is labeled")
        sagemaker.stop_labeling_job(LabelingJobName=STREAM)
        ended = {"Stopped", "Failed", "Completed"}
        described = wait_until(
            lambda: (
                (description := sagemaker.describe_labeling_job(LabelingJobName=STREAM))["LabelingJobStatus"] in ended
                and description
            ),
            60,
            "the stream ends",
        )
        assert described["LabelingJobStatus"] == "Stopped", described
        assert described["LabelCounters"]["TotalLabeled"] == self.pushed, described["LabelCounters"]
        lines = self.read(f"out/{STREAM}/manifests/output/output.manifest").splitlines()
        expected = Counter(f"pushed {number}" for number in range(self.pushed))
        assert Counter(json.loads(line)["source"] for line in lines) == expected, "each text is labeled once"
        message_ids: dict[str, set[str]] = defaultdict(set)

        def all_heard() -> bool:
            got = sqs.receive_message(QueueUrl=self.heard_url, MaxNumberOfMessages=10).get("Messages", [])
            for message in got:
                body = json.loads(message["Body"])
                message_ids[json.loads(body["Message"])["source"]].add(body["MessageId"])
            if got:
                entries = [{"Id": str(at), "ReceiptHandle": message["ReceiptHandle"]} for at, message in enumerate(got)]
                sqs.delete_message_batch(QueueUrl=self.heard_url, Entries=entries)
            return not got and message_ids.keys() == expected.keys()

        wait_until(all_heard, 60, f"every label is told of, not {len(message_ids)} of {self.pushed}", 0.0)
        assert {len(ids) for ids in message_ids.values()} == {1}, "each label is told of with one id"

    def check_rows(self) -> None:
        """See that jobs' counters are what the rows of their objects say, and that answers have one task each."""
        engine = sa.create_engine(self.url)
        with engine.connect() as connection:
            counted = {job.id: job for job in connection.execute(sa.select(jobs))}
            of_objects = connection.execute(sa.select(objects.c.job_id, objects.c.object_id, objects.c.state)).all()
            of_tasks = connection.execute(sa.select(tasks.c.job_id, tasks.c.object_id, tasks.c.state)).all()
        engine.dispose()
        states: dict[int, Counter[str]] = defaultdict(Counter)
        for row in of_objects:
            states[row.job_id][row.state] += 1
        for job in counted.values():
            counters = (job.lines, job.given, job.labeled, job.failed)
            rows = states[job.id]
            by_rows = (rows.total(), *(rows[state] for state in COUNTED))
            assert counters == by_rows, f"{job.name} counts {counters}; its objects are {rows}"
        undecided = [row for row in of_tasks if row.state in UNDECIDED]
        assert not undecided, f"tasks of jobs that have ended: {undecided}"
        needed = {number: JobRequest(json.loads(job.request)).workers_per_object for number, job in counted.items()}
        expected = {row[:2]: needed[row.job_id] for row in of_objects if row.state == ObjectState.LABELED}
        answers = Counter(row[:2] for row in of_tasks if row.state == TaskState.SUBMITTED)
        wrong = {at: answers[at] for at in answers.keys() | expected.keys() if answers[at] != expected.get(at)}
        assert not wrong, f"answers by job and object, and not as many as asked for: {wrong}"


def code_of(commit: str, folder: Path) -> Path:
    """Unpack the package as it was in a commit, with the built pages of now: the folder to import it from."""
    command = ["git", "archive", commit, "labeling_provider"]
    packed = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    shutil.copytree(ROOT / PAGES, folder / PAGES)
    return folder


def patiently(ask: Callable[[], Any]) -> Any:
    """Ask until there is an answer."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return ask()
        except (BotoCoreError, ResponseParserError):
            if time.monotonic() > deadline:
                raise
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500 or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def main() -> None:
    """Torture with the arguments of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=100, help="of the service; a sixth as often of browsers")
    parser.add_argument(
        "--database-kills", type=int, default=5, help="of PostgreSQL; as often connections to it, and people's, are cut"
    )
    parser.add_argument("--store-kills", type=int, default=5, help="of SeaweedFS; as often connections to it are cut")
    parser.add_argument("--holds", type=int, default=5, help="of all connections: they stay open, and nothing passes")
    parser.add_argument("--freezes", type=int, default=5, help="of the process that works, longer than leases last")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--objects", type=int, default=5000, help="for people")
    parser.add_argument("--jobs", type=int, default=40, help="of simulated workers")
    parser.add_argument("--lines", type=int, default=50, help="objects of each of them")
    parser.add_argument("--pushed", type=int, default=5000, help="texts for the stream")
    parser.add_argument("--update-from", metavar="COMMIT", help="begin with the code of this commit, and update it")
    parser.add_argument("--keep", type=Path, help="a folder for logs")
    chosen = vars(parser.parse_args())
    keep, seed, began = chosen.pop("keep"), chosen["seed"], time.monotonic()
    with tempfile.TemporaryDirectory(prefix="labeling-torture-") as temporary:
        folder = keep or Path(temporary)
        team = Team(folder, **chosen)
        try:
            team.run()
        except (StackError, AssertionError) as error:
            sys.exit(f"seed {seed}: {error}; the logs are in {folder}")
    print(
        f"{team.size} people, {team.answers} answers, {len(team.names)} jobs, {team.pushed} texts, "
        f"{team.killed.total()} kills {dict(team.killed)}, {time.monotonic() - began:.0f} s of "
        f"{os.cpu_count()} cores: everything once"
    )


if __name__ == "__main__":
    main()
