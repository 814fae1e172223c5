#!/usr/bin/env python3
"""timeline as a keeper of evidence: extracts, custody, hashes, signs of holes and of editing, narrowing to one call.

timeline_evidence.py TIMELINE TESTDATA
"""
import hashlib
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import incident_story as story  # noqa: E402

TOOL, TESTDATA = sys.argv[1], sys.argv[2]
INCIDENT = TESTDATA + "/timeline/incident.pcap.xz"
failures = []


def check(what, good, detail=""):
    if not good:
        failures.append(f"{what}: {detail}")


def run(*arguments, status=(0, 1)):
    p = subprocess.run([TOOL, *arguments], capture_output=True, text=True, timeout=300)
    check(" ".join(arguments), p.returncode in status, f"status {p.returncode}: {p.stderr[:300]}")
    return p


def report(*arguments, **kw):
    p = run(*arguments, "-f", "json", **kw)
    return json.loads(p.stdout) if p.stdout else {"findings": [], "checks": []}


def found(r, rule):
    return [f["message"] for f in r["findings"] if f["id"] == rule]


def fields(path, *names, keep=None):
    command = ["tshark", "-r", path, "-T", "fields"] + [x for n in names for x in ("-e", n)] + (["-Y", keep] if keep else [])
    return subprocess.run(command, capture_output=True, text=True, timeout=120).stdout.split("\n")[:-1]


# --- captures of a quiet hour, packet by packet ---------------------------------------------------------------------

def hour(seed=3, rate=4.0, length=900):
    """OPTIONS and answers of two hosts: time, source, destination, payload"""
    rnd = random.Random(seed)
    t, packets = 1780300000.0, []
    while t < 1780300000.0 + length:
        t += rnd.expovariate(rate)
        call = f"{rnd.random():.12f}@a"
        head = (f"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{rnd.random():.9f}\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\n"
                f"Call-ID: {call}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")
        packets.append((t, "192.0.2.1", "192.0.2.2", "OPTIONS sip:b@x SIP/2.0\r\n" + head))
        packets.append((t + 0.004, "192.0.2.2", "192.0.2.1", "SIP/2.0 200 OK\r\n" + head))
    return sorted(packets)


def frame(src, dst, payload, offload=(), damage=False):
    data = payload.encode()
    pseudo = bytes(map(int, src.split("."))) + bytes(map(int, dst.split("."))) + struct.pack("!HH", 17, 8 + len(data))
    udp = struct.pack("!HHHH", 5060, 5060, 8 + len(data), 0)
    total = 0xbeef if src in offload else story.checksum(pseudo + udp + data)
    if damage:
        data = data.replace(b"OPTIONS sip:b", b"OPTIONS sip:c", 1)
    udp = udp[:6] + struct.pack("!H", total) + data
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 7, 0x4000, 64, 17, 0) + pseudo[:8]
    ip = ip[:10] + struct.pack("!H", story.checksum(ip)) + ip[12:]
    return b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0" + ip + udp


def pcap(path, packets, **kw):
    damaged = kw.pop("damaged", ())
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        for i, (t, src, dst, payload) in enumerate(packets):
            data = frame(src, dst, payload, damage=i in damaged, **kw)
            us = round(t * 1e6)
            file.write(struct.pack("<IIII", us // 1_000_000, us % 1_000_000, len(data), len(data)) + data)
    return path


def block(kind, body):
    size = 12 + len(body)
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)


def pcapng(path, packets, application="Dumpcap (Wireshark) 4.0.17", interface=lambda i: 0):
    name = application.encode()
    option = struct.pack("<HH", 4, len(name)) + name + b"\0" * (-len(name) % 4) + struct.pack("<HH", 0, 0)
    with open(path, "wb") as file:
        file.write(block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1) + option))
        for _ in range(2):
            file.write(block(1, struct.pack("<HHI", 1, 0, 0)))
        for i, (t, src, dst, payload) in enumerate(packets):
            data = frame(src, dst, payload)
            us = round(t * 1e6)
            file.write(block(6, struct.pack("<IIIII", interface(i), us >> 32, us & 0xffffffff, len(data), len(data)) + data + b"\0" * (-len(data) % 4)))
    return path


