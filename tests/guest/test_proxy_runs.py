"""nginx on the gateway: installed, written, accepted and running, or told why not."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace

import pytest

from tests.guest.tools import ToolFolder

HOSTS = """# natkeeper f1
http {
# certificate a.example /etc/a.pem /etc/a.key
server { a }
# end
# certificate b.example /etc/b.pem /etc/b.key
server { b }
# end
}
"""
WITHOUT_A = HOSTS[: HOSTS.index("# certificate a")] + HOSTS[HOSTS.index("# certificate b") :]
WITHOUT_B = HOSTS[: HOSTS.index("# certificate b")] + "}\n"


@pytest.mark.parametrize(
    "there, text, missing",
    [
        ("a.pem a.key b.pem b.key", HOSTS, []),
        ("a.pem b.pem b.key", WITHOUT_A, ["a"]),
        ("a.key b.pem b.key", WITHOUT_A, ["a"]),
        ("a.pem a.key", WITHOUT_B, ["b"]),
        ("", "# natkeeper f1\nhttp {\n}\n", ["a", "b"]),
    ],
)
def test_a_host_without_its_certificate_is_not_served(
    machine: ToolFolder, there: str, text: str, missing: list[str]
) -> None:
    """The others are; each is named."""
    for name in there.split():
        machine.write(f"etc/{name}", "")
    machine.write("text", HOSTS)
    said, _, notes = machine.out('text=$(cat $ROOT/text); certified; echo "$text"; echo "|$NOTES"').rpartition("|")
    assert said == text
    assert [each["message"] for each in json.loads(f"[{notes}]")] == [
        f"{name}.example is not served: /etc/{name}.pem or /etc/{name}.key is not on this gateway" for name in missing
    ]


@pytest.mark.parametrize("nginx, disables", [("", ["disable nginx"]), ("/usr/sbin/nginx", [])])
@pytest.mark.parametrize("status", [0, 3])
def test_nginx_is_masked_while_it_is_installed(quiet: ToolFolder, nginx: str, disables: list[str], status: int) -> None:
    """Debian starts what it installs, on port 80. One that was there before goes on as it was."""
    quiet.program("systemctl")
    code = f'install_package() {{ echo "install $*" >>$ROOT/calls; return {status}; }}; nginx={nginx}'
    assert quiet.out(f"{code}; install_nginx nginx more; echo $?") == f"{status}\n"
    asked = ["mask nginx", "install nginx more", "unmask nginx", *disables]
    assert quiet.calls() == [f"systemctl : {each}" if "install" not in each else each for each in asked]


UNIT = "[Unit]\nDescription=natkeeper: reverse proxy\n"
CONF_FILE, UNIT_FILE = "etc/natkeeper/nginx.conf", "etc/systemd/system/natkeeper-proxy.service"
PROXY = """FIX={fix} SOMETHING='' BROKEN='' UNDO='' PROXY='{packed}' PROXY_PORTS=80/tcp$NL
ssh_ports() {{ echo {ssh}; }}
install_package() {{ echo "install $*" >>$ROOT/calls; {installs}; }}
proxy
echo "$CHANGED|$FAILURES|$NOTES"
"""
NGINX = """case "$*" in
"-t -q -c "*) echo tested; [ ! -e $NATKEEPER_ROOT/refuses ] || { cat $NATKEEPER_ROOT/refuses >&2; exit 1; } ;;
esac"""
SYSTEMCTL = """case $1 in
is-active) [ -e $NATKEEPER_ROOT/runs ] && echo active ;;
is-enabled) [ -e $NATKEEPER_ROOT/starts ] ;;
restart) touch $NATKEEPER_ROOT/runs ;;
enable) touch $NATKEEPER_ROOT/starts ;;
esac"""
TEXT = "# natkeeper f1\nhttp {}"


@pytest.fixture
def served(machine: ToolFolder) -> ToolFolder:
    """One with nginx and curl; nothing is set up."""
    machine.program("nginx", NGINX)
    machine.program("systemctl", SYSTEMCTL)
    machine.program("curl", "echo f1")
    replace(machine, noisy=False).program("sleep")
    machine.program("touch", ': >"$1"')
    return machine


def proxy(
    machine: ToolFolder, text: str = TEXT, fix: str = "yes", ssh: str = "22", installs: str = "return 1"
) -> tuple[list[str], list[str], list[str]]:
    """Return what was changed, what failed, and what is noted."""
    packed = base64.b64encode(gzip.compress(text.encode())).decode() if text else ""
    said = machine.out(PROXY.format(packed=packed, fix=fix, ssh=ssh, installs=installs)).rstrip("\n")
    changed, failures, notes = said.split("|")
    told = [[f"{each['code']}: {each['message']}" for each in json.loads(f"[{part}]")] for part in (failures, notes)]
    return json.loads(f"[{changed}]"), told[0], told[1]


def asked(machine: ToolFolder) -> list[str]:
    """Return what was asked of systemd beyond whether it runs, and of curl."""
    return [
        call.partition(" : ")[2]
        for call in machine.calls()
        if call.startswith(("systemctl", "sleep")) and " is-" not in call
    ]


def test_a_proxy_is_started_once(served: ToolFolder) -> None:
    """Whole in both files; its answer shows that it runs with what it was given."""
    assert proxy(served) == (["start_proxy no"], [], [])
    assert asked(served) == ["daemon-reload", "enable natkeeper-proxy", "restart natkeeper-proxy"]
    assert served.read(CONF_FILE) == f"{TEXT}\n"
    unit = served.read(UNIT_FILE)
    nginx = served.folder / "nginx"
    assert unit.startswith(UNIT)
    assert f"\nType=forking\nPIDFile=/run/natkeeper-nginx.pid\nExecStart={nginx} -c /etc/natkeeper/nginx.conf\n" in unit
    assert "\nExecReload=/bin/kill -HUP $MAINPID\nRestart=on-failure\nRestartSec=5\nLimitNOFILE=65536\n" in unit
    assert unit.endswith("[Install]\nWantedBy=multi-user.target\n")
    assert [path.name for path in (served.folder / "etc/natkeeper").iterdir()] == ["nginx.conf"]
    tested = f"nginx : -t -q -c {served.folder}/{CONF_FILE}.new"
    assert tested in served.calls()
    assert "curl : -q -s -m 2 http://127.0.0.1:8790/" in served.calls()
    served.write("calls", "")
    assert (proxy(served), asked(served)) == (([], [], []), [])


@pytest.mark.parametrize("name", [CONF_FILE, UNIT_FILE])
def test_a_proxy_that_runs_is_reloaded(served: ToolFolder, name: str) -> None:
    """Its connections go on; what a person wrote there is written over."""
    proxy(served)
    served.write(name, "other\n")
    served.write("calls", "")
    assert proxy(served) == (["start_proxy yes"], [], [])
    assert asked(served) == ["daemon-reload", "enable natkeeper-proxy", "reload natkeeper-proxy"]
    assert "other" not in served.read(name)


@pytest.mark.parametrize("lost, how", [("runs", "restart"), ("starts", "reload")])
def test_a_proxy_that_would_not_last_is_started_again(served: ToolFolder, lost: str, how: str) -> None:
    """Now, or at the next boot."""
    proxy(served)
    (served.folder / lost).unlink()
    served.write("calls", "")
    assert proxy(served)[0] == [f"start_proxy {'no' if lost == 'runs' else 'yes'}"]
    assert asked(served)[-1] == f"{how} natkeeper-proxy"


def test_a_check_changes_nothing(served: ToolFolder) -> None:
    """It says what does not run, and asks once whether it answers."""
    served.program("curl", "echo f0")
    stopped = "proxy_stopped: the reverse proxy does not run with the wanted configuration"
    silent = "proxy_broken: the reverse proxy does not answer with its configuration"
    assert proxy(served, fix="no") == ([], [], [stopped, silent])
    assert asked(served) == []
    assert not (served.folder / CONF_FILE).exists()
    assert not (served.folder / f"{CONF_FILE}.new").exists()


def test_a_proxy_has_three_seconds_to_answer(served: ToolFolder) -> None:
    """With the fingerprint of what it was given."""
    served.program("curl", 'n=$(cat $0.n 2>/dev/null); echo x$n >$0.n; [ "$n" = xxx ] && echo f1 || echo f0')
    assert proxy(served)[2] == []
    assert asked(served)[-3:] == ["1", "1", "1"]
    served.program("curl", "echo f0")
    assert proxy(served)[2] == ["proxy_broken: the reverse proxy does not answer with its configuration"]
    assert asked(served)[-3:] == ["1", "1", "1"]
    assert len(asked(served)) == 9


def test_without_curl_nothing_shows_that_it_answers(served: ToolFolder) -> None:
    """And that is said as it is."""
    (served.folder / "curl").unlink()
    note = "proxy_broken: this machine has no curl, so nothing shows that the reverse proxy answers"
    assert proxy(served)[2] == [note]


def test_a_port_of_sshd_is_not_taken(served: ToolFolder) -> None:
    """Nothing else is done then."""
    assert proxy(served, ssh="80") == ([], [], ["proxy_refused: port 80 is sshd's"])
    assert proxy(served, ssh="8")[2] == []
    assert proxy(served, ssh="800")[2] == []


def test_a_configuration_that_nginx_refuses_is_not_put(served: ToolFolder) -> None:
    """It goes on with the one before."""
    proxy(served)
    served.write("refuses", "bad line 7")
    served.write("calls", "")
    refused = (
        "proxy_refused: nginx refuses the new configuration, and goes on with the one before: noise tested bad line 7"
    )
    assert proxy(served, text=f"{TEXT}\n#") == ([], [], [refused])
    assert (served.read(CONF_FILE), asked(served)) == (f"{TEXT}\n", [])
    assert not (served.folder / f"{CONF_FILE}.new").exists()


@pytest.mark.parametrize("apt, module", [(True, "libnginx-mod-stream"), (False, "nginx-mod-stream")])
def test_a_stream_module_that_lacks_is_installed(served: ToolFolder, module: str, *, apt: bool) -> None:
    """By its distribution's name."""
    served.write("refuses", 'nginx: unknown directive "stream" in x')
    if apt:
        served.program("apt-get")
    assert proxy(served, installs="rm $ROOT/refuses") == ([f"install_nginx {module}", "start_proxy no"], [], [])
    assert f"install {module}" in served.calls()


