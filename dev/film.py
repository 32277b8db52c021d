"""The film of the README and the docs: a Dag asks for labels, people label, the Dag goes on."""

from __future__ import annotations

import io
import runpy
import sys
import tempfile
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from PIL import Image, ImageDraw, ImageFont

from dev.browser import browser_page
from dev.person import Person
from dev.stack import ROOT, Service, Standalone, wait_until
from labeling_provider.links import WORKERS_LINK

FILM: Final = ROOT / "docs" / "images" / "film.webp"
DAG: Final = "label_by_hand"
_WIDTH, _HEIGHT, _STRIP = 1120, 630, 44
_SHOWN: Final = 9
"""How many sentences somebody labels in the film; the others go by unseen."""
_FONT: Final = "DejaVuSans.ttf"


def wrap_logs(page: Any) -> None:
    """Have Airflow break the lines of its logs, as its button Wrap does; otherwise pictures cut them off."""
    page.add_init_script("localStorage.setItem('log_wrap', 'true')")


class Film:
    """Pictures of pages, each with a line below it that says what happens."""

    def __init__(self) -> None:
        self._pictures: list[Image.Image] = []
        self._milliseconds: list[int] = []
        self._font = ImageFont.truetype(_FONT, 21)

    def show(self, page: Any, text: str, seconds: float) -> None:
        """Add what a page shows now."""
        picture = Image.new("RGB", (_WIDTH, _HEIGHT + _STRIP), (23, 43, 77))
        picture.paste(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
        ImageDraw.Draw(picture).text((20, _HEIGHT + 9), text, "white", self._font)
        self._pictures.append(picture)
        self._milliseconds.append(round(1000 * seconds))

    def save(self, path: Path) -> None:
        """Write it as an animated WebP, which browsers repeat for ever."""
        first, *others = self._pictures
        first.save(path, save_all=True, append_images=others, duration=self._milliseconds, loop=0, quality=60, method=6)


def take(airflow: Standalone, service: Service, path: Path = FILM) -> None:
    """Run the Dag, label what it asks for, and film all of it.

    :param path: where the film goes.
    """
    dag = runpy.run_path(str(ROOT / "dags" / f"{DAG}.py"))
    truth = {sentence: dag["KINDS"][number % 2] for number, sentence in enumerate(dag["SENTENCES"])}
    film = Film()
    with browser_page(_WIDTH, _HEIGHT) as page:
        wrap_logs(page)
        run = airflow.trigger(DAG, 120, people=2)
        tasks = f"{airflow.url}/dags/{DAG}/runs/{quote(run)}"
        url = wait_until(lambda: airflow.xcom(DAG, run, "sentences", WORKERS_LINK.xcom_key), 120, "the job is there")
        page.goto(f"{tasks}/tasks/sentences")
        page.get_by_text("Created labeling job").first.wait_for()
        film.show(page, "A Dag has 24 sentences to label. Its task has made a labeling job, and waits for people.", 4)
        people = [Person(context.new_page(), truth, dag["KINDS"]) for context in _browsers(page)]
        for name, person in zip(("Ada", "Grace"), people, strict=True):
            person.sign_in(name, url)
        _label(film, people)
        wait_until(lambda: airflow.run_state(DAG, run) == "success", 120, f"{DAG} succeeds")
        page.goto(f"{tasks}/tasks/sentences/plugin/labeling-task-instance")
        labels = page.frame_locator("iframe[title=Labeling]").locator("#labels")
        labels.locator("figure").first.wait_for()
        film.show(page, "Two blind answers each have become one label. Airflow shows how the job went …", 3)
        labels.locator("h2").last.evaluate("heading => { heading.scrollIntoView(); scrollBy(0, -16); }")
        film.show(page, "… and what the label of each sentence is.", 4)
        page.goto(f"{tasks}/tasks/train")
        page.get_by_text("Trained on 24 sentences").first.wait_for()
        film.show(page, "The task goes on with the labels, and the next one trains a model on them.", 5)
    film.save(path)


def _browsers(page: Any) -> list[Any]:
    size = {"width": _WIDTH, "height": _HEIGHT}
    return [page.context.browser.new_context(viewport=size) for _ in range(2)]


def _label(film: Film, people: list[Person]) -> None:
    """Both label to the end; of the first one a part is filmed."""
    ada, _ = people
    for number in range(_SHOWN):
        wait_until(ada.choose, 60, "a sentence is there", 0.05)
        if not number:
            film.show(ada.page, "People label in a browser, with the instructions beside each sentence.", 3)
        film.show(
            ada.page, "One key chooses the label, Ctrl and Enter submit. The next sentence is there at once.", 0.9
        )
        ada.submit()

    def all_labeled() -> bool:
        for person in people:
            person.label()
        return all(person.has_finished for person in people)

    wait_until(all_labeled, 300, "everything is labeled", 0.05)
    film.show(ada.page, "When all is labeled, the Dag goes on by itself.", 2.5)


def main() -> int:
    """Take the film alone.

    :return: the exit status.
    """
    with tempfile.TemporaryDirectory() as name:
        service = Service(Path(name))
        airflow = Standalone(Path(name), ROOT / "dags", service.connection())
        try:
            airflow.wait_healthy()
            take(airflow, service)
        finally:
            airflow.stop()
            service.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
