"""How a trigger travels from a task to a triggerer."""

from __future__ import annotations

from typing import Any, ClassVar


class SerializedTrigger:
    """Mixed into triggers whose arguments are attributes of the same names, all JSON values."""

    _arguments: ClassVar[tuple[str, ...]]

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {name: getattr(self, name) for name in self._arguments}
