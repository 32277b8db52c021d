"""What a person sees and does at the portal's pages, in a browser."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from dev.portal import Browser
from dev.stack import ROOT, Service, StackError, wait_until
from dev.torture_people import TEMPLATE, AtChromium
from labeling_provider.service.web.requests import STATIC_PATH
from tests.conftest import Lab, texts
from tests.own_names import own_id
from tests.service.web.portal.at_page import shown, signed_in, started, submitted, task_of
from tests.service.web.portal.conftest import Pages, PeopleJob

pytestmark = pytest.mark.e2e

PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="3"/>'
SHY = """<button id="speak" type="button" disabled>Speak</button><script>
addEventListener("message", (event) => {
  if (!event.ports.length || !event.isTrusted) return;
  event.stopImmediatePropagation();
  const { data, ports, source } = event;
  const speak = document.getElementById("speak");
  speak.onclick = () => dispatchEvent(new MessageEvent("message", { data, ports, source }));
  speak.disabled = false;
});
</script>"""
"""The beginning of a page that hears the portal only when somebody presses its button."""
Browsers = Callable[[str], Browser]
Jobs = Callable[..., PeopleJob]


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_a_job_is_labeled_by_keyboard_alone(
    lab: Lab, people_job: Jobs, width: int, scheme: str, somebodys_page: Pages
) -> None:
    job = people_job(texts(3), workers_per_object=1)
    with somebodys_page(width, 800, color_scheme=scheme) as page:
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


@pytest.mark.browser
def test_work_survives_the_browser_and_the_service(tmp_path: Path, somebodys_page: Pages) -> None:
    service = Service(tmp_path)
    try:
        lab = Lab(service)
        job = PeopleJob(lab, texts(2), workers_per_object=1)
        with somebodys_page() as page:
            signed_in(page, lab, "Survivor", job)
            page.keyboard.press("3")
            page.get_by_text("Saved").wait_for()
            task = task_of(page)
        with somebodys_page() as page:
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
def test_a_pushed_object_comes_to_who_waits_without_loading_the_page_again(
    lab: Lab, people_job: Jobs, somebodys_page: Pages
) -> None:
    sns = lab.service.client("sns")
    topic = sns.create_topic(Name=f"groundtruth-{own_id().hex[:8]}")["TopicArn"]
    job = people_job(None, workers_per_object=1, input_topic_arn=topic)
    with somebodys_page() as page:
        page.goto(f"{lab.service.endpoint_url}/portal/sign-in?onward=/jobs/{job.number}")
        page.fill("input[name=name]", "Idle")
        page.click("button.primary")
        page.get_by_text("All that has arrived so far is done").wait_for()
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
def test_who_is_at_a_task_when_the_job_is_stopped_is_told_and_sees_the_work(
    lab: Lab, people_job: Jobs, somebodys_page: Pages
) -> None:
    job = people_job(texts(2), workers_per_object=1)
    with somebodys_page() as page:
        page.clock.install()
        signed_in(page, lab, "Wilma", job)
        page.keyboard.press("2")
        page.get_by_text("Saved").wait_for()
        lab.sagemaker.stop_labeling_job(LabelingJobName=job.name)
        lab.wait(job.name, {"Stopped"})
        # The page asks now and then.
        page.clock.run_for(20_000)
        notice = page.get_by_text("This job was stopped or has ended, so this task is no longer needed")
        notice.wait_for()
        chosen = page.frame_locator("iframe.shown").locator("crowd-classifier .option input:checked")
        assert chosen.count() == 1
        assert page.locator("#clock").inner_text() == ""
        # Whatever is changed now, the page goes on saying so.
        page.keyboard.press("1")
        page.clock.run_for(2_000)
        assert notice.is_visible()
        assert chosen.count() == 1
        page.get_by_role("button", name="Back to my jobs").click()
        page.wait_for_url("**/portal/")


@pytest.mark.browser
def test_a_task_that_could_not_be_loaded_is_loaded_again(lab: Lab, people_job: Jobs, somebodys_page: Pages) -> None:
    job = people_job(texts(1), workers_per_object=1)
    asked: list[str] = []
    answered: set[Any] = set()

    def lose_many(route: Any) -> None:
        asked.append(route.request.url)
        if len(asked) == 1:
            route.abort("connectionrefused")
        elif len(asked) < 20:
            # As long as a store of objects is away, which is no fault of the task.
            route.fulfill(status=503)
        else:
            route.continue_()

    def answer_to(request: Any) -> None:
        if "/portal/frame/" in request.url:
            answered.add(request)

    with somebodys_page() as page:
        page.clock.install()
        page.route("**/portal/frame/*", lose_many)
        page.on("response", lambda response: answer_to(response.request))
        page.on("requestfailed", answer_to)
        started(page, lab, "Patient", job)
        page.wait_for_selector("iframe.shown")

        def all_are_answered() -> bool:
            # By the time of an answer to a later request, all others have been asked.
            page.evaluate("fetch('/portal/help').then((reply) => reply.text())")
            return len(asked) == len(answered)

        def is_ready() -> bool:
            page.clock.run_for(10)
            return page.locator("iframe.shown[aria-busy=false]").count() > 0

        seconds = 0
        # After the first answer that is good, the page is loaded.
        while len(asked) <= 20:
            # The page's time goes on only while nothing is on its way to it.
            wait_until(all_are_answered, 30, "what the page has asked for has come", 0.001)
            assert "can't be shown" not in page.locator("#state").inner_text(), f"after {seconds} s"
            page.clock.run_for(1_000)
            seconds += 1
        assert seconds > 30
        wait_until(is_ready, 30, "the task is ready", 0.01)
        page.frame_locator("iframe.shown").locator("crowd-classifier .option").first.click()
        page.keyboard.press("Control+Enter")
        page.get_by_text("This job is finished").wait_for()
    assert job.labels() == ["cat"]


@pytest.mark.browser
def test_a_task_that_speaks_while_it_would_be_loaded_again_is_left_alone(
    lab: Lab, people_job: Jobs, somebodys_page: Pages
) -> None:
    job = people_job(texts(1), workers_per_object=1, ui_template_uri=lab.put("shy.liquid", SHY + TEMPLATE))
    asked: list[Any] = []

    def hold_the_second(route: Any) -> None:
        asked.append(route)
        if len(asked) != 2:
            route.continue_()

    with somebodys_page() as page:
        page.clock.install()
        page.route("**/portal/frame/*", hold_the_second)
        started(page, lab, "Quick", job)
        task = page.frame_locator("iframe.shown")
        task.locator("#speak:enabled").wait_for()
        with page.expect_request("**/portal/frame/*"):
            page.clock.run_for(5_000)
        task.locator("#speak").click()
        shown(page)
        task.locator("crowd-text-area textarea").fill("at work")
        with page.expect_response("**/portal/frame/*"):
            asked[1].continue_()
        # By the time of an answer to a later request, the frame would have asked again.
        page.evaluate("fetch('/portal/help').then((reply) => reply.text())")
        assert len(asked) == 2
        task.locator("crowd-classifier .option").first.click()
        submitted(page)
        page.get_by_text("This job is finished").wait_for()
    (answer,) = job.answers()
    assert answer["answerContent"]["note"] == "at work"


@pytest.mark.browser
def test_what_somebody_types_is_saved_while_it_is_typed_and_in_order(
    lab: Lab, browser: Browsers, people_job: Jobs, somebodys_page: Pages
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

    with somebodys_page() as page:
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
def test_keys_work_wherever_the_keyboard_is_and_before_the_task_has_come(
    lab: Lab, people_job: Jobs, somebodys_page: Pages
) -> None:
    job = people_job(texts(2), workers_per_object=1)
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    with somebodys_page() as page:
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
def test_of_two_drafts_the_later_one_counts(lab: Lab, people_job: Jobs, somebodys_page: Pages) -> None:
    """A killed browser may come back with an older one than the service has."""
    template = lab.put("with-note.liquid", f"{TEMPLATE}<img src='{STATIC_PATH}/slow.png' alt=''>")
    job = people_job(texts(1), workers_per_object=1, ui_template_uri=template)
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    kept = "Object.entries(localStorage).filter(([key]) => key.startsWith('labeling:'))"
    with somebodys_page() as page:
        # The browser has to ask for it again after each reload.
        fresh = {"content-type": "image/svg+xml", "cache-control": "no-store"}
        page.route("**/slow.png", lambda route: route.fulfill(headers=fresh, body=PICTURE))
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
        # Until it is there, nobody types what it would take the place of.
        page.route("**/slow.png", hold)

        def is_held() -> bool:
            """Load the page again; a busy browser may ask for a frame's picture before it asks us."""
            page.reload()
            with suppress(StackError):
                wait_until(lambda: page.wait_for_timeout(50) or held, 2, "the picture is asked for", 0)
            return bool(held)

        wait_until(is_held, 60, "the picture is held", 0)
        page.wait_for_selector("iframe.shown[aria-busy=true]")
        field.wait_for()
        place = field.bounding_box()
        page.mouse.click(place["x"] + 5, place["y"] + 5)
        page.keyboard.type("lost")
        assert field.input_value() == ""
        held[0].fulfill(content_type="image/svg+xml", body=PICTURE)
        shown(page)
        assert field.input_value() == "early and late, later"
        field.press_sequentially("!")
        assert field.input_value() == "early and late, later!"


