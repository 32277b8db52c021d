"""The portal's pages: who is let in, and what a person sees and does in a browser."""

from __future__ import annotations

import io
import json
import re
import subprocess
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dev.browser import browser_page
from dev.portal import Browser
from dev.stack import BIN, ROOT, Service
from dev.torture_people import TEMPLATE, AtChromium
from tests.conftest import Lab, texts
from tests.service.test_room_jobs import picture
from tests.service.web.portal.conftest import PeopleJob

pytestmark = pytest.mark.e2e

Browsers = Callable[[str], Browser]
Jobs = Callable[..., PeopleJob]
KEYS = {"LABELING_LOCAL_ACCESS_KEY_ID": "owner", "LABELING_LOCAL_SECRET_ACCESS_KEY": "the secret of the owner"}


# Without a browser


def test_who_is_not_signed_in_sees_the_sign_in_and_goes_on_from_there(lab: Lab, people_job: Jobs) -> None:
    job = people_job(texts(1), workers_per_object=1)
    browser = Browser(lab.service.endpoint_url)
    for path in ("/", f"/jobs/{job.number}", "/numbers", "/help", f"/labeling-jobs/{job.name}"):
        status, headers, _ = browser.ask("GET", f"/portal{path}")
        assert status == 303
        sign_in = headers["location"].removeprefix("/portal")
        page = browser.page(sign_in)
        assert re.search(rf'name="onward" value="{path}"', page)
    status, headers, _ = browser.send("/sign-in", name="Wim", onward=f"/labeling-jobs/{job.name}")
    assert (status, headers["location"]) == (303, f"/portal/labeling-jobs/{job.name}")
    assert browser.ask("GET", headers["location"])[1]["location"] == f"/portal/jobs/{job.number}"
    assert browser.ask("GET", "/portal/labeling-jobs/none")[0] == 404


@pytest.mark.parametrize("onward", ["//evil.example", "/../x", "https://evil.example/", "/jobs/1/../../x", "\\evil"])
def test_the_sign_in_leads_nowhere_else(lab: Lab, onward: str) -> None:
    _, headers, _ = Browser(lab.service.endpoint_url).send("/sign-in", name="Wim", onward=onward)
    assert headers["location"] == "/portal/"


@pytest.mark.parametrize("name", ["", "   ", "a" * 65, "a\u202eb", "x\0y"])
def test_a_name_that_is_none_is_refused(lab: Lab, name: str) -> None:
    status, _, page = Browser(lab.service.endpoint_url).send("/sign-in", name=name)
    assert status == 403
    assert "A name has 1 to 64 characters" in page


def test_names_are_shown_as_text_and_compared_without_case(lab: Lab) -> None:
    name = '<img src=x onerror="x">'
    page = Browser(lab.service.endpoint_url).sign_in(name).page("/")
    assert "&lt;img src=x onerror=&#34;x&#34;&gt;" in page
    assert name not in page
    Browser(lab.service.endpoint_url).sign_in("Émile")
    Browser(lab.service.endpoint_url).sign_in("  émile ")
    assert Browser(lab.service.endpoint_url).page("/sign-in").casefold().count('<option value="émile">') == 1


def test_the_cookie_is_nobody_else_s(lab: Lab) -> None:
    browser = Browser(lab.service.endpoint_url)
    _, headers, _ = browser.send("/sign-in", name="Xia")
    cookie = headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/portal" in cookie
    browser.page("/")
    assert browser.send("/sign-out", token=browser.token)[0] == 303
    browser.cookie = headers["set-cookie"].partition(";")[0]
    assert browser.ask("GET", "/portal/")[0] == 303


