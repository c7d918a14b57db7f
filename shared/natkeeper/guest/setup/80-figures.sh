# ---- how full: what the kernel counts, and the difference to the run before
figures() {
    p=$ROOT/proc last=$ROOT/run/natkeeper.last
    connections=$(cat "$p/sys/net/netfilter/nf_conntrack_count" 2>/dev/null) || return
    maximum=$(cat "$p/sys/net/netfilter/nf_conntrack_max") drops=0 failed=0 header=
    while read -r row; do
        set -- $row
        [ -n "$header" ] || { header=$row && continue; }
        for name in $header; do
            case $name in insert_failed) failed=$((failed + 0x$1)) ;; drop | early_drop) drops=$((drops + 0x$1)) ;; esac
            shift
        done
    done 2>/dev/null <"$p/net/stat/nf_conntrack"
    # Each new TCP connection has two segments with SYN.
    new=$(iptables -w -t mangle -nvxL 2>/dev/null | awk '/TCPMSS/ { n += $1 } END { print int(n / 2) }')
    set -- $(sed -n "s/^ *$INPUT: *//p" "$p/net/dev") 0 0 0 0 0 0 0 0 0 0
    now="$STARTED $new $drops $failed $1 $2 $9 ${10}"
    set -- $(sed -n 1p "$p/stat") 0 0 0 0 0 0 0 0
    now="$now $(($2 + $3 + $4 + $5 + $6 + $7 + $8 + $9)) $8"
    before=$(cat "$last" 2>/dev/null)
    printf '%s\n' "$now" 2>/dev/null >"$last"
    # After a boot the counters begin anew.
    FIGURES=$(echo "$now ${before:-$now}" | awk -v c="$connections" -v m="$maximum" -v load="$(cut -d' ' -f1 "$p/loadavg")" '{
        for (i = 1; i <= 10; i++) { d[i] = $i - $(i + 10); if (d[i] < 0) d[i] = 0 }
        split("seconds new drops insert_failed received_bytes received_packets sent_bytes sent_packets", name, " ")
        printf "\"connections\":%d,\"maximum\":%d,\"load\":%.2f,\"softirq_percent\":%d", c, m, load, d[9] ? 100 * d[10] / d[9] : 0
        for (i = 1; i <= 8; i++) printf ",\"%s\":%.0f", name[i], d[i]
    }')
    # Reading them all takes time, and nothing can be used up with less.
    [ "$connections" -lt 20000 ] || busiest
    lost=${FIGURES#*\"drops\":} && lost=${lost%%,*}
    [ "$lost" = 0 ] && [ $((connections / 95)) -lt $((maximum / 100)) ] ||
        note connections_full "the table of connections has $connections of $maximum entries, $lost were dropped: raise net.netfilter.nf_conntrack_max, shorten setup.idle, or use a larger instance"
}
busiest() { # the destination that most translated ports are used for: 64,512 is all there is
    set -- $({ cat "$p/net/nf_conntrack" || timeout 5 conntrack -L; } 2>/dev/null | awk '
        {
            proto = to = port = ""
            for (i = 1; i <= NF; i++) {
                if ($i == "tcp" || $i == "udp") proto = $i
                if (to == "" && $i ~ /^dst=/) to = substr($i, 5)
                if (port == "" && $i ~ /^dport=/) port = substr($i, 7)
            }
            if (port != "") { key = to ":" port "/" proto; if (++n[key] > most) { most = n[key]; which = key } }
        }
        END { print which, most }')
    [ -n "${2:-}" ] || return
    FIGURES="$FIGURES,\"busiest\":\"$1\",\"busiest_ports\":$2"
    [ "$2" -lt 58000 ] || note ports_used_up "$2 of 64512 ports are used for $1: new connections to it begin to fail; use a second address or fewer connections"
}
