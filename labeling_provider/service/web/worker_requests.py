"""The endpoints of ``labeling workers``: who labels in a browser, and in which workteam."""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from labeling_provider.groundtruth.workforce_identity import UserGroup, UserPool
from labeling_provider.service.database.workforce_rows import OWN_CLIENT, own_user_pool
from labeling_provider.service.engine.erasure import Eraser, ErasureError
from labeling_provider.service.failures import ApiError
from labeling_provider.service.web.operations import Operations
from labeling_provider.service.web.pages import write_down
from labeling_provider.service.web.requests import PORTAL_PATH
from labeling_provider.service.work.audit_trail import OK, AuditTrail
from labeling_provider.service.work.people import People, PeopleError
from labeling_provider.service.work.sign_ins import SignIns

_MAX_CHARACTERS: Final = 200


class Workers:
    """The list of people, and changes to it, as JSON. Whoever may call the service may change it.

    :param eraser: forgets people in the tables and in files.
    :param operations: SageMaker's operations, which create workteams.
    :param region: the region of the service's own user pool.
    """

    def __init__(
        self,
        people: People,
        sign_ins: SignIns,
        eraser: Eraser,
        audit: AuditTrail,
        operations: Operations,
        region: str,
    ) -> None:
        self._people, self._sign_ins, self._eraser, self._audit = people, sign_ins, eraser, audit
        self._operations, self._region = operations, region

    @property
    def routes(self) -> list[Route]:
        """The route, below ``/_labeling``."""
        return [
            Route("/workers", self.list, methods=["GET"]),
            Route("/workers/{move}", self.change, methods=["POST"]),
        ]

    def list(self, request: Request) -> Response:
        """Everybody, or the members of the workteam in ``?team=``."""
        return _answered(lambda: self._people.list(request.query_params.get("team")))

    async def change(self, request: Request) -> Response:
        """``add``, ``remove``, ``erase``, ``sign-out`` or ``invite`` the person in ``{"name": …, "team": …}``.

        ``new-team`` creates the workteam in ``{"name": …}``.
        """
        try:
            given = json.loads(await request.body())
            name, team = given["name"], given.get("team")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return _refused('The body must be {"name": …, "team": …}.')
        if not isinstance(name, str) or not isinstance(team, str | None) or len(name) > _MAX_CHARACTERS:
            return _refused("name and team must be strings.")
        return await run_in_threadpool(self._change, request, name, team)

    def _change(self, request: Request, name: str, team: str | None) -> Response:
        moves: dict[str, Callable[[], object]] = {
            "add": lambda: {"worker_id": self._people.add(name, team).worker_id},
            "remove": lambda: self._people.remove(name, team),
            "erase": lambda: self._eraser.erase(name)._asdict(),
            "sign-out": lambda: {"sessions": self._sign_ins.sign_out_everywhere(name)},
            "invite": lambda: {"path": f"{PORTAL_PATH}/invitations/{self._sign_ins.invite(name)}"},
            "new-team": lambda: {"arn": self._new_team(name)},
        }
        move = moves.get(request.path_params["move"])
        if move is None:
            return _refused("There is no such action.", 404)
        answer = _answered(move)
        outcome = OK if answer.status_code == HTTPStatus.OK else str(answer.status_code)
        # The name of an erased person is not recorded.
        known = "" if request.path_params["move"] == "erase" else name
        target = f"{known} {team or ''}".strip()
        write_down(self._audit, request, f"workers {request.path_params['move']}", target, outcome)
        return answer

    def _new_team(self, name: str) -> str:
        members = [UserGroup(UserPool(own_user_pool(self._region), OWN_CLIENT), name).as_member()]
        request = {"WorkteamName": name, "Description": f"People of {name}", "MemberDefinitions": members}
        return str(self._operations.call("CreateWorkteam", request)["WorkteamArn"])


def _answered(ask: Callable[[], object]) -> Response:
    try:
        content = ask()
    except PeopleError as error:
        return _refused(str(error))
    except ErasureError as error:
        return _refused(str(error), HTTPStatus.CONFLICT)
    except ApiError as error:
        return _refused(error.message)
    return JSONResponse({} if content is None else content)


def _refused(message: str, status: int = 400) -> Response:
    return JSONResponse({"message": message}, status)
