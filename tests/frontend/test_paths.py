"""Polygons, polylines, lines and points, by mouse, keyboard and touch."""

from __future__ import annotations

from typing import Any

import pytest

from tests.frontend.conftest import Portal
from tests.frontend.drawings import BOX, KEYPOINT, LINE, LISTS, POLYGON, POLYLINE, Artist, box, path, point

pytestmark = pytest.mark.browser

TRIANGLE = path("cat", (40, 40), (200, 40), (120, 160))
EXAMPLES: dict[str, dict[str, Any]] = {
    BOX: box("cat", 40, 40, 160, 120),
    POLYGON: TRIANGLE,
    POLYLINE: TRIANGLE,
    LINE: path("cat", (40, 40), (200, 160)),
    KEYPOINT: point("cat", 40, 40),
}


def test_a_click_on_the_first_point_closes_a_polygon(portal: Portal) -> None:
    artist = Artist(portal, POLYGON)
    # The label comes first.
    artist.click(40, 40)
    assert "Choose a label first" in artist.task("[role=status].help").inner_text()
    artist.choose("cat")
    for place in ((40, 40), (200, 40), (120, 160), (42, 41)):
        artist.click(*place)
    artist.drew(TRIANGLE)
    # Another may begin inside it, and Enter ends it.
    for place in ((100, 60), (140, 60), (120, 90)):
        artist.click(*place)
    artist.task.press("Enter")
    artist.submits(TRIANGLE, path("cat", (100, 60), (140, 60), (120, 90)))


def test_points_are_taken_back_one_by_one(portal: Portal) -> None:
    artist = Artist(portal, POLYGON)
    artist.choose("cat")
    for place in ((40, 40), (200, 40), (300, 280)):
        artist.click(*place)
    artist.task.press("Backspace")
    artist.click(10, 290)
    artist.task.press("Control+z")
    artist.click(120, 160)
    artist.task.press("Control+z", "Control+Shift+Z", "Enter")
    artist.submits(TRIANGLE)


def test_the_sides_of_a_polygon_never_cross(portal: Portal) -> None:
    artist = Artist(portal, POLYGON)
    artist.choose("cat")
    corners = [(40, 40), (200, 40), (200, 160)]
    for place in (*corners, (100, 20)):
        artist.click(*place)
    assert "must not cross" in artist.task("[role=status].help").inner_text()
    # A point from which the last side would cross.
    artist.click(300, 60)
    artist.task.press("Enter")
    assert "must not cross" in artist.task("[role=status].help").inner_text()
    artist.task.press("Backspace")
    artist.click(40, 160)
    corners.append((40, 160))
    artist.task.press("Enter")
    artist.drew(path("cat", *corners))
    artist.task.press("Escape")
    artist.click(180, 100)
    artist.drag((40, 40), (300, 100))
    assert "must not cross" in artist.task("[role=status].help").inner_text()
    artist.submits(path("cat", *corners))


def test_points_of_a_path_are_moved_added_and_removed(portal: Portal) -> None:
    artist = Artist(portal, POLYGON, given=[TRIANGLE])
    artist.click(120, 80)
    artist.drag((40, 40), (30, 20))
    artist.drew(path("cat", (30, 20), (200, 40), (120, 160)))
    # From the middle of a side.
    artist.drag((160, 100), (220, 150))
    artist.drew(path("cat", (30, 20), (200, 40), (220, 150), (120, 160)))
    artist.drag((75, 90), (20, 150))
    artist.drew(path("cat", (30, 20), (200, 40), (220, 150), (120, 160), (20, 150)))
    # A click chooses a point, for the keyboard.
    artist.click(200, 40)
    artist.press("ArrowUp")
    artist.drew(path("cat", (30, 20), (200, 39), (220, 150), (120, 160), (20, 150)))
    artist.press("Delete")
    artist.drew(path("cat", (30, 20), (220, 150), (120, 160), (20, 150)))
    artist.press("Delete")
    artist.submits()


@pytest.mark.parametrize("element", [POLYGON, POLYLINE])
def test_points_are_added_and_removed_by_keyboard_alone(portal: Portal, element: str) -> None:
    given = path("cat", (100, 100), (200, 100), (200, 200))
    artist = Artist(portal, element, given=[given])
    artist.press("]", "Shift+A", "ArrowUp")
    artist.drew(path("cat", (100, 100), (150, 99), (200, 100), (200, 200)))
    # Behind the last point: the side that closes a polygon; a polyline has none there.
    artist.task.press(",", ",", "Shift+A", "ArrowRight")
    end = ((200, 200), (151, 150)) if element == POLYGON else ((201, 150), (200, 200))
    artist.drew(path("cat", (100, 100), (150, 99), (200, 100), *end))
    artist.task.press("Delete")
    artist.drew(path("cat", (100, 100), (150, 99), (200, 100), (200, 200)))


def test_what_has_no_sides_gets_no_points(portal: Portal) -> None:
    artist = Artist(portal, LINE, given=[path("cat", (100, 100), (200, 100))])
    artist.press("]", "Shift+A", "ArrowUp")
    artist.drew(path("cat", (100, 99), (200, 99)))


