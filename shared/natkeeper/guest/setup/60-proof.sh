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
    [ -n "$TARGETS" ] || return 0
    EGRESS=failed
    printf %s "$TARGETS" >"$WORK/targets"
    while read -r url name; do
        [ -z "$SEEN" ] && look '' "$url" || continue
        EGRESS=ok TARGET=$url RESOLVE=$name:$PEER
        SEEN=$(printf %s "$ANSWER" | head -c 400 | grep -Eo '([0-9]{1,3}\.){3}[0-9]{1,3}' | sed -n 1p)
    done <"$WORK/targets"
    [ $EGRESS$NEED != failedrequired ] || problem egress_failed "no egress target answered this gateway itself"
}
unprove() {
    fw --zone="$ZONE" --remove-interface=nkprobe0 >/dev/null
    ip link del nkprobe0
    ip netns del nkprobe
} 2>/dev/null
prove() { # a private host for a moment: a namespace behind this gateway, with an address of the VPC
    [ $MODE = apply ] && [ "$PROVE" != no ] || return 0
    WHY="the gateway itself reaches no egress target"
    [ $EGRESS = ok ] && [ $STATE = running ] || return 0
    WHY="no network namespace could be made here"
    in='ip netns exec nkprobe'
    unprove
    if {
        ip netns add nkprobe && ip link add nkprobe0 type veth peer name nkprobe1 && ip link set nkprobe1 netns nkprobe &&
            ip addr add 169.254.77.1/32 dev nkprobe0 && ip link set nkprobe0 up && ip route add "$PROVE/32" dev nkprobe0 &&
            $in ip addr add "$PROVE/32" dev nkprobe1 && $in ip link set nkprobe1 up &&
            $in ip route add 169.254.77.1 dev nkprobe1 && $in ip route add default via 169.254.77.1 &&
            fw --zone="$ZONE" --add-interface=nkprobe0
    } >/dev/null 2>&1; then
        WHY="seen from $PROVE behind this gateway" FORWARDING=proven
        if ! look "$in" "$TARGET" --resolve "$RESOLVE" && ! look "$in" "$TARGET" --resolve "$RESOLVE"; then
            FORWARDING=refused
            problem forwarding_refused "$TARGET answers the gateway itself but not a host behind it"
        fi
    fi
    unprove
}
