"""Nobody tries passwords for ever, in whichever processes and over restarts, and nobody locks others out."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import sqlalchemy as sa

from labeling_provider.service.database.database import Database
from labeling_provider.service.work.people import PeopleError
from labeling_provider.service.work.tries import FAILURE_SECONDS, LIMITS
from tests.service.work.coming_in import PASSWORD, Process
from tests.service.work.conftest import SetClock
from tests.service.work.test_tries import ELSEWHERE, HERE, rows

OK, WRONG, TOO_MANY = "ok", "Wrong name or password.", "There were too many wrong passwords."


def invited(own: Process, *names: str) -> None:
    """Add people who have chosen a password."""
    for name in names:
        own.people.add(name)
        own.sign_ins.accept_invitation(own.sign_ins.invite(name), PASSWORD)


def tried(own: Process, name: str, password: str, address: str) -> str:
    """What somebody is told who tries to sign in."""
    try:
        own.sign_ins.sign_in(name, password, address=address)
    except PeopleError as error:
        return next(known for known in (WRONG, TOO_MANY) if str(error).startswith(known))
    return OK


def test_wrong_passwords_count_in_all_processes_at_once_and_after_a_restart_but_not_elsewhere(
    processes: list[Database], url: str, clock: SetClock
) -> None:
    both = [Process.of(database, clock) for database in processes]
    invited(both[0], "Ann")
    tries = 4 * LIMITS.together
    with ThreadPoolExecutor(8) as pool:
        one_by_one = zip(cycle(both), cycle(["Ann", "ANN "]), range(tries), strict=False)
        outcomes = Counter(pool.map(lambda at: tried(at[0], at[1], f"wrong {at[2]}", HERE), one_by_one))
    assert outcomes == {WRONG: LIMITS.together, TOO_MANY: tries - LIMITS.together}
    assert [tried(own, "Ann", PASSWORD, HERE) for own in both] == [TOO_MANY] * 2
    assert sum(own.hasher.checked for own in both) == LIMITS.together
    assert tried(both[1], "Ann", PASSWORD, ELSEWHERE) == OK, "nobody can lock her out there"
    for database in processes:
        database.close()
    restarted = Database(url, shared=True)
    again = Process.of(restarted, clock)
    assert tried(again, "Ann", PASSWORD, HERE) == TOO_MANY
    clock.at += FAILURE_SECONDS
    assert tried(again, "Ann", PASSWORD, HERE) == OK
    assert rows(restarted) == 0, "what is old is forgotten"
    restarted.close()


def test_names_that_nobody_has_are_answered_like_those_that_somebody_has_at_the_same_cost(
    database: Database, clock: SetClock
) -> None:
    own = Process.of(database, clock)
    invited(own, "Ann")
    own.people.add("Has no password")
    statements: list[str] = []
    sa.event.listen(database._open.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    seen = []
    for name, address in (("Ann", HERE), ("Nobody", ELSEWHERE), ("Has no password", "203.0.113.1")):
        before, begun = own.hasher.checked, len(statements)
        answers = [tried(own, name, "wrong", address) for _ in range(LIMITS.together + 2)]
        seen.append((answers, own.hasher.checked - before, statements[begun:]))
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][:2] == ([WRONG] * LIMITS.together + [TOO_MANY] * 2, LIMITS.together)
    assert not any(statement.startswith(("INSERT", "DELETE")) for statement in statements[-2:]), "refusals cost little"


def test_a_right_password_forgets_the_wrong_ones_of_its_person_and_source_only(
    database: Database, clock: SetClock
) -> None:
    own, other = Process.of(database, clock), Process.of(database, clock)
    invited(own, "Ann", "Ben")
    for name, address in (("Ann", HERE), ("Ann", ELSEWHERE), ("Ben", HERE)):
        assert [tried(own, name, "wrong", address) for _ in range(LIMITS.together - 1)] == [WRONG] * 9
    assert tried(other, "ann", PASSWORD, HERE) == OK
    assert rows(database) == 2 * (LIMITS.together - 1)
    assert [tried(own, "Ann", "wrong", HERE) for _ in range(LIMITS.together)] == [WRONG] * 10
    for name, address in (("Ann", ELSEWHERE), ("Ben", HERE)):
        assert [tried(own, name, "wrong", address) for _ in range(2)] == [WRONG, TOO_MANY]
    own.sign_ins.accept_invitation(own.sign_ins.invite("Ann"), "another password")
    assert rows(database) == LIMITS.together, "of Ben: an invitation forgets those of Ann from everywhere"
    assert tried(own, "Ann", "wrong", HERE) == WRONG
    own.people.erase("Ann")
    assert rows(database) == LIMITS.together, "of Ben"