def holes(tmp):
    quiet = hour()
    check("no hole", not found(report(pcap(f"{tmp}/whole.pcap", quiet)), "TL-012"))
    cut = [p for p in quiet if not 1780300400 < p[0] < 1780300475]
    check("75 s cut out", len(found(report(pcap(f"{tmp}/cut.pcap", cut)), "TL-012")) == 1)
    short = [p for p in quiet if not 1780300400 < p[0] < 1780300450]
    check("50 s are no hole", not found(report(pcap(f"{tmp}/short.pcap", short)), "TL-012"))
    slow = hour(rate=0.1, length=3600)
    check("a slow night has none", not found(report(pcap(f"{tmp}/slow.pcap", slow)), "TL-012"))
    # Less than a packet a second: judged by its other silences.
    calm = hour(rate=0.2, length=8 * 3600)

    def calm_without(*silences):
        kept = [p for p in calm if not any(1780310000 + a < p[0] < 1780310000 + b for a, b in silences)]
        return found(report(pcap(f"{tmp}/calm.pcap", kept)), "TL-012")

    check("a calm day has none", not calm_without())
    hole = calm_without((0, 1200))
    check("20 min cut out of a calm day", len(hole) == 1 and "no other silence was longer than" in hole[0], hole)
    check("two holes in a calm day", len(calm_without((0, 600), (3000, 3700))) == 2)
    check("where others are silent for long, one more is no hole", not calm_without((0, 1200), (3000, 3150), (5000, 5150)))
    check("a long break is no hole", not calm_without((0, 1800)))
    told, _ = story.tell(True, days=1, incident=False)
    deaf = story.Site()
    deaf.sent = [m for m in told.sent if m[2] != (story.EDGE, 5060)]
    story.write_pcap(deaf, f"{tmp}/deaf.pcap")
    check("one direction only", any("one direction" in m for m in found(report(f"{tmp}/deaf.pcap"), "TL-012")))
    story.write_pcap(told, f"{tmp}/both.pcap")
    check("both directions", not found(report(f"{tmp}/both.pcap"), "TL-012"))


def media_file(path, missing):
    """Three calls' media, six streams of 50 packets a second; missing(time, stream, number): what the capture lacks."""
    site = story.Site(True)
    for i in range(6):
        here, there = ("203.0.113.50", 20000 + i), ("198.51.100.10", 30000 + i)
        if i % 2:
            here, there = there, here
        for n in range(1500):
            t = story.DAY1 + n * 0.02 + i * 0.003
            if not missing(t - story.DAY1, i, n):
                site.sent.append((t, here, there, "udp", struct.pack("!BBHII", 0x80, 8, (n + 65000 + i * 77) & 0xffff, n * 160, 0x51000 + i) + bytes(range(160))))
    site.sent.sort(key=lambda m: m[0])
    story.write_pcap(site, path)
    return [f for f in report(path)["findings"] if f["id"] == "TL-012"]


def media_holes(tmp):
    """What all streams lack at once the capture has lost; what some lack, or each at its own time, the network."""
    path = f"{tmp}/media.pcap"
    check("whole media", not media_file(path, lambda t, i, n: False))
    hole = media_file(path, lambda t, i, n: 10.2 < t < 12.7)
    check("a hole in all streams", len(hole) == 1 and "All 6 media streams" in hole[0]["message"] and hole[0]["severity"] == "medium", [h["message"] for h in hole])
    check("its place", hole and hole[0]["evidence"][0]["time"].startswith("2026-06-01T00:00:10.1"), hole and hole[0]["evidence"])
    short = media_file(path, lambda t, i, n: 9.93 < t < 10.09)
    check("a short hole at the border of a second", len(short) == 1, [h["message"] for h in short])
    check("two holes", len(media_file(path, lambda t, i, n: 5 < t < 5.5 or 20 < t < 21)) == 2)
    check("one direction lost is the network", not media_file(path, lambda t, i, n: 10 < t < 12 and i % 2))
    check("one stream goes on", not media_file(path, lambda t, i, n: 10 < t < 12 and i != 3))
    check("each at its own time", not media_file(path, lambda t, i, n: 5 + i * 2 < t < 6 + i * 2))
    check("bad lines lose now and then", not media_file(path, lambda t, i, n: (n * 7 + i * 13) % 19 == 0))


