"""Help for who draws: points and boxes that snap to edges of the picture, and a box close around its thing."""

from __future__ import annotations

import pytest

from dev.stack import wait_until
from tests.frontend.conftest import Portal
from tests.frontend.drawings import KEYPOINT, LINE, POLYGON, Artist, box, path, point, turned_picture
from tests.frontend.masks import ORANGE, READY, MaskArtist, rectangle

pytestmark = pytest.mark.browser

# A thing of 120 × 80 at 100, 60, on another colour.
THING = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="300"><rect width="400" height="300" fill="#8bd"/>'
    '<rect x="100" y="60" width="120" height="80" fill="#320"/></svg>'
)


@pytest.fixture
def edged(portal: Portal) -> Portal:
    portal.files["/thing.svg"] = ("image/svg+xml", THING.encode())
    return portal


def snaps(artist: Artist) -> None:
    artist.task.frame.get_by_label("Snap to edges").check()
    element = artist.task(artist.element)
    wait_until(lambda: element.evaluate("(element) => Boolean(element.hand.edges)"), 30, "the edges are found", 0.02)


def test_nothing_snaps_unless_somebody_asks(edged: Portal) -> None:
    artist = Artist(edged, src="/thing.svg")
    assert not artist.task.frame.get_by_label("Snap to edges").is_checked()
    artist.choose("cat")
    artist.drag((97, 63), (223, 137))
    artist.drew(box("cat", 97, 63, 126, 74))
    artist.press("]", "Delete")
    snaps(artist)
    artist.drag((223, 137), (96, 62))
    artist.drew(box("cat", 100, 60, 120, 80))
    artist.task.frame.get_by_label("Snap to edges").uncheck()
    artist.drag((5, 5), (97, 57))
    artist.submits(box("cat", 100, 60, 120, 80), box("cat", 5, 5, 92, 52))


def test_only_the_sides_that_are_moved_snap_and_none_by_keyboard(edged: Portal) -> None:
    artist = Artist(edged, given=[box("cat", 103, 63, 60, 40)], src="/thing.svg")
    snaps(artist)
    artist.click(130, 80)
    artist.drag((163, 103), (216, 143))
    artist.drew(box("cat", 103, 63, 117, 77))
    artist.press("ArrowLeft")
    artist.drew(box("cat", 102, 63, 117, 77))


def test_where_there_is_no_edge_all_stays_as_it_is_drawn(edged: Portal) -> None:
    artist = Artist(edged, src="/thing.svg")
    snaps(artist)
    artist.choose("dog")
    artist.drag((250, 200), (390, 290))
    # The picture's own border is no edge.
    artist.drag((3, 3), (40, 297))
    artist.submits(box("dog", 250, 200, 140, 90), box("dog", 3, 3, 37, 294))


def test_points_snap_to_what_is_near(edged: Portal) -> None:
    artist = Artist(edged, POLYGON, src="/thing.svg")
    snaps(artist)
    artist.choose("cat")
    for at in ((103, 58), (217, 63), (222, 138), (160, 144)):
        artist.click(*at)
    artist.press("Enter")
    # On a side the nearest place of it, at a corner the nearest of both of its sides.
    (shape,) = artist.task.submit()["it"]["polygons"]
    places = [(vertex["x"], vertex["y"]) for vertex in shape["vertices"]]
    assert all(x in {100, 220} or y in {60, 140} for x, y in places)
    assert all(
        abs(x - at[0]) < 6 and abs(y - at[1]) < 6
        for (x, y), at in zip(places, ((103, 58), (217, 63), (222, 138), (160, 144)), strict=True)
    )


@pytest.mark.parametrize(
    ("element", "drawn"), [(LINE, path("cat", (150, 60), (160, 140))), (KEYPOINT, point("cat", 150, 60))]
)
def test_lines_and_points_snap(edged: Portal, element: str, drawn: dict[str, object]) -> None:
    artist = Artist(edged, element, src="/thing.svg")
    snaps(artist)
    artist.choose("cat")
    if element == LINE:
        artist.drag((150, 64), (160, 137))
    else:
        artist.click(150, 64)
    artist.submits(drawn)


