#!/usr/bin/env python3
"""Round trips of `id -u` to N endpoints in network namespaces: HIM (agents that are pinged, agents that hold) beside
parallel ssh (fresh connections, with the default key exchange and with curve25519; warm ControlMaster connections) in the same
namespaces and the same run. Prints p50, p99 of the time to each endpoint and CPU per endpoint of every process involved, and
the ratios. CPU is read from cpuacct cgroups, so that children and what they spawn count.

Usage: fleet.py BUILD N. Needs root. Everything it makes it removes."""
import json, os, shutil, signal, statistics, subprocess, sys, tempfile, time

BUILD, N = os.path.abspath(sys.argv[1]), int(sys.argv[2])
NET = f"hb{os.getpid()}"
WORK = tempfile.mkdtemp(prefix="him-bench.")
ACCT = "/sys/fs/cgroup/cpuacct/" + NET
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
        mine.append(start(groups["agents"], [f"{BUILD}/him-agent", "--home", f"{WORK}/a{i}", "--parent", "10.79.0.1:8445"],
                          ns=f"e{i}", host=f"e{i}", log="agents.log"))
    want = "ping" if mode == "ping" else "held"
    wait(f"all {N} online by {want}",
         lambda: api("GET", f"/machines/count?query=state:online%20channel:{want}").get("count") == N)
    wait("reports", lambda: api("GET", "/machines/count?query=reported:*").get("count") == N)
    time.sleep(8)  # connections of the start are closed by now
    rows = []
    for _ in range(3):
        before = {k: g.seconds() for k, g in groups.items()}
        begin = time.time()
        action = api("POST", "/actions", {"query": "*", "command": ["id", "-u"], "cpu_percent": 100})
        wait("done", lambda: api("GET", f"/actions/{action['id']}")["state"] == "ended")
        results = []
        after = None
        while True:
            page = api("GET", f"/actions/{action['id']}/results?limit=1000" + (f"&after={after}" if after else ""))
            results += page["results"]
            after = page["next"]
            if not after:
                break
        assert all(r["state"] == "done" for r in results), results[0]
        time.sleep(3)  # commits travel down, idle connections close: all of it counts
        cpu = {k: groups[k].seconds() - before[k] for k in before}
        t = [iso(r["updated"]) - iso(action["made"]) for r in results]
        rows.append((percentiles(t), {k: v * 1000 / N for k, v in cpu.items()}))
        time.sleep(1)
    for p in reversed(mine):
        p.terminate()
    for p in mine:
        p.wait()
    rows.sort(key=lambda r: r[0][1])
    return rows[1]


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
    for i in range(N):
        start(groups["sshd"], ["/usr/sbin/sshd", "-D", "-f", f"{WORK}/sshd_config"], ns=f"e{i}", log="sshd.log")
    time.sleep(2)


def ssh(groups, options):
    """One round of N, 32 at a time; times to each and CPU of both sides."""
    before = {k: groups[k].seconds() for k in ("sshd", "ssh")}
    base = ["ip", "netns", "exec", f"{NET}-core", "ssh", "-i", f"{WORK}/key", "-o", "StrictHostKeyChecking=no", "-o",
            "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-F", "none"] + options
    begin, running, times, todo = time.time(), [], [], list(range(N))
    while todo or running:
        while todo and len(running) < 32:
            i = todo.pop()
            running.append(subprocess.Popen(base + [f"root@{address(i)}", "id", "-u"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                            preexec_fn=groups["ssh"].enter))
        for p in running[:]:
            if p.poll() is not None:
                running.remove(p)
                times.append(time.time() - begin)
                assert p.returncode == 0, p.stdout.read()
        time.sleep(0.002)
    time.sleep(1)
    cpu = {k: (groups[k].seconds() - before[k]) * 1000 / N for k in before}
    return percentiles(times), cpu


def main():
    groups = {k: Group(k) for k in ("server", "relay", "agents", "sshd", "ssh")}
    try:
        network()
        ssh_prepare(groups)
        table = []
        for name, options in (("ssh fresh, default kex", []), ("ssh fresh, curve25519", ["-o", "KexAlgorithms=curve25519-sha256"])):
            (p50, p99), cpu = ssh(groups, options)
            table.append((name, p50, p99, sum(cpu.values()), cpu))
        warm = ["-o", "ControlMaster=auto", "-o", f"ControlPath={WORK}/c-%h", "-o", "ControlPersist=300"]
        ssh(groups, warm)
        (p50, p99), cpu = ssh(groups, warm)
        table.append(("ssh warm ControlMaster", p50, p99, sum(cpu.values()), cpu))
        warm_cpu = sum(cpu.values())
        for i in range(N):
            sh("ip", "netns", "exec", f"{NET}-core", "ssh", "-O", "exit", "-F", "none", "-o", f"ControlPath={WORK}/c-%h", f"root@{address(i)}", check=False)
        for mode in ("ping", "held"):
            (p50, p99), cpu = him(groups, mode)
            cpu = {k: v for k, v in cpu.items() if k in ("server", "relay", "agents")}
            table.append((f"HIM, {mode}", p50, p99, sum(cpu.values()), cpu))
        print(f"\nround trip of `id -u` to {N} endpoints (times of the median round of three; CPU in ms per endpoint)")
        print(f"{'':26}{'p50 s':>8}{'p99 s':>8}{'CPU':>8}{'/warm':>7}   by process")
        for name, p50, p99, total, cpu in table:
            print(f"{name:26}{p50:8.3f}{p99:8.3f}{total:8.2f}{total / warm_cpu:7.2f}   "
                  + ", ".join(f"{k} {v:.2f}" for k, v in cpu.items()))
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
