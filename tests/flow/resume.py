#!/usr/bin/env python3
"""A child that shows its certificate in a resumed TLS session: the case in which TLS itself looks at no certificate.

Usage: resume.py HOME HOST:PORT WHEN...

Makes (empty) exchanges with the identity in HOME, each on a connection of its own that resumes the session of the one before, one at
once and one more after each WHEN: `expired` waits for the end of the certificate, and
says a report before; anything else is a shell command to run. While
the commands run one more connection holds a request. Prints a line of JSON an exchange, {"status","resumed","mail"}, and at the
end {"held": seconds it was held after the last command before it was cut, or null}.
"""
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time


def context(identity, folder):
    for name, text in (("key", identity["key"]), ("cert", identity["cert"]), ("ca", json.loads(identity["trust"])["ca"])):
        with open(os.path.join(folder, name), "w") as f:
            f.write(text)
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.minimum_version = ssl.TLSVersion.TLSv1_3
    c.check_hostname = False
    c.verify_flags |= 0x200000  # X509_V_FLAG_NO_CHECK_TIME: children look at no dates
    c.load_cert_chain(os.path.join(folder, "cert"), os.path.join(folder, "key"))
    c.load_verify_locations(os.path.join(folder, "ca"))
    return c


class Child:
    def __init__(self, home, address):
        identity = json.load(open(os.path.join(home, "agent", "identity.json")))
        self.folder = tempfile.TemporaryDirectory()
        self.id = identity["id"]
        self.ends = ssl.cert_time_to_seconds(self.end_of(identity["cert"]))
        self.context = context(identity, self.folder.name)
        host, port = address.rsplit(":", 1)
        self.address, self.session = (host, int(port)), None

    @staticmethod
    def end_of(cert):
        out = subprocess.run(["openssl", "x509", "-noout", "-enddate"], input=cert.encode(), stdout=subprocess.PIPE, check=True)
        return out.stdout.decode().strip().split("=", 1)[1]

    def open(self):
        return self.context.wrap_socket(socket.create_connection(self.address, 30), session=self.session)

    def ask(self, s, hold_ms, ups=b""):
        hello = json.dumps({"stream": "0123456789abcdef", "ack": 0, "hold_ms": hold_ms, "mode": "held", "version": "0.1.0"}).encode()
        body = b"HIM1 hello len=%d\n%s\n" % (len(hello), hello) + ups
        s.sendall(b"POST /him/v1/exchange HTTP/1.1\r\nHost: him\r\nContent-Type: application/vnd.him.frames\r\n"
                  b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def answer(self, s):
        data = b""
        while b"\r\n\r\n" not in data:
            more = s.recv(65536)
            if not more:
                return None, b""
            data += more
        head, body = data.split(b"\r\n\r\n", 1)
        size = int(next(h.split(b":")[1] for h in head.split(b"\r\n") if h.lower().startswith(b"content-length")))
        while len(body) < size:
            body += s.recv(65536)
        return int(head.split()[1]), body

    def report(self):
        """Of the right form. Whether its MAC is right is asked later, by the server alone."""
        return b"HIM1 up kind=report agent=%s stream=0123456789abcdef seq=1 prev=%s mac=%s len=2\n{}\n" % (
            self.id.encode(), b"0" * 64, b"0" * 64)

    def exchange(self, ups=b"", tries=1):
        """Prints what came of it; tries more than one: not before the session is resumed."""
        for left in reversed(range(tries)):
            s = self.open()
            self.ask(s, 0, ups)
            status, body = self.answer(s)
            self.session, resumed = s.session, s.session_reused
            s.close()
            if resumed or not left:
                break
        print(json.dumps({"status": status, "resumed": resumed, "mail": body.count(b"HIM1 give")}), flush=True)

    def hold(self, ended):
        try:
            s = self.open()
            self.ask(s, 300000)
            self.answer(s)
        except OSError:
            pass
        ended.append(time.monotonic())


def main(home, address, *whens):
    child, ended = Child(home, address), []
    child.exchange()
    threading.Thread(target=child.hold, args=(ended,), daemon=True).start()
    time.sleep(1)
    child.exchange(tries=5)  # a parent that took a new certificate of its own meanwhile has forgotten its sessions
    begun = time.monotonic()
    for when in whens:
        if when == "expired":
            time.sleep(max(0, child.ends - time.time()) + 1.5)
            child.exchange(child.report())
        else:
            begun = time.monotonic()
            subprocess.run(when, shell=True, check=True, stdout=subprocess.DEVNULL)
        child.exchange()
    time.sleep(2)
    print(json.dumps({"held": max(0, ended[0] - begun) if ended else None}))


main(*sys.argv[1:])
