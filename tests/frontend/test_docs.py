"""What the docs say of worker pages."""

from __future__ import annotations

import json
import re

import pytest

from dev.stack import ROOT
from tests.frontend.conftest import SCRIPT, Portal
from tests.snippets import blocks

PAGE = ROOT / "docs" / "worker-pages.md"


@pytest.mark.browser
def test_the_template_of_the_docs_sends_the_answer_of_the_docs(portal: Portal) -> None:
    (template,) = blocks(PAGE, "html")
    (answer,) = blocks(PAGE, "json")
    tag = template.splitlines()[0]
    assert tag == '<script src="https://assets.crowd.aws/crowd-html-elements.js"></script>'
    task = portal.open(template.replace(tag, SCRIPT), script="")
    task("text=glad").click()
    task.frame.get_by_label("Why?").fill("exclamation mark")
    assert task.submit() == json.loads(answer)


def test_the_docs_name_all_elements() -> None:
    text = PAGE.read_text()
    sources = "".join(path.read_text() for path in (ROOT / "frontend" / "src" / "elements").glob("*.ts"))
    registered = set(re.findall(r'@element\("((?:crowd|iron)-[\w-]+)"\)', sources))
    inner = {"crowd-picture", "crowd-slider-label"}
    missing = {name for name in registered - inner if name not in text and name.replace("crowd", "", 1) not in text}
    assert not missing