def test_pages_of_other_sites_can_do_nothing_here(lab: Lab) -> None:
    browser = Browser(lab.service.endpoint_url)
    for headers in ({"origin": "http://evil.example"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"}):
        status, _, _ = browser.ask("POST", "/portal/sign-in", b"name=Eve", **headers)
        assert status == 403
    assert browser.ask("GET", "/portal/", host="evil.example")[0] == 403
    _, headers, _ = browser.ask("GET", "/portal/sign-in")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose people need passwords."""
    service = Service(tmp_path_factory.mktemp("guarded"), env=KEYS)
    yield service
    service.stop()


def workers(service: Service, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run ``labeling workers``."""
    command = [str(BIN / "labeling"), "workers", "--endpoint-url", service.endpoint_url, *arguments]
    return subprocess.run(command, env={**service.env, **env}, cwd=ROOT, capture_output=True, text=True, check=False)


def test_elsewhere_people_are_invited_and_choose_a_password(guarded: Service) -> None:
    assert workers(guarded, "add", "Yara", "--team", "private-people").returncode == 0
    link = workers(guarded, "invite", "Yara").stdout.strip()
    assert link.startswith(f"{guarded.endpoint_url}/portal/invitations/")
    path = link.removeprefix(f"{guarded.endpoint_url}/portal")
    browser = Browser(guarded.endpoint_url)
    assert "Yara" in browser.page(path)
    status, _, page = browser.send(path, password="short")
    assert status == 403
    assert "at least 10" in page.lower() or "10 to 200" in page
    assert browser.send(path, password="correct horse battery")[0] == 303
    assert "Yara" in browser.page("/")
    # The link worked once.
    assert browser.ask("GET", f"/portal{path}")[0] == 404
    assert Browser(guarded.endpoint_url).send("/sign-in", name="Yara", password="wrong horse battery")[0] == 403
    assert Browser(guarded.endpoint_url).send("/sign-in", name="Yara")[0] == 403
    assert Browser(guarded.endpoint_url).send("/sign-in", name="Nobody", password="correct horse battery")[0] == 403
    Browser(guarded.endpoint_url).sign_in("yara", "correct horse battery")
    listed = workers(guarded, "list", "--team", "private-people").stdout
    assert re.fullmatch(r"Yara  private\.us-east-1\.[0-9a-f]{16}  private-people\n", listed)
    assert workers(guarded, "remove", "Yara").returncode == 0
    assert browser.ask("GET", "/portal/")[0] == 303


def test_passwords_can_t_be_tried_for_ever(guarded: Service) -> None:
    assert workers(guarded, "add", "Zoe").returncode == 0
    path = workers(guarded, "invite", "Zoe").stdout.strip().removeprefix(f"{guarded.endpoint_url}/portal")
    browser = Browser(guarded.endpoint_url)
    assert browser.send(path, password="correct horse battery")[0] == 303
    told = [browser.send("/sign-in", name="Zoe", password=f"wrong {number}")[2] for number in range(11)]
    assert "too many wrong passwords" in told[-1]
    assert "too many wrong passwords" in browser.send("/sign-in", name="Zoe", password="correct horse battery")[2]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["add", "A", "--team", "none"], "There is no workteam none."),
        (["add", " "], "A name has 1 to 64 characters"),
        (["remove", "Nobody"], "Nobody is called Nobody."),
        (["invite", "Nobody"], "Nobody is called Nobody."),
        (["list", "--team", "none"], "There is no workteam none."),
    ],
)
def test_labeling_workers_says_what_is_wrong(guarded: Service, arguments: list[str], told: str) -> None:
    done = workers(guarded, *arguments)
    assert done.returncode == 1
    assert told in done.stderr


def test_who_does_not_know_the_keys_changes_nothing(guarded: Service) -> None:
    done = workers(guarded, "list", LABELING_LOCAL_SECRET_ACCESS_KEY="guessed")
    assert (done.returncode, "401" in done.stderr) == (1, True)


# In a browser


def signed_in(page: Any, lab: Lab, name: str, job: PeopleJob) -> None:
    """Sign in and open a job."""
    page.goto(f"{lab.service.endpoint_url}/portal/labeling-jobs/{job.name}")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Start").click()
    shown(page)


def shown(page: Any, besides: str = "") -> Any:
    """The frame of the task in hand, when it is ready."""
    page.wait_for_selector(f"iframe.shown:not([data-task='{besides}'])")
    frame = page.frame_locator("iframe.shown")
    frame.locator("crowd-classifier .option").first.wait_for()
    return frame


def task_of(page: Any) -> str:
    return str(page.locator("iframe.shown").get_attribute("data-task"))


