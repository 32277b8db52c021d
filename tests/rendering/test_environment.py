"""The one Jinja environment and the one style sheet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from dev.stack import ROOT
from labeling_provider.rendering.environment import render, replace_surrogates, style_sheet

PACKAGE = ROOT / "labeling_provider"
BUILT = PACKAGE / "service" / "web" / "static"
PORTAL = PACKAGE / "service" / "web" / "portal"


def test_what_a_page_shows_is_escaped() -> None:
    page = render("service/web/templates/page.html", title="<b>\"'", text="<script>", refresh=False)
    assert "<h1>&lt;b&gt;&#34;&#39;</h1>" in page
    assert "<script" not in page


def test_a_page_that_lacks_a_value_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="'text' is undefined"):
        render("service/web/templates/page.html", title="a", refresh=False)


def test_half_surrogates_are_replaced() -> None:
    assert replace_surrogates("a\ud800b\U0001f600") == "a\ufffdb\U0001f600"


def test_there_is_one_environment_and_one_style_sheet() -> None:
    makes_one = [path for path in PACKAGE.rglob("*.py") if re.search(r"\bEnvironment\(", path.read_text())]
    assert makes_one == [PACKAGE / "rendering" / "environment.py"]
    sheets = [path for path in PACKAGE.rglob("*.css") if path.parent != BUILT]
    assert sheets == [PACKAGE / "rendering" / "static" / "labeling.css"]
    assert style_sheet() in render("service/web/templates/page.html", title="a", text="b", refresh=False)
    styled = [path for path in _sources() if "<style" in path.read_text()]
    assert styled == [PACKAGE / "rendering" / "templates" / "page.html"]


def test_every_class_of_a_template_is_in_the_style_sheet() -> None:
    known = set(re.findall(r"\.([a-z_]+)", style_sheet()))
    portal = set(re.findall(r"\.([a-z_]+)", (ROOT / "frontend" / "src" / "portal" / "portal.css").read_text()))
    for path in _sources():
        for names in re.findall(r'class="([a-z_ ]+)"', path.read_text()):
            assert set(names.split()) <= (portal if path.is_relative_to(PORTAL) else known), path


def _sources() -> list[Path]:
    return sorted([*PACKAGE.rglob("*.html"), *PACKAGE.rglob("*.py")])