def exposure():
    """SRTP keys in clear signalling: content where the media is there; none where no key was sent, or inside TLS."""
    for name, severity in (("calls/sdes-udp-gsm", "high"), ("calls/hep-sdes", None), ("srtp/dtls-13", None)):
        r = report(f"{TESTDATA}/{name}.pcap")
        told = [f for f in r["findings"] if f["id"] == "TL-011"]
        check(f"exposure in {name}", [f["severity"] for f in told] == ([severity] if severity else []), [f["message"] for f in told])


def editing(tmp):
    quiet = hour()

    def signs(path):
        return found(report(path), "TL-016")

    check("an honest capture", not signs(pcapng(f"{tmp}/honest.pcapng", quiet)))
    check("editcap's name", len(signs(pcapng(f"{tmp}/edited.pcapng", quiet, "Editcap (Wireshark) 4.0.17"))) == 1)
    check("a documented merge", not signs(pcapng(f"{tmp}/merged.pcapng", quiet, "Mergecap (Wireshark) 4.0.17")))
    check("two interfaces", not signs(pcapng(f"{tmp}/two.pcapng", quiet, interface=lambda i: i % 2)))
    half = len(quiet) // 2
    swapped = quiet[half:] + quiet[:half]
    check("one after the other", any("one after" in m for m in signs(pcapng(f"{tmp}/swapped.pcapng", swapped, interface=lambda i: int(i >= half)))))
    check("an offloading sender", not signs(pcap(f"{tmp}/offload.pcap", quiet, offload=("192.0.2.1",))))
    check("a changed packet", any("checksum" in m for m in signs(pcap(f"{tmp}/changed.pcap", quiet, damaged=(200,)))))
    same = [(quiet[0][0], *p[1:]) if 100 <= i < 180 else p for i, p in enumerate(quiet)]
    same = same[:100] + [(quiet[100][0], *p[1:]) for p in quiet[100:180]] + quiet[180:]
    check("80 packets of one moment", any("same time" in m for m in signs(pcap(f"{tmp}/same.pcap", same))))
    few = quiet[:100] + [(quiet[100][0], *p[1:]) for p in quiet[100:120]] + quiet[120:]
    check("20 packets of one moment", not signs(pcap(f"{tmp}/few.pcap", few)))
    # A ring buffer's files.
    parts = [pcap(f"{tmp}/ring{i}.pcap", quiet[i * 1000:(i + 1) * 1000]) for i in range(3)]
    r = report(*parts)
    check("rotated files", not found(r, "TL-016") and not found(r, "TL-012") and not found(r, "TL-013"), r["summary"])
    # What timeline writes itself is no whole capture.
    run(INCIDENT, "--annotate", f"{tmp}/annotated.pcapng")
    check("an extract", len(signs(f"{tmp}/annotated.pcapng")) == 1)
    if shutil.which("editcap"):
        subprocess.run(["editcap", "-F", "pcapng", "-d", f"{tmp}/whole.pcap", f"{tmp}/e.pcapng"], check=True, capture_output=True)
        check("the real editcap", len(signs(f"{tmp}/e.pcapng")) == 1)


def clocks(tmp):
    quiet = hour()

    def dated(seconds):
        import email.utils
        return [(t, s, d, p.replace("Content-Length", f"Date: {email.utils.formatdate(t + seconds, usegmt=True)}\r\nContent-Length")) for t, s, d, p in quiet]

    check("Date agrees", not found(report(pcap(f"{tmp}/date.pcap", dated(1))), "TL-013"))
    check("Date is 3 min off", len(found(report(pcap(f"{tmp}/dateoff.pcap", dated(-180))), "TL-013")) == 2)
    # Two taps, one an hour behind.
    pcap(f"{tmp}/tap1.pcap", quiet)
    pcap(f"{tmp}/tap2.pcap", [(t - 3600, *rest) for t, *rest in quiet])
    r = report(f"{tmp}/tap1.pcap", f"{tmp}/tap2.pcap", "--align-clocks")
    check("an hour corrected", [round(o["offset_s"]) for o in r["clock_offsets"]] == [-3600] and r["clock_offsets"][0]["corrected"], r["clock_offsets"])
    check("counted once", r["coverage"]["sip_messages"] == len(quiet), r["coverage"]["sip_messages"])
    near = report(f"{tmp}/tap1.pcap", pcap(f"{tmp}/tap3.pcap", [(t + 0.003, *rest) for t, *rest in quiet]))
    check("3 ms are no offset", near["clock_offsets"] == [] and not found(near, "TL-013"), near["clock_offsets"])


