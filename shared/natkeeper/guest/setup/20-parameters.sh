read_parameters() {
    printf %s "${NK_PARAMETERS:-}" | base64 -d >"$WORK/parameters" 2>/dev/null
    echo >>"$WORK/parameters"
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
        forward) FORWARDS="$FORWARDS$value$NL" ;;
        target) TARGETS="$TARGETS$value$NL" ;;
        egress) NEED=$value ;;
        foreign) FOREIGN=$value ;;
        prove) PROVE=$value ;;
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
