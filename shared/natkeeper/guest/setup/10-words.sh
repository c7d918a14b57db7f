#!/bin/sh
# natkeeper: make this machine a NAT gateway (mode apply) or say what is missing (mode check).
#
# The files of this folder are joined in the order of their names and run as one script. NK_PARAMETERS is lines
# "key value" of harmless characters, as gzip in base64; none is ever evaluated. The last line printed is one JSON object. Exit:
# 0 ready, 2 bad parameters, 3 something is wrong, 4 a step failed, 5 cannot run here.
#
# Repairs go in stages: what the running kernel needs to forward, what else it should have, what the next boot needs.
# A step that fails takes back its own stage only: a full disk never takes back what restored the internet.
#
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
MODE= ZONE= WANTED_ZONE= INTERFACES= SOURCES= ADDRESS=own FORWARDS= TARGETS= NEED=optional FOREIGN=report PRIMARY=
PROVE= SCRIPT= FINGERPRINT= FOUND= CHANGED= UNDONE= PROBLEMS= FAILURES= NOTES= DONE= UNDO= BROKEN= WORK= FIX=no DIRECT=
OS= STATE=unknown VERSION= BACKEND= EFFECTIVE= DEFAULT= OWN_IP= IP_FORWARD= MASQUERADE= ADDED=no
ESTABLISHED= CLAMP=add SERVICES=keep COMFORT= FIGURES= PROXY= PROXY_PORTS= RELAY= WAY_IN= HIDDEN= PUBLIC= EGRESS=untested SEEN= FORWARDING=unproven WHY= NETWORKS=
RESET='ipv4 filter FORWARD 0 -p tcp -m conntrack --ctstate INVALID -m tcp --tcp-flags SYN,RST NONE -j REJECT --reject-with tcp-reset'
MSS='ipv4 mangle FORWARD 0 -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu'
CONF=/etc/sysctl.d/zz-natkeeper.conf
UNIT=/etc/systemd/system/firewalld.service.d/natkeeper.conf
DROPIN="[Service]${NL}ExecStartPost=-/bin/sh -c 'exec sysctl -q -p $CONF'"
OWNED=/etc/natkeeper/owned
# For awk programs: is an address, or a part of a network, in a network?
IN_NET='
function number(a, p) { split(a, p, "."); return ((p[1] * 256 + p[2]) * 256 + p[3]) * 256 + p[4] }
function inside(a, b, p, q, size) {
    split(a "/32", p, "/"); split(b "/32", q, "/")
    size = 2 ^ (32 - (p[2] < q[2] ? p[2] : q[2]))
    return int(number(p[1]) / size) == int(number(q[1]) / size)
}
'

have() { command -v "$1" >/dev/null 2>&1; }
one_of() { case " $1 " in *" $2 "*) ;; *) return 1 ;; esac; }
json() { printf '"%s"' "$(printf %s "$1" | tr -c '\040-\176' ' ' | cut -c1-300 | sed 's/\\/\\\\/g; s/"/\\"/g')"; }
yes() { if "$@"; then echo true; else echo false; fi; }
fw() { timeout 40 firewall-cmd "$@" 2>/dev/null </dev/null; }
coded() { printf '{"code":"%s","message":%s}' "$1" "$(json "$2")"; }
problem() { PROBLEMS="$PROBLEMS${PROBLEMS:+,}$(coded "$1" "$2")"; }
note() { NOTES="$NOTES${NOTES:+,}$(coded "$1" "$2")"; }

