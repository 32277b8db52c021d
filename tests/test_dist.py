"""What is wrong with a wheel is found, and the bill of materials tells all that is in it."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dev.dist import (
    ABOUT,
    MAX_WHEEL_BYTES,
    SCRIPTS,
    DistError,
    bundled_scripts,
    check_contents,
    complete_bill,
    files_of_wheel,
)
from dev.stack import ROOT

pytestmark = pytest.mark.once
NEEDED = json.loads((ROOT / "frontend" / "package.json").read_text())["dependencies"]
RULE = "-" * 80
LICENSES = f"\n{RULE}\n\n".join(f"{name} {version} (MIT)\n\nDo as you like.\n" for name, version in NEEDED.items())
ABOUT_IT = "airflow_provider_labeling-9.0.0.dist-info"


@pytest.fixture
def wheel(tmp_path: Path) -> Callable[[dict[str, bytes | None]], Path]:
    """A good wheel with some of its files changed, or without them where they are None."""

    def make(changes: dict[str, bytes | None]) -> Path:
        files = dict.fromkeys((*files_of_wheel(), *(f"{ABOUT_IT}/{name}" for name in ABOUT)), b"")
        path = tmp_path / "airflow_provider_labeling-9.0.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in {**files, SCRIPTS: LICENSES.encode(), **changes}.items():
                if content is not None:
                    archive.writestr(name, content)
        return path

    return make


def test_a_good_wheel_is_taken(wheel: Callable[[dict[str, bytes | None]], Path]) -> None:
    check_contents(wheel({}))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"tests/test_x.py": b""}, "does not belong into it: tests/test_x.py"),
        ({"labeling_provider/tests/test_x.py": b""}, "does not belong into it: labeling_provider/tests/test_x.py"),
        ({"labeling_provider/cli/keys.pyc": b""}, "does not belong into it: labeling_provider/cli/keys.pyc"),
        *(
            ({f"labeling_provider/{name}": None}, f"lacks labeling_provider/{name}")
            for name in (
                "service/web/static/crowd-html-elements-clouds.js",
                "service/web/static/crowd-html-elements-frames.js",
                "service/web/static/portal.css",
                "service/web/static/crowd-html-elements.licenses.txt",
                "service/web/portal/messages/de.json",
                "ui/static/labeling.js",
                "ui/templates/welcome.html",
                "example_dags/label_by_hand.py",
                "py.typed",
            )
        ),
        ({f"{ABOUT_IT}/licenses/LICENSE": None}, f"lacks {ABOUT_IT}/licenses/LICENSE"),
        (
            {SCRIPTS: LICENSES.replace(f"three {NEEDED['three']}", "three 0.1.0").encode()},
            f"has no license of three {NEEDED['three']}",
        ),
        ({SCRIPTS: LICENSES.replace("Do as you like.", "").encode()}, "has no license's text"),
        ({"labeling_provider/py.typed": b" " * MAX_WHEEL_BYTES}, "bytes, more than 2,000,000"),
    ],
)
def test_what_is_wrong_with_a_wheel_is_named(
    wheel: Callable[[dict[str, bytes | None]], Path], changes: dict[str, bytes | None], told: str
) -> None:
    with pytest.raises(DistError, match=re.escape(told)):
        check_contents(wheel(changes))


def test_the_licenses_of_the_built_scripts_are_read_with_three_among_them() -> None:
    found = bundled_scripts((ROOT / SCRIPTS).read_text())
    assert set(NEEDED.items()) <= {(one.name, one.version) for one in found}
    assert {one.license for one in found} <= {"MIT", "Apache-2.0", "BSD-3-Clause"}


def test_the_bill_of_materials_is_that_of_our_package() -> None:
    parts = {"us": ("airflow-provider-labeling", "9.0.0"), "boto": ("boto3", "1.40.0"), "pip": ("pip", "25.0")}
    bill = complete_bill(
        {
            "bomFormat": "CycloneDX",
            "metadata": {"timestamp": "now"},
            "components": [
                {"bom-ref": ref, "type": "library", "name": name, "version": version}
                for ref, (name, version) in parts.items()
            ],
            "dependencies": [{"ref": "us", "dependsOn": ["boto"]}, {"ref": "boto"}, {"ref": "pip"}],
        },
        bundled_scripts(LICENSES),
    )
    assert bill["metadata"]["component"]["name"] == "airflow-provider-labeling"
    assert bill["metadata"]["timestamp"] == "now"
    named = {one["name"]: one["version"] for one in bill["components"]}
    assert named == {"boto3": "1.40.0", **NEEDED}
    assert "pkg:npm/%40mdi/js@" + NEEDED["@mdi/js"] in {one.get("purl") for one in bill["components"]}
    needs = {one["ref"]: one["dependsOn"] for one in bill["dependencies"]}
    assert needs["us"] == ["boto", *(f"npm:{name}@{version}" for name, version in NEEDED.items())]
    assert "pip" not in needs
    with pytest.raises(DistError, match="lacks airflow-provider-labeling"):
        complete_bill({"components": []}, [])
