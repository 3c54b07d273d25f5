#!/usr/bin/env python3
"""A stolen relay: it has a real relay's key and certificate, speaks docs/protocol.md with real agents below and the real
server above, and does what it is told on a Unix socket. Left alone it passes everything on, so that what is done on top of that is
all that differs from an honest one; it keeps everything it ever carried, to say it again.

Usage: hostile_relay.py RELAY_HOME LISTEN_PORT SERVER_HOST:PORT CONTROL_SOCKET

A connection to the socket is one line, answered by one line of JSON:
  withhold up|down      keeps what comes from the agents (or from the server) until `release`
  release
  forge down AGENT KIND an action, cancel, relays, time, revoked, fork (signed by nobody), or committed, resend, full, cert
  forge up AGENT KIND   a report or a result, under a MAC that is made up; with another name in ACTION
  replay down AGENT     every frame that ever came for it, again
  replay up AGENT       every frame that it ever sent, again
  redirect down A B     what came for A goes to B, with B's name on it
  redirect up A B       what A sent goes up with B's name on it
  ping AGENT            its last ping datagram again, a hundred times, and a hundred with a made-up key
  state                 what was carried and refused, by kind
"""
import hashlib
import hmac
import http.client
import http.server
import json
import os
import re
import secrets
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import threading
import time

TYPE = "application/vnd.him.frames"
ZERO = "0" * 64


def frame(kind, attrs, body=b""):
    head = " ".join(["HIM1", kind] + [f"{k}={v}" for k, v in attrs] + [f"len={len(body)}"])
    return head.encode() + b"\n" + body + b"\n"


def frames(data):
    """[(kind, {attribute: value}, body, raw)]"""
    out, pos = [], 0
    while pos < len(data):
        end = data.index(b"\n", pos)
        words = data[pos:end].decode().split(" ")
        attrs = dict(w.split("=", 1) for w in words[2:])
        size = int(attrs.pop("len"))
        stop = end + 1 + size + 1
        out.append((words[1], attrs, data[end + 1:stop - 1], data[pos:stop]))
        pos = stop
    return out


def renamed(raw, name, value):
    head, rest = raw.split(b"\n", 1)
    return re.sub(rb" %s=\S*" % name.encode(), b" %s=%s" % (name.encode(), value.encode()), head, count=1) + b"\n" + rest


def new_id():
    return "01" + "".join(secrets.choice("0123456789abcdefghjkmnpqrstvwxyz") for _ in range(24))


def unpacked(body, encoding):
    return subprocess.run(["zstd", "-dcq"], input=body, stdout=subprocess.PIPE, check=True).stdout if encoding == "zstd" else body


class Child:
    def __init__(self):
        self.mail, self.cursor, self.sent = [], secrets.randbelow(1 << 30), 0  # mail: [(cursor, bytes)]
        self.down, self.up = [], []  # everything that was ever carried
        self.exchanges = 0
        self.channel = self.key = self.addr = self.ping = None
        self.seq = 0


