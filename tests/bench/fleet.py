#!/usr/bin/env python3
"""Round trips of `id -u` to N endpoints in network namespaces: HIM (agents that are pinged, agents that hold) beside
parallel ssh (fresh connections, with Debian's key exchange and with curve25519; warm ControlMaster connections) in the same
namespaces and the same run. Prints p50, p99 of the time to each endpoint and CPU per endpoint of every process involved, and
the ratios; for HIM what server and relay spend on a command and on a report too. Only ratios mean something: the machine is
whatever it is.

Fair to ssh: xargs starts the clients, 32 at a time, inside one namespace; each sshd sees root's home as a fresh
Debian makes it; the first warm round, which opens the connections, is not counted. Fair to HIM: all it does counts for three
seconds after the last result, commits and the closing of connections too. CPU is read from cpuacct cgroups, so that
children and what they spawn count.

Usage: fleet.py BUILD N [ssh] [ping] [held]. Needs root. Everything it makes it removes."""
import json, os, shutil, signal, subprocess, sys, tempfile, time

BUILD, N = os.path.abspath(sys.argv[1]), int(sys.argv[2])
PARTS = sys.argv[3:] or ["ssh", "ping", "held"]
NET = f"hb{os.getpid()}"
WORK = tempfile.mkdtemp(prefix="him-bench.")
ACCT = "/sys/fs/cgroup/cpuacct/" + NET
ROUNDS = 5    # reports of each machine
COMMANDS = 7  # commands to all
HIM = ("server", "relay", "agents")
procs = []


def sh(*argv, check=True, **kw):
    return subprocess.run(argv, check=check, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw).stdout


class Group:
    """A cpuacct group; CPU seconds of all that ever ran in it."""
    def __init__(self, name):
        self.path = f"{ACCT}/{name}"
        os.makedirs(self.path, exist_ok=True)

    def seconds(self):
        return int(open(f"{self.path}/cpuacct.usage").read()) / 1e9

    def enter(self):
        open(f"{self.path}/cgroup.procs", "w").write("0")


def start(group, argv, ns=None, host=None, log="log", **kw):
    if host:
        argv = ["unshare", "--uts", "sh", "-c", 'hostname "$0"; exec "$@"', host] + argv
    if ns:
        argv = ["ip", "netns", "exec", f"{NET}-{ns}"] + argv
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=open(f"{WORK}/{log}", "a"), stderr=subprocess.STDOUT,
                         preexec_fn=group.enter, start_new_session=True, **kw)
    procs.append(p)
    return p


def api(method, path, body=None):
    argv = ["curl", "-s", "--unix-socket", f"{WORK}/server/server.sock", "-X", method, f"http://x/api/v1{path}"]
    if body is not None:
        argv += ["-d", json.dumps(body)]
    return json.loads(sh(*argv) or "null")


def network():
    sh("ip", "netns", "add", f"{NET}-core")
    core = ["ip", "netns", "exec", f"{NET}-core"]
    sh(*core, "ip", "link", "set", "lo", "up")
    sh(*core, "ip", "link", "add", "br0", "type", "bridge")
    sh(*core, "ip", "addr", "add", "10.79.0.1/16", "dev", "br0")
    sh(*core, "ip", "link", "set", "br0", "up")
    for i in range(N):
        ns = f"{NET}-e{i}"
        sh("ip", "netns", "add", ns)
        sh("ip", "link", "add", f"v{i}", "netns", f"{NET}-core", "type", "veth", "peer", "name", "eth0", "netns", ns)
        sh(*core, "ip", "link", "set", f"v{i}", "master", "br0", "up")
        sh("ip", "-n", ns, "addr", "add", f"10.79.{1 + i // 250}.{1 + i % 250}/16", "dev", "eth0")
        sh("ip", "-n", ns, "link", "set", "eth0", "up")
        sh("ip", "-n", ns, "link", "set", "lo", "up")


def address(i):
    return f"10.79.{1 + i // 250}.{1 + i % 250}"


def wait(what, condition, limit=180):
    end = time.time() + limit
    while not condition():
        if time.time() > end:
            raise SystemExit(f"after {limit} s still not: {what}\n" + sh("tail", "-n", "5", f"{WORK}/server.log", f"{WORK}/relay.log", check=False))
        time.sleep(0.2)


