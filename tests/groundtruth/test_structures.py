"""msgspec's structures are ready before threads share them."""

from __future__ import annotations

import subprocess
import sys

from dev.stack import ROOT

READS = """
import importlib, pathlib
import msgspec

paths = [path for path in pathlib.Path("labeling_provider").rglob("*.py") if "msgspec.Struct" in path.read_text()]
modules = [importlib.import_module(".".join(path.with_suffix("").parts)) for path in paths]
kinds = {
    kind
    for module in modules
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == module.__name__
}
late = []
for kind in kinds:
    # Whatever msgspec looks at only now, it no longer finds.
    kind.__annotations__ = dict.fromkeys(kind.__struct_fields__, "nowhere")
for kind in kinds:
    try:
        msgspec.json.Decoder(kind)
    except NameError:
        late.append(str(kind))
print(len(kinds), sorted(late))
"""


def test_msgspec_has_looked_at_each_structure_when_its_module_is_there() -> None:
    seen = subprocess.run([sys.executable, "-c", READS], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    number, late = seen.split(maxsplit=1)
    assert late.strip() == "[]"
    assert int(number) > 30
