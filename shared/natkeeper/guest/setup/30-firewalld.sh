# ---- one of firewalld's two configurations: running (BOOT empty) or the next boot's (BOOT is _at_boot)
field() { printf '%s\n' "$L" | sed -n "s/^ *$1: *//p" | sed -n 1p; }
rules() { printf '%s\n' "$L" | sed -n 's/^[[:space:]]*rule /rule /p' | sed 's/[[:space:]]*$//'; }
look_at() { # look_at COMMAND SUFFIX
    C=$1 BOOT=$2
    L=$(timeout 40 $C --zone="$ZONE" --list-all 2>/dev/null </dev/null) || {
        problem zone_missing "firewalld has no zone $ZONE"
        return 1
    }
    rules >"$WORK/there"
}
wanted_rules() { # kind and rule
    for s in $SOURCES; do echo "masquerade rule family=\"ipv4\" source address=\"$s\" masquerade"; done
    printf %s "$PROXY_PORTS" | while IFS=/ read -r port proto; do echo "proxy_port rule family=\"ipv4\" port port=\"$port\" protocol=\"$proto\" accept"; done
    for a in $PEERS; do echo "tunnel_port rule family=\"ipv4\" source address=\"$a\" port port=\"4790\" protocol=\"udp\" accept"; done
    # Only what is addressed to this gateway goes inwards; private hosts' own traffic to that port does not. With its
    # public addresses, private hosts reach their own services by the name that the world uses.
    printf %s "$FORWARDS" | while read -r proto port to toport from on; do
        [ "$from" != - ] || from=
        for own in ${on:-$OWN_IP $PUBLIC}; do
            case $port/$toport in
            any/*) for range in $(free_ports "$proto"); do forward_rule "$range" ''; done ;;
            "$toport/$port") case $port in *-*) forward_rule "$port" '' ;; *) forward_rule "$port" "$port" ;; esac ;;
            *)
                at=${port%-*} there=${toport%-*}
                while [ "$at" -le "${port#*-}" ]; do
                    forward_rule "$at" "$there"
                    at=$((at + 1)) there=$((there + 1))
                done
                ;;
            esac
        done
    done
}
forward_rule() { # forward_rule PORT TO_PORT
    echo "port_forward rule family=\"ipv4\"${from:+ source address=\"$from\"} destination address=\"$own\" forward-port port=\"$1\" protocol=\"$proto\"${2:+ to-port=\"$2\"} to-addr=\"$to\""
}
free_ports() { # what `any` forwards of a protocol: sshd, the DHCP client, other forwards and the proxy keep theirs
    {
        if [ "$1" = udp ]; then echo 68; else ssh_ports; fi
        printf %s "$FORWARDS" | awk -v p="$1" '$1 == p && $2 != "any" { print $2 }'
        printf %s "$PROXY_PORTS" | sed -n "s,/$1\$,,p"
    } | tr - ' ' | sort -n | awk '
        function range(a, b) { if (a <= b) print a == b ? a : a "-" b }
        { range(at + 1, $1 - 1); if ($NF > at) at = $NF }
        END { range(at + 1, 65535) }'
}
ssh_ports() {
    (sshd -T || cat "$ROOT/etc/ssh/sshd_config") 2>/dev/null | sed -nE 's/^([Pp]ort[[:space:]]+|listenaddress .*:)([0-9]+)$/\2/p' | grep . || echo 22
    systemctl show -p Listen ssh.socket sshd.socket 2>/dev/null | sed -n 's/.*:\([0-9][0-9]*\) (Stream).*/\1/p'
}
let_ssh_in() { # before this zone begins to judge the operator's packets
    [ "$(field target)" != ACCEPT ] || return
    for port in $(ssh_ports | sort -u); do
        is_open "$port" tcp || zone ssh_closed "port $port of sshd is not open in zone $ZONE" --add-port="$port/tcp"
    done
}
is_open() { # is_open PORT PROTOCOL: by a service of the same name, a port, a range or a rich rule
    [ "$1/$2" = 22/tcp ] && one_of "$(field services)" ssh && return
    for p in $(field ports); do
        range=${p%/"$2"}
        [ "$range" != "$p" ] && [ "${range%-*}" -le "$1" ] && [ "${range#*-}" -ge "$1" ] && return
    done
    pattern="port port=\"$1\" protocol=\"$2\""
    [ "$1/$2" != 22/tcp ] || pattern="$pattern|service name=\"ssh\""
    rules | grep -Eq "($pattern).* accept"
}
in_zone() { # NetworkManager keeps the zone of the interfaces it manages
    one_of "$(field interfaces)" "$1" && return
    [ -n "$BOOT" ] && have nmcli && connection=$(nmcli -g GENERAL.CONNECTION device show "$1" 2>/dev/null) &&
        [ "$(nmcli -g connection.zone connection show "$connection" 2>/dev/null)" = "$ZONE" ]
}
want() { # want KIND: add the rules of this kind that are missing
    sed -n "s/^$1 //p" "$WORK/rules" | grep -Fvx -f "$WORK/there" >"$WORK/change" || return
    [ "$1$BOOT" != masquerade ] || MASQUERADE=false ADDED=$FIX
    rich add remove "${1}_missing" "is missing"
}
rich() { # rich add|remove OPPOSITE CODE MESSAGE: the rules in $WORK/change, fifty in a call, which takes as long as one
    how=$1 opposite=$2 code=$3 said=$4 back=
    set --
    while read -r rule; do
        problem "$code$BOOT" "$rule $said${BOOT:+ (after a reboot)}"
        set -- "$@" "--$how-rich-rule=$rule"
        back="$back '--$opposite-rich-rule=$rule'"
        [ $# = 50 ] || continue
        rich_call "$@"
        set --
    done <"$WORK/change"
    [ $# = 0 ] || rich_call "$@"
}
rich_call() {
    [ $FIX = no ] && back= && return
    # A call that fails may have done a part of it.
    UNDO="timeout 40 $C --zone=$ZONE$back$NL$UNDO" back=
    change : timeout 40 $C --zone="$ZONE" "$@"
}
essentials() { # what it takes to forward
    [ "$STATE" != stopped ] && [ "${EFFECTIVE:-$DEFAULT}" = "$ZONE" ] || let_ssh_in
    for i in $INTERFACES; do
        in_zone "$i" || zone interface_unbound "interface $i is not in zone $ZONE" --change-interface="$i"
    done
    [ "$(field forward)" != no ] || zone forward_off "zone $ZONE does not forward" --add-forward
    [ -n "$BOOT" ] || MASQUERADE=true
    want masquerade
    forward_sources
}
# firewalld up to 0.5.4, and 0.6.0, accepts, for a masqueraded source, what goes to it instead of what comes from it. Priority 77 says
# that a rule is natkeeper's; people's direct rules of priority 0 come before it.
forward_sources() {
    case $VERSION in 0.[0-4].* | 0.5.[0-4] | 0.6.0) ;; *) return ;; esac
    DIRECT=$(timeout 40 $C --direct --get-all-rules 2>/dev/null </dev/null)
    for s in $SOURCES; do
        for o in $INTERFACES; do echo "ipv4 filter FORWARD 77 -s $s -i $INPUT -o $o -m conntrack --ctstate NEW -j ACCEPT"; done
    done >"$WORK/direct"
    while read -r rule; do direct forward_missing "firewalld $VERSION refuses what comes from sources that it masquerades" add "$rule"; done <"$WORK/direct"
    printf '%s\n' "$DIRECT" | grep '^ipv4 filter FORWARD 77 ' | grep -Fvx -f "$WORK/direct" >"$WORK/change"
    while read -r rule; do direct leftover "$rule is of an earlier configuration" remove "$rule"; done <"$WORK/change"
}
extras() {
    if [ -n "$BOOT" ] && [ $FIX = yes ]; then # noted before they are made: a run that is killed leaves no unknown rule
        new=$(grep -Fvx -f "$WORK/there" "$WORK/wanted" | grep -Fvx -f "$WORK/owned")
        [ -z "$new" ] || { change : put $OWNED "$(cat "$WORK/owned" && echo "$new")" && echo "$new" >>"$WORK/owned"; }
    fi
    want port_forward
    want proxy_port
    want tunnel_port
    # What an earlier configuration needed and this one does not; a person's rules are not in this list.
    grep -Fvx -f "$WORK/wanted" "$WORK/owned" | grep -Fx -f "$WORK/there" >"$WORK/change"
    rich remove add leftover "is of an earlier configuration"
    DIRECT=$(timeout 40 $C --direct --get-all-rules 2>/dev/null </dev/null)
    is=remove
    ! printf '%s\n' "$DIRECT" | grep -Fqx -e "$MSS" || is=add
    [ $is = "$CLAMP" ] || soft not_tuned "the rule that fits TCP's segments to the path is not as wanted" timeout 40 $C --direct --$CLAMP-rule $MSS
    if [ $ADDRESS = own ]; then direct fast_reset "connections of a lost gateway would hang" add "$RESET"; else direct fast_reset "connections would be reset that should go on" remove "$RESET"; fi
}
direct() { # direct CODE MESSAGE add|remove RULE
    is=remove
    ! printf '%s\n' "$DIRECT" | grep -Fqx -e "$4" || is=add
    [ $is = "$3" ] || missing "$1$BOOT" "$2" "timeout 40 $C --direct --$is-rule $4" timeout 40 $C --direct --$3-rule $4
}
forget_old_rules() {
    kept=$(grep -Fx -f "$WORK/wanted" "$WORK/owned")
    [ "$kept" = "$(cat "$WORK/owned")" ] || change : put $OWNED "$kept"
}

