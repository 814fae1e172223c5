#!/usr/bin/env python3
"""Opens timeline's page in a headless Chromium: it renders, nothing is logged, filters and both colour schemes work.

timeline_page.py TIMELINE TESTDATA [SCREENSHOT.png]      status 77: there is no Chromium here
"""
import base64
import json
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

TOOL, TESTDATA = sys.argv[1], sys.argv[2]
SCREENSHOT = sys.argv[3] if len(sys.argv) > 3 else None
failures = []


def check(what, good, detail=""):
    if not good:
        failures.append(f"{what}: {detail}")


class Browser:
    """Chromium's DevTools protocol over a WebSocket (RFC 6455), as much as is needed here."""

    def __init__(self, program, profile):
        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
             "--disable-background-networking", "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        address = None
        end = time.time() + 60
        while address is None and time.time() < end:
            if not select.select([self.process.stderr], [], [], 1)[0]:
                continue
            line = self.process.stderr.readline()
            if not line:
                break
            found = re.search(r"ws://([\d.]+):(\d+)(/\S+)", line)
            address = found.groups() if found else None
        if address is None:
            raise RuntimeError("Chromium does not start")
        os.set_blocking(self.process.stderr.fileno(), False)
        self.socket = socket.create_connection((address[0], int(address[1])), timeout=60)
        self.socket.sendall((f"GET {address[2]} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        self.bytes = b""
        while b"\r\n\r\n" not in self.bytes:
            self.bytes += self.socket.recv(65536)
        self.bytes = self.bytes.split(b"\r\n\r\n", 1)[1]
        self.last, self.session, self.events = 0, None, []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def take(self, n):
        while len(self.bytes) < n:
            more = self.socket.recv(1 << 20)
            if not more:
                raise RuntimeError("Chromium closed the connection")
            self.bytes += more
        taken, self.bytes = self.bytes[:n], self.bytes[n:]
        return taken

    def receive(self):
        text = b""
        while True:
            head = self.take(2)
            size = head[1] & 127
            if size == 126:
                size = int.from_bytes(self.take(2), "big")
            elif size == 127:
                size = int.from_bytes(self.take(8), "big")
            text += self.take(size)
            if head[0] & 128:
                return json.loads(text)

    def ask(self, method, **params):
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode()
        mask = os.urandom(4)
        size = len(data)
        head = bytes([0x81, 0x80 | (size if size < 126 else 126 if size < 65536 else 127)])
        head += b"" if size < 126 else size.to_bytes(2 if size < 65536 else 8, "big")
        self.socket.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))
        while True:
            answer = self.receive()
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def value(self, expression):
        result = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        return result["result"].get("value", result.get("exceptionDetails"))

    def open(self, path):
        self.ask("Page.enable")
        self.ask("Log.enable")
        self.ask("Runtime.enable")
        self.ask("Network.enable")
        self.ask("Page.navigate", url="file://" + path)
        end = time.time() + 60
        while time.time() < end and not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.ask("Runtime.evaluate", expression="1")
            time.sleep(0.05)

    def close(self):
        try:
            self.session = None
            self.ask("Browser.close")
            self.process.wait(20)
        except (RuntimeError, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()


SHOWN = "[...document.querySelectorAll('%s')].filter(e => e.offsetParent !== null).length"


def main():
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        print("skipped: no Chromium here, so the page was not looked at")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="page-") as tmp:
        page = f"{tmp}/page.html"
        p = subprocess.run([TOOL, TESTDATA + "/timeline/incident.pcap.xz", "-o", "html=" + page], capture_output=True, text=True, timeout=240)
        check("made", p.returncode in (0, 1), p.stderr[:300])
        browser = Browser(program, tmp + "/profile")
        try:
            browser.open(page)
            look(browser)
            if SCREENSHOT:
                for name, scheme in (("", "light"), ("-dark", "dark")):
                    browser.ask("Emulation.setEmulatedMedia", media="screen", features=[{"name": "prefers-color-scheme", "value": scheme}])
                    browser.ask("Emulation.setDeviceMetricsOverride", width=1280, height=2400, deviceScaleFactor=1, mobile=False)
                    shot = browser.ask("Page.captureScreenshot", format="png", captureBeyondViewport=False)["data"]
                    open(SCREENSHOT.replace(".png", name + ".png"), "wb").write(base64.b64decode(shot))
        finally:
            browser.close()
    for failure in failures:
        print(failure)
    print("page:", "failed" if failures else "renders", len(failures))
    sys.exit(1 if failures else 0)


