#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A FAKE of the metadata services of clouds, for tests: it serves recorded documents (tests/data/imds) the way each
provider says it does, and refuses what the real one refuses: requests without its header or token, and any that came
through a proxy.

usage: fake_imds.py PROVIDER ADDRESS PORT LOG [MODE]

LOG gets a line a request: METHOD PATH STATUS. MODE: redirect (every answer sends elsewhere), silent (none), portal (every
answer is a page of HTML), or a status to answer with.
"""
import http.server, json, os, re, sys, time

PROVIDER, ADDRESS, PORT, LOG = sys.argv[1:5]
MODE = sys.argv[5] if len(sys.argv) > 5 else ""
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../data/imds")
TOKEN = "AQAEAFake-Token=="


def document(name):
    with open(os.path.join(DATA, name), encoding="utf-8") as f:
        return f.read()


def parsed():
    return json.loads(document(PROVIDER + ".json"))


def member(tree, path):
    for name in path.strip("/").split("/"):
        if not isinstance(tree, dict) or name not in tree:
            return None
        tree = tree[name]
    return tree


def with_token(method, path, headers, name, make):
    """IMDSv2's way: a token first, with its lifetime; nothing without it."""
    if path == "/latest/api/token":
        if method != "PUT":
            return 405, ""
        seconds = headers.get(name + "-ttl-seconds", "")
        return (200, TOKEN) if seconds.isdigit() and 1 <= int(seconds) <= 21600 else (400, "")
    if method != "GET":
        return 405, ""
    return make(path) if headers.get(name) == TOKEN else (401, document_401())


def document_401():
    return "<html><head><title>401 - Unauthorized</title></head></html>"


def aws(method, path, headers):
    d = parsed()

    def make(path):
        if path == d["paths"]["identity"]:
            return 200, json.dumps(d["identity"], indent=2)
        return (200, d["life-cycle"]) if path == d["paths"]["life-cycle"] else (404, "")
    return with_token(method, path, headers, "X-aws-ec2-metadata-token", make)


def alibaba_cloud(method, path, headers):
    def make(path):
        value = member(parsed(), path.removeprefix("/latest/meta-data/"))
        return (200, value) if isinstance(value, str) else (404, "")
    return with_token(method, path, headers, "X-aliyun-ecs-metadata-token", make)


def azure(method, path, headers):
    if headers.get("Metadata") != "true":
        return 400, '{"error":"Bad request. Required metadata header not specified"}'
    if not re.fullmatch(r"/metadata/instance\?api-version=\d{4}-\d\d-\d\d&format=json", path):
        return 400, '{"error":"Bad request. api-version is invalid or was not specified in the request."}'
    return 200, document("azure.json")


def gcp(method, path, headers):
    if headers.get("Metadata-Flavor") != "Google":
        return 403, "Missing Metadata-Flavor:Google header."
    d = parsed()
    values = {"project/project-id": member(d, "project/projectId"), "instance/id": str(d["instance"]["id"]),
              "instance/zone": d["instance"]["zone"], "instance/machine-type": d["instance"]["machineType"],
              "instance/scheduling/preemptible": d["instance"]["scheduling"]["preemptible"]}
    value = values.get(path.removeprefix("/computeMetadata/v1/"))
    return (200, value) if value else (404, "")


def oracle_cloud(method, path, headers):
    if headers.get("Authorization") != "Bearer Oracle" or path != "/opc/v2/instance/":
        return 404, ""
    return 200, document("oracle_cloud.json")


def hetzner(method, path, headers):
    name = path.removeprefix("/hetzner/v1/metadata/")
    line = re.search(rf"^{re.escape(name)}: (.*)$", document("hetzner.txt"), re.M)
    return (200, line.group(1)) if line and "/" not in name else (404, "")


def digitalocean(method, path, headers):
    d = parsed()
    values = {"/metadata/v1/id": str(d["droplet_id"]), "/metadata/v1/region": d["region"]}
    return (200, values[path]) if path in values else (404, "")


def whole(wanted):
    return lambda method, path, headers: (200, document(PROVIDER + ".json")) if path == wanted else (404, "")


PROVIDERS = {"aws": aws, "alibaba_cloud": alibaba_cloud, "azure": azure, "gcp": gcp, "oracle_cloud": oracle_cloud,
             "hetzner": hetzner, "digitalocean": digitalocean, "vultr": whole("/v1.json"),
             "upcloud": whole("/metadata/v1.json"), "scaleway": whole("/conf?format=json"),
             "openstack": whole("/openstack/latest/meta_data.json")}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        status, body, extra = 200, "", {}
        if MODE == "redirect":
            status, extra = 302, {"Location": f"http://{ADDRESS}/elsewhere"}
        elif MODE == "portal":
            body = "<html><body>Please log in</body></html>"
        elif MODE.isdigit():
            status = int(MODE)
        elif any(name in self.headers for name in ("X-Forwarded-For", "Via", "Forwarded")):
            status = 403
        elif self.headers.get("Host") != ADDRESS:
            status = 400
        else:
            status, body = PROVIDERS[PROVIDER](self.command, self.path, self.headers)
        with open(LOG, "a", encoding="utf-8") as log:
            log.write(f"{self.command} {self.path} {status}\n")
        if MODE == "silent":
            time.sleep(60)
        data = body.encode()
        self.send_response(status)
        for name, value in extra.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_HEAD = answer

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer((ADDRESS, int(PORT)), Handler)
server.daemon_threads = True
open(LOG, "a").close()
server.serve_forever()