# ---- the kernel's rules: after `nft flush ruleset` or `iptables -F`, firewalld still says running and lists everything
rules_lost() {
    case $BACKEND in
    iptables) have iptables && kernel=$(iptables -w -t nat -S && iptables -w -S FORWARD) && forward=$(printf '%s\n' "$kernel" | grep -e '^-A FORWARD ') ;;
    *)
        have nft || return
        kernel=$(nft list table inet firewalld; nft list table ip firewalld)
        forward=$(printf '%s\n' "$kernel" | sed -n '/chain filter_FORWARD {/,/}/p' | grep -E 'jump|accept|reject|drop' | grep -v hook)
        ;;
    esac 2>/dev/null
    LOST="the kernel has no rules of firewalld in its forward chain"
    [ -n "$forward" ] || return 0
    while read -r kind rule; do
        rules | grep -Fqx -e "$rule" || continue
        part=${rule#*source address=\"} to=${rule##*to-addr=\"} port=${rule##*to-port=\"} does=dnat
        case $rule in
        *masquerade) part=${part%%\"*} part=${part%/32} does=masquerade ;;
        *to-port=*) part=${to%%\"*}:${port%%\"*} ;;
        *to-addr=*) part=${to%%\"*} ;;
        *) continue ;;
        esac
        LOST="the kernel has no rule of firewalld for: $rule"
        printf '%s\n' "$kernel" | grep -i $does | grep -Fqw -e "$part" || return 0
    done <"$WORK/rules"
    return 1
}

