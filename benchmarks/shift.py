"""``make bench-shift``: eight hours at one sequence of video frames, shortened by clocks that are moved.

A person tracks a thing through 2,000 frames at the portal of a real service, in a browser; after each hour an eighth of
the frames has been gone through and changed. Links to pictures that were made more than two hours ago are refused, as
S3 refuses those that temporary credentials have signed. The draft must be kept every hour, and the answer become a
label at the end, without anybody signing in again. What is measured: the memory of the task's page after the first and
the last hour, how many links were renewed, and how long sending the answer takes. The last line is JSON. ``--smallest``
only shows that it works.
"""

from __future__ import annotations

import io
import json
import re
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from PIL import Image

from benchmarks.drawing import run
from benchmarks.sequences import heap
from dev.browser import browser_page
from dev.moved_clock import MovedClock
from dev.stack import Service, StackError, wait_until
from labeling_provider.manifest.sequences import sequence_document
from labeling_provider.request import LabelingJobSpec, PrivateWorkteam

HOURS: Final = 8
STEP: Final = 3_540
"""What passes before each part, in seconds: the work ends just before its time does."""
HELD: Final = 7_200
_PICTURES = 20
_BUCKET = "shift"
_SIGNED = re.compile(r"X-Amz-Date=(\d{8}T\d{6}Z)")
_ELEMENT = "crowd-video-frames"
_GO = """async (element, [from, to]) => {
  const picture = element.shadowRoot.querySelector("img.subject");
  for (let place = from; place < to; place++) {
    await element.go(place);
    await picture.decode();
    if (!picture.src.includes(`/${String(place).padStart(5, "0")}.jpg?`)) throw new Error(picture.src);
  }
}"""


class Size(NamedTuple):
    """How much there is to do."""

    frames: int = 2_000
    pixels: tuple[int, int] = (1280, 720)


SMALLEST = Size(160, (160, 90))
"""More frames than are loaded ahead."""


def job_of(service: Service, size: Size) -> str:
    """Make the frames, and a job for people over their sequence; its name."""
    s3, pictures = service.client("s3"), []
    s3.create_bucket(Bucket=_BUCKET)
    for number in range(_PICTURES):
        body = io.BytesIO()
        Image.effect_noise(size.pixels, 60 + number).convert("RGB").save(body, "JPEG", quality=20)
        pictures.append(body.getvalue())
    names = [f"{number:05}.jpg" for number in range(size.frames)]
    for number, name in enumerate(names):
        s3.put_object(Bucket=_BUCKET, Key=f"yard/{name}", Body=pictures[number % _PICTURES])
    document = sequence_document(1, f"s3://{_BUCKET}/yard/", names)
    s3.put_object(Bucket=_BUCKET, Key="yard/seq.json", Body=json.dumps(document).encode())
    line = json.dumps({"source-ref": f"s3://{_BUCKET}/yard/seq.json"})
    s3.put_object(Bucket=_BUCKET, Key="in.manifest", Body=line.encode())
    draft = LabelingJobSpec(
        task_type="video-object-tracking",
        manifest_uri=f"s3://{_BUCKET}/in.manifest",
        output_uri=f"s3://{_BUCKET}/out",
        labels=["van"],
        label_attribute_name="track-ref",
        workforce=PrivateWorkteam(service.ready["workteams"]["private-people"]),
        role_arn=service.ready["role_arn"],
        title="Follow the van",
        instructions="Every van.",
        workers_per_object=1,
        time_limit=HOURS * 3600,
    ).draft("shift", "us-east-1")
    for uri, text in draft.files.items():
        s3.put_object(Bucket=_BUCKET, Key=uri.removeprefix(f"s3://{_BUCKET}/"), Body=text.encode())
    service.client("sagemaker").create_labeling_job(**draft.request)
    return "shift"


