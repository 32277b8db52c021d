"""``make bench-work``: people label in the portal, as fast as they can.

100 people, each with an HTTP session of its own that does all that a browser does for a task, label a text
classification job with three answers each, on SQLite: first at 50 answers a second in all, then 10,000 objects at full
speed. A real browser then shows how long it takes from a submission to the next task. The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from dev.portal import OVER
from dev.processes import cpu_seconds, peak_mb
from dev.replicas import Balanced
from dev.stack import Service, wait_until
from labeling_provider.request import LabelingJobSpec, PrivateWorkteam

PEOPLE, OBJECTS, ANSWERS_EACH = 100, 10_000, 3
PACED_ANSWERS, PACED_PER_SECOND = 1_500, 50
TASKS_IN_BROWSER = 30
LABELS = ["bill", "letter", "advertisement", "report", "other"]


class Person:
    """Somebody's browser, as far as the service sees it: one connection, a cookie, a token.

    :param host: where the service is, with its port.
    """

    def __init__(self, host: str, name: str, times: dict[str, list[float]]) -> None:
        self.host, self.name, self.times = host, name, times
        self.cookie = self.token = ""
        self.frames: set[str] = set()

    async def connect(self) -> None:
        """Connect and sign in."""
        await self.open()
        form = urlencode({"name": self.name}).encode()
        _, headers, _ = await self.ask("POST", "/portal/sign-in", form, "application/x-www-form-urlencoded")
        self.cookie = re.search(rb"(?i)set-cookie: (labeling_session=[^;\r]+)", headers)[1].decode()  # type: ignore[index]
        _, _, page = await self.ask("GET", "/portal/")
        self.token = re.search(rb'name="token" value="([0-9a-f]+)"', page)[1].decode()  # type: ignore[index]

    async def open(self) -> None:
        """Open a connection."""
        name, port = self.host.rsplit(":", 1)
        self.reader, self.writer = await asyncio.open_connection(name, int(port))

    async def ask(
        self, method: str, path: str, body: bytes = b"", content_type: str = "application/json"
    ) -> tuple[int, bytes, bytes]:
        """Status, head and body of an answer."""
        lines = [f"{method} {path} HTTP/1.1", f"host: {self.host}", "sec-fetch-site: same-origin"]
        if self.cookie:
            lines.append(f"cookie: {self.cookie}")
        if method == "POST":
            lines += [f"origin: http://{self.host}", f"content-type: {content_type}", f"content-length: {len(body)}"]
            lines += [f"x-labeling-portal: {self.token}"]
        if self.reader.at_eof():
            # The service closes connections that are idle, such as while all others sign in.
            self.writer.close()
            await self.open()
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        content = await self.reader.readexactly(int(length[1])) if length else b""
        return int(head[9:12]), head, content

    async def move(self, path: str, body: Any) -> Any:
        """Ask the protocol; its answer."""
        status, _, content = await self.ask("POST", f"/portal/api{path}", json.dumps(body).encode())
        if status != 200:
            raise RuntimeError(f"{path}: {status} {content[:500]!r}")
        return json.loads(content)

    async def load(self, handed: Any) -> None:
        """Load the pages of what was handed out, each once."""
        for which in ("task", "ahead"):
            if handed.get(which) and handed[which]["frame"] not in self.frames:
                self.frames.add(handed[which]["frame"])
                began = time.perf_counter()
                status, _, page = await self.ask("GET", handed[which]["frame"])
                self.times["next"].append(time.perf_counter() - began)
                if status != 200 or b"crowd-classifier" not in page:
                    raise RuntimeError(f"{handed[which]['frame']}: {status} {page[:500]!r}")

    async def work(self, job: int, go_on: Callable[[], Awaitable[bool]]) -> None:
        """Label until there is nothing left, or it is enough."""
        handed = await self.move(f"/jobs/{job}/next", {"wait": 20})
        while handed.get("waiting") not in OVER:
            await self.load(handed)
            if not handed["task"]:
                handed = await self.move(f"/jobs/{job}/next", {"wait": 20})
                continue
            if not await go_on():
                return
            answer = {"crowd-classifier": {"label": LABELS[handed["task"]["id"] % len(LABELS)]}}
            body = {"answer": answer, "active": 1.0, "job": job}
            began = time.perf_counter()
            handed = await self.move(f"/tasks/{handed['task']['id']}/submit", body)
            self.times["submit"].append(time.perf_counter() - began)


async def label(host: str, job: int, people: int, per_second: float | None, answers: int | None) -> dict[str, Any]:
    """Let people label.

    :param per_second: all answers together; None for as many as there can be.
    :param answers: how many; None for all.
    """
    times: dict[str, list[float]] = {"next": [], "submit": []}
    crowd = [Person(host, f"person {number}", times) for number in range(people)]
    for person in crowd:
        await person.connect()
    given, began = 0, time.perf_counter()

    async def go_on() -> bool:
        nonlocal given
        given += 1
        if answers is not None and given > answers:
            return False
        if per_second:
            await asyncio.sleep(max(began + given / per_second - time.perf_counter(), 0))
        return True

    await asyncio.gather(*(person.work(job, go_on) for person in crowd))
    return {"seconds": time.perf_counter() - began, "times": times}


def create(service: Service | Balanced, name: str, objects: int) -> int:
    """Create a job for people; how the portal calls it."""
    s3, sagemaker = service.client("s3"), service.client("sagemaker")
    lines = "".join(
        json.dumps({"source": f"Document {number}: the quick brown fox jumps over the lazy dog."}) + "\n"
        for number in range(objects)
    )
    s3.put_object(Bucket="bench", Key=f"{name}.manifest", Body=lines.encode())
    draft = LabelingJobSpec(
        task_type="text-classification",
        manifest_uri=f"s3://bench/{name}.manifest",
        output_uri="s3://bench/out",
        labels=LABELS,
        workforce=PrivateWorkteam(service.ready["workteams"]["private-people"]),
        role_arn=service.ready["role_arn"],
        title=name,
        instructions="Choose one.",
        workers_per_object=ANSWERS_EACH,
    ).draft(name, "us-east-1")
    for uri, text in draft.files.items():
        s3.put_object(Bucket="bench", Key=uri.removeprefix("s3://bench/"), Body=text.encode())
    sagemaker.create_labeling_job(**draft.request)
    wait_until(lambda: status(service, name) == "InProgress", 120, "the job begins")

    async def number() -> int:
        person = Person(urlsplit(service.endpoint_url).netloc, "whoever", {})
        await person.connect()
        _, _, page = await person.ask("GET", "/portal/")
        return int(re.search(rf'/portal/jobs/(\d+)"><bdi>{name}<'.encode(), page)[1])  # type: ignore[index]

    return asyncio.run(number())


def status(service: Service | Balanced, name: str) -> str:
    """The status of a job."""
    return str(service.client("sagemaker").describe_labeling_job(LabelingJobName=name)["LabelingJobStatus"])


def check(service: Service | Balanced, name: str, objects: int) -> dict[str, int]:
    """Whether every answer is in the output: how many are lost, there twice, or too many."""
    s3, prefix = service.client("s3"), f"out/{name}/annotations/worker-response/"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="bench", Prefix=prefix)
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    lost = twice = surplus = 0
    for key in keys:
        answers = json.loads(s3.get_object(Bucket="bench", Key=key)["Body"].read())["answers"]
        workers = Counter(answer["workerId"] for answer in answers)
        twice += sum(times - 1 for times in workers.values())
        surplus += max(len(answers) - ANSWERS_EACH, 0)
        lost += max(ANSWERS_EACH - len(answers), 0)
    return {"lost": lost + ANSWERS_EACH * (objects - len(keys)), "twice": twice, "surplus": surplus}


def page_bytes(service: Service) -> int:
    """What a browser loads for the first task, compressed."""

    async def load() -> int:
        person = Person(urlsplit(service.endpoint_url).netloc, "whoever", {})
        await person.connect()
        job = re.search(rb"/portal/jobs/(\d+)", (await person.ask("GET", "/portal/"))[2])
        number = int(job[1])  # type: ignore[index]
        handed = await person.move(f"/jobs/{number}/next", {})
        pages = [(await person.ask("GET", f"/portal/jobs/{number}"))[2]]
        pages.append((await person.ask("GET", handed["task"]["frame"]))[2])
        await person.move(f"/tasks/{handed['task']['id']}/release", {})
        total = sum(len(gzip.compress(page)) for page in pages)
        for address in {address for page in pages for address in re.findall(rb'"(/portal/static/[^"]+)"', page)}:
            total += len(gzip.compress((await person.ask("GET", address.decode()))[2]))
        return total

    return asyncio.run(load())


def paint_ms(service: Service, job: int, tasks: int) -> float:
    """Median milliseconds from a submission to the next task, usable, in a browser."""
    from dev.browser import browser_page

    taken = []
    with browser_page() as page:
        page.goto(f"{service.endpoint_url}/portal/sign-in?onward=/jobs/{job}")
        page.fill("input[name=name]", "Somebody in a browser")
        page.click("button.primary")
        for _ in range(tasks):
            frame = page.wait_for_selector("iframe.shown").content_frame()
            frame.wait_for_function("document.querySelector('crowd-classifier')?.shadowRoot?.querySelector('.option')")
            frame.locator("crowd-classifier .option").first.click()
            before = page.evaluate("document.querySelector('iframe.shown').dataset.task")
            taken.append(page.evaluate(_SUBMIT_AND_SEE, before))
    return statistics.median(taken)


_SUBMIT_AND_SEE = """before => new Promise(done => {
  const began = performance.now();
  const look = () => {
    const shown = document.querySelector("iframe.shown");
    if (shown && shown.dataset.task !== before) requestAnimationFrame(() => done(performance.now() - began));
    else requestAnimationFrame(look);
  };
  document.getElementById("submit").click();
  look();
})"""


def p95_ms(seconds: list[float]) -> float:
    """What 95 % stay below, in milliseconds."""
    return round(1000 * sorted(seconds)[int(0.95 * (len(seconds) - 1))], 1)


def main() -> int:
    """Run it.

    :return: the exit status.
    """
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--smallest", action="store_true", help="as little as runs all of it")
    options.add_argument("--people", type=int, help=f"how many label; {PEOPLE} unless told")
    options.add_argument("--objects", type=int, help=f"how many are labeled at full speed; {OBJECTS:,} unless told")
    given = options.parse_args()
    smallest = given.smallest
    people = given.people or (5 if smallest else PEOPLE)
    objects = given.objects or (40 if smallest else OBJECTS)
    paced = 30 if smallest else PACED_ANSWERS
    with tempfile.TemporaryDirectory(prefix="labeling-bench-") as folder:
        service = Service(Path(folder))
        try:
            service.client("s3").create_bucket(Bucket="bench")
            host, pid = urlsplit(service.endpoint_url).netloc, service.group.process.pid
            waiting = create(service, "paced", max(paced, 200))
            page_kb = page_bytes(service) / 1000
            calm = asyncio.run(label(host, waiting, people, PACED_PER_SECOND, paced))["times"]
            job = create(service, "speed", objects)
            before = cpu_seconds(pid)
            done = asyncio.run(label(host, job, people, None, None))
            wait_until(lambda: status(service, "speed") == "Completed", 300, "the job is complete")
            spent = cpu_seconds(pid) - before
            answers = objects * ANSWERS_EACH
            figures = {
                "people": people,
                "answers": answers,
                "answers_per_s": round(answers / done["seconds"], 1),
                "next_p95_ms": p95_ms(calm["next"]),
                "submit_p95_ms": p95_ms(calm["submit"]),
                "cpu_ms_per_answer": round(1000 * spent / answers, 2),
                "peak_mb": round(peak_mb(pid), 1),
                "page_kb": round(page_kb, 1),
                "paint_ms": round(paint_ms(service, waiting, 3 if smallest else TASKS_IN_BROWSER), 1),
                **check(service, "speed", objects),
            }
        finally:
            service.stop()
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