finish() { # finish STATUS
    trap - EXIT
    status=$1 wrong=$FAILURES
    [ -z "$PROBLEMS" ] || wrong="$wrong${wrong:+,}$PROBLEMS"
    [ -z "$WORK" ] || rm -rf "$WORK"
    # OOS may cut a report: a long one tells the first findings, and what was changed as a number.
    if [ $((${#FOUND} + ${#CHANGED})) -ge 2600 ]; then
        [ -z "$CHANGED" ] || CHANGED="\"$(printf %s "$CHANGED" | awk -F '","' '{ print NF }') steps\""
        FOUND=$(printf '%s\n' "$FOUND" | awk -F '},[{]"code"' '{
            s = $1
            for (i = 2; i <= NF && length(s) < 1500; i++) s = s "},{\"code\"" $i
            if (i <= NF) s = s "},{\"code\":\"more\",\"message\":\"" NF - i + 1 " more\"}"
            print s
        }')
    fi
    names= facts=
    for i in $INTERFACES; do names="$names${names:+,}$(json "$i")"; done
    for pair in "os=$OS" "firewalld=$STATE" "firewalld_version=$VERSION" "backend=$BACKEND" "zone=$ZONE" "address=$OWN_IP" \
        "forwarding=$FORWARDING" "forwarding_note=$WHY" "egress=$EGRESS" "public_ip=$SEEN" "tunnel=$TUNNEL"; do
        facts="$facts$(json "${pair%%=*}"):$(json "${pair#*=}"),"
    done
    # What was not looked at is not said.
    [ -z "$IP_FORWARD" ] || facts="$facts\"ip_forward\":$(yes [ "$IP_FORWARD" = 1 ]),"
    [ -z "$MASQUERADE" ] || facts="$facts\"masquerade\":$MASQUERADE,"
    printf '{"format":1,"mode":%s,"ready":%s,"found":[%s],"changed":[%s],"undone":[%s],"wrong":[%s],"notes":[%s],' \
        "$(json "$MODE")" "$(yes [ "$status" = 0 ])" "$FOUND" "$CHANGED" "$UNDONE" "$wrong" "$NOTES"
    printf '"facts":{%s"networks":[%s],"interfaces":[%s]},%s"started":%s,"finished":%s,"script":%s,"fingerprint":%s}\n' \
        "$facts" "$NETWORKS" "$names" "${FIGURES:+\"figures\":{$FIGURES\},}" "$STARTED" "$(date +%s)" "$(json "$SCRIPT")" "$(json "$FINGERPRINT")"
    exit "$status"
}
stop() { # stop STATUS CODE MESSAGE
    problem "$2" "$3"
    finish "$1"
}
change() { # change UNDO COMMAND...: one step of this stage, and what takes it back if a later one fails
    [ -z "$BROKEN" ] || return 1
    undo=$1
    shift
    if ! out=$("$@" 2>&1 </dev/null 9>&-); then
        BROKEN="$*: $(printf %s "$out" | tail -c 200)"
        return 1
    fi
    UNDO="$undo$NL$UNDO"
    what=$*
    DONE="$DONE${DONE:+,}$(json "${what#timeout 40 }")"
}
settle() { # settle CODE: the end of a stage; a step that failed is told as CODE, and the stage is taken back
    failed=$BROKEN
    if [ -n "$failed" ]; then
        eval "$UNDO" >/dev/null 2>&1 </dev/null
        FAILURES="$FAILURES${FAILURES:+,}$(coded "$1" "$failed")"
        UNDONE="$UNDONE${DONE:+${UNDONE:+,}}$DONE"
    else
        CHANGED="$CHANGED${DONE:+${CHANGED:+,}}$DONE"
    fi
    DONE='' UNDO='' BROKEN=''
    [ -z "$failed" ]
}
give_up() { # what a machine needs to forward could not be done: it is as it was
    FOUND=$PROBLEMS
    finish 4
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
lasts() { systemctl is-active "$1" && systemctl is-enabled "$1"; } >/dev/null 2>&1
put() { # put PATH TEXT: whole or not at all
    mkdir -p "$ROOT${1%/*}" && printf '%s\n' "$2" >"$ROOT$1.new" && mv -f "$ROOT$1.new" "$ROOT$1" || {
        rm -f "$ROOT$1.new"
        return 1
    }
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
