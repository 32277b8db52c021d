"""Elements without an answer."""

from __future__ import annotations

import pytest

from tests.frontend.conftest import Portal

pytestmark = pytest.mark.browser


def test_tabs_by_keyboard(portal: Portal) -> None:
    task = portal.open("""<crowd-form><crowd-tabs><crowd-tab header="One">first</crowd-tab>
    <crowd-tab header="Two">second</crowd-tab></crowd-tabs></crowd-form>""")
    assert (task("text=first").is_visible(), task("text=second").is_visible()) == (True, False)
    task.frame.get_by_role("tab", name="One").focus()
    task.press("ArrowRight")
    task("text=second").wait_for()
    assert not task("text=first").is_visible()
    task.press("ArrowRight")
    task("text=first").wait_for()


def test_one_toast_at_a_time_and_not_for_long(portal: Portal) -> None:
    task = portal.open("""<crowd-toast id="a" text="One" duration="60000" opened></crowd-toast>
    <crowd-toast id="b" text="Two" duration="60000"></crowd-toast>
    <crowd-toast id="c" text="Three" duration="300"></crowd-toast><crowd-form></crowd-form>""")
    assert task("text=One").is_visible()
    task.evaluate("{ b.opened = true }")
    task("text=Two").wait_for()
    assert not task("text=One").is_visible()
    task.evaluate("{ c.opened = true }")
    # It may be gone by the time that one looks, but not without having put an end to the other.
    task("text=Two").wait_for(state="hidden")
    task("text=Three").wait_for(state="hidden")


def test_a_badge_sits_at_the_corner_of_its_element(portal: Portal) -> None:
    task = portal.open("""<p>Above</p><crowd-button id="inbox">Inbox</crowd-button>
    <crowd-badge for="inbox" label="12345"></crowd-badge><crowd-badge icon="star" label="s"></crowd-badge>""")
    button, badge = task("#inbox").bounding_box(), task(".badge.at").bounding_box()
    assert badge["x"] < button["x"] + button["width"] < badge["x"] + badge["width"]
    assert badge["y"] < button["y"] < badge["y"] + badge["height"]
    assert task(".badge.at").inner_text() == "123"
    assert task(".badge svg path").get_attribute("d")


def test_buttons_have_icons_and_names(portal: Portal) -> None:
    task = portal.open("""<crowd-form><crowd-fab icon="add" title="Add one" id="fab"></crowd-fab>
    <crowd-fab label="help"></crowd-fab>
    <crowd-icon-button icon="icons:search" title="Find" disabled></crowd-icon-button>
    <crowd-button icon="send" icon-align="right" variant="link">Send it</crowd-button>
    <crowd-button icon="none-of-the-set">Plain</crowd-button><iron-icon icon="face">shown</iron-icon></crowd-form>
    <script>window.pressed = 0; fab.addEventListener("click", () => { window.pressed += 1; });</script>""")
    task.frame.get_by_role("button", name="Add one").click()
    assert task.evaluate("window.pressed") == 1
    assert task.frame.get_by_role("button", name="help").inner_text() == "h"
    assert task.frame.get_by_role("button", name="Find").is_disabled()
    assert task("crowd-button svg").count() == 1
    assert task("text=shown").is_visible()


def test_a_crowd_button_with_an_address_is_a_link_that_keeps_the_page(portal: Portal) -> None:
    task = portal.open("""<crowd-form><crowd-button href="/there">Go</crowd-button>
    <crowd-button href="#here">Near</crowd-button><p id="here">Here</p></crowd-form>""")
    task.frame.get_by_role("link", name="Go").click()
    task("text=Links don't open here").wait_for()
    task.frame.get_by_role("link", name="Near").click()
    assert task.submit() == {}


@pytest.mark.parametrize(("kind", "role"), [("info", "status"), ("error", "alert"), ("odd", "status")])
def test_alerts_are_announced(portal: Portal, kind: str, role: str) -> None:
    task = portal.open(f"<crowd-alert type={kind}>Look</crowd-alert><crowd-form></crowd-form>")
    assert task(f"crowd-alert [role={role}] slot").count() == 1
    assert task("text=Look").is_visible()


def test_a_modal_opens_and_closes_by_keyboard(portal: Portal) -> None:
    task = portal.open("""<crowd-form><crowd-modal link-text="More"><crowd-input name="x" label="X"></crowd-input>
    </crowd-modal></crowd-form>""")
    assert not task("crowd-input").is_visible()
    task.frame.get_by_role("button", name="More").press("Enter")
    task.frame.get_by_label("X").fill("1")
    task.press("Escape")
    task("crowd-input").wait_for(state="hidden")
    assert task.submit() == {"x": "1"}


def test_furniture_by_touch(portal: Portal) -> None:
    task = portal.open("""<crowd-alert dismissible>Look</crowd-alert><crowd-form><crowd-tabs>
    <crowd-tab header="One">first</crowd-tab><crowd-tab header="Two">second</crowd-tab></crowd-tabs>
    <crowd-modal link-text="More"><crowd-input name="x" label="X"></crowd-input></crowd-modal>
    <crowd-button form-action="submit">Send</crowd-button></crowd-form>""")
    task.tap("crowd-alert button")
    task("text=Look").wait_for(state="hidden")
    task.frame.get_by_role("tab", name="Two").tap()
    task("text=second").wait_for()
    task.frame.get_by_role("button", name="More").tap()
    task.frame.get_by_label("X").tap()
    task.page.keyboard.type("1")
    task.frame.get_by_role("button", name="Close").tap()
    task("crowd-input").wait_for(state="hidden")
    task.frame.get_by_role("button", name="Send").tap()
    assert task.heard("submit")["answer"] == {"x": "1"}