def submitted(page: Any) -> None:
    """Wait until another task is there, or none."""
    before = task_of(page)
    page.keyboard.press("Control+Enter")
    page.wait_for_function(
        "before => (document.querySelector('iframe.shown')?.dataset.task ?? '') !== before",
        arg=before,
    )


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_a_job_is_labeled_by_keyboard_alone(lab: Lab, people_job: Jobs, width: int, scheme: str) -> None:
    job = people_job(texts(3), workers_per_object=1)
    with browser_page(width, 800, color_scheme=scheme) as page:
        troubles: list[str] = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: message.type == "error" and troubles.append(message.text))
        signed_in(page, lab, f"Keys {width}", job)
        for path in ("/help", "/numbers", "/", f"/jobs/{job.number}"):
            page.goto(f"{lab.service.endpoint_url}/portal{path}")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} stands outside"
        for _ in range(3):
            shown(page)
            page.keyboard.press("2")
            submitted(page)
        page.get_by_text("This job is finished").wait_for()
        assert not troubles
    assert job.labels() == ["dog"] * 3


def adjust(lab: Lab, job: str, element: str, tasks: Sequence[Sequence[str]]) -> None:
    """Do all tasks of a job in a browser, with some keys each."""
    with browser_page() as page:
        page.goto(f"{lab.service.endpoint_url}/portal/labeling-jobs/{job}")
        page.get_by_label("Name").fill("Adjuster")
        page.get_by_role("button", name="Start").click()
        for keys in tasks:
            page.wait_for_selector("iframe.shown")
            frame = page.frame_locator("iframe.shown")
            frame.locator(f"{element} .objects li").first.wait_for()
            if keys:
                frame.locator(f"{element} .stage").focus()
            for key in keys:
                page.keyboard.press(key)
            submitted(page)
        page.get_by_text("This job is finished").wait_for()


@pytest.mark.browser
def test_a_person_adjusts_boxes_on_our_page(lab: Lab, people_job: Jobs) -> None:
    box = {"class_id": 1, "left": 10, "top": 10, "width": 30, "height": 20}
    boxes = {"image_size": [{"width": 100, "height": 80, "depth": 3}], "annotations": [box]}
    about = {"type": "groundtruth/object-detection", "class-map": {"1": "dog"}}
    line = {"source-ref": picture(lab, "img/adjusted.png", 100, 80), "boxes": boxes, "boxes-metadata": about}
    audit = {"task_type": "adjustment-bounding-box", "audited_attribute": "boxes", "label_attribute_name": "better"}
    job = people_job([line, line], workers_per_object=1, **audit)
    adjust(lab, job.name, "crowd-bounding-box", ((), ("]", "ArrowRight", "Shift+ArrowDown")))
    output = lab.output(lab.wait(job.name))
    found = {one["better-metadata"]["adjustment-status"]: one["better"]["annotations"] for one in output}
    assert found == {"unadjusted": [box], "adjusted": [{**box, "left": 11, "top": 20}]}


@pytest.mark.browser
def test_a_person_adjusts_masks_on_our_page(lab: Lab, people_job: Jobs) -> None:
    truth = np.zeros((40, 60), dtype=np.uint8)
    truth[10:30, 15:45] = 1
    body = io.BytesIO()
    Image.fromarray(truth).save(body, "PNG")
    line = {"source-ref": picture(lab, "img/masked.png"), "truth": lab.put("masks/person.png", body.getvalue())}
    _, labeled = lab.run([line, line], task_type="semantic-segmentation", workers_per_object=1)
    audit = {"task_type": "adjustment-semantic-segmentation", "audited_attribute": "label-ref"}
    job = people_job(labeled, workers_per_object=1, label_attribute_name="better-ref", **audit)
    # What the middle of the picture belongs to becomes a dog.
    adjust(lab, job.name, "crowd-semantic-segmentation", ((), ("f", "2", "Space")))
    found = {}
    for one in lab.output(lab.wait(job.name)):
        pixels = np.asarray(Image.open(io.BytesIO(lab.get(one["better-ref"]))))
        found[one["better-ref-metadata"]["adjustment-status"]] = pixels
    assert np.array_equal(found["unadjusted"], truth)
    assert np.array_equal(found["adjusted"], truth * 2)


def thing(lab: Lab) -> tuple[str, Any]:
    """A picture with one thing, of 61 × 41 pixels at 30, 20: its URI, and where the thing is."""
    shown = Image.new("RGB", (120, 80), "#eeeeee")
    ImageDraw.Draw(shown).ellipse((30, 20, 90, 60), fill="#336622")
    body = io.BytesIO()
    shown.save(body, "PNG")
    return lab.put("img/thing.png", body.getvalue()), np.asarray(shown.convert("L")) < 200


