"""The one Jinja environment and the one style sheet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from dev.stack import ROOT
from labeling_provider.rendering.environment import isolated, render, replace_surrogates, style_sheet

PACKAGE = ROOT / "labeling_provider"
BUILT = PACKAGE / "service" / "web" / "static"
PORTAL = PACKAGE / "service" / "web" / "portal"


def test_what_a_page_shows_is_escaped() -> None:
    page = render("service/web/templates/page.html", title="<b>\"'", text="<script>", refresh=False, person=None)
    assert "<h1><bdi>&lt;b&gt;&#34;&#39;</bdi></h1>" in page
    assert "<script" not in page


def test_a_page_that_lacks_a_value_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="'text' is undefined"):
        render("service/web/templates/page.html", title="a", refresh=False, person=None)


def test_half_surrogates_are_replaced() -> None:
    assert replace_surrogates("a\ud800b\U0001f600") == "a\ufffdb\U0001f600"


def test_there_is_one_environment_and_one_style_sheet() -> None:
    makes_one = [path for path in PACKAGE.rglob("*.py") if re.search(r"\bEnvironment\(", path.read_text())]
    assert makes_one == [PACKAGE / "rendering" / "environment.py"]
    sheets = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.css") if path.parent != BUILT}
    assert sheets == {"rendering/static/labeling.css", "rendering/static/palette.css"}
    assert style_sheet() in render("service/web/templates/page.html", title="a", text="b", refresh=False, person=None)
    styled = [path for path in _sources() if "<style" in path.read_text()]
    assert styled == [PACKAGE / "rendering" / "templates" / "page.html"]
    assert [path for path in PACKAGE.rglob("*.html") if "<html" in path.read_text()] == styled, "pages extend it"


def test_the_portal_adds_to_the_style_sheet_and_does_not_repeat_it() -> None:
    portal = (ROOT / "frontend" / "src" / "portal" / "portal.css").read_text()
    sheets = ("palette.css", "labeling.css")
    assert [name for name in sheets if f'/rendering/static/{name}";' in portal] == list(sheets)
    assert not re.search(
        r"#[0-9a-f]{3,8}\b|rgb\(|font-family|font:|background|border-radius: 0\.[345]|collapse", portal
    )
    # Of elements without a class, it changes size and place alone.
    elements = re.findall(r"^((?:[a-z0-9]+,\n)*[a-z0-9]+) \{\n([^}]+)\}", portal, re.MULTILINE)
    changed = {name for _, rules in elements for name in re.findall(r"^ *([a-z-]+):", rules, re.MULTILINE)}
    assert changed <= {"font-size", "padding", "margin", "min-height", "width", "max-width"}


def test_the_colors_of_all_pages_stand_in_one_palette() -> None:
    palette = PACKAGE / "rendering" / "static" / "palette.css"
    colors = re.findall(r"(--labeling-\w+):", palette.read_text())
    others = [palette.with_name("labeling.css"), *(ROOT / "frontend" / "src").rglob("*.css")]
    used = {name for path in others for name in re.findall(r"var\((--labeling-\w+)\)", path.read_text())}
    assert len(colors) == len(used) == 7
    assert used == set(colors)
    assert [path.name for path in others if re.search(rf"({'|'.join(colors)}):", path.read_text())] == []
    # The plugin's script takes them from Airflow's theme.
    script = (PACKAGE / "ui" / "static" / "labeling.js").read_text()
    shades = re.search(r"const SHADES = \{ (.+) \};", script)
    assert shades
    assert {f"--labeling-{name}" for name in re.findall(r"(\w+):", shades[1])} == used - {"--labeling-trouble"}
    assert "`--labeling-${own}`" in script


def test_every_class_of_a_template_is_in_the_style_sheet() -> None:
    known = set(re.findall(r"\.([a-z_]+)", style_sheet()))
    portal = known | set(re.findall(r"\.([a-z_]+)", (ROOT / "frontend" / "src" / "portal" / "portal.css").read_text()))
    for path in _sources():
        for names in re.findall(r'class="([a-z_ ]+)"', path.read_text()):
            assert set(names.split()) <= (portal if path.is_relative_to(PORTAL) else known), path


def _sources() -> list[Path]:
    return sorted([*PACKAGE.rglob("*.html"), *PACKAGE.rglob("*.py")])


def test_a_name_is_isolated_and_goes_on_in_the_next_line_after_its_signs() -> None:
    assert isolated("a_b-3.c/d:e") == "<bdi>a_<wbr>b-<wbr>3.<wbr>c/<wbr>d:<wbr>e</bdi>"
    assert isolated("s3://a__b/") == "<bdi>s3://<wbr>a__<wbr>b/</bdi>"
    assert isolated("<i>'x' & \u202e") == "<bdi>&lt;i&gt;&#39;x&#39; &amp; \u202e</bdi>"
    assert isolated(Markup('<a href="a/b">')) == '<bdi><a href="a/b"></bdi>'
    assert isolated(7) == "<bdi>7</bdi>"


OURS = re.compile(
    r'"|(?:word|time|age|duration|moment|day|price|status|progress|share_bar|counted|hidden|figures|facts|workers_table|class_names|super|'
    r"style_sheet)\(|.*(?:\|(?:number|length|share|isolated|format\(.*\))|\.format\(.*\))( if .* else .*)?$"
)
"""Numbers, times, our own words, and what is isolated."""
MARKUP = {"card", "card.shown", "card.names", "change.shown[0]", "change.shown[1]", "start"}
MARKUP |= {f'change.names[{place}] or "nothing"' for place in (0, 1)}
WORDS = {
    "title",
    "text",
    "words",
    "figure",
    "whose",
    "name",
    "status",
    "chart.span",
    "singular if count == 1 else plural",
}
NUMBERS = {"number", "pages", "wanted.page", "training.iteration", "job.facts.workers_per_object"}
KEYS = {"new_key.access_key_id", "new_key.secret_access_key", "key.access_key_id", 'key.rights|join(", ")', "right"}
KEYS |= {"max_keys", "person.worker_id", "language"}
"""What the service has made up itself."""
ALONE = {
    "name[:100]",
    'job.name if job and job.name else "Labeling"',
    'person.settings.get("keys", {}).get(command, key)',
}
"""Texts in an element of their own, which isolates them: an option, a key, a title."""


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.html")), ids=lambda path: path.name)
def test_no_page_shows_what_comes_from_outside_without_isolating_it(path: Path) -> None:
    tag = r"<(?:[^<>{}]|\{\{.*?\}\}|\{%.*?%\})*>"
    text = re.sub(tag, lambda match: match[0] if match[0] == "<bdi>" else "<>", path.read_text())
    shown = {match[1].strip() for match in re.finditer(r"(?<!<bdi>)(?<!<bdi>“)\{\{(.*?)\}\}", text)}
    assert {value for value in shown if not OURS.match(value)} <= MARKUP | WORDS | NUMBERS | KEYS | ALONE
