"""The page of a point cloud task: clouds that are shown or refused, cuboids, and what is sent."""

from __future__ import annotations

import math
import struct

import pytest

from dev.stack import wait_until
from labeling_provider.manifest.cameras import edges
from labeling_provider.manifest.cuboids import LabeledCuboid
from labeling_provider.manifest.point_sequences import CameraImage, Pose
from tests.frontend.clouds import SCENE, Surveyor, check_accessible, cuboid, packed, sized
from tests.frontend.conftest import Portal

pytestmark = pytest.mark.browser

PLACE, SIZE = ("centerX", "centerY", "centerZ"), ("length", "width", "height")


def test_a_click_puts_a_cuboid_on_the_points_and_it_is_sent(portal: Portal) -> None:
    surveyor = Surveyor(portal)
    surveyor.choose("car")
    surveyor.click(5.4, 3.2, 1.5)
    assert surveyor.task.submit()["it"] == {"boundingCuboids": [cuboid()], "frameAttributes": {}}


def test_the_next_cuboid_of_a_label_has_the_size_of_the_last(portal: Portal) -> None:
    surveyor = Surveyor(portal)
    surveyor.choose("car")
    surveyor.click(5, 3, 1.5)
    surveyor.task(".numbers").get_by_label("Length").fill("3")
    surveyor.task(".numbers").get_by_label("Length").press("Tab")
    surveyor.press("Escape")
    # On the ground, where nothing stands.
    surveyor.click(-5, -5, 0)
    cuboids = surveyor.cuboids()
    assert [shape["objectName"] for shape in cuboids] == ["car:1", "car:2"]
    assert sized(cuboids[1], *SIZE) == [3, 2, 1.5]
    assert sized(cuboids[1], *PLACE) == [-5, -5, 0.75]


def test_pointers_size_move_and_turn(portal: Portal) -> None:
    surveyor = Surveyor(portal, initial={"boundingCuboids": [cuboid()]})
    surveyor.press("]", "t", "w", "w")
    surveyor.drag((5, 3, 0.75), (8, 1, 0.75), "Alt")
    moved = surveyor.cuboids()[0]
    assert sized(moved, *PLACE) == [pytest.approx(8, abs=0.1), pytest.approx(1, abs=0.1), 0.75]
    # Its front, which points to x.
    x, y = moved["centerX"], moved["centerY"]
    surveyor.drag((x + 2, y, 0.75), (x + 3, y, 0.75), "Control")
    larger = surveyor.cuboids()[0]
    assert larger["length"] == pytest.approx(5, abs=0.1)
    assert larger["centerX"] - larger["length"] / 2 == pytest.approx(x - 2, abs=1e-6), "the back stays"
    surveyor.drag((x, y, 0.75), (x + 2, y, 0.75), "Shift")
    assert surveyor.cuboids()[0]["yaw"] != 0
    surveyor.press("Control+z", "Control+z", "Control+z")
    assert surveyor.cuboids() == [cuboid()]
    surveyor.press("Control+Shift+z")
    assert surveyor.cuboids() == [moved]


def test_keys_alone_are_enough(portal: Portal) -> None:
    surveyor = Surveyor(portal)
    surveyor.press("1", "n")
    assert len(surveyor.cuboids()) == 1
    before = surveyor.cuboids()[0]
    surveyor.press("Alt+ArrowRight", "Alt+Shift+ArrowUp", "Control+ArrowUp", "Shift+ArrowLeft", "Shift+ArrowDown")
    after = surveyor.cuboids()[0]
    assert after["centerZ"] == pytest.approx(before["centerZ"] + 0.05)
    assert after["length"] == pytest.approx(before["length"] + 0.05)
    assert (after["yaw"], after["pitch"]) == (pytest.approx(math.pi / 180), pytest.approx(math.pi / 180))
    assert after["centerX"] == pytest.approx(before["centerX"] + 0.05 + 0.025)
    surveyor.press("Alt+g", "Control+d", "]", "Delete")
    assert len(surveyor.cuboids()) == 1
    eye = "(element) => [element.eye.azimuth, element.eye.distance, ...element.eye.target]"
    seen = surveyor.element.evaluate(eye)
    surveyor.press("Shift+a", "w", "ArrowLeft")
    now = surveyor.element.evaluate(eye)
    assert all(before != other for before, other in zip(now[:3], seen[:3], strict=True)), "turned, nearer, and moved"