@pytest.mark.browser
def test_a_box_is_fitted_to_its_thing_and_its_sides_snap(lab: Lab, people_job: Jobs) -> None:
    line = {"source-ref": thing(lab)[0]}
    job = people_job([line, line], task_type="bounding-box", labels=["cat", "dog"], workers_per_object=1)
    with browser_page() as page:
        page.goto(f"{lab.service.endpoint_url}/portal/labeling-jobs/{job.name}")
        page.get_by_label("Name").fill("Fitter")
        page.get_by_role("button", name="Start").click()
        page.wait_for_selector("iframe.shown")
        frame = page.frame_locator("iframe.shown")
        drawn(page, "dog", (20, 12), (100, 70))
        page.keyboard.press("]")
        frame.get_by_role("button", name="Fit to thing").click()
        frame.get_by_text("61 × 41").first.wait_for()
        submitted(page)
        frame.locator("img.subject[style*=transform]").wait_for(state="attached")
        frame.get_by_label("Snap to edges").check()
        frame.locator("crowd-bounding-box").evaluate(
            "async (one) => { while (!one.hand.edges) await new Promise(requestAnimationFrame); }"
        )
        # The page shows the picture so large that the reach is one pixel of it.
        drawn(page, "dog", (29, 21), (92, 60))
        submitted(page)
        page.get_by_text("This job is finished").wait_for()
    fitted = {"class_id": 1, "left": 30, "top": 20, "width": 61, "height": 41}
    # A round thing meets the line of its top in few places: where one has drawn it, the line is as clear.
    snapped = {**fitted, "top": 21, "height": 39}
    assert [one["label"]["annotations"] for one in lab.output(lab.wait(job.name))] == [[fitted], [snapped]]


@pytest.mark.browser
def test_the_area_of_a_thing_is_found_by_four_points(lab: Lab, people_job: Jobs) -> None:
    uri, truth = thing(lab)
    line = {"source-ref": uri}
    job = people_job([line], task_type="semantic-segmentation", workers_per_object=1)
    with browser_page() as page:
        page.goto(f"{lab.service.endpoint_url}/portal/labeling-jobs/{job.name}")
        page.get_by_label("Name").fill("Finder")
        page.get_by_role("button", name="Start").click()
        page.wait_for_selector("iframe.shown")
        element = page.frame_locator("iframe.shown").locator("crowd-semantic-segmentation")
        element.get_by_role("button", name="Four points").wait_for()
        element.evaluate(
            """async (one) => {
              while (one.validationMessage.startsWith("Wait")) await new Promise(requestAnimationFrame);
            }"""
        )
        page.keyboard.press("2")
        page.keyboard.press("x")
        stage = element.locator(".stage").bounding_box()
        assert stage
        for point in ((30.5, 40), (60, 20.5), (90.5, 40), (60, 60.5)):
            across, down = element.evaluate("(one, point) => one.view.toScreen(point)", point)
            page.mouse.click(stage["x"] + across, stage["y"] + down)
        element.get_by_text("The thing was found").wait_for()
        submitted(page)
        page.get_by_text("This job is finished").wait_for()
    (output,) = lab.output(lab.wait(job.name))
    found = np.asarray(Image.open(io.BytesIO(lab.get(output["label-ref"])))) == 2
    assert (found & truth).sum() / (found | truth).sum() > 0.97


@pytest.mark.browser
def test_work_survives_the_browser_and_the_service(tmp_path: Path) -> None:
    service = Service(tmp_path)
    try:
        lab = Lab(service)
        job = PeopleJob(lab, texts(2), workers_per_object=1)
        with browser_page() as page:
            signed_in(page, lab, "Survivor", job)
            page.keyboard.press("3")
            page.get_by_text("Saved").wait_for()
            task = task_of(page)
        with browser_page() as page:
            # Another browser, as after a crash.
            signed_in(page, lab, "Survivor", job)
            assert task_of(page) == task
            page.frame_locator("iframe.shown").locator("crowd-classifier .option input:checked").wait_for()
            port = service.endpoint_url.rsplit(":", 1)[1]
            service.kill()
            before = task_of(page)
            page.keyboard.press("Control+Enter")
            page.get_by_text("The service is not responding").wait_for()
            service.options = (*service.options, "--port", port)
            service.start()
            shown(page, besides=before)
            page.keyboard.press("1")
            submitted(page)
            page.get_by_text("This job is finished").wait_for()
        lab.connect()
        assert sorted(job.labels()) == ["bird", "cat"]
    finally:
        service.stop()


