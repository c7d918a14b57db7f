"""Error codes that are right although an API's own metadata does not list them.

The metadata in `contracts/` lists what the product's own code answers. Three further layers answer too, and
are listed here, once, each with its source: the RPC gateway in front of every product, OOS (its metadata
lists no code at all), and Function Compute (the same). Statuses are those that the layer sends with the
code.
"""

from __future__ import annotations

import re

# The gateway that checks signature, version, action and mandatory parameters before any RPC product is asked.
# Sources: "Common error codes" of the ECS API reference (help.aliyun.com/document_detail/25491.html) and
# error-center.alibabacloud.com; STS codes from "Common errors" of the STS and RAM references.
RPC_GATEWAY: dict[str, frozenset[int]] = {
    "Throttling": frozenset({400, 503}),
    "Throttling.User": frozenset({400, 503}),
    "Throttling.Api": frozenset({400, 503}),
    "ServiceUnavailable": frozenset({503}),
    "ServiceUnavailableTemporary": frozenset({503}),
    "InternalError": frozenset({500}),
    "InternalFailure": frozenset({500}),
    "SystemBusy": frozenset({400, 503}),
    "SignatureDoesNotMatch": frozenset({400, 403}),
    "IncompleteSignature": frozenset({400}),
    "SignatureNonceUsed": frozenset({400}),
    "InvalidTimeStamp.Expired": frozenset({400}),
    "InvalidTimeStamp.Format": frozenset({400}),
    "IllegalTimestamp": frozenset({400}),
    "InvalidAccessKeyId": frozenset({404}),
    "InvalidAccessKeyId.NotFound": frozenset({404}),
    "InvalidAccessKeyId.Inactive": frozenset({400}),
    "InvalidSecurityToken.Expired": frozenset({400}),
    "InvalidSecurityToken.Malformed": frozenset({400}),
    "InvalidSecurityToken.MismatchWithAccessKey": frozenset({400}),
    "MissingSecurityToken": frozenset({400}),
    "Forbidden.RAM": frozenset({403}),
    "Forbidden": frozenset({403}),
    "NoPermission": frozenset({403}),
    "InvalidAction.NotFound": frozenset({404}),
    "InvalidVersion": frozenset({400}),
    "InvalidProtocol.NeedSsl": frozenset({400}),
    "UnsupportedHTTPMethod": frozenset({400, 404, 405}),
    "MissingParameter": frozenset({400}),
    "InvalidParameter": frozenset({400}),
    "InvalidRegionId.NotFound": frozenset({404}),
    "LastTokenProcessing": frozenset({400}),
    "IdempotentParameterMismatch": frozenset({400}),
}

# What the local cloud says of a parameter that it knows but does not emulate: refused aloud rather than
# ignored. A code that Alibaba's products have too (Ecs RunInstances and others), though not on every API.
NOT_EMULATED = {"UnsupportedParameter": frozenset({400})}

# "Missing{Name}": the gateway's own wording for a parameter that the metadata marks as required
# ("ExecutionId is mandatory for this action."), e.g. MissingExecutionId, and Invalid{Name} for one that it
# cannot convert.
RPC_GATEWAY_PARAMETER = re.compile(r"(?:Missing|Invalid)(?:Parameter\.)?(?P<parameter>[A-Z][A-Za-z]*)(?:\.[A-Za-z]+)?")

# Codes per product on top of the gateway's.
PRODUCT: dict[str, dict[str, frozenset[int]]] = {
    # Parameter DryRun of StartInstances in the ECS API reference (www.alibabacloud.com/help/doc-detail/155374.htm);
    # for one instance the page names no code of its own: assumed to be the same.
    "ecs": {"DRYRUN.SUCCESS": frozenset({400})},
    # Writes of one VPC are serialised tasks; terraform-provider-alicloud (resource_alicloud_route_entry.go
    # and others) retries these after every write, whether or not the metadata of the operation lists them.
    "vpc": {
        "TaskConflict": frozenset({400}),
        "OperationConflict": frozenset({400, 409}),
        "IncorrectStatus": frozenset({400}),
        # Parameter DryRun of the Vpc API reference: what a request that would succeed is answered with.
        "DryRunOperation": frozenset({400}),
    },
    # The tables "Error codes" of the OOS API reference, for instance CancelExecution
    # (www.alibabacloud.com/help/doc-detail/120776.htm), StartExecution (120771) and CreateTemplate (120761);
    # EntityNotExists.Template also in terraform-provider-alicloud, resource_alicloud_oos_template.go.
    "oos": {
        "User.NoPermission": frozenset({401}),
        "InvalidStsToken": frozenset({400}),
        "ExpiredStsToken": frozenset({400}),
        "EntityNotExists.Template": frozenset({404}),
        # of the same form, assumed:
        "EntityNotExists.Execution": frozenset({404}),
        "EntityAlreadyExists.Template": frozenset({409}),
    },
    # "Error codes" of the EventBridge API reference (www.alibabacloud.com/help/en/eventbridge/error-codes).
    "eventbridge": {
        "EventBusNotExist": frozenset({409, 404}),
        "EventRuleNotExist": frozenset({409, 404}),
        "EventRuleExisted": frozenset({409}),
        "InvalidArgument": frozenset({400, 409}),
    },
}

# www.alibabacloud.com/help/en/function-compute/latest/error-codes, the same for 2.0 and 3.0 where both have
# the entity; ...NotFound, ...AlreadyExists and ...NotEmpty exist for every entity and are therefore matched by form
# below.
FC: dict[str, frozenset[int]] = {
    "InvalidArgument": frozenset({400}),
    "MissingRequiredHeader": frozenset({400}),
    "PathNotSupported": frozenset({400}),
    "LimitExceededError": frozenset({400}),
    "EntityTooLarge": frozenset({400}),
    "AccessDenied": frozenset({403}),
    "SignatureNotMatch": frozenset({403}),
    "InvalidAccessKeyID": frozenset({403}),
    "InvalidSecurityToken": frozenset({403}),  # not in that table; unconfirmed
    "AsyncConfigNotExists": frozenset({404}),
    "ConcurrencyConfigNotExists": frozenset({404}),
    "MethodNotAllowed": frozenset({405}),
    "PreconditionFailed": frozenset({412}),
    "StatefulAsyncTaskAlreadyExists": frozenset({409}),
    "ConcurrentUpdateError": frozenset({429}),
    "ResourceThrottled": frozenset({429}),
    "ResourceExhausted": frozenset({429, 503}),
    "DownstreamServiceError": frozenset({502}),
    "InvocationInterrupted": frozenset({502}),
    "InternalServerError": frozenset({500}),
    "ServiceUnavailable": frozenset({503}),
    "ServerBusy": frozenset({503}),
}
FC_NOT_FOUND = re.compile(r"[A-Z][A-Za-z]*NotFound")
FC_CONFLICT = re.compile(r"[A-Z][A-Za-z]*(?:AlreadyExists|NotEmpty)")

# A refusal of the request itself: a test that sends nonsense on purpose gets one, which is no fault of the
# cloud.
REFUSAL = re.compile(
    r"^(Missing|Invalid|Illegal|Unsupported|Incomplete|Signature|Path|Entity|Cmd|Parameter|Number|InstanceId|EventIdLimit)"
)