def custody(tmp):
    path = pcap(f"{tmp}/case.pcap", hour(length=60))
    case = f"{tmp}/case"
    for i in range(3):
        r = report(path, "--case", case, "-o", f"text={tmp}/case.txt")
        check("custody told", len(found(r, "TL-015")) == 1 and len(found(r, "TL-014")) == 1)
    lines = open(case + "/custody.jsonl").read().splitlines()
    check("one line a run", len(lines) == 3)
    entries = [json.loads(line) for line in lines]
    check("chained", [e["previous"] for e in entries] == [""] + [hashlib.sha256(line.encode()).hexdigest() for line in lines[:2]])
    check("inputs hashed", entries[0]["inputs"][0]["sha256"] == hashlib.sha256(open(path, "rb").read()).hexdigest(), entries[0]["inputs"])
    check("outputs hashed", [o["sha256"] for o in entries[2]["outputs"]] == [hashlib.sha256(open(f"{tmp}/case.txt", "rb").read()).hexdigest()],
          entries[2]["outputs"])
    check("what was run", entries[0]["command"][1] == path and entries[0]["exit_status"] == 0 and entries[0]["tool"] == "timeline", entries[0])
    with open(case + "/custody.jsonl", "w") as file:
        file.write("\n".join([lines[0], lines[1].replace("timeline", "timeLine", 1), lines[2]]) + "\n")
    r = report(path, "--case", case)
    check("a changed line", any(f["id"] == "TL-015" and f["severity"] == "high" and "line 3" in f["message"] for f in r["findings"]), found(r, "TL-015"))
    check("no case, no custody", not found(report(path), "TL-015"))
    open(path + ".sha256", "w").write(hashlib.sha256(open(path, "rb").read()).hexdigest() + "  case.pcap\n")
    r = report(path)
    check("hash as recorded", [f["severity"] for f in r["findings"] if f["id"] == "TL-014"] == ["info"], r["findings"])
    open(path + ".sha256", "w").write("0" * 64 + "\n")
    r = report(path)
    check("another hash", [f["severity"] for f in r["findings"] if f["id"] == "TL-014"] == ["high"], r["findings"])


