"""The operations on templates, and which template an execution means."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from natlab.cloud.kernel.parameters import Values
from natlab.cloud.kernel.records import Records
from natlab.cloud.kernel.rpc import JsonObject, RpcCall
from natlab.cloud.oos import actions
from natlab.cloud.oos.exceptions import invalid, no_such_template, template_exists
from natlab.cloud.oos.models import StoredTemplate
from natlab.cloud.oos.queries import has_tags, ordered, page_of, policy_text, read_or_refuse, tags_of
from natlab.cloud.oos.responses import by, content_hash, template_answer, validated_answer
from natlab.cloud.oos.template import OosTemplate

if TYPE_CHECKING:
    from natlab.cloud.kernel.context import CloudContext

RESERVED = ("ALIYUN", "ACS", "ALIBABA", "ALICLOUD")
"""CreateTemplate: a name must not start with these."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,200}")


class TemplateApi:
    """Templates by name."""

    def __init__(self, cloud: CloudContext) -> None:
        self._cloud = cloud
        self.reset()

    def reset(self) -> None:
        """Forget them all."""
        self.templates: Records[StoredTemplate] = Records(self._cloud.clock.now)

    def create_template(self, call: RpcCall) -> JsonObject:
        name = call.values.text("TemplateName")
        if not _NAME.fullmatch(name) or name.upper().startswith(RESERVED):
            raise invalid(
                "TemplateName",
                f"{name!r}; allowed are letters, digits, - and _, at most 200, not beginning with one of {RESERVED}",
            )
        if name in self.templates:
            raise template_exists(name)
        content, now = call.values.text("Content"), self._cloud.clock.now()
        who = by(call.principal.access_key_id, call.principal.account_id)
        stored = StoredTemplate(
            id=f"t-{self._cloud.ids.uuid('template').replace('-', '').lower()[:20]}",
            name=name,
            contents=(content,),
            version_names=(call.values.text("VersionName"),),
            template=read_or_refuse(content, "Content"),
            created_by=who,
            created=now,
            updated_by=who,
            updated=now,
            tags=tags_of(call.values),
        )
        self.templates.put(name, stored)
        return {"Template": template_answer(stored), "TemplateType": "Automation"}

    def update_template(self, call: RpcCall) -> JsonObject:
        stored = self.stored(call.values.text("TemplateName"))
        content = call.values.text("Content")
        stored = replace(
            stored,
            contents=(*stored.contents, content),
            version_names=(*stored.version_names, call.values.text("VersionName")),
            template=read_or_refuse(content, "Content"),
            updated_by=by(call.principal.access_key_id, call.principal.account_id),
            updated=self._cloud.clock.now(),
            tags=tags_of(call.values) if "Tags" in call.values else stored.tags,
        )
        self.templates.put(stored.name, stored)
        return {"Template": template_answer(stored)}

    def get_template(self, call: RpcCall) -> JsonObject:
        stored = self.stored(call.values.text("TemplateName"), call.as_of)
        version, content = self.version(stored, call.values.text("TemplateVersion"))
        answer = {
            **template_answer(stored),
            "TemplateVersion": version,
            "Hash": content_hash(content),
            "TemplateType": "Automation",
            "VersionName": stored.version_names[int(version[1:]) - 1],
        }
        return {"Template": answer, "Content": content}

    def list_templates(self, call: RpcCall) -> JsonObject:
        values = call.values
        found = [
            stored
            for stored in self.templates.as_of(call.as_of).values()
            if values.text("TemplateName") in stored.name
            and values.text("TemplateFormat") in ("", stored.template.format)
            and values.text("ShareType") in ("", "Private")
            and has_tags(stored.tags, values)
        ]
        keys: dict[str, Callable[[StoredTemplate], object]] = {
            "CreatedDate": lambda stored: stored.created,
            "UpdatedDate": lambda stored: stored.updated,
            "TemplateName": lambda stored: stored.name,
        }
        found = ordered(found, values, keys, "UpdatedDate")
        page, token, size = page_of(found, values)
        entries = [{**template_answer(stored), "TemplateType": "Automation"} for stored in page]
        return {"Templates": entries, "MaxResults": size, "NextToken": token}

    def delete_template(self, call: RpcCall) -> JsonObject:
        stored = self.stored(call.values.text("TemplateName"))
        self.templates.remove(stored.name)
        return {}

    def validate(self, call: RpcCall) -> JsonObject:
        return validated_answer(read_or_refuse(call.values.text("Content"), "Content"))

    def generate_policy(self, call: RpcCall) -> JsonObject:
        template, _stored, _version = self.wanted(call.values)
        needed = sorted(
            {permission for task in template.tasks for permission in actions.permissions(task.action, task.properties)}
        )
        missing: list[str] = []
        role = call.values.text("RamRole")
        if role:
            principal = replace(call.principal, role=role)
            arn = f"acs:ecs:{self._cloud.region}:{self._cloud.account_id}:*"
            allow = self._cloud.accounts.authorize
            missing = [permission for permission in needed if not allow(principal, permission, arn)]
        return {"Policy": policy_text(needed), "MissingPolicy": policy_text(missing) if missing else ""}

    # ------------------------------------------------------------------ finding one

    def stored(self, name: str, as_of: float | None = None) -> StoredTemplate:
        """The template of that name, as it was at a moment when one is given."""
        stored = self.templates.as_of(as_of).get(name)
        if stored is None:
            raise no_such_template(name)
        return stored

    def version(self, stored: StoredTemplate, wanted: str) -> tuple[str, str]:
        """A version's name and content; the newest when none is asked for."""
        version = wanted or stored.version
        number = int(version[1:]) if re.fullmatch(r"v[1-9]\d{0,5}", version) else 0
        if not 1 <= number <= len(stored.contents):
            raise no_such_template(f"{stored.name} {version}")
        return version, stored.contents[number - 1]

    def wanted(self, values: Values) -> tuple[OosTemplate, StoredTemplate | None, str]:
        """The template that a call names or carries, and its version."""
        content, name = values.text("TemplateContent"), values.text("TemplateName")
        if bool(content) == bool(name):
            raise invalid("TemplateName", "give either TemplateName or TemplateContent")
        if content:
            return read_or_refuse(content, "TemplateContent"), None, ""
        stored = self.stored(name)
        version, text = self.version(stored, values.text("TemplateVersion"))
        return read_or_refuse(text, "TemplateName"), stored, version