@pytest.mark.browser
def test_tasks_are_declined_given_back_and_reported(lab: Lab, people_job: Jobs, somebodys_page: Pages) -> None:
    job = people_job(texts(2), workers_per_object=2)
    with somebodys_page() as page:
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
        for words in ("This one is odd", "Declined: I can't tell", "Fussy"):
            page.get_by_text(words).first.wait_for()


@pytest.mark.browser
def test_keys_can_be_changed(lab: Lab, people_job: Jobs, somebodys_page: Pages) -> None:
    job = people_job(texts(2), workers_per_object=1)
    with somebodys_page() as page:
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
def test_pages_have_no_accessibility_violation(lab: Lab, people_job: Jobs, somebodys_page: Pages) -> None:
    job = people_job(texts(1), workers_per_object=1)
    axe = (ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js").read_text()
    with somebodys_page(bypass_csp=True) as page:
        base = f"{lab.service.endpoint_url}/portal"
        page.goto(f"{base}/sign-in")
        faults = violations(page, axe)
        signed_in(page, lab, "Axel", job)
        faults += violations(page, axe)
        for path in ("/", "/numbers", "/help"):
            page.goto(base + path)
            faults += violations(page, axe)
    assert not faults


def violations(page: Any, axe: str) -> list[str]:
    """What axe complains about on a page."""
    page.evaluate(axe)
    result = page.evaluate("axe.run(document, {iframes: false})")
    return [f"{page.url}: {fault['id']}: {fault['nodes'][0]['html']}" for fault in result["violations"]]