def test_a_cuboid_fits_its_points_and_stands_on_the_ground(portal: Portal) -> None:
    loose = cuboid(centerX=5.2, centerY=2.9, centerZ=1.2, length=4.3, width=2.2, height=2.6)
    surveyor = Surveyor(portal, initial={"boundingCuboids": [loose]})
    surveyor.press("]", "Alt+g")
    assert sized(surveyor.cuboids()[0], *PLACE) == [5.2, 2.9, 1.3]
    surveyor.press("Alt+o")
    shape = surveyor.cuboids()[0]
    assert (sized(shape, *PLACE), sized(shape, *SIZE)) == ([5, 3, 0.75], [4, 2, 1.5])
    assert "1056 points" in surveyor.task(".numbers legend").inner_text()
    assert surveyor.task.submit()["it"]["initialValueModified"] is True


def test_side_views_drag_edges_and_the_heading(portal: Portal) -> None:
    surveyor = Surveyor(portal)
    surveyor.choose("car")
    surveyor.click(5, 3, 1.5)

    def drag(side: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Places are shares of half the view, from its middle, to the right and up."""
        canvas = surveyor.task(f"canvas[data-side={side}]")
        canvas.scroll_into_view_if_needed()
        area = canvas.bounding_box()

        def place(share: tuple[float, float]) -> tuple[float, float]:
            x, y = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
            return x + share[0] * area["width"] / 2, y - share[1] * area["height"] / 2

        surveyor.mouse.move(*place(start))
        surveyor.mouse.down()
        surveyor.mouse.move(*place(end), steps=3)
        surveyor.mouse.up()
        surveyor.settle()

    # From above, the length of 4 meters takes 55 % of the height.
    drag("top", (0, 0.55), (0, 0.825))
    shape = surveyor.cuboids()[0]
    assert sized(shape, "length", "centerX") == [pytest.approx(5, abs=0.05), pytest.approx(5.5, abs=0.03)]
    drag("side", (0, 0), (0.11, 0))
    assert surveyor.cuboids()[0]["centerX"] == pytest.approx(6, abs=0.05)
    # The handle is 20 pixels above the front.
    height = surveyor.task("canvas[data-side=top]").bounding_box()["height"]
    drag("top", (0, 0.55 + 40 / height), (-0.6, 0))
    shape = surveyor.cuboids()[0]
    assert shape["yaw"] == pytest.approx(math.pi / 2, abs=0.02), "a quarter to the left"
    assert (shape["roll"], shape["pitch"]) == (0, 0)


def test_a_click_selects_a_label_changes_it_and_hidden_ones_stay(portal: Portal) -> None:
    surveyor = Surveyor(portal, initial={"boundingCuboids": [cuboid(), cuboid(number=2, centerX=-6)]})
    surveyor.click(-6, 3, 0.75)
    surveyor.choose("pole")
    assert [shape["objectName"] for shape in surveyor.cuboids()] == ["car:1", "pole:1"]
    surveyor.press("Shift+h", "Escape", "Escape")
    surveyor.click(-6, 3, 0.75)
    assert surveyor.task("li.chosen").count() == 0, "a hidden one can't be clicked"
    assert len(surveyor.task.submit()["it"]["boundingCuboids"]) == 2


def test_what_is_locked_stays_and_required_attributes_block(portal: Portal) -> None:
    parked = {"name": "parked", "type": "string", "enum": ["yes", "no"], "isRequired": True}
    weather = {"name": "weather", "type": "string", "description": "Outside", "isRequired": True}
    labels = [{"label": "car", "editsAllowed": "none", "categoryAttributes": [parked]}, {"label": "pole"}]
    given = {"boundingCuboids": [cuboid(), {"label": "pole", "centerX": "far"}]}
    surveyor = Surveyor(portal, labels=labels, initial=given, frameAttributes=[weather])
    assert "can't be shown here: 1" in surveyor.task(".problem").first.inner_text()
    surveyor.press("]", "Alt+ArrowRight")
    assert "stay as it is" in surveyor.hint()
    surveyor.press("Delete")
    assert surveyor.cuboids() == [cuboid()]
    assert surveyor.task(".numbers").get_by_label("Roll").is_disabled()
    assert "Frame 0: fill in “weather”" in surveyor.task.refused()
    surveyor.task(".objects").get_by_label("weather").fill("wet")
    surveyor.task(".objects").get_by_label("weather").press("Tab")
    assert "car:1: fill in “parked”" in surveyor.task.refused()
    surveyor.task(".objects").get_by_label("parked").select_option("yes")
    answer = surveyor.task.submit()["it"]
    assert answer["frameAttributes"] == {"weather": "wet"}
    assert answer["boundingCuboids"] == [cuboid(labelCategoryAttributes={"parked": "yes"})]


def test_the_ruler_measures_and_a_double_click_flies(portal: Portal) -> None:
    surveyor = Surveyor(portal)
    surveyor.press("r")
    surveyor.click(0, 0)
    surveyor.click(3, -4)
    assert "5.00 m" in surveyor.hint()
    surveyor.press("Escape", "Escape", "Escape")
    assert not surveyor.task.frame.get_by_label("Ruler").is_checked()
    surveyor.mouse.dblclick(*surveyor.at(5, 3, 1.5))
    target = surveyor.element.evaluate("(element) => element.eye.target")
    assert target == [pytest.approx(5, abs=0.4), pytest.approx(3, abs=0.4), pytest.approx(1.5, abs=0.3)]


def test_work_goes_on_where_it_was_left(portal: Portal) -> None:
    surveyor = Surveyor(portal)
    surveyor.choose("car")
    surveyor.click(5, 3, 1.5)
    draft = surveyor.task.changed({"it": {"boundingCuboids": [cuboid()], "frameAttributes": {}}})["draft"]
    again = Surveyor(portal, init={"draft": draft})
    assert again.cuboids() == [cuboid()]


# It is at (-5, 3, 1.5), and looks along x.
CAMERA = {
    "image-path": "front.svg",
    "src": "/picture.svg",
    "unix-timestamp": 1000,
    "fx": 200,
    "fy": 200,
    "cx": 200,
    "cy": 150,
    "position": {"x": -5, "y": 3, "z": 1.5},
    "heading": {"qx": -0.5, "qy": 0.5, "qz": -0.5, "qw": 0.5},
}
BENT = {"k1": 0.05, "k2": -0.01, "k3": 0.002, "k4": 0.001}


def test_cuboids_are_in_the_pictures_of_cameras(portal: Portal) -> None:
    fisheye = {**CAMERA, **BENT, "image-path": "wide.svg", "camera-model": "fisheye"}
    lost = {key: value for key, value in CAMERA.items() if key != "fx"}
    images = [{**CAMERA, **BENT, "p1": 0.01, "p2": -0.02, "skew": 3}, fisheye, lost]
    given = {"boundingCuboids": [cuboid(yaw=0.3)]}
    surveyor = Surveyor(portal, initial=given, frame={"images": images})
    assert "data about their camera is missing: 1" in surveyor.task(".problem").inner_text()
    surveyor.task(".photo img").scroll_into_view_if_needed()
    surveyor.task(".photo img").evaluate("(element) => element.decode()")
    surveyor.settle()
    # As the package itself projects them.
    label = LabeledCuboid("car", (5, 3, 0.75), (4, 2, 1.5), (0, 0, 0.3), "", "car:1", {})
    drawn_places = """(element) => {
      const bytes = element.getContext("2d").getImageData(0, 0, element.width, element.height).data;
      return Array.from({length: bytes.length / 4}, (_, place) => place).filter((place) => bytes[4 * place + 3] > 100);
    }"""
    for number, image in enumerate(images[:2]):
        surveyor.task(".image select").select_option(str(number))
        surveyor.settle()
        pose = Pose((-5, 3, 1.5), (-0.5, 0.5, -0.5, 0.5))
        radial = (0.05, -0.01, 0.002, 0.001)
        camera = CameraImage(
            uri="",
            timestamp=1000,
            model=str(image.get("camera-model", "pinhole")),
            focal=(200, 200),
            center=(200, 150),
            skew=float(str(image.get("skew", 0))),
            radial=radial,
            tangential=(0.01, -0.02) if number == 0 else (0, 0),
            pose=pose,
        )
        canvas = surveyor.task(".photo canvas")
        width = canvas.evaluate("(element) => element.width")
        drawn = set(canvas.evaluate(drawn_places))
        places = [
            round(y * width / 400) * width + round(x * width / 400)
            for line in edges(camera, label)
            for x, y in line
            if 2 < x < 398 and 2 < y < 298
        ]
        near = (0, 1, -1, width, -width)
        assert places
        assert all(any(place + step in drawn for step in near) for place in places)
    surveyor.task(".photo").click(position={"x": width / 2, "y": width * 0.4})
    assert surveyor.task("li.chosen").count() == 1
    surveyor.press("c", "f", "p")
    assert surveyor.element.evaluate("(element) => element.eye.position.map(Math.round)") == [-5, 3, 2]
    values = "(canvas) => new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size"
    assert surveyor.task(".photo canvas").evaluate(values) > 10, "points over the picture"


FORMATS = {
    "binary/xyz": struct.pack("<6f", 0, 0, 0, 1, 2, 3),
    "binary/xyzirgb": struct.pack("<14f", 0, 0, 0, 5, 255, 0, 0, 1, 2, 3, 6, 0, 255, 0),
    "text/xyz": b"0 0 0\n1 2 3\n",
    "text/xyzi": b"0 0 0 5\r\n\r\n1.0e0 2 +3 6",
    "text/xyzrgb": b"0 0 0 255 0 0\n1 2 3 0 255 0\n",
}
HOSTILE = {
    ("binary/xyz", b""): "the file has no points",
    ("text/xyz", b"\n \n"): "the file has no points",
    ("binary/xyzi", b"\0" * 17): "17 bytes, which is not a multiple of 16",
    ("binary/xyz", struct.pack("<6f", 0, 0, 0, 1, math.nan, 3)): "byte 16 (point 2): y is NaN",
    ("binary/xyzrgb", struct.pack("<6f", 0, 0, 0, 1, 300, 3)): "byte 16 (point 1): g is 300; a color",
    ("text/xyz", b"0 0 0\n1 2\n"): "line 2: it has 2 numbers; a point in text/xyz has 3",
    ("text/xyz", b"0 0 0\n\n1 0x2 <b>\n"): "line 3: y is 0x2, which is not a number",
    ("ascii/pcd", b"0 0 0\n"): "“ascii/pcd” is not a point cloud format",
}


def test_all_formats_are_read(portal: Portal) -> None:
    for form, body in FORMATS.items():
        surveyor = Surveyor(portal, [body], frame={"format": form})
        points = surveyor.element.evaluate(
            """({loaded: {cloud}}) => {
              const [one] = [...cloud.order.keys()].filter((at) => cloud.order[at] === 1);
              const at = [0, 1, 2].map((axis) => cloud.positions[3 * one + axis] + cloud.origin[axis]);
              const {tones, colors} = cloud;
              return [cloud.count, at, tones ? tones[one] : null, colors ? colors[3 * one + 1] : null];
            }"""
        )
        assert points[:2] == [2, [1, 2, 3]], form
        assert (points[2] is not None) == ("i" in form.split("/")[1]), form
        assert points[3] == (255 if "rgb" in form else None), form


def test_what_cant_be_read_says_why(portal: Portal) -> None:
    for (form, body), reason in HOSTILE.items():
        surveyor = Surveyor(portal, [body], frame={"format": form}, wait=False)
        alert = surveyor.task(".stage [role=alert]")
        alert.wait_for()
        assert reason in alert.inner_text()
        assert "0.bin can't be shown" in surveyor.task.refused()


def test_a_cloud_that_does_not_come_is_tried_again(portal: Portal) -> None:
    surveyor = Surveyor(portal, frame={"src": "/clouds/lost.bin"}, wait=False)
    link = surveyor.task.heard("refresh")["url"]
    surveyor.task.say("link", url=link, fresh=None)
    surveyor.task(".stage [role=alert]").wait_for()
    portal.files["/clouds/lost.bin"] = ("application/octet-stream", packed(SCENE))
    surveyor.button("Try again").click()
    wait_until(lambda: surveyor.element.evaluate("(stage) => stage.loaded?.cloud.count") == len(SCENE), 10, "the cloud")
    del portal.files["/clouds/lost.bin"]


def test_a_cloud_far_from_the_origin_is_exact(portal: Portal) -> None:
    far = [f"{x + 4_500_000.25} {y + 600_000.5} {z} {i}" for x, y, z, i in SCENE]
    surveyor = Surveyor(portal, ["\n".join(far).encode()], frame={"format": "text/xyzi"})
    surveyor.choose("car")
    surveyor.click(4_500_005.25, 600_003.5, 1.5)
    shape = surveyor.cuboids()[0]
    assert sized(shape, *PLACE, *SIZE) == [4_500_005.25, 600_003.5, 0.75, 4, 2, 1.5]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_the_page(portal: Portal, theme: str) -> None:
    weather = {"name": "weather", "type": "string", "description": "Outside"}
    given = {"boundingCuboids": [cuboid(), cuboid("pole", centerX=-4)]}
    init = {"theme": theme, "language": "de"}
    surveyor = Surveyor(portal, initial=given, init=init, frameAttributes=[weather])
    surveyor.press("]")
    check_accessible(surveyor)
