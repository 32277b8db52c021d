"""What moto would do, and is refused here: what would be gone at the next start, and what could be misused.

Nothing that has to do with labeling needs it.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from labeling_provider.service.cloud.offered import Call, Service
from labeling_provider.service.errors import ApiError

_APPLICATION: Final = "notifications to applications on phones are not kept here"
_TEXT_MESSAGE: Final = "text messages are not sent from here"
_REFUSED: Final = {
    Service.SNS: {
        "CreatePlatformApplication": _APPLICATION,
        "CreatePlatformEndpoint": _APPLICATION,
        "SetSMSAttributes": _TEXT_MESSAGE,
        "OptInPhoneNumber": _TEXT_MESSAGE,
    },
}


def refuse(service: Service, call: Call) -> None:
    """Refuse what is not done here.

    :raises ApiError: if the request is for that.
    """
    why = _REFUSED.get(service, {}).get(call.operation)
    if why:
        raise ApiError("InvalidAction", f"{call.operation} is not offered: {why}.")
    if service == Service.S3 and call.method == "POST" and any(name == "select" for name, _ in _query(call)):
        # Amazon takes no new users for it, and moto would unpack whatever it is given, however large that gets.
        raise ApiError("InvalidRequest", "SelectObjectContent is not offered: read the object.")


def _query(call: Call) -> list[tuple[str, str]]:
    return parse_qsl(call.query, keep_blank_values=True)
