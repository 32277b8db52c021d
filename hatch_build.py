"""Has the worker pages' script in every wheel, source distribution and editable installation.

Wheels have the example Dags as well.
"""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_spec = spec_from_file_location("frontend_build", Path(__file__).resolve().parent / "frontend" / "build.py")
assert _spec
assert _spec.loader
pages = sys.modules["frontend_build"] = module_from_spec(_spec)
_spec.loader.exec_module(pages)


class WorkerPages(BuildHookInterface[Any]):
    """Builds the script where its sources have changed. A source distribution brings it along."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        return [] if pages.is_built() else [pages.NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        try:
            pages.build()
        except pages.BuildError as error:
            raise SystemExit(str(error)) from None
        # An editable installation finds them in the checkout.
        if self.target_name == "wheel" and version == "standard":
            build_data["force_include"][str(Path(self.root) / "dags")] = "labeling_provider/example_dags"