@pytest.mark.browser
def test_two_people_and_a_simulated_worker_label_a_job_to_its_end(lab: Lab, people_job: Jobs, tmp_path: Path) -> None:
    template = lab.put("with-note.liquid", TEMPLATE)
    # The workteam has one simulated worker: three answers to an object are one of each of the three.
    job = people_job(texts(4), team=lab.team("steady"), workers_per_object=3, ui_template_uri=template)
    people = [
        AtChromium(tmp_path / name, name, lab.service, job.number, name, lambda: None) for name in ("Ada", "Bruno")
    ]
    for person in people:
        person.start()
    for person in people:
        person.join(120)
        assert not person.is_alive()
        assert not person.trouble, person.trouble
    assert len(job.labels()) == 4
    answers = job.answers()
    assert len(answers) == 12
    assert sorted(Counter(answer["workerId"] for answer in answers).values()) == [4, 4, 4]
    written = [answer["answerContent"].get("note") for answer in answers]
    accepted = [note for person in people for notes in person.accepted.values() for note in notes]
    assert sorted(note for note in written if note) == sorted(accepted)
    assert written.count(None) == 4


@pytest.mark.browser
def test_a_pushed_object_comes_to_who_waits_without_loading_the_page_again(lab: Lab, people_job: Jobs) -> None:
    sns = lab.service.client("sns")
    topic = sns.create_topic(Name=f"groundtruth-{uuid.uuid4().hex[:8]}")["TopicArn"]
    job = people_job(None, workers_per_object=1, input_topic_arn=topic)
    with browser_page() as page:
        page.goto(f"{lab.service.endpoint_url}/portal/sign-in?onward=/jobs/{job.number}")
        page.fill("input[name=name]", "Idle")
        page.click("button.primary")
        page.get_by_text("There is nothing to label right now").wait_for()
        page.evaluate("() => { window.isSame = true }")
        for text in ("first pushed", "second pushed"):
            sns.publish(TopicArn=topic, Message=json.dumps({"source": text}))
            shown(page).get_by_text(text).wait_for()
            page.keyboard.press("1")
            page.keyboard.press("Control+Enter")
            page.wait_for_selector("iframe.shown", state="detached")
        assert page.evaluate("() => window.isSame")
    lab.sagemaker.stop_labeling_job(LabelingJobName=job.name)
    description = lab.wait(job.name)
    assert [line["label"] for line in lab.output(description)] == [0, 0]


@pytest.mark.browser
def test_a_task_that_could_not_be_loaded_is_loaded_again(lab: Lab, people_job: Jobs) -> None:
    job = people_job(texts(1), workers_per_object=1)
    lost: list[str] = []

    def lose_the_first(route: Any) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(route.request.url)
            route.abort("connectionrefused")

    with browser_page() as page:
        page.route("**/portal/frame/*", lose_the_first)
        signed_in(page, lab, "Patient", job)
        page.frame_locator("iframe.shown").locator("crowd-classifier .option").first.click()
        assert lost
        page.keyboard.press("Control+Enter")
        page.get_by_text("This job is finished").wait_for()
    assert job.labels() == ["cat"]


@pytest.mark.browser
def test_what_somebody_types_is_saved_while_it_is_typed_and_in_order(
    lab: Lab, browser: Browsers, people_job: Jobs
) -> None:
    template = lab.put("with-note.liquid", TEMPLATE)
    job = people_job(texts(1), workers_per_object=1, ui_template_uri=template)
    other = browser("Typist")
    held: list[Any] = []

    def hold_the_first(route: Any) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    with browser_page() as page:
        page.route("**/save", hold_the_first)
        signed_in(page, lab, "Typist", job)
        field = page.frame_locator("iframe.shown").locator("crowd-text-area textarea")
        field.press_sequentially("first, ")
        # Who types on is saved, too.
        for _ in range(200):
            field.press_sequentially("x", delay=20)
            if held:
                break
        assert held, "nothing was saved"
        field.press_sequentially("last")
        page.wait_for_timeout(600)  # the time in which a later save could overtake
        with page.expect_response("**/save"):
            held[0].continue_()
        page.get_by_text("Saved").wait_for()
    assert "last" in json.dumps(other.next(job.number)["task"]["draft"])


