"""``make torture``, with ``--people``: five people label one job while the service and their browsers are killed.

A seeded script ends the service with SIGKILL and starts it again, or ends somebody's browser in the middle of a
request; that person comes back with nothing in memory, and goes on from what the service says. One of the people may
sit at a real Chromium, which is killed over half-written answers. In the end the job is complete, and every answer that
the service has accepted is in its output, once, as it was sent.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import signal
import socket
import threading
import time
import traceback
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from dev.browser import browser_page
from dev.portal import OVER, Browser
from dev.stack import Service, descendants, free_port, wait_until
from labeling_provider.request import LabelingJobSpec, PrivateWorkteam

PEOPLE, ANSWERS_EACH = 5, 3
LABELS = ["cat", "dog", "bird"]
JOB, BUCKET = "torture-people", "torture-people"
_WAIT_SECONDS = 20
_PATIENCE_SECONDS = 120.0
_LOOK_SECONDS = 0.5
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_LOADING_SECONDS = 15.0
_HAS_TASK_OR_END = (
    "() => document.querySelector('iframe.shown') || document.body.innerText.includes('This job is finished')"
)
_WAYS = ("half sent", "sent", "half answered", "whenever")
TEMPLATE = """<script src="https://assets.crowd.aws/crowd-html-elements.js"></script>
<crowd-form>
  <crowd-classifier name="crowd-classifier" categories="{{ task.input.labels | to_json | escape }}" header="Which?">
    <classification-target>{{ task.input.taskObject }}</classification-target>
    <full-instructions header="How">Choose one.</full-instructions>
    <short-instructions>Choose one.</short-instructions>
  </crowd-classifier>
  <crowd-text-area name="note" label="Note"></crowd-text-area>
</crowd-form>
"""


class Front(Protocol):
    """What people and requesters see of a service."""

    @property
    def endpoint_url(self) -> str:
        """Where it listens."""

    @property
    def ready(self) -> dict[str, Any]:
        """What it has said when it was ready."""

    def client(self, name: str, **arguments: Any) -> Any:
        """A boto3 client of it."""


class _BrowserKilled(Exception):
    """A browser has ended, and all that it had in memory is gone."""


class Person(ABC, threading.Thread):
    """Somebody who labels until the job is over.

    :param seed: decides what the person answers.
    :param told: called after each answer of which the person has heard that it is accepted.
    :ivar accepted: by task, the answers of which one has been accepted, by the notes in them. It is one answer, unless
        the browser was killed before it could hear which.
    :ivar trouble: what was not as it should be, with its traceback; empty if nothing.
    """

    def __init__(self, name: str, service: Service | Front, job: int, seed: str, tell: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self.service, self.job, self.tell = service, job, tell
        self.random = random.Random(seed)
        self.accepted: dict[int, set[str]] = {}
        self.lives = 0
        self.trouble = ""

    def run(self) -> None:
        """Label, with one browser after the other."""
        try:
            while True:
                self.lives += 1
                with suppress(_BrowserKilled):
                    self.live()
                    return
        except Exception:  # noqa: BLE001 - told in the end, whatever it is
            self.trouble = f"{self.name}: {traceback.format_exc()}"

    @abstractmethod
    def live(self) -> None:
        """Label with a new browser until the job is over.

        :raises _BrowserKilled: if the browser has ended.
        """

    @abstractmethod
    def kill_browser(self, chance: random.Random) -> str:
        """End the person's browser now or with its next request; how."""

    def accept(self, task: int, notes: set[str]) -> None:
        """One of the answers to a task has been accepted."""
        assert notes, f"{self.name} does not have task {task} any more, and has not answered it"
        assert task not in self.accepted, f"{self.name} got task {task} again after answering it"
        self.accepted[task] = notes
        self.tell()


