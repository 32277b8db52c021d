"""The Jinja environment and the style sheet of all pages: the Airflow plugin's, the service's and the quality report.

A template's name is its path in the package, such as ``ui/templates/job.html``. Values are escaped unless they are
markup, and an undefined name is an error.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

_BREAKS = re.compile(r"[-_/.:](?=[^\W_])")
"""Characters after which a name may break into the next line."""


def render(template: str, **values: Any) -> str:
    """Render a page, or a part of one, as HTML.

    :param template: the template's path in the package.
    :param values: the template's variables.
    """
    return replace_surrogates(_environment().get_template(template).render(values))


def replace_surrogates(text: str) -> str:
    """A string with lone surrogates replaced: JSON can contain them, but a page can't."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@cache
def style_sheet() -> str:
    """The style sheet of all pages but the portal's, as CSS: the palette that all pages share, and the rest."""
    folder = files("labeling_provider.rendering") / "static"
    return "\n".join((folder / name).read_text("utf-8") for name in ("palette.css", "labeling.css"))


def share(value: float | None) -> str:
    """A share from 0 to 1 as text, or a dash for None."""
    return "–" if value is None else f"{value:.2f}"


def isolated(text: Any) -> Markup:
    """A name or a text from outside, as HTML: marks for right-to-left text end with it.

    A long name may break after punctuation. Markup keeps its form.
    """
    parted = text if isinstance(text, Markup) else Markup(_BREAKS.sub(r"\g<0><wbr>", str(escape(text))))  # noqa: S704
    return Markup("<bdi>{}</bdi>").format(parted)


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
    environment.filters.update(number="{:,}".format, share=share, isolated=isolated)
    return environment