@pytest.mark.browser
def test_keys_work_wherever_the_keyboard_is_and_before_the_task_has_come(lab: Lab, people_job: Jobs) -> None:
    job = people_job(texts(2), workers_per_object=1)
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    with browser_page() as page:
        page.route("**/portal/frame/*", hold)
        page.goto(f"{lab.service.endpoint_url}/portal/labeling-jobs/{job.name}")
        page.get_by_label("Name").fill("Hasty")
        page.get_by_role("button", name="Start").click()
        page.wait_for_selector("iframe.shown")
        page.locator("h1").first.click()
        page.keyboard.press("3")
        # The frame has no page yet; it comes now.
        assert held
        page.unroute("**/portal/frame/*")
        page.get_by_text("Saved").wait_for()
        page.locator("#clock").click()
        page.keyboard.press("1")
        page.frame_locator("iframe.shown").locator(".option input").first.and_(
            page.frame_locator("iframe.shown").locator(":checked")
        ).wait_for()
        submitted(page)
        # A button that has the keyboard takes its own keys, and no others.
        page.get_by_role("button", name="Decline").focus()
        page.keyboard.press("2")
        page.get_by_text("Saved").wait_for()
        page.get_by_role("button", name="Decline").focus()
        page.keyboard.press("Enter")
        page.get_by_label("Reason").wait_for()


@pytest.mark.browser
def test_of_two_drafts_the_later_one_counts(lab: Lab, people_job: Jobs) -> None:
    """A killed browser may come back with an older one than the service has."""
    template = lab.put("with-note.liquid", TEMPLATE)
    job = people_job(texts(1), workers_per_object=1, ui_template_uri=template)
    kept = "Object.entries(localStorage).filter(([key]) => key.startsWith('labeling:'))"
    with browser_page() as page:
        signed_in(page, lab, "Phoenix", job)
        field = page.frame_locator("iframe.shown").locator("crowd-text-area textarea")
        page.route("**/save", lambda route: route.abort())
        field.press_sequentially("early")
        page.wait_for_function(f"() => {kept}.some(([, draft]) => draft.includes('early'))")
        early = page.evaluate(f"() => {kept}")
        page.unroute("**/save")
        with page.expect_response(lambda reply: reply.ok and "late" in (reply.request.post_data or "")):
            field.press_sequentially(" and late")
        page.wait_for_function(f"() => {kept}.length === 0")
        # As if the browser had been killed before it wrote down that nothing is left to be saved.
        page.evaluate("(all) => all.forEach(([key, draft]) => localStorage.setItem(key, draft))", early)
        page.reload()
        shown(page)
        assert field.input_value() == "early and late"
        # What the service does not have yet is later.
        page.route("**/save", lambda route: route.abort())
        field.press_sequentially(", later")
        page.wait_for_function(f"() => {kept}.some(([, draft]) => draft.includes('later'))")
        page.reload()
        shown(page)
        assert field.input_value() == "early and late, later"


@pytest.mark.browser
def test_tasks_are_declined_given_back_and_reported(lab: Lab, people_job: Jobs) -> None:
    job = people_job(texts(2), workers_per_object=2)
    with browser_page() as page:
        signed_in(page, lab, "Fussy", job)
        page.get_by_role("button", name="Report a problem").click()
        page.get_by_label("What is wrong?").fill("This one is odd")
        page.get_by_role("button", name="Send").click()
        page.get_by_text("Sent. Thank you.").wait_for()
        first = task_of(page)
        page.get_by_role("button", name="Decline").click()
        page.get_by_label("Reason").fill("I can't tell")
        page.get_by_role("dialog").get_by_role("button", name="Decline").click()
        shown(page, besides=first)
        page.get_by_role("button", name="Give back").click()
        page.get_by_role("dialog").get_by_role("button", name="Give back").click()
        page.wait_for_url("**/portal/")
        page.goto(f"{lab.service.endpoint_url}/_labeling/jobs/{job.name}")
        for told in ("This one is odd", "Declined: I can't tell", "Fussy"):
            page.get_by_text(told).first.wait_for()


