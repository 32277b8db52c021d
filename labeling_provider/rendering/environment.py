"""The one Jinja environment and the one style sheet: for the Airflow plugin, the service's pages, the quality report.

A template's name is its path in the package, such as ``ui/templates/job.html``. Everything that a template shows is
escaped unless it is markup already; a name that is missing is an error.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def render(template: str, **values: Any) -> str:
    """A page, or a part of one, as HTML.

    :param template: its path in the package.
    :param values: what it shows.
    """
    return printable(_environment().get_template(template).render(values))


def printable(text: str) -> str:
    """A text without half surrogates: JSON can hold them, and no page can."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@cache
def style_sheet() -> str:
    """The style sheet."""
    return (files("labeling_provider.rendering") / "static" / "labeling.css").read_text("utf-8")


def share(value: float | None) -> str:
    """A share from 0 to 1, or a dash if nobody knows."""
    return "–" if value is None else f"{value:.2f}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("labeling_provider", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["style_sheet"] = lambda: Markup(style_sheet())  # noqa: S704 - our own file
    environment.filters.update(number="{:,}".format, share=share)
    return environment
