"""./dev status: the status page in a real browser, over a router under load with a backend that is down.

usage: status_page.py BIN_DIR [IMAGE_DIR]     (BIN_DIR: spanring, sink, load_generator; chromium-headless-shell is needed)

Checks what the page shows against the JSON behind it, that nothing of it was refused by its own policy, and that another
host name gets no answer. With IMAGE_DIR it also takes screenshots: desktop and phone, light and dark.
"""

import contextlib
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

PATIENCE_S = 60
HOSTS = [f"127.31.1.{i}" for i in range(1, 6)]
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"

CONFIG = """
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:%(otlp)d"}}}}
exporters:
  loadbalancing:
    protocol: {otlp: {tls: {insecure: true}, compression: none, headers: {x-key: s3cret}}}
    resolver: {static: {hostnames: [%(backends)s]}}
    sending_queue: {queue_size: 1000}
extensions: {health_check: {endpoint: "127.0.0.1:%(health)d"}}
service:
  extensions: [health_check]
  pipelines: {traces: {receivers: [otlp], exporters: [loadbalancing]}}
  telemetry: {metrics: {level: none}}
spanring: {workers: 2, admin: {endpoint: "127.0.0.1:%(admin)d"}, drain: {delay: 0s, timeout: 5s}}
"""


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def get(url, host=None):
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def wait_until(what, condition):
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            if condition():
                return
        time.sleep(0.1)
    sys.exit(f"status_page: waited in vain until {what}")


class SlowAnswers(http.server.BaseHTTPRequestHandler):
    """The browser runs on virtual time, which stands still while an answer is awaited: each takes a while here."""

    admin = ""

    def do_GET(self):
        if self.path == "/debug/status":
            time.sleep(0.5)
        try:
            with urllib.request.urlopen(self.admin + self.path, timeout=10) as answer:
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.read())
        except OSError:
            self.close_connection = True

    def log_message(self, *_):
        pass


class Browser:
    def __init__(self, work, url):
        self._program = shutil.which("chromium-headless-shell") or sys.exit("status_page: chromium-headless-shell is missing")
        self._work = work
        self._url = url

    def run(self, *arguments, fragment="", is_dark=False):
        command = [self._program, "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server",
                   "--hide-scrollbars", "--enable-logging=stderr", f"--user-data-dir={self._work}/chromium",
                   f"--blink-settings=preferredColorScheme={0 if is_dark else 1}", "--virtual-time-budget=12000", *arguments,
                   self._url + fragment]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S * 2, check=False)


def check(good, what, detail=""):
    print(("ok    " if good else "FAIL  ") + what + ("" if good else f": {detail}"))
    return good


def check_page(browser, admin):
    page = browser.run("--dump-dom", fragment="#" + TRACE_ID)
    console = [line for line in page.stderr.splitlines() if "CONSOLE" in line]
    text = re.sub(r"<script>.*?</script>|<style>.*?</style>", "", page.stdout, flags=re.S)
    owner = json.loads(get(f"{admin}/debug/owner?trace_id={TRACE_ID}")[1])
    owned = re.search(r"<output[^>]*>(.*?)</output>", text, re.S)
    received = re.search(r"<td>received</td><td[^>]*>([\d,]+)</td>", text)
    config = get(f"{admin}/debug/config")[1]
    return all([
        check(not console, "nothing is refused or thrown in the browser", console),
        check('class="state good">ready' in text, "the page says ready", text[:300]),
        check(text.count("<tr><td class=\"mono\">") == len(HOSTS) + 1, "one row per backend"),
        check("bad\">" in text and "down" in text, "the backend that is down shows"),
        check(owned and owner["owner"] in owned.group(1), "the owner is the ring's", owned and owned.group(1)),
        check(received and int(received.group(1).replace(",", "")) > 0, "spans are counted", received),
        check("s3cret" not in config and "&lt;redacted&gt;" not in text and "<redacted>" in config, "no secret is told"),
        check(get(admin + "/debug/status", "evil.example")[0] == 421, "a foreign host name gets no answer"),
        check(get(admin + "/", "localhost")[0] == 200, "localhost does"),
    ])


def take_pictures(browser, folder):
    os.makedirs(folder, exist_ok=True)
    for name, size, is_dark in [("desktop-light", "1280,1180", False), ("desktop-dark", "1280,1180", True),
                                ("phone-light", "390,1700", False), ("phone-dark", "390,1700", True)]:
        path = os.path.abspath(f"{folder}/status-{name}.png")
        browser.run(f"--screenshot={path}", f"--window-size={size}", fragment="#" + TRACE_ID, is_dark=is_dark)
        print(f"{path}: {os.path.getsize(path)} bytes")


def main(bin_dir, image_dir=None):
    otlp, health, admin_port, sink_port = free_ports(4)
    admin = f"http://127.0.0.1:{admin_port}"
    backends = ", ".join(f'"{host}:{sink_port}"' for host in HOSTS + ["127.31.1.99"])
    with tempfile.TemporaryDirectory() as work, contextlib.ExitStack() as stack:
        config = f"{work}/spanring.yaml"
        with open(config, "w", encoding="ascii") as file:
            file.write(CONFIG % {"otlp": otlp, "health": health, "admin": admin_port, "backends": backends})

        def start(*command):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        start(f"{bin_dir}/sink", "--hosts", ",".join(HOSTS), "--port", str(sink_port))
        start(f"{bin_dir}/spanring", "--config", config)
        wait_until("the router is ready", lambda: get(f"http://127.0.0.1:{health}/readyz")[0] == 200)
        start(f"{bin_dir}/load_generator", f"127.0.0.1:{otlp}", "--connections", "8", "--in-flight", "2", "--spans", "60",
              "--rate", "150", "--seconds", "300")
        wait_until("spans flow", lambda: json.loads(get(admin + "/debug/status")[1])["spans"]["forwarded"] > 1000)
        SlowAnswers.admin = admin
        proxy = stack.enter_context(http.server.ThreadingHTTPServer(("127.0.0.1", 0), SlowAnswers))
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        stack.callback(proxy.shutdown)
        browser = Browser(work, f"http://127.0.0.1:{proxy.server_address[1]}/")
        is_good = check_page(browser, admin)
        if image_dir:
            take_pictures(browser, image_dir)
    print("status page: " + ("good" if is_good else "FAILED"))
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
