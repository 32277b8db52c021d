"""Addresses that only this server can have made."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.ui.signed import is_signed, sign

TASK = ("dag", "run", "task", -1)


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_a_signature_is_good_for_one_address_and_for_some_time(uri: str, other: str, dag: str) -> None:
    secret = b"secret"
    expires, signature = sign(secret, TASK, uri)
    assert is_signed(secret, TASK, uri, expires, signature)
    assert is_signed(secret, TASK, other, expires, signature) == (other == uri)
    assert is_signed(secret, (dag, *TASK[1:]), uri, expires, signature) == (dag == "dag")
    assert not is_signed(secret, TASK, uri, expires + 1, signature)
    assert not is_signed(b"other", TASK, uri, expires, signature)
    assert not is_signed(secret, TASK, uri, *sign(secret, TASK, uri, now=1))


def test_parts_of_an_address_can_not_be_moved_into_each_other() -> None:
    expires, signature = sign(b"s", ("a", "b"), "c")
    assert not is_signed(b"s", ("a", "bc"), "", expires, signature)
    assert not is_signed(b"s", ("ab", ""), "c", expires, signature)
