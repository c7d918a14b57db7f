"""In which shapes do changes of state leave a product?

As CloudEvents 1.0 on the default event bus, and as CloudMonitor's own event subscription would send the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

Event = dict[str, object]

_CHINA = timezone(timedelta(hours=8))


def utc(moment: float) -> str:
    """`2026-01-01T00:00:00Z`, as most answers write a moment."""
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc_minutes(moment: float) -> str:
    """`2026-01-01T00:00Z`, as ECS writes a moment."""
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%MZ")


def utc_milliseconds(moment: float) -> str:
    """`2026-01-01T00:00:00.000Z`."""
    return datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def cloud_event(
    *,
    event_id: str,
    source: str,
    event_type: str,
    subject: str,
    at: float,
    data: Mapping[str, object],
    account_id: str,
    region: str,
) -> Event:
    """A CloudEvents 1.0 object as EventBridge's default bus carries it; `at` is when it happened."""
    return {
        "id": event_id,
        "source": source,
        "specversion": "1.0",
        "type": event_type,
        **({"subject": subject} if subject else {}),
        "time": utc_milliseconds(at),
        "datacontenttype": "application/json;charset=utf-8",
        "data": dict(data),
        "aliyunaccountid": account_id,
        "aliyunregionid": region,
        "aliyuneventbusname": "default",
        "aliyunpublishtime": utc_milliseconds(at),
    }


_LEVELS = {"Instance:StateChange": "INFO", "Instance:PreemptibleInstanceInterruption": "WARN"}


def cloudmonitor_event(event: Mapping[str, object]) -> Event:
    """The same ECS event as CloudMonitor's event subscription sends it to a function."""
    data = event["data"]
    if not isinstance(data, Mapping):
        raise TypeError("an ECS event has an object as its data")
    name = str(event["type"]).removeprefix("ecs:")
    status = data.get("eventStatus")
    region, account = event["aliyunregionid"], event["aliyunaccountid"]
    resource = data.get("resourceId") or data.get("instanceId")
    happened = datetime.fromisoformat(str(event["time"]).replace("Z", "+00:00")).astimezone(_CHINA)
    stamp = f"{happened:%Y%m%dT%H%M%S}.{happened.microsecond // 1000:03d}+0800"
    return {
        "product": "ECS",
        "name": name if status is None else f"{name}:{status}",
        "resourceId": f"acs:ecs:{region}:{account}:instance/{resource}",
        "regionId": region,
        "userId": account,
        "instanceName": resource,
        "level": _LEVELS.get(name, "CRITICAL"),
        "status": data.get("state") or status or "Normal",
        "eventTime": stamp,
        "ver": "1.0",
        "id": event["id"],
        "content": dict(data),
    }
