"""The page in the frame where a worker's template runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeling_provider.service.web.assets import Assets
from labeling_provider.service.web.frame import (
    MAX_PLACES,
    frame_headers,
    frame_html,
    frame_page,
    outside_addresses,
)
from tests.service.web.conftest import JQUERY
from tests.service.web.test_assets import get

BASE = "http://localhost:8099"


@pytest.mark.parametrize(
    "tag",
    [
        '<script src="https://assets.crowd.aws/crowd-html-elements.js"></script>',
        "<script src='https://assets.crowd.aws/crowd-html-elements.js'></script>",
        "<script src=https://assets.crowd.aws/crowd-html-elements.js></script>",
        "<SCRIPT type='text/javascript' SRC = '//assets.crowd.aws/crowd-html-elements.js' ></SCRIPT>",
        '<script\n  async src="http://assets.crowd.aws/crowd-html-elements-v2.js?a=1&amp;b"></script>',
        '<script src=" HTTPS://Assets.Crowd.AWS/crowd-html-elements.min.js#x "></script>',
    ],
)
def test_amazons_script_is_ours(assets: Assets, tag: str) -> None:
    page = frame_html(f"{tag}<crowd-form></crowd-form>", assets)
    assert page.lower().count("<script") == 1
    assert f'"{assets.address("crowd-html-elements.js")}"' in page
    assert "crowd.aws" not in page.lower()


@pytest.mark.parametrize("folder", ["", "css/", "a/b.c/"])
def test_amazons_files_are_ours_in_whatever_folder(assets: Assets, folder: str) -> None:
    page = frame_html(
        f'<link href="https://assets.crowd.aws/{folder}crowd-html-elements-v2.css">'
        f'<script src="https://assets.crowd.aws/{folder}crowd-html-elements-v2.js"></script>'
        f'<img src="https://assets.crowd.aws/{folder}picture.png">',
        assets,
    )
    assert f'href="{assets.address("crowd-html-elements.css")}"' in page
    assert page.count(assets.address("crowd-html-elements.js")) == 1
    assert outside_addresses(page, BASE) == [f"https://assets.crowd.aws/{folder}picture.png"]


def test_amazons_style_sheet_and_files_of_other_sites_are_ours(assets: Assets) -> None:
    page = frame_html(
        '<link rel="stylesheet" href="https://assets.crowd.aws/crowd-html-elements-v2.css">'
        f'<script src="{JQUERY}"></script><script src="https://code.example.com/jquery.js?v=2"></script>'
        '<img src="https://pictures.example.com/a.png">',
        assets,
    )
    assert f'href="{assets.address("crowd-html-elements.css")}"' in page
    assert f'src="{assets.outside[JQUERY]}"' in page
    # Without our own script there is one more.
    assert page.count("crowd-html-elements.js") == 1
    assert outside_addresses(page, BASE) == [
        "https://code.example.com/jquery.js?v=2",
        "https://pictures.example.com/a.png",
    ]
    assert get(assets, assets.outside[JQUERY])[2] == b"'jquery'"


def test_a_text_that_names_the_script_stays_as_it_is(assets: Assets) -> None:
    script = "//assets.crowd.aws/crowd-html-elements.js"
    text = f"It says https:{script} and &lt;script src={script}&gt;"
    attribute = (
        '<crowd-entity-annotation text="https://assets.crowd.aws/crowd-html-elements.js"></crowd-entity-annotation>'
    )
    page = frame_html(f"<p>{text}</p>{attribute}", assets)
    assert f"<p>{text}</p>{attribute}" in page


@pytest.mark.parametrize(
    ("template", "begins"),
    [
        ("<p>x", '<!doctype html>\n<html lang="de"><meta charset="utf-8"><title>T</title>\n<script src='),
        ("<!DOCTYPE html><p>x", '<!DOCTYPE html><html lang="de"><meta charset="utf-8"><title>T</title>\n<script src='),
        (
            "<!-- a --> <!doctype html>\n<html lang=fr><head><title>U</title></head><body>x",
            '<!-- a --> <!doctype html>\n<html lang=fr><head><meta charset="utf-8">\n<script src=',
        ),
        ("<html><body>x", '<!doctype html>\n<html><meta charset="utf-8">\n<script src='),
        (
            "<head></head><script>'<html>'</script>",
            '<!doctype html>\n<head><meta charset="utf-8">\n<script src=',
        ),
        ("<script>'<html>'</script>", '<!doctype html>\n<html lang="de"><meta charset="utf-8">'),
    ],
)
def test_a_page_without_the_script_gets_it_first(assets: Assets, template: str, begins: str) -> None:
    page = frame_html(template, assets, title="T", language="de")
    assert page.startswith(begins)
    assert page.count(assets.address("crowd-html-elements.js")) == 1


def test_a_title_is_text(assets: Assets) -> None:
    page = frame_html("x", assets, title="</title><script>\ud800", language='"><script>')
    assert page.count("<script") == 1
    assert frame_page("x\ud800", assets, BASE).status_code == 200


def test_the_policy_lets_a_template_have_its_own_objects_and_nothing_else(assets: Assets) -> None:
    links = [f"{BASE}/lab/it%27s;,%20a.png?X-Amz-Signature=1", "https://s3.example.com/b/c?x"]
    headers = frame_page("x", assets, BASE, objects=links).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["sandbox"] == "allow-scripts allow-forms allow-modals"
    assert policy["form-action"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == f"'unsafe-inline' 'unsafe-eval' {BASE}/portal/static/"
    for kind in ("img-src", "media-src", "connect-src", "font-src"):
        assert policy[kind].split() == [
            *(
                "data:",
                "blob:",
                f"{BASE}/portal/static/",
                f"{BASE}/lab/it%27s%3B%2C%20a.png",
                "https://s3.example.com/b/c",
            )
        ]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"


def test_the_policy_stays_short() -> None:
    def places(links: list[str]) -> list[str]:
        policy = frame_headers(BASE, links)["content-security-policy"]
        return policy.partition("frame-src data: blob: ")[2].partition(";")[0].split()

    assert places([f"{BASE}/lab/a/{number}" for number in range(5_000)]) == [f"{BASE}/lab/a/"]
    assert places([f"{BASE}/lab/{number}/a" for number in range(5_000)]) == [f"{BASE}/lab/"]
    assert len(places([f"{BASE}/{number}/a" for number in range(5_000)])) == MAX_PLACES


@pytest.mark.parametrize(
    "part",
    [
        "<img",
        "<script src='",
        '<img src="',
        "<img '\"",
        "<html",
        "<!--",
        "<img src=//x",
        "<script <img>",
        "<img a='>'>",
    ],
)
def test_hostile_markup_is_looked_through_at_once(assets: Assets, part: str) -> None:
    page = frame_html(part * 50_000, assets)
    outside_addresses(page, BASE)
    assert len(page) > 50_000 * len(part)


def test_it_is_told_that_the_scripts_were_not_built(tmp_path: Path) -> None:
    missing = Assets(tmp_path)
    page = frame_page("x", missing, BASE)
    assert page.status_code == 503
    assert b"make setup" in page.body
    assert b"make setup" in get(missing, "/portal/static/crowd-html-elements.js")[2]
    (tmp_path / "crowd-html-elements.js").write_text("1")
    assert frame_page("x", missing, BASE).status_code == 200