def look(browser):
    value = browser.value
    check("title", "timeline" in (value("document.title") or ""), value("document.title"))
    text = value("document.body.innerText") or ""
    for words in ("1007", "203.0.113.66", "compromise", "containment"):
        check("shows " + words, words in text)
    check("pictures", value("document.querySelectorAll('svg').length") >= 3, value("document.querySelectorAll('svg').length"))
    check("pictures have a size", value("[...document.querySelectorAll('svg')].filter(e => e.offsetParent !== null || true)"
                                        ".some(e => e.getBoundingClientRect().width > 300)"))
    # Each call's diagram opens.
    ladders = value("document.querySelectorAll('details svg').length")
    check("ladders", ladders >= 10, ladders)
    value("document.querySelectorAll('details').forEach(e => e.open = true)")
    check("an open ladder is shown", value("(s => { const r = s.getBoundingClientRect(); return r.width > 100 && r.height > 60; })"
                                          "([...document.querySelectorAll('details svg')].pop())"))
    value("document.querySelectorAll('details').forEach(e => e.open = false)")
    # Filters: each leaves some rows, fewer than all, and all come back.
    groups = value("[...new Set([...document.querySelectorAll('input[type=radio]')].map(e => e.name))]") or []
    check("filters", len(groups) >= 2, groups)
    for group in groups:
        ids = value(f"[...document.querySelectorAll('input[name=\"{group}\"]')].map(e => e.id)")
        rows = {}
        for one in ids + ids[:1]:
            value(f"document.getElementById('{one}').click()")
            rows[one] = (value(SHOWN % "tr") or 0) + (value(SHOWN % "details") or 0)
        every = rows[ids[0]]
        check(f"filter {group} filters", any(rows[one] < every for one in ids[1:]) and all(rows[one] <= every for one in ids), rows)
        check(f"filter {group} leaves something", any(0 < rows[one] < every for one in ids[1:]), rows)
    # Light and dark, and on paper.
    colours = {}
    for scheme in ("light", "dark"):
        browser.ask("Emulation.setEmulatedMedia", media="screen", features=[{"name": "prefers-color-scheme", "value": scheme}])
        colours[scheme] = value("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color,"
                                " getComputedStyle(document.documentElement).backgroundColor]")
    check("light and dark", colours["light"] != colours["dark"], colours)
    browser.ask("Emulation.setEmulatedMedia", media="print", features=[])
    check("no filters on paper", value(SHOWN % ".filter") == 0)
    browser.ask("Emulation.setEmulatedMedia", media="screen", features=[])
    # Nothing sticks out of a narrow window.
    browser.ask("Emulation.setDeviceMetricsOverride", width=800, height=900, deviceScaleFactor=1, mobile=False)
    check("fits a narrow window", value("document.documentElement.scrollWidth <= 820"), value("document.documentElement.scrollWidth"))
    browser.ask("Emulation.clearDeviceMetricsOverride")
    logged = [e["params"]["entry"].get("text") for e in browser.events if e.get("method") == "Log.entryAdded"]
    logged += [str(e["params"]) for e in browser.events if e.get("method") in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown")]
    check("nothing is logged", not logged, logged)
    asked = [e["params"]["request"]["url"] for e in browser.events if e.get("method") == "Network.requestWillBeSent"]
    check("nothing is fetched", all(url.startswith("file://") for url in asked), asked)


main()