def test_a_polyline_ends_on_its_last_point_and_may_cross_itself(portal: Portal) -> None:
    artist = Artist(portal, POLYLINE)
    artist.choose("dog")
    cross = ((40, 40), (200, 160), (200, 40), (40, 160))
    for place in cross:
        artist.click(*place)
    artist.click(40, 160)
    artist.drew(path("dog", *cross))
    artist.click(300, 40)
    artist.task.press("Enter")
    # One point is none yet: a second one is needed.
    artist.click(350, 90)
    artist.task.press("Enter")
    artist.submits(path("dog", *cross), path("dog", (300, 40), (350, 90)))


def test_lines_are_drawn_in_one_drag_or_by_two_clicks(portal: Portal) -> None:
    artist = Artist(portal, LINE)
    artist.choose("cat")
    artist.drag((200, 160), (40, 40))
    artist.drew(path("cat", (200, 160), (40, 40)))
    artist.click(300, 50)
    artist.click(310, 250)
    artist.drew(path("cat", (200, 160), (40, 40)), path("cat", (300, 50), (310, 250)))
    artist.task.press("Escape")
    artist.click(305, 150)
    artist.drag((310, 250), (390, 300))
    artist.submits(path("cat", (200, 160), (40, 40)), path("cat", (300, 50), (390, 300)))


def test_points_are_set_by_a_click_and_moved(portal: Portal) -> None:
    artist = Artist(portal, KEYPOINT)
    artist.choose("cat")
    artist.click(40, 40)
    artist.task.press("2")
    artist.click(200, 100)
    artist.drew(point("cat", 40, 40), point("dog", 200, 100))
    artist.drag((200, 100), (399.9, 299.9))
    # The last pixel is the last one that a point can have.
    artist.drew(point("cat", 40, 40), point("dog", 399, 299))
    artist.press("[", "ArrowDown", "1")
    artist.submits(point("cat", 40, 41), point("dog", 399, 299))


def test_points_whose_label_is_not_known_are_not_drawn(portal: Portal) -> None:
    artist = Artist(portal, KEYPOINT, given=[point("cat", 1, 2), point("gnu", 3, 4)])
    assert "can't be shown here: 1" in artist.task(".problem").inner_text()
    artist.submits(point("cat", 1, 2), modified=False)


@pytest.mark.parametrize("element", [POLYGON, POLYLINE, LINE, KEYPOINT])
def test_everything_by_keyboard_alone(portal: Portal, element: str) -> None:
    artist = Artist(portal, element)
    task = artist.task
    task.say("focus")
    task.press("1")
    artist.press("Space")
    places = [(200, 150)]
    for key, move in (("ArrowRight", (1, 0)), ("ArrowDown", (0, 1)), ("ArrowLeft", (-1, 0))):
        if element == KEYPOINT or (element == LINE and len(places) == 2):
            break
        for _ in range(9):
            task.press(f"Alt+{key}")
        task.press("Space")
        places.append((places[-1][0] + 9 * move[0], places[-1][1] + 9 * move[1]))
    task.press("Enter") if element in {POLYGON, POLYLINE} else None
    made = point("cat", 200, 150) if element == KEYPOINT else path("cat", *places)
    artist.drew(made)
    task.press("Escape", "]")
    if element == KEYPOINT:
        task.press("Shift+ArrowLeft", "2")
        made = point("dog", 190, 150)
    else:
        # The first of its points.
        task.press(".", "Shift+ArrowLeft", "2")
        made = path("dog", (190, 150), *places[1:])
    artist.drew(made)
    task.press("Delete") if element == KEYPOINT else task.press("Escape", "Delete")
    artist.drew()


@pytest.mark.parametrize("element", EXAMPLES)
def test_initial_values_are_bare_or_wrapped(portal: Portal, element: str) -> None:
    made = EXAMPLES[element]
    for given in ([made], {LISTS[element]: [made]}):
        artist = Artist(portal, element, given=given)
        artist.submits(made, modified=False)


@pytest.mark.parametrize("element", [POLYGON, LINE, KEYPOINT])
def test_shapes_are_drawn_by_touch(portal: Portal, element: str) -> None:
    artist = Artist(portal, element)
    artist.task(".labels button").first.tap()

    def tap(x: float, y: float) -> None:
        artist.touch(("start", [artist.at(x, y)]), ("end", []))

    if element == KEYPOINT:
        tap(40, 40)
    elif element == LINE:
        start, end = artist.at(40, 40), artist.at(200, 160)
        artist.touch(("start", [start]), ("move", [end]), ("end", []))
    else:
        # A finger is broad: the last tap is near the first point.
        for place in ((40, 40), (200, 40), (120, 160), (45, 45)):
            tap(*place)
    artist.submits(EXAMPLES[element])


@pytest.mark.parametrize("element", [POLYGON, POLYLINE, LINE, KEYPOINT])
def test_shapes_are_drawn_by_pen(portal: Portal, element: str) -> None:
    artist = Artist(portal, element)
    artist.choose("cat")
    shape = EXAMPLES[element]
    for vertex in shape.get("vertices", [shape]):
        place = vertex["x"], vertex["y"]
        artist.pen(place, place)
    if element in {POLYGON, POLYLINE}:
        artist.task.press("Enter")
    artist.submits(shape)
