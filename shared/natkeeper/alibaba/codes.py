"""What each of Alibaba's error codes names, and what natkeeper does about it: one table, read by errors.py.

A row holds codes that share a meaning. `kind` says what is done (ports.FailureKind), `names` what the answer is held
against (ports.Names). Every code that Alibaba's metadata lists for an operation that natkeeper calls stands here, and
tests/applying/test_codes.py walks the metadata for one that does not. The codes of layers that answer before a product
does (the RPC gateway, OOS, Function Compute, and those that terraform-provider-alicloud retries) have their sources in
tests/contract/known_codes.py. A code that is in no row is judged by its form, then by the HTTP status.
"""

from __future__ import annotations

from typing import NamedTuple

from natkeeper.ports import FailureKind, FailureSubject

K, N = FailureKind, FailureSubject


class CodeRow(NamedTuple):
    """Codes with one meaning, separated by white space."""

    kind: FailureKind
    names: FailureSubject
    codes: str


# fmt: off
TABLE: tuple[CodeRow, ...] = (
    # The API itself: whether the call was carried out is not known.
    CodeRow(K.UNREACHABLE, N.NOTHING, """
        Internal.Error InternalError InternalError.Dispatch LimitedOperation.ServiceUnavailable
        ServiceUnavailable VPC.ERROR Vpc.Error ServiceUnavailableTemporary InternalFailure UnknownError
        InternalServerError DownstreamServiceError InvocationInterrupted
    """),
    # Too many calls, and Function Compute's own names for that.
    CodeRow(K.THROTTLED, N.NOTHING, """
        Throttling Throttling.User Throttling.Api ResourceThrottled ResourceExhausted ConcurrentUpdateError
    """),
    # Another task of the VPC, a passing state, or the moment of the call (clock, nonce).
    CodeRow(K.BUSY, N.NOTHING, """
        DefaultValidate.Error IdempotentProcessing IncorrcetRouteEntryStatus IncorrectRouteEntryStatus
        IncorrectStatus.CenRelation IncorrectStatus.Ipv4Gateway IncorrectStatus.MultiScopeRiRouteEntry
        IncorrectStatus.PrefixList IncorrectStatus.RouteEntry IncorrectStatus.RouteTableStatus
        IncorrectStatus.RouterInterface IncorrectStatus.VpcPeer IncorrectStatus.VpcRouteEntry
        IncorrectStatus.Vswitch IncorrectVSwitchStatus IncorrectVpcStatus InvalidHpcClusterId.Creating
        InvalidStatus.ResourceGroup InvalidVBRStatus OperationDenied.VbrAttachEcrInMiddleStatus
        OperationFailed.DistibuteLock OperationFailed.GetEniInfo OperationFailed.NotifyCenCreate
        OperationFailed.NotifyCenDelete OperationFailed.QueryAttachmentInfo OperationFailed.QueryCenEntry
        OperationFailed.QueryCommodityInfo OperationFailed.SystemBusy ResourceQueryError TaskConflict
        OperationConflict IncorrectStatus SystemBusy LastTokenProcessing OperationFailed.LastTokenProcessing
        ServerBusy SignatureNonceUsed IllegalTimestamp InvalidTimeStamp.Expired InvalidTimeStamp.Format
    """),
    # A state of the next hop, or of the instance that an EIP is bound to; it may pass, and it may last.
    CodeRow(K.BUSY, N.HOP, """
        DiskError IncorrectHaVipStatus IncorrectInstanceStatus IncorrectStatus.Ipv6Address
        IncorrectStatus.NextHop InstanceNotReady InvalidOperation.InvalidEcsState
        InvalidOperation.InvalidEniState InvalidStatus.EcsStatusNotSupport InvalidStatus.EniStatusNotSupport
        InvalidStatus.InstanceHasBandWidth InvalidStatus.NotAllow OperationDenied.HostRepairing
        OperationDenied.VbrIdle OperationFailed.EcsMigrating OperationFailed.OperationLocked
    """),
    # A state of the EIP, or of what uses it.
    CodeRow(K.BUSY, N.ADDRESS, """
        IncorrectEipStatus IncorrectStatus.NatGateway InvalidAction.Denied InvalidBindingStatus
        InvalidIpStatus.HasBeenUsedByForwardEntry InvalidIpStatus.HasBeenUsedBySnatTable
        InvalidStatus.SnatOrDnat
    """),
    # The entry is there already: read, and take it as done or decide anew.
    CodeRow(K.BUSY, N.ENTRY, """
        Duplicated.VpcNextHop InvalidCIDRBlock.Duplicate InvalidRouteEntry.Duplicate
        OperationDenied.NextHopExist OperationDenied.NextHopNotChanged RouteConflict.AlreadyExist
        RouterEntryConflict.Duplicated
    """),
    # This entry cannot be pointed elsewhere in place.
    CodeRow(K.NOT_IN_PLACE, N.ENTRY, """
        IllegealParam.NextHopType OperationDenied.NextHopTypeNonsupport OperationFailed.ModifyEcmpRoute
        UnsupportedFeature.ModifyRouteEntryNextHop UnsupportedFeature.NextHopType
        UnsupportedFeature.NormalTypeNatGateway
    """),
    # The name or the description.
    CodeRow(K.WORDS, N.WORDS, """
        IllegalParam.RouteEntryName InvalidDescription.Malformed InvalidRouteEntryName.Malformed
    """),
    # The next hop, or the instance, does not exist (in this VPC).
    CodeRow(K.GONE, N.HOP, """
        Abs.InstanceNotExist Forbidden.PrivateIpNotFound IllegalParam.NextHopId InvalidAttachment.NotFound
        InvalidBindInstance.NotFound InvalidEcsId.NotFound InvalidEniId.NotFound InvalidHaVip.NotFound
        InvalidHaVipId.NotFound InvalidInstanId.NotFound InvalidInstance.NotExist InvalidInstance.NotFound
        InvalidInstance.NotFoundSystemDisk InvalidInstanceId.NotFound InvalidIpv6Gateway.NotFound
        InvalidLoadBalancerId.NotFound InvalidNatGateway.NotFound InvalidNatGatewayId.NotFound
        InvalidNetworkInterface.NotFound InvalidNextHop.NotFound InvalidNextHopId.NotFound
        InvalidNexthop.NotFound InvalidNicOrVm.NotFound InvalidParams.NotFound
        InvalidRouterInterfaceId.NotFound InvalidVpnInstanceId.NotFound
        OperationFailed.ActiveNetworkInterfaceNotFound OperationFailed.InstanceDismatchCurrentVpc
        OperationFailed.InstanceNotExist OperationFailed.PrivateIpAddressNotExist
        ResourceNotFound.GatewayLoadBalancerEndpoint ResourceNotFound.Instance ResourceNotFound.Ipv4Gateway
        ResourceNotFound.NatGateway ResourceNotFound.NetworkInterface ResourceNotFound.VSwitch
        ResourceNotFound.VpcPeer
    """),
    # The next hop, or the instance, will not do.
    CodeRow(K.REFUSED, N.HOP, """
        BIND_INSTANCE_HAVE_PORTMAP_OR_BIND_EIP BindInstance.NotSupported DiskInArrears
        EIP_CAN_NOT_ASSOCIATE_WITH_PUBLIC_IP Eni.Attached Eni.HasSubIp Forbidden.EipCanNotBindGatgw
        Forbidden.InstanceBandwidthNotZero INSTANCE_TYPE_NOT_SUPPORT InstanceExpired
        InstanceExpiredOrInArrears InstanceLockedForSecurity InstanceType.NotSupport
        InvalidAssociation.Duplicated InvalidEip.EipQuotaExceeded InvalidEniType.SlaveEni
        InvalidInstance.NotMatch InvalidInstanceId.NotSupport InvalidNextHop InvalidNextHopType
        InvalidNexthop InvalidNexthop.DirectEni InvalidNexthop.UnsupportedEniBizType InvalidRouterInterface
        Mismatch.EniIdAndRouteTableId Mismatch.HaVipIdAndRouteTableId Mismatch.Ipv4GatewayIdAndRouteTableId
        NATGATEWAY_FINANCIALLOCKED OperationDenied.BidOwnResource
        OperationDenied.GatewayRouteTableNotPermitted OperationDenied.NextHopTypeNotPermitted
        OperationDenied.NoAvailablePrivateIp OperationDenied.NoStock
        OperationDenied.SpotPriceLowerThanPublicPrice OperationDenied.SystemInstanceNotSupport
        OperationFailed.EniSubIp OperationFailed.HavipBoundPortmap OperationFailed.InvalidNextHopType
        OperationFailed.InvalidNexthop OperationFailed.IpPrefixConflict OperationFailed.NotSupportIPV6
        OperationUnsupported.EipBindModel OperationUnsupported.OnlySupportNormalNetworkInterface
        ResourceAlreadyAssociated.IpAddress
    """),
    # The route entry does not exist.
    CodeRow(K.GONE, N.ENTRY, """
        InvalidRouteEntry InvalidRouteEntry.NotFound InvalidRouteEntryId.NotFound
        ResourceNotFound.RouteEntry
    """),
    # The route entry is of a kind that is not to be changed.
    CodeRow(K.REFUSED, N.ENTRY, """
        OperationDenied.DeleteGatewayEndpointRoute OperationDenied.DeleteManagedRouteEntry
        OperationDenied.IllegalNewNextHopType OperationDenied.LocalEntryCanOnlyModifyNextHop
        OperationDenied.LocalRouteEntryBoundToVSwitch OperationDenied.LocalRouteEntryInSystemRouteTable
        OperationDenied.LocalRouteEntryModified OperationDenied.ModifyManagedRouteEntry
        OperationDenied.NewNextHopNotSupportPublish OperationDenied.UpdateGatewayRouteEntry
        OperationFailed.CidrConflictWithPrefixList OperationFailed.CxpRouteExist
        OperationFailed.DeleteMultiScopeEntry
    """),
    # The EIP does not exist.
    CodeRow(K.GONE, N.ADDRESS, """
        InvalidAllocationId.NotFound
    """),
    # The EIP will not do.
    CodeRow(K.REFUSED, N.ADDRESS, """
        BIND_INSTANCE_OWENER_ERROR DependencyViolation.SnatEntry Forbidden.FinancialLocked
        InvalidBandwidthPackageId.NotFound InvalidEIPStatus.BizDisabled InvalidParameter.Mismatch
        OperationDenied.UnsupportedEipBindMode OperationFailed.EipBindModeConflict
    """),
    # The caller's rights or keys.
    CodeRow(K.DENIED, N.CALLER, """
        Abs.Forbidden CreateServiceLinkedRole.NoPermission Forbidden.NotSupportRAM Forbidden.RegionId
        Forbidden.SubUser IncompleteSignature Operation.Forbidden OperationDenied.Unauthorized
        ParameterStore.NoPermission TemporaryAccessKey.Error Forbidden.RAM NoPermission
        MissingSecurityToken SignatureDoesNotMatch InvalidAccessKeyId InvalidAccessKeyId.NotFound
        InvalidAccessKeyId.Inactive InvalidSecurityToken.Expired InvalidSecurityToken.Malformed
        InvalidSecurityToken.MismatchWithAccessKey User.NoPermission InvalidStsToken ExpiredStsToken
        AccessDenied SignatureNotMatch
    """),
    # The table, VPC, vSwitch, template or command of the call does not exist.
    CodeRow(K.GONE, N.CALL, """
        Forbidden.VRouterNotFound Forbidden.VpcNotFound InvalidCmdId.NotFound InvalidEventId.NotFound
        InvalidRouteTable.NotFound InvalidRouteTableId.NotFound InvalidSecurityGroupId.NotFound
        InvalidVPC.NotFound InvalidVRouter.NotFound InvalidVSwitchId.NotFound InvalidVpc.NotFound
        InvalidVpcId.NotFound ResourceNotFound.RouteTable
        EntityNotExists.Template EntityNotExist.Role EntityNotExist.Policy
    """),
    # The destination of a route entry.
    CodeRow(K.REFUSED, N.DESTINATION, """
        IllegalParam.DestCidrBlock IllegalParamFormat.DstCidrBlock InvalidDestinationCidrBlock
    """),
    # The table, VPC, quota or the form of the request: no other next hop changes the answer.
    CodeRow(K.REFUSED, N.CALL, """
        Abs.InvalidAccount.NotFound Abs.InvalidPayPeriod Abs.InvalidPayType
        CannotCancelSystemEvent.NotSimulated CmdContent.DecodeError CmdContent.ExceedLimit
        CmdCount.ExceedQuota CmdDesc.ExceedLimit CmdName.ExceedLimit CmdParam.EmptyKey
        CmdParam.InvalidParamName CmdParamCount.ExceedLimit CmdParamName.ExceedLimit
        CountLimitExceed.HaVipRouteEntry Duplicate.ResourceTagKey Duplicate.TagKey
        EipBindRemote.BackendRegionMustBeSingle EniPerInstanceLimitExceeded EventIdLimitExceeded
        ExclusiveParam.NextHopTypeAndNextHopId FORBIDDEN_USE_VPC_AS_INTERNET_GATEWAY
        Forbidden.CheckEntryRuleQuota Forbidden.RegionNotFound
        HibernationConfigured.InstanceOperationForbidden HibernationConfigured.NotEnabled INVALID_VPC_ID
        INVALID_WEIGHT_PARAM IdempotentParameterMismatch IellgalParameter.OwnerAccount
        IllegalParam.AttachmentId IllegalParam.CidrBlock IllegalParam.IpVersion
        IllegalParam.Mode IllegalParam.NextToken IllegalParam.NextTokenExpired IllegalParam.OwnerId
        IllegalParam.PrivateIpAddress IllegalParam.RouteEntryType IllegalParamFormat.%s
        InstanceIdLength.Exceed InstanceIdLimitExceeded
        InstanceIds.ExceedLimit InstanceType.Invalid InstanceType.ParameterMismatch InsufficientBalance
        Invalid.DirectEip.BindType Invalid.Function.NotSupported Invalid.PrivatePoolOptions.NoStock
        InvalidAccount.NotFound InvalidAliuid InvalidCapacityReservationId.NotFound
        InvalidChargeType.ValueNotSupported InvalidCidrBlock InvalidCidrBlock.Malformed
        InvalidClientToken.Malformed InvalidCmdType.NotFound InvalidContainerId.Malformed
        InvalidContainerName.Malformed InvalidDedicatedHost.NotEnoughResource
        InvalidEntryRuleQuota.NotFound InvalidFilterKey.NotFound InvalidFilterValue
        InvalidHpcClusterId.NotFound InvalidIAssociatedInstanceType.ValueNotSupported
        InvalidInstanceChargeType.NotFound InvalidInstanceID.Malformed InvalidInstanceType.ValueNotSupported
        InvalidInternetChargeType.ValueNotSupported InvalidLauncher.LengthLimitExceeded
        InvalidLockReason.NotFound InvalidNetworkType.NotFound InvalidNextHopList.Size
        InvalidNexthopListSize InvalidNexthopTypeAndList.BothNotNull InvalidNexthopTypeAndList.BothNull
        InvalidNicType.ValueNotSupported InvalidNotBefore.Passed InvalidOperation.AvailabilityZoneMismatch
        InvalidOperation.DetachPrimaryEniNotAllowed InvalidOperation.InvalidEniPageNumber
        InvalidOperation.InvalidEniType InvalidOperation.KMSKeyIdNotFound InvalidOperation.KMSServiceNotOpen
        InvalidOperation.VpcMismatch InvalidOppositeRouterType InvalidOssOutputDelivery.BucketInOtherRegion
        InvalidOssOutputDelivery.BucketNotFound InvalidOssOutputDelivery.KeyPrefixMalformed InvalidParam
        InvalidParam.Frequency InvalidParam.PageNumber InvalidParam.PageSize
        InvalidParameter.AttributeNotSupported InvalidParameter.BindingInstanceRegion
        InvalidParameter.Encrypted.KmsNotEnable InvalidParameter.EniInstanceId
        InvalidParameter.InstanceTypeNotSupport InvalidParameter.KMSKeyId.CMKNotEnabled
        InvalidParameter.KMSKeyId.CMKUnauthorized InvalidParameter.KMSKeyId.KMSUnauthorized
        InvalidParameter.KMSKeyId.NotFound InvalidParameter.MaxResults InvalidParameter.NextToken
        InvalidParameter.OssOutputDelivery InvalidParameter.TimeEndBeforeStart InvalidParameter.WorkingDir
        InvalidParameterCharacter.CommandDescription InvalidParameterCharacter.CommandName
        InvalidParameterCharacter.CommandWorkingDir InvalidParameterCharset.Parameters
        InvalidParameterCombination InvalidParameterEndTime InvalidParameterStartTime InvalidParamter
        InvalidPhysicalConnectionBusinessStatus InvalidQueryParameter InvalidRegionId.MalFormed
        InvalidRegionId.NotFound InvalidRepeatMode.NotFound InvalidResourceGroup.NotFound
        InvalidResourceGroupId InvalidResourceGroupId.NotFound InvalidResourceTag.ConflictWithInstanceIds
        InvalidResourceTag.InstanceNotFound InvalidResourceTagKey.Malformed
        InvalidResourceTagValue.Malformed InvalidRouteEntrySize InvalidRouterType
        InvalidSecurityGroupId.Malformed InvalidSecurityGroupId.NotVpc InvalidStatus.NotFound
        InvalidTag.Mismatch InvalidTagCount InvalidTagKey InvalidTagKey.Malformed InvalidTagValue
        InvalidTagValue.Malformed InvalidTerminationMode.NotFound InvalidTimeout.ExceedLimit
        InvalidUserType.NotSupported InvalidVSwitchIdNumber.NotSupported InvalidVpc.Empty
        InvalidVpc.Indeterminacy InvalidVpcIdNumber.NotSupported Invocation.ExceedQuota LackResource
        MaxEniCountExceeded MissingParam.Frequency MissingParam.InstanceId MissingParam.NewNextHopId
        MissingParam.NewNextHopType MissingParam.ParameterMustNotNull MissingParam.RouteEntryId
        MissingParam.RouteEntryIdOrRouteTableDstCidr MissingParam.aliUid MissingParam.bid
        MissingParam.context MissingParameter MissingParameter.RegionId MissingParameter.ResourceTagKey
        MissingParameter.TagKey Mode.Conflict Mode.NotSupport NumberExceed.ResourceTags NumberExceed.Tags
        OperationDenied OperationDenied.CenTypeInvalid OperationDenied.CloudBoxResourceExist
        OperationDenied.CloudBoxVSwitchExist OperationDenied.CloudBoxVbrEntryAllowedInCustomRouteTable
        OperationDenied.CreateEcmpForPublishedRouteEntry OperationDenied.Ipv4GatewayExist
        OperationDenied.Ipv6EntryOnCustomTable OperationDenied.L2EipBindIpAddress
        OperationDenied.NotInWhiteList OperationDenied.RouteTableAssociateNotCloudBoxVSwitch
        OperationDenied.RouteTableTypeNotPermitted OperationDenied.RouterInterfaceFromDifferentZones
        OperationDenied.RouterInterfaceIpv6 OperationDenied.RouterInterfaceIpv6NotEnabled
        OperationDenied.RouterInterfaceToDifferentVpc OperationDenied.TrAttachmentIpv6Disabled
        OperationDenied.UseGatewayRouteEntryQueryInterface OperationDenied.VbrMisMatchCloudBox
        OperationDenied.VpcIpv4GatewayEnabled OperationDenied.VpcIpv6NotEnabled
        OperationFailed.EcmpInvalidRouterInterfaceOppositeType
        OperationFailed.FilterParamUnderWrongRouteType OperationFailed.Ipv4GatewayNotActivatedInVpc
        OperationFailed.Ipv4GatewayNotOpenedInVpc OperationFailed.MultiScopeType
        OperationFailed.PconnTrafficNotEnable OperationFailed.ScopeActiveRouteEntryQuota
        OperationFailed.ScopeActiveRouteEntryType OperationFailed.ScopeStandbyRouteEntryQuota
        OperationUnsupported.DestinationCidrBlockOverlapWithVSwitch OperationUnsupported.EcmpRiTypeOrNumber
        OperationUnsupported.InactiveMode OperationUnsupported.InvalidRouterInterfaceType
        OperationUnsupported.Ipv6CidrBlock OperationUnsupported.Ipv6EcmpRouteEntry
        OperationUnsupported.Ipv6EntryOnPrimaryNetworkInterface OperationUnsupported.Ipv6ForVBR
        OperationUnsupported.MoreThanOneVpnOrHavip OperationUnsupported.MultiIp
        OperationUnsupported.MutipleIpv6Address OperationUnsupported.ResourceGroupId
        OperationUnsupported.ScopeInvalidRouteType OperationUnsupported.SpecifyIpOnIpv6Entry
        OperationUnsupported.SubRouteTableECMP ParamExclusive.NextHopIdAndList
        ParamExclusive.RouteEntryIdAndRouteTableIdOrDestCidrBlock Parameter.Disabled Parameter.NotMatched
        ParameterCount.ExceedLimit ParameterKey.Duplicate ParameterKey.ExceedLimit
        ParameterStore.InvalidParameters ParameterStore.NotSupported ParameterType.NotSupported
        QuotaExceed.ElasticQuota QuotaExceed.MultiBindedEip QuotaExceeded QuotaExceeded.HaVipRouteEntry
        QuotaExceeded.NumberOfEip QuotaExceeded.NumberOfTrafficEip QuotaExceeded.VpnRouteEntry
        Region.NotSupport RegionId.ApiNotSupported ResourceAlreadyAssociated.PrefixList
        ResourceNotAssociated.Cen ResourceNotAssociated.Ecr ResourceNotFound.Cen ResourceNotFound.PrefixList
        SecurityGroupInstanceLimitExceed ServerRegion.Invalid ServiceNotEnable SimulatedEventLimitExceeded
        UnsupportedFeature.CreatePrefixListEcmpRouteEntry UnsupportedFeature.EipBindIpAddress
        UnsupportedFeature.EipBindPrefixIp UnsupportedFeature.Ipv6GatewayRouteTable
        UnsupportedFeature.ModifyIpv6RouteEntryNextHop UnsupportedFeature.RouterInterfaceIpv6
        UnsupportedFeature.VpcAdvancedFeature UnsupportedFeature.VpcPeerIpv6 UnsupportedParameter
        UnsupportedRegion Username.ExceedLimit WindowsPasswordName.ExceedLimit WindowsPasswordName.Missed
        InvalidAction.NotFound
    """),
    # Placeholder that the metadata lists as a code.
    CodeRow(K.REFUSED, N.NOTHING, """
        %s
    """),
)
# fmt: on

