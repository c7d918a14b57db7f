# ---- kernel
wanted_settings() {
    SETTINGS="net.ipv4.ip_forward = 1"
    # follow: connections of the lost gateway are picked up in the middle. own: they are reset at once, and
    # only segments of connections nobody knows count as invalid.
    case $ADDRESS in
    follow) SETTINGS="$SETTINGS${NL}net.netfilter.nf_conntrack_tcp_loose = 1" ;;
    own) SETTINGS="$SETTINGS${NL}net.netfilter.nf_conntrack_tcp_loose = 0${NL}net.netfilter.nf_conntrack_tcp_be_liberal = 1" ;;
    esac
    # A gateway with one interface would tell private hosts to go around it.
    COMFORT="net.ipv4.conf.all.send_redirects = 0"
    for i in $INTERFACES; do COMFORT="$COMFORT${NL}net/ipv4/conf/$i/send_redirects = 0"; done
    [ -z "$ESTABLISHED" ] || COMFORT="$COMFORT${NL}net.netfilter.nf_conntrack_tcp_timeout_established = $ESTABLISHED"
    # An entry takes some 400 bytes: an eighth of the memory, two million at most, never fewer than there are.
    memory=$(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' "$ROOT/proc/meminfo" 2>/dev/null)
    [ -n "$memory" ] || return
    entries=$((memory / 3))
    [ $entries -le 2097152 ] || entries=2097152
    at_least net.netfilter.nf_conntrack_buckets $((entries / 4))
    at_least net.netfilter.nf_conntrack_max $entries
}
at_least() {
    now=$(sysctl -n "$1" 2>/dev/null)
    [ "${now:-0}" -lt "$2" ] || set -- "$1" "$now"
    COMFORT="$COMFORT$NL$1 = $2"
}
set_to() { # set_to CODE KEY VALUE
    now=$(sysctl -n "$2" 2>/dev/null)
    [ "$now" != "$3" ] || return
    # Connection tracking has no settings before something needs it.
    if [ -n "$now" ]; then
        missing "$1" "$2 is $now instead of $3" "sysctl -w $2=$now" sysctl -w "$2=$3"
    else problem "$1" "$2 is not there"; fi
}
soft() { # soft CODE MESSAGE COMMAND...: good to have; without it no gateway is unfit
    code=$1 said=$2
    shift 2
    if [ $FIX = yes ] && "$@" >/dev/null 2>&1 </dev/null 9>&-; then
        what=$*
        DONE="$DONE${DONE:+,}$(json "${what#timeout 40 }")"
    else
        case $NOTES in *"$(json "$said")"*) ;; *) note "$code" "$said" ;; esac
    fi
}
forwarding_on() {
    set_to ip_forward_off net.ipv4.ip_forward 1
    IP_FORWARD=$(sysctl -n net.ipv4.ip_forward 2>/dev/null)
}
connection_tracking() {
    printf '%s\n' "$SETTINGS" >"$WORK/settings"
    while IFS=' =' read -r key want; do
        case $key in *nf_conntrack*) set_to conntrack "$key" "$want" ;; esac
    done <"$WORK/settings"
}
tune() { # in a container, sysctl says yes to what it does not change
    sysctl -w "$1=$2" && [ "$(sysctl -n "$1")" = "$2" ]
}
comfort() {
    printf '%s\n' "$COMFORT" >"$WORK/comfort"
    while IFS=' =' read -r key want; do
        now=$(sysctl -n "$key" 2>/dev/null)
        [ -z "$now" ] || [ "$now" = "$want" ] || soft not_tuned "$key is $now instead of $want" tune "$key" "$want"
    done <"$WORK/comfort"
}
settings_at_boot() {
    text=$(cat "$ROOT$CONF" 2>/dev/null)
    [ "$text" != "$SETTINGS$NL$COMFORT" ] || return
    # A check calls a gateway of an earlier version well if what it needs to forward is there.
    if [ $FIX = no ] && [ "${text#"$SETTINGS"}" != "$text" ]; then
        soft not_tuned "$CONF has not all of natkeeper's settings" false
    else file settings_at_boot $CONF "$SETTINGS$NL$COMFORT"; fi
}
