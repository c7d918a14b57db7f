# ---- rules of others
foreign() {
    {
        printf '%s\n' "$DIRECT" | sed 's/^/D /'
        ! have iptables || iptables -w -S FORWARD 2>/dev/null | sed 's/^/I /'
        ! have nft || { nft -a -t list ruleset || nft -a list ruleset; } 2>/dev/null | sed 's/^/N /'
    } </dev/null | awk -v ifs="$INTERFACES" -v srcs="$SOURCES" -v own="$RESET" -v back="$BACKEND" -v ipt="$(yes have iptables)" '
        # Only rules about everything we forward: what is left without the matches that all of it meets is the verdict.
        function verdict(r) {
            gsub("[io]ifname \"(" ifs ")\"|ip saddr (" srcs "|0.0.0.0/0)|ct state new|counter( packets [0-9]+ bytes [0-9]+)?|comment \"[^\"]*\"", "", r)
            gsub("-[io] (" ifs ")|-s (" srcs "|0.0.0.0/0)|-m (conntrack|state|comment)|--(ctstate|state) [A-Z,]*NEW[A-Z,]*|--comment (\"[^\"]*\"|[^ ]+)", "", r)
            sub(/^[ \t]+/, "", r)
            sub(/^-j /, "", r)
            r = tolower(r)
            return r ~ /^(drop|reject)/ ? "no" : r ~ /^accept/ ? "yes" : ""
        }
        BEGIN { gsub(" ", "|", ifs); gsub(" ", "|", srcs) }
        function ends() { if (drop && !ok) print how "||" head "policy drop"; drop = ok = 0 }
        { kind = $1; line = substr($0, 3) }
        kind == "D" && / filter FORWARD / && line != own { r = line; sub(/.*FORWARD -?[0-9]+ /, "", r); if (verdict(r) == "no") { print "direct||" line; seen = 1 } }
        kind == "I" && /^I -P/ { how = "iptables"; drop = /DROP/ && back != "iptables" }
        kind == "I" && /^I -A/ && !ok {
            r = line; sub(/-A FORWARD /, "", r); v = verdict(r)
            ok = v == "yes" || (back == "iptables" && r ~ /^-j REJECT --reject-with icmp-(host|admin)-prohibited/)
            if (v == "no" && !ok && !seen) print "iptables|" r "|"
        }
        kind == "N" && $2 == "table" { ends(); t = $3 " " $4; skip = $3 !~ /^(ip|inet)$/ || $4 == "firewalld" || (t == "ip filter" && ipt == "true"); hook = 0 }
        kind == "N" && $2 == "chain" { ends(); c = $3; hook = 0 }
        kind == "N" && /hook forward/ && !skip { hook = 1; how = "nft"; head = t " " c " "; drop = /policy drop/; next }
        kind == "N" && hook && !ok {
            r = line; sub(/ *# handle.*/, "", r); v = verdict(r); handle = line; sub(/.*# handle /, "", handle)
            if (v == "no") { sub(/^[ \t]+/, "", r); print "nft|" t " " c " handle " handle "|" t " " c " " r }
            ok = v == "yes"
        }
        END { ends() }' >"$WORK/foreign"
    while IFS='|' read -r how where rule; do
        problem foreign_reject "a rule that is not natkeeper's refuses forwarded packets: $how ${rule:-$where}"
        [ $FIX$FOREIGN = yesremove ] || continue
        case $how-$rule in
        direct*)
            change : firewall-cmd --direct --remove-rule $rule
            ! fw --permanent --direct --get-all-rules | grep -Fqx -e "$rule" || change : firewall-cmd --permanent --direct --remove-rule $rule
            ;;
        *policy\ drop) [ $how = nft ] || change : iptables -w -P FORWARD ACCEPT ;;
        iptables*) change : iptables -w -D FORWARD $where ;;
        *) change : nft delete rule $where ;;
        esac
    done <"$WORK/foreign"
}
