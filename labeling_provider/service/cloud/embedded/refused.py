"""Operations that moto has but this service refuses: those that would not survive a restart, or could be misused.

Labeling needs none of them.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from labeling_provider.service.cloud.offered import Call, Service
from labeling_provider.service.failures import ApiError

_APPLICATION: Final = "this service does not send push notifications"
_TEXT_MESSAGE: Final = "this service does not send text messages"
_REFUSED: Final = {
    Service.SNS: {
        "CreatePlatformApplication": _APPLICATION,
        "CreatePlatformEndpoint": _APPLICATION,
        "SetSMSAttributes": _TEXT_MESSAGE,
        "OptInPhoneNumber": _TEXT_MESSAGE,
    },
}


def refuse(service: Service, call: Call) -> None:
    """Refuse an operation that is not offered.

    :raises ApiError: if the request is for one.
    """
    why = _REFUSED.get(service, {}).get(call.operation)
    if why:
        raise ApiError("InvalidAction", f"{call.operation} is not offered: {why}.")
    if service == Service.S3 and call.method == "POST" and any(name == "select" for name, _ in _query(call)):
        # Amazon no longer offers this to new users, and moto would decompress input of any size.
        raise ApiError("InvalidRequest", "SelectObjectContent is not offered: read the object.")


def _query(call: Call) -> list[tuple[str, str]]:
    return parse_qsl(call.query, keep_blank_values=True)
