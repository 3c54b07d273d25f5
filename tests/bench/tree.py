#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""him tree of N machines (10,000), a twentieth of them hosts: milliseconds from the command to its last line, the whole and one
machine, and how much of that is the server's answer.

Usage: tree.py BUILD [N]"""
import os, shutil, sqlite3, statistics, subprocess, sys, tempfile, time

BUILD, N = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10000
HOME = tempfile.mkdtemp(prefix="him-bench.")
TIMES = 9


def fill():
    db = sqlite3.connect(f"{HOME}/server.db", timeout=30)
    rows = [(f"01{i:024d}", f"{'host' if i % 20 == 0 else 'guest'}-{i}", f"a{i}", "lab", "online",
             "physical" if i % 20 == 0 else "vm", "kvm", "Debian GNU/Linux 12 (bookworm)") for i in range(N)]
    db.executemany("INSERT INTO machines (id, name, agent, site, state, kind, hypervisor, os_description, created) "
                   "VALUES (?,?,?,?,?,?,?,?,1)", rows)
    db.executemany("INSERT INTO links (guest, host, began, certain) VALUES (?,?,1,1)",
                   [(f"01{i:024d}", f"01{i - i % 20:024d}") for i in range(N) if i % 20])
    db.commit()
    db.close()


def timed(argv, lines):
    took = []
    for _ in range(TIMES):
        begin = time.perf_counter()
        out = subprocess.run(argv, check=True, stdout=subprocess.PIPE, env={**os.environ, "HIM_HOME": HOME}).stdout
        took.append((time.perf_counter() - begin) * 1000)
        if lines and out.count(b"\n") < lines:
            raise SystemExit(f"{argv} printed {out.count(bytes([10]))} lines")
    return f"{statistics.median(took):7.1f} ms (worst {max(took):.1f})"


log = open(f"{HOME}/log", "w")
server = subprocess.Popen([f"{BUILD}/him-server", "--home", HOME], stdout=log, stderr=log)
try:
    end = time.time() + 60
    while subprocess.run(["curl", "-sf", "--unix-socket", f"{HOME}/server.sock", "http://x/healthz"],
                         stdout=subprocess.DEVNULL).returncode:
        if time.time() > end:
            raise SystemExit("the server does not start")
        time.sleep(0.1)
    fill()
    him = f"{BUILD}/him"
    print(f"him tree, {N} machines      {timed([him, 'tree'], N)}")
    print(f"  of it the server's answer {timed(['curl', '-s', '--unix-socket', HOME + '/server.sock', 'http://x/api/v1/tree'], 0)}")
    print(f"him tree of one host        {timed([him, 'tree', 'host-40'], 20)}")
    print(f"him impact of one host      {timed([him, 'impact', 'host-40'], 19)}")
finally:
    server.terminate()
    server.wait()
    shutil.rmtree(HOME)