def extracts(tmp):
    r = report(INCIDENT, "--extract", f"{tmp}/all")
    names = sorted(os.listdir(f"{tmp}/all"))
    groups = {c["group"] for c in r["calls"]}
    check("a capture for each", len([n for n in names if n.startswith("incident-")]) == len(r["incidents"]) and
          len([n for n in names if n.startswith("call-")]) == len(groups), f"{len(names)} {len(r['incidents'])} {len(groups)}")
    check("nothing half done", all(n.endswith(".pcapng") for n in names), names[:3])
    one = next(c for c in r["calls"] if c["status"] == 200)
    run(INCIDENT, "--call-id", one["call_id"], "--extract", f"{tmp}/one")
    calls = [n for n in os.listdir(f"{tmp}/one") if n.startswith("call-")]
    check("one call", len(calls) == 1, calls)
    again = [n for n in names if n.startswith("call-") and open(f"{tmp}/all/{n}", "rb").read() == open(f"{tmp}/one/{calls[0]}", "rb").read()]
    check("the same bytes again", len(again) == 1)
    # TCP, in two segments at times; names that a shell would dislike.
    told, truth = story.tell(True, days=1, incident=False)
    told.sent = [(t, s, d, p, x.replace("@192.168.1.32", "@../../;rm -rf $HOME\u202e")) for t, s, d, p, x in told.sent]
    story.write_pcap(told, f"{tmp}/odd.pcap")
    odd = report(f"{tmp}/odd.pcap", "--extract", f"{tmp}/odd")
    made = os.listdir(f"{tmp}/odd")
    check("harmless names", made and all(c.isalnum() or c in "-._" for n in made for c in n), [n for n in made if "rm" in n][:3])
    check("nothing outside", not os.path.exists(f"{tmp}/rm") and len(made) == len({c["group"] for c in odd["calls"]}) + len(odd["incidents"]), len(made))
    if shutil.which("tshark"):
        path = f"{tmp}/one/{calls[0]}"
        methods = fields(path, "sip.Method", "sip.Status-Code", "sip.Call-ID")
        ids = {line.split("\t")[2] for line in methods if line.strip()}
        legs = {c["call_id"] for c in r["calls"] if c["group"] == one["group"]}
        check("its legs and no others", ids == legs, f"{ids} against {legs}")
        check("begin and end are in it", any(m.startswith("INVITE") for m in methods) and any(m.startswith("BYE") for m in methods), methods)
        for name in made:
            if not name.startswith("call-"):
                continue
            lost = fields(f"{tmp}/odd/{name}", "frame.number", keep="tcp.analysis.lost_segment && tcp.len > 0 && !sip")
            check(f"{name} has whole messages", not lost, lost)
    archive = TESTDATA + "/timeline/incident.hep.xz"
    run(archive, "--call-id", one["call_id"], "--extract", f"{tmp}/hep")
    made = [n for n in os.listdir(f"{tmp}/hep") if n.startswith("call-")]
    check("an archive's call", len(made) == 1, made)
    if made and shutil.which("tshark"):
        wire = sorted(fields(f"{tmp}/one/{calls[0]}", "ip.src", "ip.dst", "sip.Method", "sip.CSeq", keep="sip"))
        mirror = sorted(fields(f"{tmp}/hep/{made[0]}", "ip.src", "ip.dst", "sip.Method", "sip.CSeq", keep="sip"))
        check("the same messages as on the wire", set(wire) == set(mirror), f"{wire} against {mirror}")
        bad = fields(f"{tmp}/hep/{made[0]}", "frame.number", keep="_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0")
        check("well formed", not bad, bad)
    p = subprocess.run(f"xz -dc {INCIDENT} | {TOOL} - --extract {tmp}/stdin", shell=True, capture_output=True, text=True)
    check("standard input can't be read twice", p.returncode == 2 and "twice" in p.stderr, p.stderr)
    p = run(INCIDENT, "--extract", INCIDENT, status=(2,))
    check("a file is no folder", "--extract" in p.stderr, p.stderr)


def narrowed():
    truth = json.load(open(TESTDATA + "/timeline/incident.truth.json"))
    sold = next(call_id for call_id, c in truth["calls"].items() if c["number"] == truth["fraud_calls"][0]["number"] and c["status"] == 200)
    r = report(INCIDENT, "--call-id", sold)
    check("the incident of a call", r["incident"] is not None and any(i["kind"] == "toll-fraud" for i in r["incidents"]), r["summary"]["text"])
    check("only its call", [c["call_id"] for c in r["calls"]] == [sold])
    check("only its events", all(e["call_id"] in (sold, None) for e in r["events"]), r["events"][:3])
    check("places of incidents", all(i < len(r["incidents"]) for i in r["incident"]["incidents"]) and
          all(i < len(r["incidents"]) for one in r["incidents"] for i in one["linked"]))
    honest = next(call_id for call_id, c in truth["calls"].items() if c["account"] != truth["account"] and c["status"] == 200)
    r = report(INCIDENT, "--call-id", honest)
    check("no incident of an honest call", r["incident"] is None and r["phases"] == [] and r["incidents"] == [], r["summary"]["text"])
    r = report(INCIDENT, "--call-id", "nobody@nowhere")
    check("no such call", r["calls"] == [] and any("--call-id" in n for n in r["coverage"]["notes"]), r["coverage"]["notes"])


def main():
    with tempfile.TemporaryDirectory(prefix="evidence-") as tmp:
        for part in (holes, media_holes, editing, clocks, custody, extracts):
            part(tmp)
    narrowed()
    exposure()
    for failure in failures:
        print(failure[:600])
    print("timeline:", "failed" if failures else "keeps evidence", len(failures))
    sys.exit(1 if failures else 0)


main()