def test_nginx_is_installed_where_there_is_none(served: ToolFolder) -> None:
    """Where that fails it is told, and a check only tells."""
    (served.folder / "nginx").unlink()
    missing = "proxy_missing: nginx is not installed"
    assert proxy(served, fix="no") == ([], [], [missing])
    assert proxy(served) == ([], [], [missing])
    puts = "printf '#!/bin/sh\\n' >$ROOT/nginx; chmod 755 $ROOT/nginx"
    assert proxy(served, installs=puts) == (["install_nginx nginx", "start_proxy no"], [], [])


def test_a_configuration_that_cannot_be_written_is_told(served: ToolFolder) -> None:
    """A file stands where the folder should."""
    served.write("etc/natkeeper", "")
    packed = base64.b64encode(gzip.compress(TEXT.encode())).decode()
    said = served.run(PROXY.format(packed=packed, fix="yes", ssh="22", installs="false")).stdout
    assert said == '||{"code":"not_saved","message":"/etc/natkeeper/nginx.conf cannot be written"}\n'


def test_a_proxy_that_is_not_wanted_goes(served: ToolFolder) -> None:
    """With both files; where there is none, nothing is done."""
    assert (proxy(served, text=""), served.calls()) == (([], [], []), [])
    proxy(served)
    served.write("calls", "")
    assert proxy(served, text="") == (["remove_proxy"], [], [])
    assert asked(served) == ["disable --now natkeeper-proxy", "daemon-reload"]
    assert not (served.folder / CONF_FILE).exists()
    assert not (served.folder / UNIT_FILE).exists()