BY_STATUS: dict[tuple[str, int], tuple[FailureKind, FailureSubject]] = {
    ("Forbbiden", 400): (K.REFUSED, N.ENTRY),  # DeleteRouteEntry: "cannot allowed delete by openApi"
    ("Forbbiden", 403): (K.DENIED, N.CALLER),  # ModifyRouteEntry: "User not authorized"
    ("Forbidden", 400): (K.REFUSED, N.ADDRESS),  # EIPs: "The eip instance owner error"
    ("Forbidden", 403): (K.DENIED, N.CALLER),
    ("InvalidParameter", 400): (K.REFUSED, N.CALL),
    ("InvalidParameter", 403): (K.REFUSED, N.CALL),  # DescribeInstancesFullStatus
    ("InvalidParameter", 404): (K.GONE, N.HOP),  # CreateRouteEntry: "Instance not exists or not vpc vm"
}
"""Codes whose meaning depends on the HTTP status that they come with."""

BY_FORM: tuple[tuple[str, FailureKind, FailureSubject], ...] = (
    (r"Throttl.*|.*Flow.*|Qps.*", K.THROTTLED, N.NOTHING),
    (r"Incorr\w*Status\.(NextHop|Instance|NetworkInterface)", K.BUSY, N.HOP),
    (r"Incorr\w*Status(\..*)?|.*Busy(\..*)?|.*TaskConflict|.*LastTokenProcessing", K.BUSY, N.NOTHING),
    (r"InvalidTimeStamp\..*|IllegalTimestamp(\..*)?", K.BUSY, N.NOTHING),
    (r".*RouteEntryName.*|.*Description\.(Malformed|Invalid).*|IllegalParam\.Description", K.WORDS, N.WORDS),
    (r"(InvalidAccessKeyI[dD]|InvalidSecurityToken|Forbidden|NoPermission)(\..*)?", K.DENIED, N.CALLER),
    (r"InternalError(\..*)?|ServiceUnavailable(\..*)?", K.UNREACHABLE, N.NOTHING),
    (r"(ResourceNotFound\.|Invalid)RouteEntry(Id)?(\.NotFound)?", K.GONE, N.ENTRY),
    (r"(ResourceNotFound\.|Invalid)(Allocation(Id)?|Eip|EipAddress)(\.NotFound)?", K.GONE, N.ADDRESS),
    (r"(ResourceNotFound\.|Invalid)(RouteTable|Vpc|VPC|VRouter|VSwitch)(Id)?(\.NotFound)?", K.GONE, N.CALL),
    (r".*(Instance|NetworkInterface|NatGateway|Next[hH]op|Eni)(Id)?\.(NotFound|NotExist)", K.GONE, N.HOP),
    (r"ResourceNotFound\.(Instance|NetworkInterface|NatGateway|NextHop|Eni)", K.GONE, N.HOP),
    (r".*\.NotFound|ResourceNotFound\..*|EntityNotExists\..*|[A-Z]\w*NotFound", K.GONE, N.CALL),
    (r".*Quota.*|.*LimitExceed.*|UnsupportedRegion.*|Missing.*", K.REFUSED, N.CALL),
)
"""What the form of a code says that is in no row: the families of the documentation and of the provider's retries."""
