"""Lets code that was written for an earlier version pass arguments by the names that they had then."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
Returned = TypeVar("Returned")


def renamed(**names: str) -> Callable[[Callable[P, Returned]], Callable[P, Returned]]:
    """Let a function take keywords by their former names too, with a FutureWarning.

    :param names: what an argument is called now, by its former name.
    """

    def decorated(function: Callable[P, Returned]) -> Callable[P, Returned]:
        @wraps(function)
        def call(*args: P.args, **given: P.kwargs) -> Returned:
            for former in names.keys() & given.keys():
                now = names[former]
                if now in given:
                    raise TypeError(f"{function.__qualname__}: {former} is called {now} now; give {now} only")
                warnings.warn(f"{function.__qualname__}: {former} is called {now} now", FutureWarning, stacklevel=2)
                given[now] = given.pop(former)
            return function(*args, **given)

        return call

    return decorated
