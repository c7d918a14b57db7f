# ---- firewalld
field() { printf '%s\n' "$L" | sed -n "s/^ *$1: *//p" | sed -n 1p; }
rules() { printf '%s\n' "$L" | sed -n 's/^[[:space:]]*rule /rule /p' | sed 's/[[:space:]]*$//'; }
wanted_rules() {
    for s in $SOURCES; do echo "rule family=\"ipv4\" source address=\"$s\" masquerade"; done
    # Only what is addressed to this gateway goes inwards; private hosts' own traffic to that port does not.
    printf %s "$FORWARDS" | while read -r proto port to toport from; do
        echo "rule family=\"ipv4\"${from:+ source address=\"$from\"} destination address=\"$OWN_IP\" forward-port port=\"$port\" protocol=\"$proto\" to-port=\"$toport\" to-addr=\"$to\""
    done
}
ssh_ports() {
    (sshd -T || cat "$ROOT/etc/ssh/sshd_config") 2>/dev/null | sed -nE 's/^([Pp]ort[[:space:]]+|listenaddress .*:)([0-9]+)$/\2/p' | grep . || echo 22
    systemctl show -p Listen ssh.socket sshd.socket 2>/dev/null | sed -n 's/.*:\([0-9][0-9]*\) (Stream).*/\1/p'
}
let_ssh_in() { # before this zone begins to judge the operator's packets
    [ "$(field target)" != ACCEPT ] || return 0
    for port in $(ssh_ports | sort -u); do
        open=no
        [ "$port" = 22 ] && one_of "$(field services)" ssh && open=yes
        for p in $(field ports); do
            range=${p%/tcp}
            [ "$range" != "$p" ] && [ "${range%-*}" -le "$port" ] && [ "${range#*-}" -ge "$port" ] && open=yes
        done
        rules | grep -Eq "(service name=\"ssh\"|port port=\"$port\" protocol=\"tcp\").* accept" && open=yes
        [ $open = yes ] || zone ssh_closed "port $port of sshd is not open in zone $ZONE" --add-port="$port/tcp"
    done
}
in_zone() { # NetworkManager keeps the zone of the interfaces it manages
    one_of "$(field interfaces)" "$1" && return
    [ -n "$BOOT" ] && have nmcli && connection=$(nmcli -g GENERAL.CONNECTION device show "$1" 2>/dev/null) &&
        [ "$(nmcli -g connection.zone connection show "$connection" 2>/dev/null)" = "$ZONE" ]
}
configure() { # configure COMMAND SUFFIX: one of the two configurations of firewalld
    C=$1 BOOT=$2
    L=$(timeout 40 $C --zone="$ZONE" --list-all 2>/dev/null </dev/null) || {
        problem zone_missing "firewalld has no zone $ZONE"
        return 1
    }
    [ "$STATE" = running ] && [ "${EFFECTIVE:-$DEFAULT}" = "$ZONE" ] || let_ssh_in
    for i in $INTERFACES; do
        in_zone "$i" || zone interface_unbound "interface $i is not in zone $ZONE" --change-interface="$i"
    done
    [ "$(field forward)" != no ] || zone forward_off "zone $ZONE does not forward" --add-forward
    wanted_rules >"$WORK/rules"
    while read -r rule; do
        rules | grep -Fqx -e "$rule" && continue
        case $rule in *masquerade) kind=masquerade ;; *) kind=port_forward ;; esac
        [ -n "$BOOT" ] || [ $kind != masquerade ] || MASQUERADE=false
        zone ${kind}_missing "$rule is missing" --add-rich-rule="$rule"
        [ $FIX = no ] || [ -z "$BOOT" ] || grep -Fqx -e "$rule" "$WORK/owned" || echo "$rule" >>"$WORK/owned"
    done <"$WORK/rules"
    # What an earlier configuration needed and this one does not; a person's rules are not in this list.
    cp "$WORK/owned" "$WORK/old"
    while read -r rule; do
        grep -Fqx -e "$rule" "$WORK/rules" && continue
        ! rules | grep -Fqx -e "$rule" || zone leftover "$rule is of an earlier configuration" --remove-rich-rule="$rule"
        [ $FIX = no ] || [ -n "$BOOT" ] || grep -Fvx -e "$rule" "$WORK/old" >"$WORK/owned"
    done <"$WORK/old"
    DIRECT=$(timeout 40 $C --direct --get-all-rules 2>/dev/null </dev/null)
    if printf '%s\n' "$DIRECT" | grep -Fqx -e "$RESET"; then
        [ $ADDRESS = own ] || missing "fast_reset$BOOT" "connections would be reset that should go on" "$C --direct --add-rule $RESET" $C --direct --remove-rule $RESET
    else
        [ $ADDRESS = follow ] || missing "fast_reset$BOOT" "connections of a lost gateway would hang" "$C --direct --remove-rule $RESET" $C --direct --add-rule $RESET
    fi
}
install_package() {
    if have apt-get; then
        DEBIAN_FRONTEND=noninteractive
        export DEBIAN_FRONTEND
        set -- apt-get -q -y -o DPkg::Lock::Timeout=120 install "$1" iptables
        "$@" || { apt-get -q update && "$@"; }
    elif have dnf; then dnf -q -y install "$1"
    elif have yum; then yum -q -y install "$1"
    else echo "no apt-get, dnf or yum here" && return 1; fi
}
firewalld() {
    if ! have firewall-cmd; then
        STATE=missing
        # Masked meanwhile, because Debian starts what it installs and sshd's port may not be open yet.
        [ $FIX = no ] || change "systemctl unmask firewalld" systemctl mask firewalld
        missing firewalld_missing "firewalld is not installed" : install_package firewalld
        [ $FIX = yes ] || return
        change : systemctl unmask firewalld
        hash -r
    fi
    STATE=stopped
    ! fw --state | grep -qx running || STATE=running
    EFFECTIVE='' VERSION=''
    if [ $STATE = running ]; then
        VERSION=$(fw --version)
        DEFAULT=$(fw --get-default-zone)
        EFFECTIVE=$(fw --get-zone-of-interface="${INTERFACES%% *}") || EFFECTIVE=''
        P='firewall-cmd --permanent'
    else
        others=
        for u in iptables nftables; do [ "$(systemctl is-active $u 2>/dev/null)" != active ] || others="$others $u"; done
        ! grep -q '^ENABLED=yes' "$ROOT/etc/ufw/ufw.conf" 2>/dev/null || others="$others ufw"
        P=firewall-offline-cmd
        DEFAULT=$(timeout 40 $P --get-default-zone 2>/dev/null)
        if [ -n "$others" ]; then
            problem other_firewall "firewalld is not running and another firewall is:$others"
            return
        fi
    fi
    ZONE=${WANTED_ZONE:-${EFFECTIVE:-$DEFAULT}}
    BACKEND=$(sed -n 's/^FirewallBackend=//p' "$ROOT/etc/firewalld/firewalld.conf" 2>/dev/null)
    case $BACKEND$VERSION in '' | 0.[0-6]*) BACKEND=iptables ;; [0-9]*) BACKEND=nftables ;; esac
    configure "$P" _at_boot || return
    on=$(systemctl is-enabled firewalld 2>/dev/null)
    case $on in masked*)
        missing firewalld_masked "firewalld is masked" "systemctl mask firewalld" systemctl unmask firewalld
        [ $FIX = no ] || on=$(systemctl is-enabled firewalld 2>/dev/null)
        ;;
    esac
    case $on in
    enabled | masked*) ;;
    *) missing firewalld_disabled "firewalld does not start at boot" "systemctl disable firewalld" systemctl enable firewalld ;;
    esac
    file dropin /etc/systemd/system/firewalld.service.d/natkeeper.conf "$DROPIN"
    if [ $STATE = stopped ]; then
        missing firewalld_stopped "firewalld is not running" "systemctl stop firewalld" systemctl restart firewalld
        [ $FIX = yes ] || return
        tries=0
        until fw --state | grep -qx running || [ $tries = 20 ]; do sleep 1 && tries=$((tries + 1)); done
        STATE=running VERSION=$(fw --version) EFFECTIVE=$ZONE
    fi
    MASQUERADE=true
    configure firewall-cmd ''
    foreign
}
