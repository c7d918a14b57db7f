#!/bin/sh
# natkeeper: make this machine a NAT gateway (mode apply) or say what is missing (mode check).
#
# NK_PARAMETERS is base64 of lines "key value" of harmless characters, and none is ever evaluated. The last line printed is one JSON object. Exit: 0 ready, 2 bad parameters,
# 3 something is wrong, 4 a step failed (this run's changes are taken back), 5 cannot run here.
# For dash and old bash, firewalld 0.6 to 2.x. NATKEEPER_ROOT prefixes every file (tests).
set -uf
LC_ALL=C
export LC_ALL
umask 022
ROOT=${NATKEEPER_ROOT:-}
[ -n "$ROOT" ] || PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
NL='
'
STARTED=$(date +%s)
MODE= ZONE= WANTED_ZONE= INTERFACES= SOURCES= ADDRESS=own FORWARDS= TARGETS= NEED=optional FOREIGN=report
PROVE=no SCRIPT= FINGERPRINT= FOUND= CHANGED= UNDONE= PROBLEMS= UNDO= WORK= FIX=no DIRECT= EFFECTIVE=
OS= STATE=unknown VERSION= BACKEND= OWN_IP= IP_FORWARD= MASQUERADE=false EGRESS=untested SEEN= FORWARDING=unproven WHY=
RESET='ipv4 filter FORWARD 0 -p tcp -m conntrack --ctstate INVALID -m tcp --tcp-flags SYN,RST NONE -j REJECT --reject-with tcp-reset'
CONF=/etc/sysctl.d/zz-natkeeper.conf
DROPIN="[Service]${NL}ExecStartPost=-/bin/sh -c 'exec sysctl -q -p $CONF'"

have() { command -v "$1" >/dev/null 2>&1; }
one_of() { case " $1 " in *" $2 "*) ;; *) return 1 ;; esac; }
json() { printf '"%s"' "$(printf %s "$1" | tr -c '\040-\176' ' ' | cut -c1-300 | sed 's/\\/\\\\/g; s/"/\\"/g')"; }
yes() { if "$@"; then echo true; else echo false; fi; }
fw() { timeout 40 firewall-cmd "$@" 2>/dev/null </dev/null; }
problem() { PROBLEMS="$PROBLEMS${PROBLEMS:+,}{\"code\":\"$1\",\"message\":$(json "$2")}"; }

finish() { # finish STATUS
    trap - EXIT
    [ -z "$WORK" ] || rm -rf "$WORK"
    names= facts=
    for i in $INTERFACES; do names="$names${names:+,}$(json "$i")"; done
    for pair in "os=$OS" "firewalld=$STATE" "firewalld_version=$VERSION" "backend=$BACKEND" "zone=$ZONE" "address=$OWN_IP" \
        "forwarding=$FORWARDING" "forwarding_note=$WHY" "egress=$EGRESS" "public_ip=$SEEN"; do
        facts="$facts$(json "${pair%%=*}"):$(json "${pair#*=}"),"
    done
    printf '{"format":1,"mode":%s,"ready":%s,"found":[%s],"changed":[%s],"undone":[%s],"wrong":[%s],' \
        "$(json "$MODE")" "$(yes [ "$1" = 0 ])" "$FOUND" "$CHANGED" "$UNDONE" "$PROBLEMS"
    printf '"facts":{%s"interfaces":[%s],"ip_forward":%s,"masquerade":%s},"started":%s,"finished":%s,"script":%s,"fingerprint":%s}\n' \
        "$facts" "$names" "$(yes [ "$IP_FORWARD" = 1 ])" "$MASQUERADE" "$STARTED" "$(date +%s)" "$(json "$SCRIPT")" "$(json "$FINGERPRINT")"
    exit "$1"
}
stop() { # stop STATUS CODE MESSAGE
    problem "$2" "$3"
    finish "$1"
}
change() { # change UNDO COMMAND...: one change, and what takes it back if a later step fails
    undo=$1
    shift
    if ! out=$("$@" 2>&1 </dev/null 9>&-); then
        eval "$UNDO" >/dev/null 2>&1 </dev/null
        UNDONE=$CHANGED CHANGED= FOUND=$PROBLEMS PROBLEMS=
        problem step_failed "$*: $(printf %s "$out" | tail -c 200)"
        PROBLEMS="$PROBLEMS${FOUND:+,}$FOUND"
        finish 4
    fi
    UNDO="$undo$NL$UNDO"
    what=$*
    CHANGED="$CHANGED${CHANGED:+,}$(json "${what#timeout 40 }")"
}
missing() { # missing CODE MESSAGE UNDO COMMAND...: name what is not as it should be, and repair it in mode apply
    problem "$1" "$2"
    shift 2
    [ $FIX = no ] || change "$@"
}
zone() { # zone CODE MESSAGE --add-X: the same, for an option of the zone, permanent or at runtime
    home=$ZONE
    case $3 in
    --add-*) undo=--remove-${3#--add-} ;;
    --remove-*) undo=--add-${3#--remove-} ;;
    *) if [ -n "$EFFECTIVE" ]; then home=$EFFECTIVE undo=$3; else undo=--remove-${3#--change-}; fi ;;
    esac
    missing "$1$BOOT" "$2${BOOT:+ (after a reboot)}" "timeout 40 $C --zone=$home '$undo'" timeout 40 $C --zone="$ZONE" "$3"
}
put() {
    mkdir -p "$ROOT${1%/*}" && printf '%s\n' "$2" >"$ROOT$1.new" && mv -f "$ROOT$1.new" "$ROOT$1" || return
    case $1 in */systemd/*) systemctl daemon-reload ;; esac
}
file() { # file CODE PATH TEXT
    [ -f "$ROOT$2" ] && [ "$(cat "$ROOT$2")" = "$3" ] && return
    back="rm -f '$ROOT$2'"
    if [ -f "$ROOT$2" ]; then
        cp -p "$ROOT$2" "$WORK/$1"
        back="cp -p '$WORK/$1' '$ROOT$2'"
    fi
    missing "$1" "$2 is not as natkeeper writes it" "$back" put "$2" "$3"
}
