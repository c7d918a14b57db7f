# ---- connections: what firewalld has no words for, in one table and one unit of natkeeper's own.
# The gateway itself reaches forwarded ports by the public address; sources are hidden inwards where asked. Between
# gateways a tunnel brings back what only the other one knows: flows of a planned move (map old, armed by natkeeper for
# minutes), and answers to visitors of the gateway without the route. Where it fails, connections are reset, as ever.
TABLE_CONF=/etc/natkeeper/table.nft
TABLE_RUN=/etc/natkeeper/table.sh
TABLE_UNIT=/etc/systemd/system/natkeeper-table.service
PEERS='' TUNNEL=''
find_peers() {
    [ -n "$RELAY$WAY_IN" ] || return
    for a in $PRIMARY; do [ "$a" = "$OWN_IP" ] || PEERS="$PEERS${PEERS:+ }$a"; done
}
table_text() {
    echo "table ip natkeeper${NL}delete table ip natkeeper${NL}table ip natkeeper {"
    if [ -n "$PEERS" ]; then
        n=0 maps='' dups=''
        for a in $PEERS; do
            n=$((n + 1)) maps="$maps${NL}map peer$n { type ifname : ipv4_addr; }" dups="$dups${NL}dup to iifname map @peer$n device natkeeper0"
        done
        echo "map old { type ifname : ipv4_addr; flags timeout; }${NL}set served { type ifname; }$maps"
        echo "chain answers {${NL}iifname != @served return$dups${NL}drop${NL}}"
        # What comes by the tunnel and is not known here either goes no further: it is reset, not sent around.
        echo "chain unknown {${NL}type filter hook prerouting priority -150;${NL}iifname natkeeper0 return${NL}ct state != invalid return${NL}meta l4proto != tcp return"
        [ -z "$RELAY" ] || echo "dup to iifname map @old device natkeeper0 drop"
        [ -z "$WAY_IN" ] || printf %s "$FORWARDS" | while read -r proto port to toport rest; do
            [ "$proto" = tcp ] || continue
            grep -Fqx -e "tcp $to $toport" "$WORK/hidden" || echo "ip saddr $to$(ports_of sport "$toport") jump answers"
        done | sort -u
        echo '}'
    fi
    itself=$(for a in $PUBLIC; do grep -F -e "destination address=\"$a\"" "$WORK/rules"; done | sed -nE 's/^port_forward rule family="ipv4"( source address="([^"]+)")? destination address="([^"]+)" forward-port port="([^"]+)" protocol="(...)"( to-port="([^"]+)")? to-addr="([^"]+)"/ip saddr \2 ip daddr \3 \5 dport \4 dnat to \8:\7/p' | sed 's/ip saddr  //; s/:$//')
    [ -z "$itself" ] || echo "chain itself {${NL}type nat hook output priority -100;$NL$itself$NL}"
    if [ -s "$WORK/hidden" ]; then
        echo "chain hidden {${NL}type nat hook postrouting priority 90;"
        while read -r proto to port; do echo "ct status dnat ip daddr $to meta l4proto $proto$(ports_of dport "$port" "$proto") masquerade"; done <"$WORK/hidden"
        echo '}'
    fi
    echo '}'
}
ports_of() { [ "$2" = any ] || echo " ${3:-tcp} $1 $2"; }
table_program() { # what the unit runs: `load` the tunnel and the table, `watch` the peers, `arm PEER SECONDS`, `stop`
    echo "own=$OWN_IP peers='$PEERS' in=$INPUT net=169.254.78"
    cat <<'END'
r=${NATKEEPER_ROOT:-}
mac() { printf 02:4e:%02x:%02x:%02x:%02x $(echo "$1" | tr . ' '); }
stop() {
    nft delete table ip natkeeper
    ip link del natkeeper0
    rm -f $r/run/natkeeper.table $r/run/natkeeper.peers
} 2>/dev/null
load() { # an address of its own, because rp_filter refuses devices without
    stop
    if [ -n "$peers" ]; then
        ip link add natkeeper0 address $(mac $own) mtu 1500 type vxlan id 77 local $own dstport 4790 nolearning || return
        sysctl -qw net.ipv4.conf.natkeeper0.rp_filter=2 net.ipv4.neigh.natkeeper0.retrans_time_ms=300 net.ipv4.neigh.natkeeper0.ucast_solicit=5
        ip addr add $own/32 dev natkeeper0 scope link && ip link set natkeeper0 up || return
        # A duplicate goes to a next hop that stands for the peer on this machine alone.
        n=0
        for p in $peers; do
            n=$((n + 1)) m=$(mac $p)
            bridge fdb append $m dev natkeeper0 dst $p && ip route add $net.$n dev natkeeper0 && ip neigh add $net.$n lladdr $m dev natkeeper0 nud permanent || return
        done
    fi
    nft -f $r/etc/natkeeper/table.nft && nft list table ip natkeeper | grep -v elements >$r/run/natkeeper.table
}
watch() {
    alive=
    [ -n "$peers" ] || exec sleep infinity
    while ip link show natkeeper0 >/dev/null && t=$(nft list table ip natkeeper); do
        n=0 now=
        for p in $peers; do
            n=$((n + 1)) state=$(ip neigh show $p dev natkeeper0)
            case $state in *PROBE*) case " $alive " in *" $p "*) now="$now $p" ;; esac; continue ;; esac
            ip neigh replace $p lladdr $(mac $p) dev natkeeper0 nud probe
            case "$state $alive " in
            *REACHABLE*) # what was emptied by hand is filled again
                now="$now $p"
                case $t in *"\"$in\" : $net.$n "*) ;; *) nft add element ip natkeeper peer$n "{ $in : $net.$n }" ;; esac
                ;;
            *" $p "*)
                nft flush map ip natkeeper peer$n
                ! nft list map ip natkeeper old | grep -q ": $net.$n " || nft flush map ip natkeeper old
                ;;
            esac
        done
        case "$now:$t" in
        :*"{ \"$in\" }"*) nft flush set ip natkeeper served ;;
        :* | *"{ \"$in\" }"*) ;;
        *) nft add element ip natkeeper served "{ $in }" ;;
        esac
        [ "$now" = "$alive" ] || {
            alive=$now
            echo $now >$r/run/natkeeper.peers
        }
        sleep 0.5
    done
}
arm() {
    n=1
    for p in $peers; do [ "$p" != "$1" ] || break; n=$((n + 1)); done
    case " $(cat $r/run/natkeeper.peers) " in *" $1 "*) ;; *) echo "$1 does not answer by the tunnel (4790/udp)" && return 3 ;; esac
    nft flush map ip natkeeper old && nft add element ip natkeeper old "{ $in timeout $2s : $net.$n }" && echo armed
}
"$@" 2>&1
END
}
start_table() {
    put $TABLE_RUN "$program" && put $TABLE_CONF "$text" && put $TABLE_UNIT "$unit" && systemctl enable natkeeper-table && systemctl restart natkeeper-table
}
remove_table() {
    systemctl disable --now natkeeper-table
    rm -f "$ROOT$TABLE_UNIT" "$ROOT$TABLE_RUN" "$ROOT$TABLE_CONF" && systemctl daemon-reload
}
connections() {
    printf %s "$HIDDEN" >"$WORK/hidden"
    text=$(table_text)
    case $text in
    *chain*) ;;
    *)
        [ ! -f "$ROOT$TABLE_UNIT" ] || soft connections_leftover "natkeeper's table of connections is of an earlier configuration" remove_table
        settle step_failed
        return
        ;;
    esac
    program=$(table_program)
    unit="[Unit]${NL}Description=natkeeper: connections between gateways${NL}After=network-online.target firewalld.service${NL}[Service]${NL}ExecStartPre=/bin/sh $TABLE_RUN load${NL}ExecStart=/bin/sh $TABLE_RUN watch${NL}ExecStopPost=/bin/sh $TABLE_RUN stop${NL}Restart=always${NL}RestartSec=2${NL}[Install]${NL}WantedBy=multi-user.target"
    lost=
    if [ "$(cat "$ROOT$TABLE_CONF" "$ROOT$TABLE_RUN" "$ROOT$TABLE_UNIT" 2>/dev/null)" != "$text$NL$program$NL$unit" ]; then lost=changed
    elif ! lasts natkeeper-table || ! runs_as_loaded; then lost=lost
    fi
    if [ -n "$lost" ]; then
        said="natkeeper's table of connections does not run as wanted"
        if [ $FIX = yes ] && start_table >/dev/null 2>&1 </dev/null 9>&-; then
            DONE="$DONE${DONE:+,}\"start natkeeper-table\""
            if [ $lost = lost ]; then
                [ -n "$FOUND" ] || FOUND=$PROBLEMS
                FOUND="$FOUND${FOUND:+,}$(coded connections_lost "$said")"
            fi
        else
            [ $FIX = no ] || said="$said: $(sh "$ROOT$TABLE_RUN" load 2>&1 </dev/null | head -c 200)"
            note connections_lost "$said"
        fi
    fi
    settle step_failed
    [ -n "$PEERS" ] || return
    for try in 1 2 3 4 5 6; do
        TUNNEL=$(cat "$ROOT/run/natkeeper.peers" 2>/dev/null)
        [ "$TUNNEL" != "$PEERS" ] && [ $FIX = yes ] && [ $try != 6 ] && sleep 0.5 || break
    done
    for a in $PEERS; do
        one_of "$TUNNEL" "$a" || note tunnel_silent "$a does not answer by the tunnel: let 4790/udp from it in (security group), and let it be set up as well"
    done
}
runs_as_loaded() { [ "$(nft list table ip natkeeper 2>/dev/null | grep -v elements)" = "$(cat "$ROOT/run/natkeeper.table" 2>/dev/null)" ]; }
