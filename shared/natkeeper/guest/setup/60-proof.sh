# ---- seeing is believing
look() { # look PREFIX URL EXTRA...: sets ANSWER and PEER when something answered
    prefix=$1 url=$2
    shift 2
    case $url in tcp:*) url=telnet:${url#tcp:} ;; esac
    ANSWER=$($prefix curl -q -g -s -m 4 -w "$NL%{remote_ip} %{time_connect}" "$@" --url "$url" 2>/dev/null </dev/null) ||
        case $url in telnet:*) ;; *) return 1 ;; esac
    PEER=${ANSWER##*"$NL"} ANSWER=${ANSWER%"$NL"*}
    case $PEER in *' 0.000000' | *' 0' | ' '* | '') return 1 ;; esac
    PEER=${PEER% *}
}
egress() {
    UNASKED="no egress target was named"
    [ -n "$TARGETS" ] || return
    UNASKED="this machine has no curl, so no egress target was asked"
    ! have curl || UNASKED='' EGRESS=failed
    printf %s "$TARGETS" >"$WORK/targets"
    while read -r url name; do
        [ -z "$SEEN" ] && look '' "$url" || continue
        EGRESS=ok TARGET=$url RESOLVE=$name:$PEER THERE=$PEER
        SEEN=$(printf %s "$ANSWER" | head -c 400 | grep -Eo '([0-9]{1,3}\.){3}[0-9]{1,3}' | sed -n 1p)
    done <"$WORK/targets"
    [ $EGRESS = ok ] || [ $NEED != required ] || problem egress_failed "${UNASKED:-no egress target answered this gateway itself}"
}

# A private host for a moment: a namespace with an unused address of each private network. Where tc can, its packets
# enter by the interface that real ones enter by, and so meet that interface's zone, rules and reverse-path filter;
# answers leave by it as well and are turned round before the wire, or by the namespace's own interface where tc cannot
# do that. Without tc the namespace's interface joins the zone.
PROBE_MAC=02:4e:4b:00:77:01 INPUT='' CLSACT='' HOSTS=''
unprove() {
    fw --zone="$ZONE" --remove-interface=nkprobe0 >/dev/null
    tc filter del dev "$INPUT" egress pref 7077
    [ -z "$CLSACT" ] || tc qdisc del dev "$INPUT" clsact
    CLSACT=
    for a in $HOSTS; do ip neigh del "$a" dev "$INPUT"; done
    HOSTS=
    while ip rule del pref 77; do :; done
    ip route flush table 7077
    ip link del nkprobe0
    ip netns del nkprobe
} >/dev/null 2>&1
private_host() {
    in='ip netns exec nkprobe'
    unprove
    ip netns add nkprobe && ip link add nkprobe0 address ${PROBE_MAC%1}2 type veth peer name nkprobe1 && ip link set nkprobe1 netns nkprobe &&
        ip addr add 169.254.77.1/32 dev nkprobe0 && ip link set nkprobe0 up && $in ip link set nkprobe1 address $PROBE_MAC up || return
    if have tc && tc qdisc add dev nkprobe0 ingress &&
        tc filter add dev nkprobe0 parent ffff: protocol ip u32 match u32 0 0 action mirred ingress redirect dev "$INPUT"; then
        BY="by $INPUT"
        ! tc qdisc add dev "$INPUT" clsact || CLSACT=yes
    else
        BY="by an interface in zone $ZONE"
        fw --zone="$ZONE" --add-interface=nkprobe0
    fi
} >/dev/null 2>&1
host_is() { # host_is ADDRESS
    # A strict reverse-path filter refuses an ARP request from there.
    $in ip addr add "$1/32" dev nkprobe1 && $in ip route replace 169.254.77.1 dev nkprobe1 src "$1" &&
        $in ip neigh replace 169.254.77.1 lladdr ${PROBE_MAC%1}2 dev nkprobe1 nud permanent &&
        $in ip route replace default via 169.254.77.1 src "$1" || return
    case $BY in
    *zone*) ip route replace "$1/32" dev nkprobe0 ;;
    *)
        back=nkprobe0
        ! tc filter add dev "$INPUT" egress pref 7077 protocol ip u32 match ip dst "$1/32" action mirred egress redirect dev nkprobe0 ||
            { ip neigh replace "$1" lladdr $PROBE_MAC dev "$INPUT" nud permanent && back=$INPUT HOSTS="$HOSTS $1"; }
        ip route replace "$1/32" dev $back table 7077 || return
        for i in $INTERFACES; do ip rule add pref 77 iif "$i" to "$1/32" lookup 7077; done
        ;;
    esac
} >/dev/null 2>&1
see() { # see ADDRESS NETWORK: sets RESULT and SAID
    RESULT=refused
    if ! SAID=$(ip route get "$THERE" from "$1" iif "$INPUT" 2>&1); then
        SAID="the kernel drops what comes from it by $INPUT (reverse-path filter, ip rule or route): $SAID"
    elif [ -n "$BY" ] && host_is "$1"; then
        SAID="seen from $1 $BY"
        if look "$in" "$TARGET" --resolve "$RESOLVE" || look "$in" "$TARGET" --resolve "$RESOLVE"; then
            RESULT=proven elsewhere=$(zones_of "$2" "$1")
            [ -z "$elsewhere" ] || RESULT=unproven SAID="$SAID, which is not all of it$elsewhere"
        else
            SAID="$TARGET answers the gateway itself but not $1 behind it$(claimed "$2")"
        fi
    else RESULT=unproven SAID="no network namespace could be made here"; fi
}
zones_of() { # zones_of NETWORK [ADDRESS]: firewalld's zones that take packets by their source, but not those of ADDRESS
    fw --get-active-zones | awk -v net="$1" -v seen="$2" -v mine="$ZONE" "$IN_NET"'
        /^[^ \t]/ { zone = $1 }
        / *sources:/ && zone != mine { for (i = 2; i <= NF; i++)
            if ($i ~ /^[0-9.]+\/?[0-9]*$/ && inside($i, net) && !(seen && inside($i, seen))) print zone, $i }' |
        while read -r zone source; do
            [ -n "$2" ] && fw --zone="$zone" --list-all | grep -q 'target: ACCEPT' || printf '; zone %s claims source %s' "$zone" "$source"
        done
}
claimed() { # claimed NETWORK: such zones, and rules that name the network
    zones_of "$1" ''
    { iptables -w -S; iptables -w -t raw -S; nft list ruleset; } 2>/dev/null | grep -iE 'drop|reject' | grep -F -e "$1" | head -n 2 | sed 's/^[[:space:]]*/; rule: /'
}
prove() {
    NETWORKS='' FORWARDING=unproven WHY="${UNASKED:-the gateway itself reaches no egress target}"
    [ $EGRESS = ok ] && [ $STATE != stopped ] && [ $STATE != missing ] || return
    WHY="no private network was named"
    printf %s "$PROVE" >"$WORK/prove"
    [ -s "$WORK/prove" ] || return
    BY='' refused='' unproven=''
    private_host || BY=''
    while read -r host network; do
        see "$host" "$network"
        NETWORKS="$NETWORKS${NETWORKS:+,}{\"network\":\"$network\",\"forwarding\":\"$RESULT\",\"note\":$(json "$SAID")}"
        case $RESULT in refused) refused="$refused $network: $SAID;" ;; unproven) unproven=$SAID ;; esac
    done <"$WORK/prove"
    unprove
    FORWARDING=proven WHY="$SAID"
    [ -z "$unproven" ] || FORWARDING=unproven WHY=$unproven
    [ -z "$refused" ] || FORWARDING=refused WHY=${refused# }
}