@pytest.mark.browser
def test_keys_can_be_changed(lab: Lab, people_job: Jobs) -> None:
    job = people_job(texts(2), workers_per_object=1)
    with browser_page() as page:
        signed_in(page, lab, "Keymaker", job)
        page.keyboard.press("?")
        page.get_by_role("button", name="Change: Submit").click()
        page.keyboard.press("Alt+x")
        page.get_by_role("dialog").get_by_role("button", name="Close").click()
        before = task_of(page)
        shown(page)
        page.keyboard.press("1")
        page.keyboard.press("Alt+x")
        shown(page, besides=before)
        page.goto(f"{lab.service.endpoint_url}/portal/help")
        assert page.get_by_text("Alt+x").is_visible()


@pytest.mark.browser
def test_pages_have_no_accessibility_violation(lab: Lab, people_job: Jobs) -> None:
    job = people_job(texts(1), workers_per_object=1)
    axe = (ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js").read_text()
    with browser_page(bypass_csp=True) as page:
        base = f"{lab.service.endpoint_url}/portal"
        page.goto(f"{base}/sign-in")
        found = violations(page, axe)
        signed_in(page, lab, "Axel", job)
        found += violations(page, axe)
        for path in ("/", "/numbers", "/help"):
            page.goto(base + path)
            found += violations(page, axe)
    assert not found


def violations(page: Any, axe: str) -> list[str]:
    """What axe complains about on a page."""
    page.evaluate(axe)
    told = page.evaluate("axe.run(document, {iframes: false})")
    return [f"{page.url}: {one['id']}: {one['nodes'][0]['html']}" for one in told["violations"]]


def drawn(page: Any, label: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw a box in the task in hand: places are the picture's own pixels."""
    frame = page.frame_locator("iframe.shown")
    frame.locator("img.subject[style*=transform]").wait_for(state="attached")
    frame.locator(".labels button").get_by_text(label, exact=True).click()
    # A moment later the picture is where it belongs.
    around = frame.locator("img.subject").evaluate(
        """async (one) => {
          for (let at = 0; at < 3; at++) await new Promise(requestAnimationFrame);
          const {left, top, width} = one.getBoundingClientRect();
          return [left, top, width / one.offsetWidth];
        }"""
    )
    within = page.locator("iframe.shown").bounding_box()
    places = [
        (within["x"] + around[0] + x * around[2], within["y"] + around[1] + y * around[2]) for x, y in (start, end)
    ]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=2)
    page.mouse.up()


@pytest.mark.browser
def test_two_people_draw_boxes_and_their_answers_become_labels(lab: Lab, people_job: Jobs) -> None:
    # Stored on its side, as cameras do: labels are of the stored pixels.
    exif = Image.Exif()
    exif[0x0112] = 6
    body = io.BytesIO()
    Image.new("RGB", (120, 80), "white").save(body, "JPEG", exif=exif.tobytes())
    lines = [{"source-ref": lab.put(f"drawn/{uuid.uuid4().hex}-{number}.jpg", body.getvalue())} for number in range(2)]
    job = people_job(lines, task_type="bounding-box", labels=["cat", "dog"], workers_per_object=2)
    for person, shift in (("Draws", 0), ("Paints", 2)):
        with browser_page() as page:
            page.goto(f"{lab.service.endpoint_url}/portal/labeling-jobs/{job.name}")
            page.get_by_label("Name").fill(person)
            page.get_by_role("button", name="Start").click()
            page.wait_for_selector("iframe.shown")
            drawn(page, "dog", (20 + shift, 10), (70 + shift, 60))
            submitted(page)
            # What was drawn on the first picture is a beginning for the second.
            frame = page.frame_locator("iframe.shown")
            frame.locator("img.subject[style*=transform]").wait_for(state="attached")
            frame.get_by_role("button", name="Copy from the last picture").click()
            drawn(page, "cat", (90, 70), (110, 80))
            submitted(page)
    description = lab.wait(job.name)
    values = [line["label"] for line in lab.output(description)]
    dog, cat = (
        {"class_id": 1, "left": 21.0, "top": 10.0, "width": 50.0, "height": 50.0},
        {"class_id": 0, "left": 90.0, "top": 70.0, "width": 20.0, "height": 10.0},
    )
    assert all(value["image_size"] == [{"width": 120, "height": 80, "depth": 3}] for value in values)
    assert sorted((value["annotations"] for value in values), key=len) == [[dog], [dog, cat]]
    for answer in job.answers():
        drawing = answer["answerContent"]["boundingBox"]
        assert drawing["inputImageProperties"] == {"width": 120, "height": 80}
        assert all(isinstance(one["left"], int) for one in drawing["boundingBoxes"])