# ---- the service
state() {
    case $(timeout 40 firewall-cmd --state 2>&1 </dev/null) in running*) echo running ;; failed*) echo failed ;; *) echo stopped ;; esac
}
start() { # start CODE MESSAGE: start or restart firewalld and wait for it
    missing "$1" "$2" "[ $STATE = running ] || systemctl stop firewalld" systemctl restart firewalld
    [ $FIX = yes ] && [ -z "$BROKEN" ] || return
    tries=0
    while STATE=$(state) && [ $STATE = stopped ] && [ $tries -lt 20 ]; do sleep 1 && tries=$((tries + 1)); done
    ADDED=yes
    [ $STATE != stopped ] || BROKEN="systemctl restart firewalld: it did not come up within 20 s"
}
others() { # firewalls that would be pushed aside
    for u in iptables nftables; do [ "$(systemctl is-active $u 2>/dev/null)" != active ] || printf ' %s' $u; done
    ! ufw_is_on || printf ' ufw'
}
ufw_is_on() { grep -q '^ENABLED=yes' "$ROOT/etc/ufw/ufw.conf" 2>/dev/null; }
install_package() {
    if have apt-get; then
        DEBIAN_FRONTEND=noninteractive
        export DEBIAN_FRONTEND
        set -- apt-get -q -y -o DPkg::Lock::Timeout=120 install "$@"
        "$@" || { apt-get -q update && "$@"; }
    elif have dnf; then dnf -q -y install "$@"
    elif have yum; then yum -q -y install "$@"
    else echo "no apt-get, dnf or yum here" && return 1; fi
}
install_firewalld() {
    set -- firewalld
    ! have apt-get || set -- firewalld iptables
    # Masked meanwhile, because Debian starts what it installs and sshd's port may not be open yet.
    [ $FIX = no ] || change "systemctl unmask firewalld" systemctl mask firewalld
    missing firewalld_missing "firewalld is not installed" : install_package "$@"
    [ $FIX = yes ] || return
    change : systemctl unmask firewalld
    settle step_failed || give_up
    hash -r
}
units() {
    on=$(systemctl is-enabled firewalld 2>/dev/null)
    case $on in enabled | masked*) ;; *) missing firewalld_disabled "firewalld does not start at boot" "systemctl disable firewalld" systemctl enable firewalld ;; esac
    file dropin $UNIT "$DROPIN"
    # firewalld starts after ufw, takes its rules, and leaves its policies, which drop everything. It answers when it has.
    ! ufw_is_on || file ufw_at_boot ${UNIT%.conf}-ufw.conf "[Service]${NL}ExecStartPost=-/bin/sh -c 'timeout 40 firewall-cmd --state; exec /lib/ufw/ufw-init start quiet'"
}
learn_zone() {
    VERSION=$(fw --version)
    DEFAULT=$(fw --get-default-zone)
    EFFECTIVE=$(fw --get-zone-of-interface="${INTERFACES%% *}") || EFFECTIVE=''
}
firewalld() {
    have firewall-cmd || STATE=missing
    if [ $STATE = missing ]; then
        install_firewalld
        [ $FIX = yes ] || return
    fi
    STATE=$(state) EFFECTIVE='' VERSION=''
    if [ $STATE = stopped ]; then
        P=firewall-offline-cmd
        DEFAULT=$(timeout 40 $P --get-default-zone 2>/dev/null)
        other=$(others)
        if [ -n "$other" ]; then
            problem other_firewall "firewalld is not running and another firewall is:$other"
            return
        fi
    else
        P='firewall-cmd --permanent'
        learn_zone
    fi
    ZONE=${WANTED_ZONE:-${EFFECTIVE:-$DEFAULT}}
    BACKEND=$(sed -n 's/^FirewallBackend=//p' "$ROOT/etc/firewalld/firewalld.conf" 2>/dev/null)
    case $BACKEND$VERSION in '' | 0.[0-6]*) BACKEND=iptables ;; [0-9]*) BACKEND=nftables ;; esac
    wanted_rules >"$WORK/rules"
    sed 's/^[a-z_]* //' "$WORK/rules" >"$WORK/wanted"
    if [ $STATE = stopped ]; then
        begin_stopped || return
    elif [ $STATE = running ] && L=$(fw --zone="$ZONE" --list-all) && rules_lost; then
        start rules_lost "$LOST"
    fi
    if [ $STATE = failed ]; then
        problem firewalld_failed "firewalld could not load its configuration and runs with its stock one; restarting it would cut what works now: $(last_error)"
    fi
    ! fw --query-panic >/dev/null || problem panic_mode "firewalld's panic mode drops every packet; firewall-cmd --panic-off ends it"
    look_at firewall-cmd '' || return
    essentials
    forwarding_on
    settle step_failed || give_up
    [ $ADDED != yes ] || forget_untranslated
    extras
    settle step_failed
    connection_tracking
    comfort
    settle step_failed
    if look_at "$P" _at_boot; then
        essentials
        settle not_saved
        extras
        [ $FIX = no ] || forget_old_rules
        settle not_saved
    fi
    settings_at_boot
    units
    settle not_saved
}
begin_stopped() { # what has to be written before firewalld starts, and the start itself
    look_at $P _at_boot || return
    [ -f "$ROOT$UNIT" ] || keep_services || return
    essentials
    # On a machine that was set up before, what could not be written does not keep the internet away.
    [ -z "$BROKEN" ] || [ ! -f "$ROOT$UNIT" ] || settle not_saved
    case $(systemctl is-enabled firewalld 2>/dev/null) in
    masked*) missing firewalld_masked "firewalld is masked" "systemctl mask firewalld" systemctl unmask firewalld ;;
    esac
    start firewalld_stopped "firewalld is not running"
    [ $FIX = yes ] || return
    [ -z "$BROKEN" ] || { settle step_failed || give_up; }
    P='firewall-cmd --permanent'
    learn_zone
    EFFECTIVE=$ZONE
}
last_error() {
    { journalctl -q -u firewalld -n 200 -o cat || tail -n 200 "$ROOT/var/log/firewalld"; } 2>/dev/null | grep -i error | tail -n 1
}

# Flows that began while nothing masqueraded stay untranslated, and dead, as long as their host repeats itself.
forget_untranslated() {
    have conntrack || return
    conntrack -L 2>/dev/null | awk -v nets="$SOURCES" -v own="$OWN_IP" "$IN_NET"'
        function ours(a, i) { for (i in net) if (inside(a, net[i])) return 1; return 0 }
        BEGIN { split(nets, net, " ") }
        {
            n = 0
            for (i = 1; i <= NF; i++) { split($i, p, "="); if (p[1] ~ /^(src|dst|sport|dport)$/) v[++n] = p[2] }
            if (n == 8 && v[1] == v[6] && ours(v[1]) && !ours(v[2]) && v[2] != own)
                print "-p", $1, "-s", v[1], "-d", v[2], "--sport", v[3], "--dport", v[4]
        }' | head -n 5000 | while read -r entry; do conntrack -D $entry; done >/dev/null 2>&1
    ADDED=no
}
