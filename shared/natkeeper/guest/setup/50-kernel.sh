# ---- kernel
kernel() {
    settings="net.ipv4.ip_forward = 1"
    # follow: connections of the lost gateway are picked up in the middle. own: they are reset at once, and
    # only segments of connections nobody knows count as invalid.
    case $ADDRESS in
    follow) settings="$settings${NL}net.netfilter.nf_conntrack_tcp_loose = 1" ;;
    own) settings="$settings${NL}net.netfilter.nf_conntrack_tcp_loose = 0${NL}net.netfilter.nf_conntrack_tcp_be_liberal = 1" ;;
    esac
    file settings_at_boot $CONF "$settings"
    printf '%s\n' "$settings" >"$WORK/settings"
    while IFS=' =' read -r key want; do
        now=$(sysctl -n "$key" 2>/dev/null)
        case $key in *ip_forward) code=ip_forward_off ;; *) code=conntrack ;; esac
        [ "$now" != "$want" ] || continue
        # Connection tracking has no settings before something needs it.
        if [ -n "$now" ]; then
            missing $code "$key is $now instead of $want" "sysctl -w $key=$now" sysctl -w "$key=$want"
        else problem $code "$key is not there"; fi
    done <"$WORK/settings"
    IP_FORWARD=$(sysctl -n net.ipv4.ip_forward 2>/dev/null)
}
