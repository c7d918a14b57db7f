# ---- a run
WORK=$ROOT/run/natkeeper
mkdir -p "$ROOT/run" && true 2>/dev/null >>"$ROOT/run/natkeeper.lock" && exec 9>"$ROOT/run/natkeeper.lock" || { WORK='' && stop 5 no_room "this machine cannot keep a small file in /run"; }
! have flock || flock -w 60 9 || { WORK='' && stop 5 busy "another run of this script is under way"; }
# What a killed run left goes first.
rm -rf "$WORK" && mkdir -p -m 700 "$WORK" || { WORK='' && stop 5 no_room "this machine cannot keep a small file in /run"; }
trap 'rm -rf "$WORK"' EXIT
read_parameters
trap 'unprove; stop 4 interrupted "the run was interrupted"' HUP INT TERM
[ "$(id -u)" = 0 ] || stop 5 not_root "setup needs root"
OS=$(sed -n 's/^PRETTY_NAME="*\([^"]*\)"*/\1/p' "$ROOT/etc/os-release" 2>/dev/null)
grep -E '^rule [A-Za-z0-9 ="./-]+$' "$ROOT$OWNED" >"$WORK/owned" 2>/dev/null
find_interfaces
find_peers
wanted_settings

[ "$MODE" = check ] || FIX=yes
firewalld
if [ -n "$CHANGED" ]; then
    FOUND=$PROBLEMS PROBLEMS='' FIX=no
    firewalld
    FIX=yes
fi
[ $STATE = missing ] || figures
[ $STATE = missing ] || [ $STATE = stopped ] || { proxy; connections; }
egress
prove
if [ $FORWARDING != proven ] && [ $STATE != stopped ] && [ $STATE != missing ]; then
    before=$PROBLEMS made=$CHANGED
    mend_foreign
    if [ "$CHANGED" != "$made" ]; then
        new=${PROBLEMS#"$before"}
        FOUND="$FOUND${FOUND:+,}${new#,}" PROBLEMS=$before FIX=no
        prove
        [ $FORWARDING = proven ] || mend_foreign
    fi
fi
[ $FORWARDING != refused ] || problem forwarding_refused "$WHY"
[ -n "$FOUND" ] || FOUND=$PROBLEMS
[ -z "$FAILURES" ] || finish 4
[ -z "$PROBLEMS" ] || finish 3
finish 0