class AtProtocol(Person):
    """A person whose browser is played: it asks what the task page asks, again and again until there is an answer."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.ending: str | None = None
        self.held: int | None = None
        self.sent: dict[int, set[str]] = defaultdict(set)
        self.drafts: dict[int, list[Any]] = defaultdict(lambda: [None])
        self.cut_off: dict[int, list[Any]] = defaultdict(list)

    def kill_browser(self, chance: random.Random) -> str:
        """The next request of the browser is its last; or the connection is gone whatever it does."""
        way = self.ending = chance.choice(_WAYS)
        if way == "whenever":
            with suppress(OSError, AttributeError):
                self.browser.connection.sock.shutdown(socket.SHUT_RDWR)
        return f"{self.name}'s browser, {way}"

    def live(self) -> None:
        """Sign in, and do one task after the other."""
        self.browser = Browser(self.service.endpoint_url)
        self.again(lambda: self.browser.ask("GET", "/portal/sign-in"), _is_answered)
        self.again(self.sign_in)
        handed = self.next()
        while handed.get("waiting") not in OVER:
            handed = self.work(handed["task"]) if handed["task"] else self.next()

    def sign_in(self) -> bool:
        """Sign in; False if the service can't at the moment."""
        try:
            self.browser.sign_in(self.name)
        except AssertionError:
            if self.browser.ask("GET", "/portal/sign-in")[0] < 500:
                raise
            return False
        return True

    def next(self) -> Any:
        """What there is to do."""
        status, handed = self.ask(f"/jobs/{self.job}/next", {"wait": _WAIT_SECONDS})
        assert status == 200, handed
        task = handed["task"]
        if self.held is not None and (task is None or task["id"] != self.held):
            # The answer has come in, and the browser was killed before it heard of it.
            self.accept(self.held, set(self.sent[self.held]))
        self.hold(task)
        return handed

    def hold(self, task: Any) -> None:
        """See that what is handed out is as it should be."""
        self.held = task and task["id"]
        if task:
            known = self.drafts[task["id"]] + self.cut_off[task["id"]]
            assert task["draft"] in known, f"{self.name} finds {task['draft']} in task {task['id']}, and left {known}"

    def work(self, task: Any) -> Any:
        """Do a task; what comes next."""
        number = task["id"]
        status, _, page = self.again(lambda: self.browser.ask("GET", task["frame"]), _is_answered)
        assert status == 200, page
        note = f"{self.name}, task {number}, life {self.lives}"
        answer = {"crowd-classifier": {"label": self.random.choice(LABELS)}, "note": note}
        for part in range(self.random.randrange(3)):
            draft = {**answer, "note": note[: 5 * (part + 1)]}
            self.cut_off[number].append(draft)
            status, answer_of_service = self.ask(f"/tasks/{number}/save", {"draft": draft, "active": part})
            if status != 200:
                return self.done_before(number, answer_of_service)
            self.drafts[number] = [self.cut_off[number].pop()]
        self.sent[number].add(note)
        status, answer_of_service = self.ask(
            f"/tasks/{number}/submit", {"answer": answer, "active": 2.0, "job": self.job}
        )
        if status != 200:
            self.sent[number].remove(note)
            return self.done_before(number, answer_of_service)
        self.accept(number, {note})
        self.hold(answer_of_service["task"])
        return answer_of_service

    def done_before(self, task: int, answer: Any) -> Any:
        """A request that the last browser sent before its end has come in after all; what comes next."""
        assert answer.get("refused") == "done", f"{self.name} is told {answer} about task {task}"
        self.accept(task, set(self.sent[task]))
        self.held = None
        return self.next()

    def ask(self, path: str, body: Any) -> tuple[int, Any]:
        """Ask the protocol until there is an answer."""
        way = self.ending
        if way not in {None, "whenever"}:
            self.ending = None
            with suppress(OSError, http.client.HTTPException):
                self.cut(path, json.dumps(body).encode(), way)
            self.browser.connection.close()
            raise _BrowserKilled
        return self.again(lambda: self.browser.try_move(path, body), _is_answered)

    def cut(self, path: str, body: bytes, way: str | None) -> None:
        """Send a request, and end before there is an answer."""
        connection, path = self.browser.connection, f"/portal/api{path}"
        headers = self.browser.headers("POST", **self.browser.protocol)
        if way == "half sent":
            connection.putrequest("POST", path)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                connection.putheader(name, value)
            connection.endheaders(body[: len(body) // 2])
        else:
            connection.request("POST", path, body, headers)
            if way == "half answered":
                connection.sock.settimeout(1)
                connection.sock.recv(20)

    def again(self, ask: Callable[[], Any], is_answer: Callable[[Any], bool] = bool) -> Any:
        """Ask until the service answers, with pauses as the task page makes them, but shorter."""
        pause, deadline = _FIRST_PAUSE, time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                answer = ask()
                if is_answer(answer):
                    return answer
                trouble = str(answer)
            except (OSError, http.client.HTTPException) as error:
                self.browser.connection.close()
                trouble = repr(error)
            if self.ending == "whenever":
                self.ending = None
                raise _BrowserKilled
            assert time.monotonic() < deadline, f"{self.name} gets no answer: {trouble}"
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def _is_answered(answer: tuple[int, Any] | tuple[int, Any, Any]) -> bool:
    """Whether the service has answered, and not said that it can't at the moment."""
    return answer[0] < 500


class AtChromium(Person):
    """A person at a real browser, which is killed when it has saved an answer that is half written.

    :param profile: the browser's folder, which outlives it.
    """

    def __init__(self, profile: Path, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.profile = profile
        self.to_kill = self.killed = 0
        self.left: tuple[str, str] | None = None

    def kill_browser(self, chance: random.Random) -> str:
        """End it over the next answer."""
        self.to_kill += 1
        return f"{self.name}'s Chromium, over a half-written answer"

    def live(self) -> None:
        """Open the task page, and do one task after the other."""
        from playwright.sync_api import Error

        try:
            with browser_page(profile=self.profile) as page:
                self.open(page)
                try:
                    while self.work(page):
                        pass
                except Error as error:
                    if self.killed < self.lives:
                        error.add_note(f"The page says: {page.inner_text('body')[:500]}")
                    raise
        except Error:
            if self.killed == self.lives:
                raise _BrowserKilled from None
            raise

    def open(self, page: Any) -> None:
        """Open the task page; again, as anybody would, if it does not come because the service is down."""
        from playwright.sync_api import Error

        deadline = time.monotonic() + _PATIENCE_SECONDS
        page.set_default_timeout(1000 * _LOADING_SECONDS)
        while True:
            try:
                page.goto(f"{self.service.endpoint_url}/portal/sign-in?onward=/jobs/{self.job}")
                page.fill("input[name=name]", self.name)
                page.click("button.primary")
                page.wait_for_function(_HAS_TASK_OR_END)
                break
            except Error:
                if time.monotonic() > deadline:
                    raise
        page.set_default_timeout(1000 * _PATIENCE_SECONDS)

    def work(self, page: Any) -> bool:
        """Do a task; whether there was one."""
        page.wait_for_function(_HAS_TASK_OR_END)
        if not page.query_selector("iframe.shown"):
            return False
        # Only then has the page what was kept of the task.
        page.wait_for_selector("iframe.shown[aria-busy=false]")
        task = page.get_attribute("iframe.shown", "data-task")
        frame = page.frame_locator("iframe.shown")
        field, options = frame.locator("crowd-text-area textarea"), frame.locator("crowd-classifier .option")
        if self.left:
            self.find_again(task, field, frame)
        note = f"{self.name}, task {task}, life {self.lives}"
        options.nth(self.random.randrange(len(LABELS))).click()
        field.fill("")
        if self.to_kill > self.killed:
            with page.expect_response(lambda reply: reply.ok and note in (reply.request.post_data or "")):
                field.press_sequentially(note)
            self.left = task, note
            self.killed = self.lives
            kill_chromium(self.profile)
        field.press_sequentially(note)
        page.click("#submit")
        page.wait_for_function("before => document.querySelector('iframe.shown')?.dataset.task !== before", arg=task)
        self.accept(int(task), {note})
        return True

    def find_again(self, task: str, field: Any, frame: Any) -> None:
        """See that the half-written answer is still there."""
        assert self.left is not None
        left, note = self.left
        assert task == left, f"{self.name} was at task {left}, and finds {task}"
        assert field.input_value() == note, f"{self.name} had written {note!r}, and finds {field.input_value()!r}"
        assert frame.locator("crowd-classifier .option input:checked").count() == 1
        self.left = None


def kill_chromium(profile: Path) -> None:
    """End the Chromium that works in a profile at once, with all its processes, as a crash of the machine would."""
    started = descendants(os.getpid())
    roots = [pid for pid, args in started.items() if f"--user-data-dir={profile}" in args and "--type=" not in args]
    assert roots, f"no Chromium works in {profile}"
    for pid in {other for root in roots for other in (root, *descendants(root))}:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class Crowd:
    """Five people, and somebody who kills.

    :param folder: for all that is stored.
    :param kills: how often something is killed; a tenth of them are kills of a real Chromium, if there is one.
    :param objects: how many are labeled, three times each.
    :param chromium: whether one of the people sits at a real one.
    """

    service: Service | Front

    def __init__(self, folder: Path, *, seed: int, kills: int, objects: int, chromium: bool) -> None:
        self.folder, self.seed, self.kills, self.objects, self.chromium = folder, seed, kills, objects, chromium
        self.random = random.Random(seed)
        self.heard = threading.Condition()
        self.answers = 0
        self.killed: Counter[str] = Counter()

    def run(self) -> None:
        """Do it all.

        :raises AssertionError: if an answer was lost, doubled or changed, or somebody got stuck.
        """
        self.service = service = Service(self.folder, "--port", str(free_port()))
        try:
            job = self.create()
            self.people: list[Person] = [
                AtProtocol(f"Person {number}", self.service, job, f"{self.seed} {number}", self.hear)
                for number in range(PEOPLE - self.chromium)
            ]
            if self.chromium:
                profile = self.folder / "profile"
                self.people.append(AtChromium(profile, "Somebody", self.service, job, f"{self.seed} x", self.hear))
            for person in self.people:
                person.start()
            for at, victim in self.plan():
                self.wait_for(at)
                self.kill(victim)
            self.wait_for_all()
            self.check()
        finally:
            service.stop()

    def create(self) -> int:
        """Create the job; how the portal calls it."""
        s3, sagemaker = self.service.client("s3"), self.service.client("sagemaker")
        s3.create_bucket(Bucket=BUCKET)
        lines = "".join(json.dumps({"source": f"text {number}"}) + "\n" for number in range(self.objects))
        s3.put_object(Bucket=BUCKET, Key="in.manifest", Body=lines.encode())
        s3.put_object(Bucket=BUCKET, Key="page.liquid", Body=TEMPLATE.encode())
        draft = LabelingJobSpec(
            task_type="text-classification",
            manifest_uri=f"s3://{BUCKET}/in.manifest",
            output_uri=f"s3://{BUCKET}/out",
            labels=LABELS,
            workforce=PrivateWorkteam(self.service.ready["workteams"]["private-people"]),
            role_arn=self.service.ready["role_arn"],
            title="Which?",
            instructions="Choose one.",
            ui_template_uri=f"s3://{BUCKET}/page.liquid",
            workers_per_object=ANSWERS_EACH,
        ).draft(JOB, "us-east-1")
        for uri, text in draft.files.items():
            s3.put_object(Bucket=BUCKET, Key=uri.removeprefix(f"s3://{BUCKET}/"), Body=text.encode())
        sagemaker.create_labeling_job(**draft.request)
        wait_until(lambda: self.describe()["LabelingJobStatus"] == "InProgress", 60, "the job begins")
        page = Browser(self.service.endpoint_url).sign_in("Whoever").page("/")
        link = re.search(r'href="/portal/jobs/(\d+)"', page)
        assert link, page
        return int(link[1])

    def describe(self) -> Any:
        """The job's description."""
        return self.service.client("sagemaker").describe_labeling_job(LabelingJobName=JOB)

    def plan(self) -> list[tuple[int, str]]:
        """After how many answers who is killed: about as often the service as a browser."""
        # The last ones come when nothing can be killed any more that matters.
        moments = sorted(self.random.sample(range(int(0.95 * self.objects * ANSWERS_EACH)), self.kills))
        at_chromium = self.kills // 10 if self.chromium else 0
        others = self.kills - at_chromium
        victims = ["service"] * (others // 2) + ["browser"] * (others - others // 2)
        self.random.shuffle(victims)
        for number in range(at_chromium):
            # Early enough that there is something left to do after it.
            victims.insert(int((number + 0.5) * others / (at_chromium + 1)), "chromium")
        return list(zip(moments, victims, strict=True))

    def hear(self) -> None:
        """An answer was accepted."""
        with self.heard:
            self.answers += 1
            self.heard.notify_all()

    def wait_for(self, answers: int) -> None:
        """Wait until so many answers have been accepted."""
        with self.heard:
            is_time = self.heard.wait_for(lambda: self.answers >= answers or self.trouble, _PATIENCE_SECONDS)
            assert not self.trouble, self.trouble
            assert is_time, f"after {self.answers} answers nothing moves"

    def wait_for_all(self) -> None:
        """Wait until everybody has come to an end; who has lost patience says why, whoever waits meanwhile."""
        deadline = time.monotonic() + 2 * _PATIENCE_SECONDS
        for person in self.people:
            while person.is_alive() and not self.trouble and time.monotonic() < deadline:
                person.join(_LOOK_SECONDS)
        assert not self.trouble, self.trouble
        waiting = [person.name for person in self.people if person.is_alive()]
        assert not waiting, f"{', '.join(waiting)}: not at an end after {2 * _PATIENCE_SECONDS:.0f} s"

    @property
    def trouble(self) -> str:
        """What has gone wrong so far."""
        return "".join(person.trouble for person in self.people)

    def kill(self, victim: str) -> None:
        """End the service or a browser."""
        time.sleep(self.random.uniform(0, 0.05))  # the instant of the kill is what is varied
        if victim == "service":
            assert isinstance(self.service, Service)
            self.service.kill()
            self.service.start()
            how = "the service"
        else:
            kind = AtChromium if victim == "chromium" else AtProtocol
            person = self.random.choice([somebody for somebody in self.people if isinstance(somebody, kind)])
            how = person.kill_browser(self.random)
        self.killed[victim] += 1
        print(f"kill {self.killed.total()} of {self.kills}, after {self.answers} answers: {how}", flush=True)

    def check(self) -> None:
        """See that all accepted answers are in the output, once, as they were sent, and nothing else is."""
        described = wait_until(self.ended, 60, "the job has ended")
        assert described["LabelingJobStatus"] == "Completed", described
        assert described["LabelCounters"]["TotalLabeled"] == self.objects, described
        manifest = self.read(described["LabelingJobOutput"]["OutputDatasetS3Uri"].removeprefix(f"s3://{BUCKET}/"))
        sources = [json.loads(line)["source"] for line in manifest.splitlines()]
        assert sources == [f"text {number}" for number in range(self.objects)]
        keys = self.keys(f"out/{JOB}/annotations/worker-response/")
        by_object = {key: json.loads(self.read(key))["answers"] for key in keys}
        assert len({key.split("/")[-2] for key in keys}) == len(keys) == self.objects, "each object has one file"
        worker_of: dict[str, set[str]] = defaultdict(set)
        counts: Counter[str] = Counter()
        for key, answers in by_object.items():
            workers = {answer["workerId"] for answer in answers}
            assert len(answers) == len(workers) == ANSWERS_EACH, f"{key}: {answers}"
            for answer in answers:
                note = answer["answerContent"]["note"]
                counts[note] += 1
                worker_of[note.partition(",")[0]].add(answer["workerId"])
        assert all(len(workers) == 1 for workers in worker_of.values()), worker_of
        accepted = [notes for person in self.people for notes in person.accepted.values()]
        wrong = [notes for notes in accepted if sum(counts[note] for note in notes) != 1]
        assert not wrong, f"accepted, and in the output not once: {wrong}"
        assert counts.total() == len(accepted) == self.objects * ANSWERS_EACH, (counts.total(), len(accepted))
        self.check_consolidated(by_object)

    def check_consolidated(self, by_object: dict[str, list[Any]]) -> None:
        """See that what was consolidated is what was answered."""
        answered = {key.split("/")[-2]: {a["answerContent"]["note"] for a in by_object[key]} for key in by_object}
        seen = Counter()
        for key in self.keys(f"out/{JOB}/annotations/consolidated-annotation/consolidation-request/"):
            for consolidated in json.loads(self.read(key)):
                notes = [json.loads(a["annotationData"]["content"])["note"] for a in consolidated["annotations"]]
                assert len(notes) == ANSWERS_EACH
                assert set(notes) == answered[consolidated["datasetObjectId"]], consolidated
                seen[consolidated["datasetObjectId"]] += 1
        assert set(seen.values()) == {1}, seen
        assert len(seen) == self.objects

    def ended(self) -> Any:
        """The job's description, when it has ended."""
        described = self.describe()
        return described if described["LabelingJobStatus"] in {"Completed", "Failed", "Stopped"} else None

    def keys(self, prefix: str) -> list[str]:
        """The stored objects under a prefix."""
        pages = self.service.client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", []) if entry["Key"].endswith(".json")]

    def read(self, key: str) -> bytes:
        """The content of a stored object."""
        body: bytes = self.service.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body