def test_the_polygon_of_a_mask_snaps(edged: Portal) -> None:
    artist = MaskArtist(edged, src="/thing.svg")
    snaps(artist)
    artist.choose("dog")
    artist.use("Polygon")
    for at in ((140, 64), (180, 64), (180, 137), (140, 137)):
        artist.click(*at)
    artist.press("Enter")
    artist.heard({ORANGE: rectangle(140, 60, 40, 80)})


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_edges_are_those_of_the_stored_picture(portal: Portal, orientation: int) -> None:
    portal.files["/turned.jpg"] = turned_picture(orientation)
    artist = Artist(portal, src=f"/turned.jpg?{orientation}")
    snaps(artist)
    artist.choose("cat")
    artist.drag((2, 2), (19, 38))
    (drawn,) = artist.task.submit()["it"]["boundingBoxes"]
    assert (drawn["left"], drawn["width"]) == (2, 18)


def test_a_picture_that_can_not_be_read_has_no_edges(edged: Portal) -> None:
    artist = Artist(edged, src="/thing.svg")
    edged.page.route("**/thing.svg", lambda route: route.abort())
    artist.task.frame.get_by_label("Snap to edges").click()
    artist.task.say("link", url=artist.task.heard("refresh")["url"], fresh=None)
    artist.task.frame.get_by_text("The edges of this picture can't be read.").wait_for()
    assert not artist.task.frame.get_by_label("Snap to edges").is_checked()
    artist.choose("cat")
    artist.drag((97, 63), (223, 137))
    artist.submits(box("cat", 97, 63, 126, 74))


def test_edges_are_found_after_the_link_of_the_picture_has_expired(edged: Portal) -> None:
    edged.files["/brief.svg"] = edged.files["/fresh.svg"] = edged.files["/thing.svg"]
    artist = Artist(edged, src="/brief.svg")
    del edged.files["/brief.svg"]
    artist.task.frame.get_by_label("Snap to edges").click()
    expired = artist.task.heard("refresh")["url"]
    assert expired == f"{edged.origin}/brief.svg"
    artist.task.say("link", url=expired, fresh=f"{edged.origin}/fresh.svg")
    snaps(artist)
    artist.choose("cat")
    artist.drag((97, 63), (223, 137))
    artist.submits(box("cat", 100, 60, 120, 80))


def test_a_box_is_drawn_close_around_the_thing_that_is_found_in_it(portal: Portal) -> None:
    artist = Artist(portal, given=[box("cat", 20, 30, 100, 80), box("dog", 200, 100, 50, 50)], masks=READY)
    button = artist.task.frame.get_by_role("button", name="Fit to object")
    assert button.is_disabled()
    artist.click(60, 60)
    artist.press("x")
    asked = artist.task.heard("mask")
    assert asked["asked"] == {"box": {"left": 20, "top": 30, "width": 100, "height": 80}}
    artist.task.frame.get_by_text("Looking for the object").wait_for()
    artist.task.say(
        "mask", id=asked["id"], result={"left": 33, "top": 41, "width": 60, "height": 52, "pngImageData": ""}
    )
    artist.drew(box("cat", 33, 41, 60, 52), box("dog", 200, 100, 50, 50))
    button.click()
    artist.task.say("mask", id=artist.task.heard("mask", 2)["id"], result="Nothing was found <there>.")
    artist.task.frame.get_by_text("Nothing was found <there>.").wait_for()
    # What has been removed meanwhile stays removed.
    button.click()
    asked = artist.task.heard("mask", 3)
    artist.press("Delete")
    artist.task.say("mask", id=asked["id"], result={"left": 1, "top": 1, "width": 6, "height": 5, "pngImageData": ""})
    artist.drew(box("dog", 200, 100, 50, 50))
    artist.task.press("Control+z")
    artist.submits(box("cat", 33, 41, 60, 52), box("dog", 200, 100, 50, 50))


def test_without_a_service_that_finds_nothing_is_fitted(portal: Portal) -> None:
    artist = Artist(portal, given=[box("cat", 20, 30, 100, 80)])
    assert artist.task.frame.get_by_role("button", name="Fit to object").count() == 0
    assert artist.task.frame.get_by_role("button", name="Duplicate").count() == 1
