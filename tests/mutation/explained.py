"""Faults that nobody notices because they change nothing that matters, each with its reason."""

from __future__ import annotations

NO_WORD = "no answer has this word and no request: only that it is another than the rest counts"
ALWAYS_GIVEN = "a default that nobody relies on: what is decided about is made with a value of its own"
PACE = "how often to look, and how long, is a pace: neither right nor wrong"
STAND_IN = "stands for a value that was refused, so that other mistakes are found as well; it shows nowhere"
EXPLAINED: dict[str, str] = {
    (
        "natkeeper.domain.selection._lasts_until: 0.0 becomes 1.0: return health.until.timestamp() "
        "if isinstance(health, Draining) and health.until is not None else 0.0"
    ): "what may go at any moment is sorted behind every time there is; one second into 1970 is as far behind",
    (
        "natkeeper.domain.probe_config.Probe.__post_init__: 80 becomes 81: "
        "if match is None or not 1 <= int(match[1] or 80) <= MAX_PORT:"
    ): "stands for the port of a URL that names none: any port that there is would do",
    "natkeeper.domain.memory: 60 becomes 61: _SENTENCE_AT_LEAST = 60": (
        "how much room a sentence is left beside marks is a matter of taste"
    ),
    (
        "natkeeper.domain.memory._too_long: Gt becomes GtE: return len(_machine(memory)) > LONGEST - _SENTENCE_AT_LEAST"
    ): "the same: one character more or less for the sentence",
    """natkeeper.domain.observed.EntryStatus: 'Unknown' becomes another: UNKNOWN = "Unknown\"""": NO_WORD,
    """natkeeper.domain.observed.EipStatus: 'Unknown' becomes another: UNKNOWN = "Unknown\"""": NO_WORD,
    """natkeeper.domain.observed.HopKind: 'Other' becomes another: OTHER = "Other\"""": NO_WORD,
    """natkeeper.domain.config_errors: '\\x00' becomes another: _SEPARATOR = "\\x00\"""": (
        "written and split by the same constant: any text that no value contains would do"
    ),
    "natkeeper.domain.signals.Switch: False becomes True: force: bool = False": ALWAYS_GIVEN,
    "natkeeper.domain.signals.Switch: False becomes True: dry_run: bool = False": ALWAYS_GIVEN,
    "natkeeper.domain.world.World: True becomes False: fallback_mark_is_fresh: bool = True": ALWAYS_GIVEN,
    "natkeeper.failover.pacing: 0.3 becomes 1.3: POLL_S = 0.3": PACE,
    "natkeeper.failover.reconcile: 0.5 becomes 1.5: WATCH_S = 0.5": PACE,
    "natkeeper.failover.pacing: 7.8 becomes 8.8: BLIND_FOR = timedelta(seconds=7.8)": PACE,
    (
        "natkeeper.domain.probe_report.judge_report: ': ' becomes another: return hop, EgressLost(now, "
        'f"the probe\'s {report.failures} checks in a row failed: {report.reason}".rstrip(": "))'
    ): "a set of characters to strip, to which it adds X: shows only in a reason that ends with X",
    (
        "natkeeper.domain.world.RouteView._last_move: 0.0 becomes 1.0: return max(known, "
        "key=lambda memory: memory.since.timestamp() if memory.since else 0.0, default=NOTHING)"
    ): "what never moved is sorted behind every move; one second into 1970 is as far behind",
    "natkeeper.failover.reports.apply_report: or becomes and: if seen.egress or world.so_far.moved:": (
        "a report that waited for a table is old by then: it makes natkeeper look, as a run that moved does anyway"
    ),
    "natkeeper.failover.reconcile._recognise: continue becomes break: continue": (
        "routes after one whose table cannot be read are recognised by the next look at the world instead"
    ),
    (
        "natkeeper.failover.reconcile._recognise: the filter is left out: "
        "there = {entry.destination for entry in entries if entry.next_hop == step.to}"
    ): "an entry that leads elsewhere than it was moved to remembers no move, so it is not taken for one",
    "natkeeper.failover.pacing._hidden: Lt becomes LtE: return now - at < LAG and before == shown(world, call)": (
        "at the very microsecond: a write is made once more 0.3 s later"
    ),
    "natkeeper.failover.reconcile._worth_watching: Lt becomes LtE: and waited < BLIND_FOR": (
        "at the very microsecond: one more look"
    ),
    "natkeeper.failover.reconcile._worth_watching: GtE becomes Gt: if account.did or waited >= assignment.patience:": (
        "at the very microsecond: one more look"
    ),
    ("natkeeper.failover.reports.resume: LtE becomes Lt: if report.until is not None and report.until <= now:"): (
        "at the very microsecond: a watch that ends at once"
    ),
    """natkeeper.domain.discovery_config.spelled_out: 'vpc-standin' becomes another: vpc = "vpc-standin\"""": STAND_IN,
    """natkeeper.domain.discovery_config._tag: 'stand=in' becomes another: return "stand=in\"""": STAND_IN,
    (
        "natkeeper.domain.lane.less_lossy: 1 becomes 2 (number 2): "
        "loss, other = lossy.lost / max(1, lossy.checks), lossy.lane_lost / max(1, lossy.lane_checks)"
    ): "one lost check by the lane is more than a quarter of any loss, be it all or half of what was asked",
    "natkeeper.domain.window.opens: 1 becomes 2: for ahead in range(-1, _DAYS_AHEAD):": (
        "what opened the day before yesterday has opened"
    ),
    "natkeeper.domain.window: 16 becomes 17: _DAYS_AHEAD = 16": "a day more than two weeks need",
    (
        "natkeeper.domain.window.opens: Lt becomes LtE: while first < last and not _open(planned, first, zone):"
        "  # the clocks skip it: it opens when they have"
    ): "what is not open at the later of both moments is not open a minute later either: its day is not planned",
    (
        "natkeeper.domain.window.opens: Gt becomes GtE: "
        "opening = next((at for at in (first, last) if at > now and _open(planned, at, zone)), None)"
    ): "a window that opens at this very moment is open, which was answered before",
    "natkeeper.domain.window._open: Lt becomes LtE: if begin < end:": "the configuration refuses a window of no length",
    (
        "natkeeper.domain.bridge.view_of: the filter is left out: "
        "others = frozenset(part.destination for part in fine if part not in ours)"
    ): "a part of the bridge is not missing either way: it is there",
    (
        "natkeeper.domain.bridge._missing: LtE becomes Lt: "
        "finer = here.route in here.world.so_far.half_refused or not there <= set(halves)"
    ): "both halves are there, so no finer part is asked for either way",
    (
        'natkeeper.domain.bridge.finish: LtE becomes Lt: what = "the other half is missing" '
        'if set(missing) <= set(halves_of(route.destination)) else "a part is missing"'
    ): "a bridge that lacks both halves is none",
    "natkeeper.failover.lane._write: 0.0 becomes 1.0: _, answer = yield (Wait(0.0), write.call)": PACE,
    (
        "natkeeper.failover.verify._through_probe: GtE becomes Gt: if clock() + timedelta(seconds=AGAIN_S) >= until:"
    ): "at the very microsecond: one more look",
    "natkeeper.failover.verify._on_gateway: Lt becomes LtE: while clock() < until:": (
        "at the very microsecond: one more look"
    ),
    (
        "natkeeper.failover.handing_on.hand_on: Sub becomes Add: "
        "at, waiting = rest.pending.get(vpc, (now - LOST_AFTER, set()))"
    ): "what was never handed on is as long ago, or as far ahead, as what does not count",
    "lab/natlab/cloud/fc/cron.py: 4 becomes 5: _HORIZON_DAYS: Final = 4 * 366": (
        "a day that comes at all comes within four years, the 29th of February included"
    ),
    (
        "shared/natkeeper/guest/setup/30-firewalld.sh: 40 becomes 41: ! ufw_is_on || file ufw_at_boot "
        "${UNIT%.conf}-ufw.conf \"[Service]${NL}ExecStartPost=-/bin/sh -c 'timeout 40 firewall-cmd --state; "
        "exec /lib/ufw/ufw-init start quiet'\""
    ): "how long a firewalld that hangs is asked: a second more or less is a pace",
    "shared/natkeeper/cli/doctor/facts.py: _dry_run: 1 becomes 2: part = finer[-1]": (
        "any of the eight entries around a black-listed half shows what the platform says to it"
    ),
    "shared/natkeeper/alibaba/connections.py: _Trust.__init__: 0.0 becomes 1.0: self.since = 0.0": (
        "a machine makes no connection in the first second after its start"
    ),
    "shared/natkeeper/alibaba/sockets.py: DnsCache.addresses: 0.0 becomes 1.0: "
    "at, known = self._known.get(key, (0.0, []))": "of what is not known no time is looked at",
    (
        "lab/natlab/cloud/kernel/latencies.py: 2.0 becomes 3.0: "
        'Latency("vpc.associate_route_table.task", 2.0, _ASSUMED),'
    ): "an assumption that nothing confirms: another figure is as good",
    (
        "lab/natlab/cloud/fc/runtime/processes.py: _remove: ignore_errors= is left out: "
        "shutil.rmtree(directory, ignore_errors=True)"
    ): "what cannot be removed after its folders may be written is of another owner, and no function runs as one",
    "shared/natkeeper/alibaba/sockets.py: _begin: 0 becomes 1: if code not in (0, errno.EINPROGRESS):": (
        "a connection that was only begun is never there at once"
    ),
    "shared/natkeeper/guest/setup/75-connections.sh: 2 becomes 3: for try in 1 2 3 4 5 6; do": (
        "six tries, whatever each is called; only the last one's name counts"
    ),
    """shared/natkeeper/guest/setup/50-kernel.sh: 2 becomes 3: now=$(sysctl -n "$key" 2>/dev/null)""": (
        "what a program complains of stands before the report, and nobody reads it"
    ),
    (
        'shared/natkeeper/guest/setup/30-firewalld.sh: 2 becomes 3: [ -n "$BOOT" ] && have nmcli && '
        'connection=$(nmcli -g GENERAL.CONNECTION device show "$1" 2>/dev/null) &&'
    ): "the same",
    (
        "shared/natkeeper/packaging/wheels.py: layer: '-' becomes another (number 2): "
        'home = cache / f"{lock.stem}-{target.name}-{key[:16]}"'
    ): "a folder of a cache: any name will do that is another for other content",
    "shared/natkeeper/packaging/bundles.py: _age: 0.0 becomes 1.0: return 0.0": (
        "what is gone is sorted behind all that is there, whose ages are below zero; one is as far behind"
    ),
    "shared/natkeeper/packaging/wheels.py: slim: the statement is left out: names.remove(name)": (
        "a folder that is gone is walked through without a word, as an empty one is"
    ),
    **dict.fromkeys(
        (
            'shared/natkeeper/packaging/configuration.py: \'tf\' becomes another: ("bool", r"true|false", "tf"),',
            (
                "shared/natkeeper/packaging/configuration.py: '-0123456789' becomes another: "
                '("int", r"-?(0|[1-9][0-9]*)", "-0123456789"),'
            ),
            (
                "shared/natkeeper/packaging/configuration.py: '-0123456789' becomes another: "
                '("float", r"-?(0|[1-9][0-9]*)\\.[0-9]+", "-0123456789"),'
            ),
            """shared/natkeeper/packaging/configuration.py: '<' becomes another: ("merge", r"<<", "<"),""",
        ),
        "the letters that such a value may begin with: one more is tried against the same pattern",
    ),
    **dict.fromkeys(
        (
            "shared/natkeeper/packaging/configuration.py: strict= is left out: zip(",
            "shared/natkeeper/packaging/configuration.py: True becomes False: strict=True,",
        ),
        "each sign stands beside the one that is meant, so both texts are of one length",
    ),
    (
        "shared/natkeeper/packaging/wheels.py: layer: 'none' becomes another: "
        '("bytecode", (compiler.tag if compiler else "none").encode()),'
    ): "the same: a part of its name",
    "shared/natkeeper/probe/lane.py: LaneLooks: 0.0 becomes 1.0: _since: float = 0.0": (
        "the first look sets it, and nothing is told before that"
    ),
    (
        "shared/natkeeper/probe/handler.py: settings_file: 1 becomes 2: return (json.dumps(groups, "
        'ensure_ascii=False, indent=1, sort_keys=True) + "\\n").encode()'
    ): "how far the lines of a file are indented that only the probe reads",
    (
        "shared/natkeeper/guest/setup/40-services.sh: 1 becomes 2 (number 2): "
        "for (i = 1; i <= k; i++) if (said[i] ~ /^cannot .* -j (DROP|REJECT)/) closed = 1"
    ): "only whether it is nothing counts",
    (
        "shared/natkeeper/guest/setup/30-firewalld.sh: 1 becomes 2: for (i = 1; i <= NF; i++) "
        '{ split($i, p, "="); if (p[1] ~ /^(src|dst|sport|dport)$/) v[++n] = p[2] }'
    ): "the first word of a line of conntrack is its protocol",
    (
        "shared/natkeeper/guest/setup/80-figures.sh: 0 becomes 1 (number 2): "
        'set -- $(sed -n 1p "$p/stat") 0 0 0 0 0 0 0 0'
    ): "stands for columns of /proc/stat that every kernel of these years has",
    "lab/natlab/cloud/contracts/__main__.py: the statement is left out: main(Path(sys.argv[1]))": (
        "a script that a person runs to write the metadata anew; what it writes with has its tests"
    ),
    (
        "lab/natlab/cloud/fc/cron.py: 'hour' becomes another: "
        '_FIELDS: Final = ("second", "minute", "hour", "day", "month", "weekday")'
    ): "how the fields are called in a sentence; only their number counts",
}
"""What a surviving fault is called, and why it may survive; one that is noticed after all is to be taken out."""
