"""APIs that the metadata at hand leaves out, and clients or the deployment use.

From Alibaba's official clients: alibabacloud_fc20230330 (list_vpc_bindings and its neighbours) for FC 3.0, aliyun-fc2
(fc2.Client: list_services, update_trigger, ...) for 2.0, whose answers it hands on as they come,
alibabacloud_ram20150501 and alibabacloud_sts20150401. Resource Management: its API reference.
"""

from __future__ import annotations

from collections.abc import Mapping

from natlab.cloud.contracts import ApiContract, ParameterContract, Shape

_FUNCTION = "/2023-03-30/functions/{functionName}"
_SERVICE = "/2021-04-06/services/{serviceName}"
_OLD_FUNCTION = _SERVICE + "/functions/{functionName}"
_HEADERS = ("X-Fc-Account-Id", "X-Fc-Code-Checksum", "X-Fc-Date", "X-Fc-Trace-Id")
_PAGE = ("limit", "nextToken", "prefix", "startKey")


def _api(
    method: str, path: str, answer: Shape = "any", body: Shape | None = None, query: tuple[str, ...] = ()
) -> ApiContract:
    in_path = (part.strip("{}") for part in path.split("/") if part.startswith("{"))
    parameters = {name: ParameterContract(required=True, place="path") for name in in_path}
    parameters |= {name: ParameterContract() for name in query}
    parameters |= {name: ParameterContract(place="header") for name in _HEADERS}
    if body is not None:
        parameters["body"] = ParameterContract(body, required=True, place="body")
    return ApiContract(parameters, answer, method=(method,), path=path)


def _rpc(answer: Mapping[str, object], *needed: str, gone: str = "", may: tuple[str, ...] = ()) -> ApiContract:
    parameters = {name: ParameterContract(required=True) for name in needed} | {
        name: ParameterContract() for name in may
    }
    errors = {gone: 404} if gone else {}
    return ApiContract(parameters, {"RequestId": "string", **answer}, errors, method=("post", "get"))


_POLICY = {
    **dict.fromkeys(("PolicyName", "PolicyType", "Description", "DefaultVersion", "AttachDate"), "string"),
    **dict.fromkeys(("CreateDate", "UpdateDate"), "string"),
    "AttachmentCount": "integer",
}
_ROLE = {
    **dict.fromkeys(("RoleId", "RoleName", "Arn", "Description", "CreateDate", "UpdateDate"), "string"),
    "AssumeRolePolicyDocument": "string",
    "MaxSessionDuration": "integer",
}
_LINKED = {**dict.fromkeys(("RoleName", "Arn", "CreateDate"), "string"), "IsServiceLinkedRole": "boolean"}
_VERSION = {"VersionId": "string", "IsDefaultVersion": "boolean", "PolicyDocument": "string", "CreateDate": "string"}
_CALLER = dict.fromkeys(("AccountId", "UserId", "RoleId", "PrincipalId", "Arn", "IdentityType"), "string")

LEFT_OUT: Mapping[tuple[str, str, str], Mapping[str, ApiContract]] = {
    ("fc", "2023-03-30", "FC"): {
        "ListVpcBindings": _api("get", f"{_FUNCTION}/vpc-bindings", {"vpcIds": ["string"]}),
        "CreateVpcBinding": _api("post", f"{_FUNCTION}/vpc-bindings", body={"vpcId": "string"}),
        "DeleteVpcBinding": _api("delete", f"{_FUNCTION}/vpc-bindings/{{vpcId}}"),
    },
    ("ram", "2015-05-01", "RPC"): {
        "GetRole": _rpc({"Role": _ROLE}, "RoleName", gone="EntityNotExist.Role"),
        "ListPoliciesForRole": _rpc({"Policies": {"Policy": [_POLICY]}}, "RoleName", gone="EntityNotExist.Role"),
        "GetPolicy": _rpc(
            {"Policy": _POLICY, "DefaultPolicyVersion": _VERSION},
            "PolicyName",
            "PolicyType",
            gone="EntityNotExist.Policy",
        ),
    },
    ("sts", "2015-04-01", "RPC"): {"GetCallerIdentity": _rpc(_CALLER)},
    ("resourcemanager", "2020-03-31", "RPC"): {
        "CheckServiceLinkedRoleExistence": _rpc({"Exists": "boolean"}, "ServiceName"),
        "CreateServiceLinkedRole": _rpc({"Role": _LINKED}, "ServiceName", may=("CustomSuffix", "Description")),
    },
    ("fc-open", "2021-04-06", "FC"): {
        "GetAccountSettings": _api("get", "/2021-04-06/account-settings"),
        "GetTempBucketToken": _api("get", "/2021-04-06/tempBucketToken"),
        "ListServices": _api("get", "/2021-04-06/services", query=_PAGE),
        "UpdateService": _api("put", _SERVICE, body="any"),
        "DeleteService": _api("delete", _SERVICE),
        "ListFunctions": _api("get", f"{_SERVICE}/functions", query=_PAGE),
        "DeleteFunction": _api("delete", _OLD_FUNCTION),
        "GetFunctionCode": _api("get", f"{_OLD_FUNCTION}/code"),
        "UpdateTrigger": _api("put", f"{_OLD_FUNCTION}/triggers/{{triggerName}}", body="any"),
        "DeleteTrigger": _api("delete", f"{_OLD_FUNCTION}/triggers/{{triggerName}}"),
        "GetFunctionAsyncInvokeConfig": _api("get", f"{_OLD_FUNCTION}/async-invoke-config"),
        "DeleteFunctionAsyncInvokeConfig": _api("delete", f"{_OLD_FUNCTION}/async-invoke-config"),
        "ListVpcBindings": _api("get", f"{_SERVICE}/bindings", {"vpcIds": ["string"]}),
    },
}
