# ---- nginx: the way in by host name. Its troubles are told; a gateway with a broken proxy still leads to the internet.
PROXY_CONF=/etc/natkeeper/nginx.conf
PROXY_UNIT=/etc/systemd/system/natkeeper-proxy.service
install_nginx() { # masked meanwhile, because Debian starts what it installs, on port 80
    systemctl mask nginx
    install_package "$@"
    ended=$?
    systemctl unmask nginx
    [ -n "$nginx" ] || systemctl disable nginx
    hash -r
    return $ended
}
remove_proxy() {
    systemctl disable --now natkeeper-proxy
    rm -f "$ROOT$PROXY_UNIT" "$ROOT$PROXY_CONF" && systemctl daemon-reload
}
start_proxy() { # start_proxy RUNS: reload keeps connections
    mv -f "$ROOT$PROXY_CONF.new" "$ROOT$PROXY_CONF" && put $PROXY_UNIT "$unit" && systemctl enable natkeeper-proxy &&
        if [ "$1" = yes ]; then systemctl reload natkeeper-proxy; else systemctl restart natkeeper-proxy; fi
}
accepts() { ANSWER=$("$nginx" -t -q -c "$ROOT$PROXY_CONF.new" 2>&1 </dev/null); }
certified() { # leaves out the hosts whose certificate is not on this machine
    printf '%s\n' "$text" | sed -n 's/^# certificate //p' >"$WORK/certificates"
    while read -r host certificate key; do
        [ ! -r "$ROOT$certificate" ] || [ ! -r "$ROOT$key" ] || continue
        note proxy_certificate_missing "$host is not served: $certificate or $key is not on this gateway"
        text=$(printf '%s\n' "$text" | awk -v start="# certificate $host $certificate $key" '$0 == start { out = 1 } !out { print } $0 == "# end" { out = 0 }')
    done <"$WORK/certificates"
}
proxy() {
    if [ -z "$PROXY" ]; then
        [ ! -f "$ROOT$PROXY_UNIT" ] || soft proxy_leftover "the reverse proxy is of an earlier configuration" remove_proxy
        settle step_failed
        return
    fi
    text=$(printf %s "$PROXY" | base64 -d | gzip -dc)
    taken=$(printf %s "$PROXY_PORTS" | cut -d/ -f1 | grep -Fx -e "$(ssh_ports)")
    [ -z "$taken" ] || { note proxy_refused "port $taken is sshd's" && return; }
    nginx=$(command -v nginx)
    if [ -z "$nginx" ]; then
        soft proxy_missing "nginx is not installed" install_nginx nginx
        nginx=$(command -v nginx) || return
    fi
    certified
    mkdir -p "$ROOT${PROXY_CONF%/*}" && printf '%s\n' "$text" >"$ROOT$PROXY_CONF.new" || { note not_saved "$PROXY_CONF cannot be written" && return; }
    if ! accepts; then
        case $ANSWER in *'unknown directive "stream"'*)
            module=nginx-mod-stream
            ! have apt-get || module=libnginx-mod-stream
            soft proxy_missing "nginx has no stream module" install_nginx $module
            accepts
            ;;
        *) false ;;
        esac || {
            rm -f "$ROOT$PROXY_CONF.new"
            note proxy_refused "nginx refuses the new configuration, and goes on with the one before: $ANSWER"
            settle step_failed
            return
        }
    fi
    unit="[Unit]${NL}Description=natkeeper: reverse proxy${NL}After=network-online.target${NL}[Service]${NL}Type=forking${NL}PIDFile=/run/natkeeper-nginx.pid${NL}ExecStart=$nginx -c $PROXY_CONF${NL}ExecReload=/bin/kill -HUP \$MAINPID${NL}Restart=on-failure${NL}RestartSec=5${NL}LimitNOFILE=65536${NL}[Install]${NL}WantedBy=multi-user.target"
    runs=no
    [ "$(systemctl is-active natkeeper-proxy 2>/dev/null)" != active ] || runs=yes
    if ! lasts natkeeper-proxy || [ "$(cat "$ROOT$PROXY_CONF" 2>/dev/null)" != "$text" ] || [ "$(cat "$ROOT$PROXY_UNIT" 2>/dev/null)" != "$unit" ]; then
        soft proxy_stopped "the reverse proxy does not run with the wanted configuration" start_proxy $runs
    fi
    rm -f "$ROOT$PROXY_CONF.new"
    settle step_failed
    # The fingerprint of the configuration proves that the reload took.
    want=$(printf '%s\n' "$text" | sed -n 's/^# natkeeper //p')
    for try in 1 2 3 4; do
        [ "$(curl -q -s -m 2 http://127.0.0.1:8790/ 2>/dev/null)" != "$want" ] || return
        [ $FIX = yes ] && [ $try != 4 ] && sleep 1
    done
    said="the reverse proxy does not answer with its configuration"
    have curl || said="this machine has no curl, so nothing shows that the reverse proxy answers"
    note proxy_broken "$said"
}
