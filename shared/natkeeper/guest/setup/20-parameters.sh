read_parameters() {
    order=$(printf %s "${NK_PARAMETERS:-}" | base64 -d 2>/dev/null | gzip -dc 2>/dev/null) ||
        stop 2 bad_parameters "the parameters are cut or damaged"
    printf '%s\n' "$order" >"$WORK/parameters" || stop 5 no_room "this machine cannot keep a small file in /run"
    while IFS=' ' read -r key value; do
        case "$key $value" in
        ' ') continue ;;
        *[!A-Za-z0-9\ ._:/?%\&=+,@-]*) key=bad ;;
        esac
        case $key in
        mode) MODE=$value ;;
        zone) WANTED_ZONE=$value ;;
        interface) INTERFACES="$INTERFACES${INTERFACES:+ }$value" ;;
        source) SOURCES="$SOURCES${SOURCES:+ }$value" ;;
        address) ADDRESS=$value ;;
        primary) PRIMARY="$PRIMARY $value" ;;
        forward) FORWARDS="$FORWARDS$value$NL" ;;
        target) TARGETS="$TARGETS$value$NL" ;;
        egress) NEED=$value ;;
        foreign) FOREIGN=$value ;;
        prove) PROVE="$PROVE$value$NL" ;;
        services) SERVICES=$value ;;
        established) ESTABLISHED=$value ;;
        clamp) CLAMP=$value ;;
        public) PUBLIC="$PUBLIC $value" ;;
        proxy) PROXY=$value ;;
        relay) RELAY=$value ;;
        way_in) WAY_IN=$value ;;
        hidden) HIDDEN="$HIDDEN$value$NL" ;;
        proxy_port) PROXY_PORTS="$PROXY_PORTS$value$NL" ;;
        script) SCRIPT=$value ;;
        fingerprint) FINGERPRINT=$value ;;
        *) stop 2 bad_parameters "a parameter is unknown or has a character that is not allowed" ;;
        esac
    done <"$WORK/parameters"
    case $MODE-$ADDRESS-$SOURCES in
    apply-own-?* | apply-follow-?* | check-own-?* | check-follow-?*) ;;
    *) stop 2 bad_parameters "mode (apply, check), address (own, follow) and source are needed" ;;
    esac
}
device_of() { ip -4 -o addr show 2>/dev/null | sed -n "s/^[0-9]*: *\([^ ]*\) .*inet $1[/ ].*/\1/p" | sed -n 1p; }
find_interfaces() { # the one that packets from the VPC come in by, and the one that they leave by
    out=$(ip -4 route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | sed -n 1p)
    # The primary private address as ECS knows it: the first address of an interface may be a VIP.
    for a in $PRIMARY; do
        into=$(device_of "$a")
        [ -z "$into" ] || { OWN_IP=$a && break; }
    done
    if [ -z "$OWN_IP" ]; then
        into=${INTERFACES%% *}
        into=${into:-$out}
        addresses=$(ip -4 -o addr show dev "$into" 2>/dev/null | sed -n 's/.* inet \([0-9.]*\).*/\1/p')
        # An order that changed makes no other address of it: one that port forwards already use is kept.
        for a in $addresses; do ! grep -Fq "destination address=\"$a\"" "$WORK/owned" || { OWN_IP=$a && break; }; done
        OWN_IP=${OWN_IP:-${addresses%%"$NL"*}}
    fi
    INPUT=$into
    [ -n "$INTERFACES" ] || for i in $into $out; do one_of "$INTERFACES" "$i" || INTERFACES="$INTERFACES${INTERFACES:+ }$i"; done
    [ -n "$OWN_IP" ] || stop 5 no_interface "no interface with a default route and an IPv4 address"
}
