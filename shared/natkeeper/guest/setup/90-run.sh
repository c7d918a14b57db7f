WORK=$(mktemp -d) || exit 5
trap 'rm -rf "$WORK"' EXIT
read_parameters
trap 'unprove; stop 4 interrupted "the run was interrupted"' HUP INT TERM
[ "$(id -u)" = 0 ] || stop 5 not_root "setup needs root"
OS=$(sed -n 's/^PRETTY_NAME="*\([^"]*\)"*/\1/p' "$ROOT/etc/os-release" 2>/dev/null)
[ -n "$INTERFACES" ] || INTERFACES=$(ip -4 route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | sed -n 1p)
OWN_IP=$(ip -4 -o addr show dev "${INTERFACES%% *}" 2>/dev/null | sed -n 's/.* inet \([0-9.]*\).*/\1/p' | sed -n 1p)
[ -n "$OWN_IP" ] || stop 5 no_interface "no interface with a default route and an IPv4 address"
mkdir -p "$ROOT/run"
exec 9>"$ROOT/run/natkeeper.lock"
! have flock || flock -w 60 9 || stop 5 busy "another run of this script is under way"
OWNED=/etc/natkeeper/owned
grep -E '^rule [A-Za-z0-9 ="./-]+$' "$ROOT$OWNED" >"$WORK/owned" 2>/dev/null

[ "$MODE" = check ] || FIX=yes
firewalld
kernel
if [ -n "$CHANGED" ]; then
    [ "$(cat "$WORK/owned")" = "$(cat "$ROOT$OWNED" 2>/dev/null)" ] || put $OWNED "$(cat "$WORK/owned")"
    FOUND=$PROBLEMS PROBLEMS='' FIX=no
    firewalld
    kernel
fi
egress
prove
[ -n "$FOUND" ] || FOUND=$PROBLEMS
if [ -n "$PROBLEMS" ]; then finish 3; fi
finish 0