class Relay:
    def __init__(self, home, server):
        identity = json.load(open(os.path.join(home, "relay", "identity.json")))
        self.id, self.server = identity["id"], server
        self.files = os.path.join(home, "stolen")
        os.makedirs(self.files, exist_ok=True)
        for name in ("key", "cert"):
            with open(os.path.join(self.files, name), "w") as f:
                f.write(identity[name])
        with open(os.path.join(self.files, "ca"), "w") as f:
            f.write(json.loads(identity["trust"])["ca"])
        self.change = threading.Condition()
        self.children, self.records = {}, {}
        self.held = {"up": None, "down": None}  # lists while withholding
        self.lines = {}
        self.counts = {}
        self.udp_port = 0

    def count(self, word, n=1):
        self.counts[word] = self.counts.get(word, 0) + n

    def child(self, agent):
        return self.children.setdefault(agent, Child())

    def context(self, server_side):
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT)
        c.minimum_version = ssl.TLSVersion.TLSv1_3
        c.check_hostname = False
        c.load_cert_chain(os.path.join(self.files, "cert"), os.path.join(self.files, "key"))
        c.load_verify_locations(os.path.join(self.files, "ca"))
        c.verify_mode = ssl.CERT_REQUIRED
        return c

    # ---- above ----

    def exchange(self, line, hello, ups=b""):
        """One exchange with the server; line names the connection. Its frames, or None when it refused."""
        body = frame("hello", [], json.dumps(hello).encode()) + ups
        host, port = self.server.rsplit(":", 1)
        for _ in range(2):
            try:
                if line not in self.lines:
                    self.lines[line] = http.client.HTTPSConnection(host, int(port), context=self.context(False), timeout=30)
                self.lines[line].request("POST", "/him/v1/exchange", body, {"Content-Type": TYPE})
                answer = self.lines[line].getresponse()
                data = answer.read()
                if answer.status == 200:
                    return frames(data)
                self.count(f"status {answer.status}")
                return None
            except (OSError, http.client.HTTPException):
                self.lines.pop(line, None)
        self.count("lost")
        return None

    def hello(self, **more):
        return {"stream": "feedfacefeedface", "ack": 0, "hold_ms": 0, "mode": "held", "version": "0.1.0", "spool": self.id,
                "revoked": 0, "relays": 0, **more}

    def send_up(self, ups):
        if ups:
            got = self.exchange(threading.get_ident(), self.hello(side=True), ups)
            self.count("up refused" if got is None else "up taken")

    def poll(self):
        ack, versions = 0, {"revoked": 0, "relays": 0}
        while True:
            got = self.exchange("poll", self.hello(ack=ack, hold_ms=1000, **versions))
            if got is None:
                time.sleep(0.3)
                continue
            ack = json.loads(got[0][2])["cursor"]
            with self.change:
                for kind, attrs, body, raw in got[1:]:
                    self.count("down " + kind)
                    if kind == "sign" and attrs["type"] in versions:
                        versions[attrs["type"]] = int(attrs["id"])
                    if kind == "sign":
                        self.records[attrs["id"]] = raw
                    elif "agent" in attrs:
                        self.deliver(attrs["agent"], self.records.get(attrs.get("record"), b"") + raw)

    def deliver(self, agent, data, keep=True):
        if keep:
            self.child(agent).down.append(data)
        if keep and self.held["down"] is not None:
            self.held["down"].append((agent, data))
            return
        c = self.child(agent)
        c.cursor += 1
        c.mail.append((c.cursor, data))
        self.change.notify_all()
        self.knock(c)

    # ---- below ----

    def serve(self, agent, body):
        got = frames(body)
        hello = json.loads(got[0][2])
        ups = b"".join(f[3] for f in got[1:])
        with self.change:
            c = self.child(agent)
            c.exchanges += 1
            c.mail = [m for m in c.mail if m[0] > hello["ack"]] if hello["ack"] <= c.cursor else c.mail
            c.up += [f[3] for f in got[1:]]
            for f in got[1:]:
                self.count("up " + f[1]["kind"])
            if ups and self.held["up"] is not None:
                self.held["up"].append(ups)
                ups = b""
        self.send_up(ups)
        answer = {}
        with self.change:
            side = hello.get("side", False)
            if not side and len(got) == 1 and not c.mail and hello["hold_ms"]:
                self.change.wait_for(lambda: c.mail, min(hello["hold_ms"], 20000) / 1000)
            if hello.get("ping"):
                c.channel, c.key, c.addr, c.seq = secrets.randbits(63) + 1, secrets.token_bytes(32), None, 0
                answer["ping"] = {"channel": f"{c.channel:016x}", "key": c.key.hex(), "port": self.udp_port}
            answer["now"] = int(time.time() * 1000)
            answer["cursor"] = c.mail[-1][0] if c.mail and not side else c.cursor
            mail = b"" if side else b"".join(m[1] for m in c.mail)
        return frame("answer", [], json.dumps(answer).encode()) + mail

    # ---- datagrams ----

    def datagram(self, c, kind):
        c.seq += 1
        head = kind + struct.pack(">QQ", c.channel, c.seq)
        data = head + hmac.new(c.key, head, hashlib.sha256).digest()[:16]
        self.udp.sendto(data, c.addr)
        return data

    def knock(self, c):
        if c.addr:
            c.ping = self.datagram(c, b"P")

    def keepalives(self):
        while True:
            data, addr = self.udp.recvfrom(64)
            with self.change:
                for c in self.children.values():
                    if len(data) == 33 and data[:1] == b"K" and c.channel == struct.unpack(">Q", data[1:9])[0]:
                        c.addr = addr
                        self.datagram(c, b"A")

    # ---- what it is told ----

    def signed(self, kind, ident, body, agent):
        leaf = hashlib.sha256(b"\0" + agent.encode()).hexdigest()
        action = kind == "action"
        return frame("sign", [("type", kind), ("id", ident), ("issued", int(time.time() * 1000)),
                              ("deadline", int(time.time() * 1000) + 600000), ("count", 1 if action else 0),
                              ("root", leaf if action else ZERO), ("digest", hashlib.sha256(body).hexdigest()),
                              ("sig", secrets.token_hex(64))], body)

    def do_forge_down(self, agent, kind, *more):
        ident = new_id()
        stream = more[0] if more else "0123456789abcdef"
        seq = int(more[1]) if len(more) > 1 else 1
        give = frame("give", [("agent", agent), ("route", ""), ("record", ident), ("index", 0)])
        answer = [("agent", agent), ("route", ""), ("stream", stream), ("seq", seq)]
        order = json.dumps({"command": ["sh", "-c", f"echo forged >>{self.files}/effect"], "timeout_ms": 5000}).encode()
        made = {
            "action": lambda: self.signed("action", ident, order, agent) + give,
            "cancel": lambda: self.signed("cancel", ident, stream.encode(), agent) + give,
            "relays": lambda: self.signed("relays", "999999", b'{"relays":[],"servers":[]}', agent),
            "revoked": lambda: self.signed("revoked", "999999", agent.encode() + b"\n", agent),
            "time": lambda: renamed(self.signed("time", "time", b"", agent), "issued", "9000000000000"),
            "fork": lambda: self.signed("fork", ident, json.dumps({"agent": agent, "stream": stream}).encode(), agent) + give,
            "committed": lambda: frame("committed", answer) + frame("committed", answer + [("mac", secrets.token_hex(32))]),
            "resend": lambda: frame("resend", answer) + frame("resend", answer + [("mac", secrets.token_hex(32))]),
            "full": lambda: frame("full", answer[:2]) + frame("full", answer[:2] + [("mac", secrets.token_hex(32))]),
            "cert": lambda: frame("cert", answer[:2], open(os.path.join(self.files, "cert"), "rb").read()),
        }
        self.deliver(agent, made[kind](), False)

    def do_forge_up(self, agent, kind, action="", seq="100000"):
        last = frames(self.child(agent).up[-1])[0][1] if self.child(agent).up else {"stream": "0123456789abcdef"}
        body = {"result": {"action": action, "state": "done", "exit": 0, "stdout": "Zm9yZ2Vk"},
                "report": {"base": "", "made": 1, "doc": {"attributes": {"host.name": "forged"}}},
                "renew": {"csr": "forged"}, "fork": {"csr": "forged", "box": "00" * 32},
                "missing": {"stream": last["stream"], "upto": 99999}}[kind]
        self.send_up(frame("up", [("kind", kind), ("agent", agent), ("stream", last["stream"]),
                                  ("seq", seq if kind in ("report", "result") else 0), ("prev", ZERO),
                                  ("mac", secrets.token_hex(32))], json.dumps(body).encode()))

    def do_replay_down(self, agent):
        for data in list(self.child(agent).down):
            self.deliver(agent, data, False)

    def do_replay_up(self, agent):
        self.send_up(b"".join(self.child(agent).up))

    def do_redirect_down(self, a, b):
        for data in list(self.child(a).down):
            self.deliver(b, b"".join(renamed(f[3], "agent", b) if "agent" in f[1] else f[3] for f in frames(data)), False)

    def do_redirect_up(self, a, b):
        self.send_up(b"".join(renamed(raw, "agent", b) for raw in self.child(a).up))

    def do_ping(self, agent):
        c = self.child(agent)
        for _ in range(100):
            self.udp.sendto(c.ping, c.addr)
            head = b"P" + struct.pack(">QQ", c.channel, c.seq + 1000)
            self.udp.sendto(head + secrets.token_bytes(16), c.addr)

    def do_withhold(self, way):
        self.held[way] = []

    def do_release(self):
        up, down = self.held["up"] or [], self.held["down"] or []
        self.held = {"up": None, "down": None}
        for agent, data in down:
            self.deliver(agent, data, False)
        return up

    def told(self, line):
        words = line.split()
        name = "_".join(words[:2]) if words[0] in ("forge", "replay", "redirect") else words[0]
        rest = words[2:] if "_" in name else words[1:]
        if name == "state":
            with self.change:
                return {"counts": self.counts, "agents": {
                    a: {"exchanges": c.exchanges, "down": len(c.down), "up": len(c.up), "mail": len(c.mail),
                        "stream": frames(c.up[-1])[0][1]["stream"] if c.up else None} for a, c in self.children.items()}}
        if name.endswith("_up"):
            getattr(self, "do_" + name)(*rest)
        else:
            with self.change:
                late = getattr(self, "do_" + name)(*rest)
            for ups in late or []:
                self.send_up(ups)
        return {}


def main(home, port, server, control):
    relay = Relay(home, server)

    class Below(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = unpacked(self.rfile.read(int(self.headers["Content-Length"])), self.headers.get("Content-Encoding"))
            uri = dict(self.connection.getpeercert()["subjectAltName"])["URI"]
            answer = relay.serve(uri.rsplit("/", 1)[1], body)
            self.send_response(200)
            self.send_header("Content-Type", TYPE)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args):
            pass

    class Told(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(json.dumps(relay.told(self.rfile.readline().decode())).encode() + b"\n")

    class Listener(http.server.ThreadingHTTPServer):
        def handle_error(self, request, client_address):
            pass  # a peer that goes away

    below = Listener(("0.0.0.0", int(port)), Below)
    below.socket = relay.context(True).wrap_socket(below.socket, server_side=True)
    relay.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    relay.udp.bind(("0.0.0.0", int(port)))
    relay.udp_port = int(port)
    told = socketserver.ThreadingUnixStreamServer(control, Told)
    for work in (relay.poll, relay.keepalives, below.serve_forever):
        threading.Thread(target=work, daemon=True).start()
    print("ready", flush=True)
    told.serve_forever()


main(*sys.argv[1:])
