# ---- rules of others: only asked when packets of a private network were not seen to pass
foreign() { # writes how|where|rule for what refuses everything that the hosts of the proof send
    {
        fw --direct --get-all-rules | sed 's/^/D /'
        ! have iptables || iptables -w -S FORWARD 2>/dev/null | sed 's/^/I /'
        ! have nft || { nft -a -t list ruleset || nft -a list ruleset; } 2>/dev/null | sed 's/^/N /'
    } </dev/null | awk -v ifs="$INTERFACES" -v hosts="$(cut -d' ' -f1 "$WORK/prove" | tr '\n' ' ')" -v own="$RESET" -v back="$BACKEND" -v ipt="$(yes have iptables)" -v proof=$FORWARDING "$IN_NET"'
        # What is left of a rule without the matches that each new connection of the hosts meets is its verdict.
        function verdict(r, net, i) {
            gsub("[io]ifname \"(" ifs ")\"|ct state ([a-z,]*new[a-z,]*|[{][a-z, ]*new[a-z, ]*[}])|counter( packets [0-9]+ bytes [0-9]+)?|(--)?comment \"[^\"]*\"", "", r)
            gsub("-[io] (" ifs ")|-m (conntrack|state|comment)|--(ctstate|state) [A-Z,]*NEW[A-Z,]*|--comment [^ ]+", "", r)
            while (match(r, /(-s|ip saddr) [0-9.\/]+/)) {
                net = substr(r, RSTART, RLENGTH); sub(/.* /, "", net)
                for (i in host) if (!inside(host[i], net)) return ""
                r = substr(r, 1, RSTART - 1) substr(r, RSTART + RLENGTH)
            }
            gsub(/^[ \t]+(-j )?|^-j /, "", r)
            r = tolower(r)
            if (r ~ /^(jump |goto |-g )?[a-z0-9_-]+$/ && r !~ /^(accept|drop|reject|forward_|fwd[io]_|n?f?log$)|filter_/) maybe = proof != "refused"
            return r ~ /^(drop|reject)/ ? "no" : r ~ /^accept/ ? "yes" : ""
        }
        function ends() { if (drop && !ok && !maybe) print how "|" head "|policy drop"; drop = ok = maybe = 0 }
        BEGIN { split(hosts, host, " "); gsub(" ", "|", ifs) }
        { kind = $1; line = substr($0, 3) }
        kind == "D" && / filter FORWARD / && line != own { r = line; sub(/.*FORWARD -?[0-9]+ /, "", r); if (verdict(r) == "no") { print "direct|" line "|" line; seen = 1 } }
        kind == "I" && /^I -P/ { how = "iptables"; drop = /DROP/ && back != "iptables" }
        kind == "I" && /^I -A/ && !ok {
            r = line; sub(/-A FORWARD /, "", r); v = verdict(r)
            ok = v == "yes" || (back == "iptables" && r ~ /^-j REJECT --reject-with icmp-(host|admin)-prohibited/)
            if (v == "no" && !ok && !seen && !maybe) print "iptables|FORWARD " r "|" r
        }
        kind == "N" && $2 == "table" { ends(); t = $3 " " $4; skip = $3 !~ /^(ip|inet)$/ || $4 ~ /^firewalld/ || (t == "ip filter" && ipt == "true"); hook = 0 }
        kind == "N" && $2 == "chain" { ends(); c = $3; hook = 0 }
        kind == "N" && /hook forward/ && !skip { hook = 1; how = "nft"; head = t " " c; drop = /policy drop/; next }
        kind == "N" && hook && !ok {
            r = line; sub(/ *# handle.*/, "", r); v = verdict(r); h = line; sub(/.*# handle /, "", h)
            if (v == "no" && !maybe) { sub(/^[ \t]+/, "", r); print "nft|" head " handle " h "|" head " " r }
            ok = v == "yes"
        }
        END { ends() }' >"$WORK/foreign"
}
mend_foreign() { # what refuses all goes, if asked; what refuses one network of several is the owner's decision
    foreign
    while IFS='|' read -r how where rule; do
        problem foreign_reject "a rule that is not natkeeper's refuses forwarded packets: $how $rule"
        [ $FIX$FOREIGN = yesremove ] || continue
        case $how-$rule in
        direct*)
            change : timeout 40 firewall-cmd --direct --remove-rule $where
            ! fw --permanent --direct --get-all-rules | grep -Fqx -e "$where" || change : timeout 40 firewall-cmd --permanent --direct --remove-rule $where
            ;;
        iptables-policy*) let_through ;;
        nft-policy*) ;;
        iptables*) change : iptables -w -D $where ;;
        *) change : nft delete rule $where ;;
        esac
    done <"$WORK/foreign"
    settle step_failed
}
let_through() { # a policy that its owner sets again at each start: docker's chain for users lasts, and ufw's route rules
    into=${INTERFACES%% *} onto=${INTERFACES##* }
    if iptables -w -S DOCKER-USER >/dev/null 2>&1; then
        change "iptables -w -D DOCKER-USER -i $into -o $onto -j ACCEPT" iptables -w -I DOCKER-USER -i "$into" -o "$onto" -j ACCEPT
        file docker_at_boot /etc/systemd/system/docker.service.d/natkeeper.conf "[Service]${NL}ExecStartPost=-/bin/sh -c 'exec iptables -w -I DOCKER-USER -i $into -o $onto -j ACCEPT'"
        note foreign_at_boot "docker drops forwarded packets at each start; an accept in DOCKER-USER lets them through, now and after a reboot"
    elif ufw_is_on; then
        # A restart of firewalld takes ufw's rules and leaves its policies.
        iptables -w -S ufw-user-forward >/dev/null 2>&1 || change : /lib/ufw/ufw-init start
        change "ufw route delete allow in on $into out on $onto" ufw route allow in on "$into" out on "$onto"
        note foreign_at_boot "ufw drops forwarded packets; a route rule of natkeeper's lets them through, now and after a reboot: ufw route allow in on $into out on $onto"
    else
        change "iptables -w -P FORWARD DROP" iptables -w -P FORWARD ACCEPT
    fi
}