class Shift:
    """A person at the task.

    :param page: of the browser.
    :ivar renewed: how many links were refused.
    """

    def __init__(self, page: Any, service: Service, clock: MovedClock, size: Size) -> None:
        self._page, self._service, self._clock, self._size = page, service, clock, size
        self.renewed = 0
        page.clock.install()
        page.route("**/*.jpg?*", self._answer)

    def _answer(self, route: Any) -> None:
        signature = _SIGNED.search(route.request.url)
        signed = datetime.strptime(signature[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp() if signature else 0
        if self._clock.now() - signed > HELD:
            self.renewed += 1
            route.fulfill(status=403, body="")
        else:
            route.continue_()

    def begin(self, job: str) -> None:
        """Sign in, and draw the thing in all frames."""
        page = self._page
        page.goto(f"{self._service.endpoint_url}/portal/labeling-jobs/{job}")
        page.get_by_label("Name").fill("Patient")
        page.get_by_role("button", name="Start").click()
        page.wait_for_selector("iframe.shown[aria-busy=false]")
        frame = page.frame_locator("iframe.shown")
        self._element = frame.locator(_ELEMENT)
        frame.locator("img.subject[style*=transform]").wait_for()
        around = frame.locator(f"{_ELEMENT} .stage").bounding_box()
        x, y = around["x"] + around["width"] / 2, around["y"] + around["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 60, y + 50, steps=3)
        page.mouse.up()
        page.keyboard.press("Shift+C")
        self.saved(self._size.frames)

    def saved(self, frames: int) -> None:
        """Wait until the work is saved, and see that it has boxes in so many frames."""
        self._page.clock.run_for(3_000)
        self._page.locator("#state").get_by_text("Saved").wait_for()
        boxed = self._element.evaluate("(element) => element.value.frames.length")
        if boxed != frames:
            raise StackError(f"{boxed} frames have boxes, not {frames}")

    def hour(self, number: int) -> None:
        """Let it pass, and go through an eighth of the frames, the last of which is changed."""
        self._clock.move(STEP)
        self._page.clock.fast_forward(STEP * 1000)
        first, end = (part * self._size.frames // HOURS for part in (number, number + 1))
        self._element.evaluate(_GO, [first, end])
        self._element.evaluate("(element) => { element.hand.select(0); element.hand.nudge(1, 0); }")
        self.saved(self._size.frames)

    def memory(self) -> float:
        """Bytes in use in the task's page, which may have a process of its own."""
        from playwright.sync_api import Error

        (frame,) = (frame_of_task for frame_of_task in self._page.frames if frame_of_task.parent_frame)
        try:
            session = self._page.context.new_cdp_session(frame)
        except Error:
            session = self._page.context.new_cdp_session(self._page)
        session.send("Performance.enable")
        bytes_now = heap(session)
        session.detach()
        return bytes_now

    def submit(self) -> float:
        """Send the answer; how many seconds until the page has gone on."""
        task, began = self._page.locator("iframe.shown").get_attribute("data-task"), time.perf_counter()
        self._element.locator(".stage").focus()
        self._page.keyboard.press("Control+Enter")
        self._page.wait_for_selector(f"iframe.shown[data-task='{task}']", state="detached")
        return time.perf_counter() - began


def measure(size: Size) -> dict[str, float]:
    """All figures, by name."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="labeling-bench-") as name:
        clock = MovedClock(Path(name) / "clock")
        service = Service(Path(name) / "service", env=clock.env)
        try:
            job = job_of(service, size)
            with browser_page() as page:
                shift, memory = Shift(page, service, clock, size), []
                shift.begin(job)
                for number in range(HOURS):
                    shift.hour(number)
                    memory.append(shift.memory())
                figures["submit_seconds"] = round(shift.submit(), 2)
            figures["hours"] = round(HOURS * STEP / 3600, 2)
            figures["links_renewed"] = shift.renewed
            figures["memory_mb_after_first_hour"] = round(memory[0] / 1e6, 1)
            figures["memory_mb_after_last_hour"] = round(memory[-1] / 1e6, 1)
            figures["labeled_frames"] = labeled_frames(service, job)
        finally:
            service.stop()
    if figures["labeled_frames"] != size.frames or not shift.renewed:
        raise StackError(f"something was lost: {figures}")
    return figures


def labeled_frames(service: Service, job: str) -> int:
    """In how many frames the label of the job has boxes."""
    from botocore import UNSIGNED
    from botocore.config import Config

    # A signature would be of this process's time.
    unsigned = Config(signature_version=UNSIGNED)
    sagemaker, s3 = (service.client(name, config=unsigned) for name in ("sagemaker", "s3"))

    def ended() -> dict[str, Any] | None:
        description: dict[str, Any] = sagemaker.describe_labeling_job(LabelingJobName=job)
        return description if description["LabelingJobStatus"] not in {"Initializing", "InProgress"} else None

    def read(uri: str) -> Any:
        key = uri.removeprefix(f"s3://{_BUCKET}/")
        return json.loads(s3.get_object(Bucket=_BUCKET, Key=key)["Body"].read())

    description = wait_until(ended, 60, "the job ends", 0.1)
    line = read(description["LabelingJobOutput"]["OutputDatasetS3Uri"])
    return sum(bool(frame["annotations"]) for frame in read(line["track-ref"])["tracking-annotations"])


if __name__ == "__main__":
    run(measure, SMALLEST, Size(), __doc__)
