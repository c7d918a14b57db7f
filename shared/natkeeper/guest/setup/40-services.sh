# ---- services: firewalld's very first start closes what the machine served
listening() { # PORT PROTOCOL of what listens on more than loopback; sockets of UDP clients listen as well, and do not count
    ss -lntu 2>/dev/null | awk '
        $1 ~ /^(tcp|udp)$/ {
            port = $5; sub(/.*:/, "", port); port += 0
            if ($5 ~ /^127\.|^\[?::1\]?:|^\[?::ffff:127\.|%lo:/ || ($1 ~ /^udp/ && (port >= 32768 || port == 68))) next
            print port, $1
        }' | sort -u
}
input_rules() { # what another firewall lets in: "port N PROTO SOURCE", "source SOURCE", or "cannot RULE"; nothing if it lets all in
    {
        ! have iptables || iptables -w -S INPUT
        ! have nft || nft list ruleset | sed 's/^/N /'
    } 2>/dev/null | awk -v ipt="$(yes have iptables)" '
        /^-P INPUT/ { closed = $3 != "ACCEPT" }
        /^-A INPUT/ && !ended {
            r = substr($0, 9)
            gsub(/ -m (tcp|udp|state|conntrack|comment|multiport)| --comment ("[^"]*"|[^ ]+)| --(ct)?state [A-Z,]*NEW[A-Z,]*/, "", r)
            if (r ~ /^ -i lo -j ACCEPT|^ --(ct)?state [A-Z,]+ -j ACCEPT|^ -p (icmp|ipv6-icmp).* -j ACCEPT/) next
            if (r ~ /^ -j (DROP|REJECT)/) { closed = ended = 1; next }
            if (r ~ /^ -j ACCEPT$/) { closed = 0; ended = 1; next }
            source = ""
            if (match(r, / -s [0-9.\/]+/)) { source = substr(r, RSTART + 4, RLENGTH - 4); r = substr(r, 1, RSTART - 1) substr(r, RSTART + RLENGTH) }
            if (r ~ /^ -p (tcp|udp) --dports? [0-9,:]+ -j ACCEPT$/) {
                split(r, w, " "); n = split(w[4], ports, ",")
                for (i = 1; i <= n; i++) { sub(":", "-", ports[i]); said[++k] = "port " ports[i] " " w[2] " " source }
            } else if (r ~ /^ -j ACCEPT$/ && source) said[++k] = "source " source
            else said[++k] = "cannot " $0
        }
        /^N table/ { other = !($3 ~ /^(ip|inet)$/) || $4 ~ /^firewalld/ || ($3 " " $4 == "ip filter" && ipt == "true"); t = $3 " " $4 }
        /^N[ \t]+chain/ { inside = 0; c = $3 }
        /hook input/ && !other { inside = 1; if (/policy drop/) { said[++k] = "cannot nft " t " " c " policy drop"; closed = 1 } next }
        inside && /(drop|reject)/ { sub(/^N[ \t]+/, ""); said[++k] = "cannot nft " t " " c " " $0; closed = 1 }
        END {
            for (i = 1; i <= k; i++) if (said[i] ~ /^cannot .* -j (DROP|REJECT)/) closed = 1
            if (closed) { print "closed"; for (i = 1; i <= k; i++) print said[i] }
        }'
}
keep_services() { # everything is read before anything is opened
    input_rules >"$WORK/input"
    if [ -s "$WORK/input" ]; then
        cannot=$(sed -n 's/^cannot //p' "$WORK/input" | sed -n 1p)
        [ -z "$cannot" ] || {
            problem services_unclear "starting firewalld would end a rule about incoming packets that it cannot express: $cannot"
            return 1
        }
    else
        listening | grep -Ev "^($(ssh_ports | tr '\n' '|')68) tcp" | sed 's/^/port /' >"$WORK/input"
    fi
    kept=
    while read -r what port proto source; do
        case $what in
        source) rule="rule family=\"ipv4\" source address=\"$port\" accept" named="all from $port" ;;
        port)
            case $port in *-*) ;; *) [ -n "$source" ] || ! is_open "$port" "$proto" || continue ;; esac
            rule= named=$port/$proto
            [ -z "$source" ] || rule="rule family=\"ipv4\" source address=\"$source\" port port=\"$port\" protocol=\"$proto\" accept" named="$named from $source"
            ;;
        *) continue ;;
        esac
        kept="$kept $named,"
        [ $SERVICES = keep ] || continue
        zone service_closed "firewalld would close $named" "${rule:+--add-rich-rule=}${rule:---add-port=$port/$proto}"
    done <"$WORK/input"
    [ -z "$kept" ] || if [ $SERVICES = keep ]; then note services_kept "this machine served before firewalld's first start, and goes on to:$kept"; else note services_closed "this machine served before firewalld's first start, which closes:$kept"; fi
}