def percentiles(times):
    times = sorted(times)
    return times[len(times) // 2], times[min(len(times) - 1, int(len(times) * 0.99))]


def him(groups, mode):
    """Starts server, relay and N agents in the given mode, measures, stops them."""
    home = f"{WORK}/server"
    for d in ("server", "relay") + tuple(f"a{i}" for i in range(N)):
        os.makedirs(f"{WORK}/{d}", exist_ok=True)
    mine = [start(groups["server"], [f"{BUILD}/him-server", "--home", home], ns="core", log="server.log")]
    wait("server", lambda: os.path.exists(f"{home}/server.sock"))
    wait("server answers", lambda: sh("curl", "-s", "--unix-socket", f"{home}/server.sock", "http://x/healthz", check=False) == "ok\n")
    server = api("GET", "/status")["server"]
    pin, people, machines = server["ca_fingerprint"], f"10.79.0.1:{server['port']}", f"10.79.0.1:{server['machines_port']}"
    core = ["ip", "netns", "exec", f"{NET}-core"]

    def enrol(program, role, where, home, name, ns):
        token = api("POST", "/tokens", {"role": role})["token"]
        sh("ip", "netns", "exec", f"{NET}-{ns}", f"{BUILD}/{program}", "enroll", "--home", home, "--server", where,
           "--ca-fingerprint", pin, "--name", name, input=token)
    if not os.path.exists(f"{WORK}/relay/relay/identity.json"):
        enrol("him-relay", "relay", people, f"{WORK}/relay", "r", "core")
    mine.append(start(groups["relay"], [f"{BUILD}/him-relay", "--home", f"{WORK}/relay", "--parent", machines, "--address", "10.79.0.1"]
                      + (["--udp=false"] if mode == "held" else []), ns="core", log="relay.log"))
    time.sleep(1)
    for i in range(N):
        if not os.path.exists(f"{WORK}/a{i}/agent/identity.json"):
            enrol("him-agent", "agent", people, f"{WORK}/a{i}", f"e{i}", f"e{i}")
    agents = start_agents(groups, mode, "60s")
    rows = [command(groups) for _ in range(COMMANDS)]
    stop(agents)
    agents = start_agents(groups, mode, "2s")
    per_report = report(groups, 1 + ROUNDS * PARTS.index(mode))
    stop(agents)
    stop(mine[::-1])
    per_command = min(cpu["server"] + cpu["relay"] for _, cpu in rows)
    return middle_and_least(rows) + (per_command, per_report)


def start_agents(groups, mode, interval):
    """All N, with their connections as the mode wants them and their first reports made; nothing is going on when it returns."""
    agents = [start(groups["agents"], [f"{BUILD}/him-agent", "--home", f"{WORK}/a{i}", "--parent", "10.79.0.1:8445", "--report-interval", interval],
                    ns=f"e{i}", host=f"e{i}", log="agents.log") for i in range(N)]
    wait(f"all {N} online by {mode}", lambda: api("GET", f"/machines/count?query=state:online%20channel:{mode}").get("count") == N)
    wait("reports", lambda: api("GET", "/machines/count?query=reported:*").get("count") == N)
    time.sleep(8)  # connections of the start are closed by now
    return agents


def stop(list):
    for p in list:
        p.terminate()
    for p in list:
        p.wait()


def command(groups):
    """One `id -u` to all: times to each result, CPU of all HIM's processes per endpoint."""
    before = {k: groups[k].seconds() for k in HIM}
    action = api("POST", "/actions", {"query": "*", "command": ["id", "-u"], "cpu_percent": 100})
    wait("done", lambda: api("GET", f"/actions/{action['id']}")["state"] == "ended")
    time.sleep(3)  # commits travel down, idle connections close: all of it counts
    cpu = {k: (groups[k].seconds() - before[k]) * 1000 / N for k in before}
    results, after = [], None
    while True:
        page = api("GET", f"/actions/{action['id']}/results?limit=1000" + (f"&after={after}" if after else ""))
        results += page["results"]
        after = page["next"]
        if not after:
            break
    assert len(results) == N and all(r["state"] == "done" for r in results), results[0]
    time.sleep(1)
    return percentiles([iso(r["updated"]) - iso(action["made"]) for r in results]), cpu


def reports_total():
    text = sh("curl", "-s", "--unix-socket", f"{WORK}/server/server.sock", "http://x/metrics")
    return next(int(float(line.split()[1])) for line in text.splitlines() if line.startswith("him_reports_total "))


def window(groups, work):
    """CPU seconds of server and relay, reports taken and seconds gone while work() ran."""
    before, count, begin = {k: groups[k].seconds() for k in ("server", "relay")}, reports_total(), time.time()
    work()
    return sum(groups[k].seconds() - before[k] for k in before), reports_total() - count, time.time() - begin


def report(groups, first):
    """Every machine gets an address after the other and says so; CPU of server and relay per report, in ms, less what they use
    in the same time when nothing happens (and the bench looks on as often)."""
    def change():
        for n in range(first, first + ROUNDS):
            count = reports_total()
            for i in range(N):
                sh("ip", "-n", f"{NET}-e{i}", "addr", "add", f"192.0.2.{n}/32", "dev", "lo")
            wait("reports of a new address", lambda: time.sleep(1) or reports_total() >= count + N)

    def idle():
        end = time.time() + seconds
        while time.time() < end:
            time.sleep(1)
            reports_total()
    cpu, count, seconds = window(groups, change)
    time.sleep(5)
    cpu_idle, count_idle, _ = window(groups, idle)
    assert count_idle < count / 10, "machines that report all the time: nothing to compare with"
    return (cpu - cpu_idle) * 1000 / count


def iso(text):
    from datetime import datetime
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def ssh_prepare(groups):
    os.makedirs("/run/sshd", exist_ok=True)
    sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{WORK}/host")
    sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{WORK}/key")
    shutil.copy(f"{WORK}/key.pub", f"{WORK}/authorized")
    os.chmod(f"{WORK}/authorized", 0o600)
    os.chmod(WORK, 0o700)
    open(f"{WORK}/sshd_config", "w").write(f"HostKey {WORK}/host\nAuthorizedKeysFile {WORK}/authorized\nUsePAM no\nPermitRootLogin yes\n"
                                            "PidFile none\nStrictModes no\nUseDNS no\n")
    # Each sshd sees root's home as a fresh Debian has it: what a developer's .bashrc does is not ssh's cost.
    fresh = "mount -t tmpfs tmpfs /root && cp /usr/share/base-files/dot.bashrc /root/.bashrc && cp /usr/share/base-files/dot.profile /root/.profile"
    for i in range(N):
        start(groups["sshd"], ["sh", "-c", f'{fresh} && exec /usr/sbin/sshd -D -f "$0"', f"{WORK}/sshd_config"], ns=f"e{i}", log="sshd.log")
    wait("sshd listens everywhere", lambda: all(
        ":22 " in sh("ip", "netns", "exec", f"{NET}-e{i}", "ss", "-Hltn") for i in (0, N // 2, N - 1)))


def ssh(groups, options):
    """One round of N, 32 at a time; times to each answer and CPU of both sides."""
    before = {k: groups[k].seconds() for k in ("sshd", "ssh")}
    begin, times = time.time(), []
    p = subprocess.Popen(["ip", "netns", "exec", f"{NET}-core", "xargs", "-P", "32", "-I{}", "ssh", "-n", "-F", "none", "-i", f"{WORK}/key",
                          "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"] + options
                         + ["root@{}", "id", "-u"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, preexec_fn=groups["ssh"].enter)
    p.stdin.write("".join(f"{address(i)}\n" for i in range(N)))
    p.stdin.close()
    for line in p.stdout:
        assert line == "0\n", line
        times.append(time.time() - begin)
        if len(times) == N:
            break  # a ControlMaster in the background keeps the pipe
    assert p.wait() == 0 and len(times) == N
    time.sleep(1)
    cpu = {k: (groups[k].seconds() - before[k]) * 1000 / N for k in before}
    return percentiles(times), cpu


def middle_and_least(rows):
    """Of several rounds the median times, and the CPU of the round that cost least: this machine is never quiet, and both sides
    are treated the same."""
    p50, p99 = (sorted(times[i] for times, _ in rows)[len(rows) // 2] for i in (0, 1))
    return (p50, p99), min((cpu for _, cpu in rows), key=lambda cpu: sum(cpu.values()))


def all_ssh(groups):
    """Rows of the table: fresh connections with two key exchanges, and warm ones."""
    ssh_prepare(groups)
    talk = sh("ip", "netns", "exec", f"{NET}-core", "ssh", "-v", "-n", "-F", "none", "-i", f"{WORK}/key", "-o", "StrictHostKeyChecking=no",
              "-o", "UserKnownHostsFile=/dev/null", f"root@{address(0)}", "true")
    default = talk.split("kex: algorithm: ")[1].split()[0]
    warm = ["-o", "ControlMaster=auto", "-o", f"ControlPath={WORK}/c-%h", "-o", "ControlPersist=300"]
    table = []
    for name, options in ((f"ssh fresh, {default.split('@')[0]} (default)", []),
                          ("ssh fresh, curve25519-sha256", ["-o", "KexAlgorithms=curve25519-sha256"]), ("ssh warm ControlMaster", warm)):
        if options is warm:
            ssh(groups, warm)  # opens them
        (p50, p99), cpu = middle_and_least([ssh(groups, options) for _ in range(COMMANDS if options is warm else 3)])
        table.append((name, p50, p99, cpu))
    for i in range(N):
        sh("ssh", "-O", "exit", "-F", "none", "-o", f"ControlPath={WORK}/c-%h", f"root@{address(i)}", check=False)
    return table


def verdicts(mode, p99, cpu, per_command, per_report, warm):
    """A figure and its target a line."""
    how = {"ping": "resumed", "held": "held"}[mode]
    lines = [f"{how + ': command':24}{per_command:.2f} ms CPU of server and relay (target under {0.4 if mode == 'held' else 1.5})",
             f"{how + ': report':24}{per_report:.2f} ms CPU of server and relay",
             f"{how + ': p99 of ' + str(N):24}{p99:.3f} s (target under 1)"]
    if warm:
        lines.append(f"{how + ': all CPU':24}{sum(cpu.values()) / warm:.2f} of warm ssh's (target under 0.5)")
    return lines


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    groups = {k: Group(k) for k in ("server", "relay", "agents", "sshd", "ssh")}
    try:
        network()
        table = all_ssh(groups) if "ssh" in PARTS else []
        warm = next((sum(cpu.values()) for name, _, _, cpu in table if "warm" in name), None)
        lines = []
        for mode in PARTS:
            if mode == "ssh":
                continue
            (p50, p99), cpu, per_command, per_report = him(groups, mode)
            table.append((f"HIM, {mode}", p50, p99, cpu))
            sys.stdout.flush()
            lines += verdicts(mode, p99, cpu, per_command, per_report, warm)
        print(f"fleet           `id -u` to {N} endpoints; {COMMANDS} rounds: median times, least CPU in ms per endpoint")
        print(f"{'':40}{'p50 s':>8}{'p99 s':>8}{'CPU':>8}{'/warm':>7}   by process")
        for name, p50, p99, cpu in table:
            total = sum(cpu.values())
            print(f"{name:40}{p50:8.3f}{p99:8.3f}{total:8.2f}{total / warm if warm else 0:7.2f}   "
                  + ", ".join(f"{k} {v:.2f}" for k, v in cpu.items()))
        print("\n".join(lines))
    finally:
        for p in reversed(procs):
            if p.poll() is None:
                p.terminate()
        for p in procs:
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
        for line in sh("ip", "netns", "list").splitlines():
            if line.startswith(NET + "-"):
                sh("ip", "netns", "del", line.split()[0], check=False)
        time.sleep(0.5)
        for k in groups:
            try:
                os.rmdir(f"{ACCT}/{k}")
            except OSError:
                pass
        try:
            os.rmdir(ACCT)
        except OSError:
            pass
        shutil.rmtree(WORK, ignore_errors=True)


main()
