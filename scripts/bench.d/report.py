#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""report.py FACTS RESULTS FOLDER - results.tsv, results.md and chart.svg of one run of scripts/bench.

RESULTS: round, system, row, metric, value, a line each. FACTS: name and value; lines that begin with
"system" name a system, its label and its version.
"""
import os
import statistics
import sys
from html import escape

COLORS = {"farlan": "#c2410c", "plain": "#9ca3af"}
OTHER = "#4b6a9b"
REFERENCE = "#a9bcd6"
REFERENCES = ("wireguard", "openvpn-udp")

LINES = [
    ("line10", "10 Mbit/s, 40 ms each way"),
    ("line100", "100 Mbit/s, 40 ms each way"),
    ("loss", "100 Mbit/s, 40 ms each way, 1 % loss"),
    ("modem", "20 Mbit/s, modem buffer of 100 ms"),
]


def read(facts_path, results_path):
    facts, systems, out = [], {}, []
    with open(facts_path, encoding="utf-8") as f:
        for line in f:
            part = line.rstrip("\n").split("\t")
            if part[0] == "system":
                systems[part[1]] = (part[2], part[3])
            elif part[0] == "left out":
                out.append((part[1], part[2]))
            else:
                facts.append((part[0], part[1]))
    values = {}
    with open(results_path, encoding="utf-8") as f:
        next(f)
        for line in f:
            _, system, row, metric, value = line.rstrip("\n").split("\t")
            values.setdefault((system, row, metric), []).append(value)
    return facts, systems, out, values


class Results:
    def __init__(self, values):
        self.values = values

    def numbers(self, system, row, metric):
        got = []
        for text in self.values.get((system, row, metric), []):
            try:
                got.append(float(text))
            except ValueError:
                pass
        return got

    def median(self, *key):
        got = self.numbers(*key)
        return statistics.median(got) if got else None

    def words(self, *key):
        return ", ".join(sorted(set(self.values.get(key, [])))) or None

    def has(self, row):
        return any(key[1] == row for key in self.values)


def number(v):
    """Three significant digits, no more."""
    if v is None:
        return "-"
    if abs(v) >= 100:
        return f"{v:,.0f}"
    if abs(v) >= 10:
        return f"{v:.1f}"
    return f"{v:.2f}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def slashed(*values):
    return " / ".join(number(v) for v in values) if any(v is not None for v in values) else "-"


def tcp_table(r, systems):
    rows = []
    for s, (label, _) in systems.items():
        cpu = [r.median(s, "tcp1", "cpu_" + n) for n in ("eng1", "rs1", "site1")]
        rows.append([
            label,
            number(r.median(s, "tcp1", "mbit")),
            number(r.median(s, "tcp8", "mbit")),
            number(r.median(s, "reverse", "mbit")),
            slashed(*cpu),
            slashed(*(r.median(s, row, "cpu_machine") for row in ("tcp1", "tcp8", "reverse"))),
            number(r.median(s, "udp", "pps")) + (" (sender's limit)" if r.words(s, "udp", "udp_limit") else ""),
        ])
    head = ["system", "1 stream Mbit/s", "8 streams", "1 reverse", "CPU s/GB: client / relay / device",
            "whole machine: 1 / 8 / reverse", "64-byte packets/s, < 1 % loss"]
    return table(head, rows)


def ping_table(r, systems):
    rows = []
    for s, (label, _) in systems.items():
        rows.append([label] + [
            slashed(r.median(s, row, prefix + "mean"), r.median(s, row, prefix + "p99"))
            for row, prefix in (("idle", ""), ("load", "one_"), ("load", "eight_"))
        ] + [
            number(r.median(s, "start", "ms")),
            slashed(*(r.median(s, "rss", "rss_" + n) for n in ("eng1", "rs1", "site1"))),
        ])
    head = ["system", "ping idle, ms: mean / p99", "under 1 stream", "under 8 streams", "start to first ping, ms",
            "RSS MB: client / relay / device"]
    return table(head, rows)


def line_table(r, systems, row):
    rows = []
    for s, (label, _) in systems.items():
        cells = [label, slashed(r.median(s, row, "idle_mean"), r.median(s, row, "idle_p99"))]
        for prefix in ("to_", "from_"):
            cells.append(number(r.median(s, row, prefix + "mbit")))
            cells.append(slashed(r.median(s, row, prefix + "mean"), r.median(s, row, prefix + "p99")))
            cells.append(number(r.median(s, row, prefix + "loss")))
        rows.append(cells)
    head = ["system", "ping idle, ms: mean / p99", "to the machine Mbit/s", "ping", "ping loss %",
            "from the machine Mbit/s", "ping", "ping loss %"]
    return table(head, rows)


def congestion_table(r, systems):
    rows = [[label, version, r.words(s, "tcp1", "inner_cc") or "-", r.words(s, "tcp1", "outer_cc") or "-"]
            for s, (label, version) in systems.items()]
    return table(["system", "version", "measured connections", "tunnel's own TCP connections"], rows)


def markdown(facts, systems, out, r):
    parts = ["# Farlan beside its peers: results\n"]
    parts.append(
        "Made by `scripts/bench` (`make bench`). pc1 - eng1 - inet - rs1 - inet - site1 - plc1 in network\n"
        "namespaces, eng1 and site1 behind NAT and firewall; a peer's hub or server is on rs1, its clients on eng1\n"
        "and site1. The plain path goes from eng1 to site1 directly. All processes share one machine, iperf3\n"
        "included. Medians of the rounds; systems take turns within a round. **Absolute figures hold for that\n"
        "machine and hour only: compare ratios.** A GB is 10^9 bytes of goodput. Links pass 64 KB TSO packets whole,\n"
        "but for shaped lines, which carry real packets.\n")
    parts.append("\n".join(f"- {name}: {value}" for name, value in facts) + "\n")
    busy = [v for s in systems for v in r.numbers(s, "quiet", "others_busy")]
    if busy:
        parts[-1] += f"- busy with other things in the second before each turn: {max(busy):.1f} % at most\n"
        if max(busy) > 10:
            parts.append("**The machine was not quiet: these figures are not to be quoted.**\n")
    for system, why in sorted(set(out)):
        parts.append(f"- left out: {system}: {why}\n")
    parts.append(congestion_table(r, systems))
    parts.append(
        "Congestion control: the lab's routes set cubic everywhere; BENCH_CC chooses another for the measured\n"
        "connections. Both columns are what was seen on the sockets.\n")
    if any(r.has(row) for row in ("tcp1", "tcp8", "reverse", "udp")):
        parts.append("## Throughput and its cost\n\n" + tcp_table(r, systems))
    if any(r.has(row) for row in ("idle", "load", "start", "rss")):
        parts.append("## Latency, start, memory\n\n" + ping_table(r, systems))
        parts.append(
            "Start: from starting the client on eng1, the hub and site1 being up, until pc1 has an answer from plc1\n"
            "(tried every 20 ms). For Farlan it is `vpnctl connect`: vpnd runs and is signed in, and the Access Server\n"
            "takes part. RSS: all processes of a node together, after the measurements under load.\n")
    for row, words in LINES:
        if r.has(row):
            parts.append(f"## The machine's line: {words}\n\n" + line_table(r, systems, row))
    return "\n".join(parts)


# --- the chart: one panel a question, horizontal bars ---

PANELS = [
    ("TCP, one stream, Mbit/s (more is better)", "tcp1", "mbit"),
    ("Machine's CPU seconds per GB (less is better)", "tcp1", "cpu_machine"),
    ("64-byte packets a second, < 1 % loss (more is better)", "udp", "pps"),
    ("Ping under one stream, mean ms (less is better)", "load", "one_mean"),
    ("Ping, 10 Mbit/s line filled to the machine, mean ms (less is better)", "line10", "to_mean"),
    ("Ping, 20 Mbit/s and modem buffer, filled from the machine, mean ms (less is better)", "modem", "from_mean"),
    ("1 % loss at 40 ms each way: Mbit/s to the machine (more is better)", "loss", "to_mbit"),
]
WIDTH, LABEL_W, VALUE_W, BAR_H, GAP, HEAD_H = 900, 230, 90, 16, 6, 34


def panel(title, bars, y):
    """Return: SVG text and the next y. The plain path would dwarf the rest: it is cut at the others' largest."""
    others = [v for name, _, v in bars if name != "plain"]
    top = max(others) if others else max(v for _, _, v in bars)
    room = WIDTH - LABEL_W - VALUE_W
    text = [f'<text x="10" y="{y + 22}" class="t">{escape(title)}</text>']
    y += HEAD_H
    for name, label, v in bars:
        width = max(1.0, min(v / top, 1.0) * room) if top > 0 else 1.0
        color = COLORS.get(name, REFERENCE if name in REFERENCES else OTHER)
        cut = " →" if v > top else ""
        text.append(f'<text x="{LABEL_W - 8}" y="{y + 12}" class="l">{escape(label)}</text>')
        text.append(f'<rect x="{LABEL_W}" y="{y}" width="{width:.1f}" height="{BAR_H}" fill="{color}"/>')
        text.append(f'<text x="{LABEL_W + width + 6:.1f}" y="{y + 12}" class="v">{number(v)}{cut}</text>')
        y += BAR_H + GAP
    return text, y + 8


def chart(facts, systems, r):
    body, y = [], 44
    for title, row, metric in PANELS:
        bars = [(s, label, r.median(s, row, metric)) for s, (label, _) in systems.items()]
        bars = [b for b in bars if b[2] is not None]
        if bars:
            text, y = panel(title, bars, y)
            body += text
    facts = dict(facts)
    note = f"{facts.get('processor', '')}, kernel {facts.get('kernel', '')}, {facts.get('date', '')}; " \
           f"medians of {facts.get('runs', '?')}; pale: over UDP, as references; →: beyond the scale"
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 24}" viewBox="0 0 {WIDTH} {y + 24}">',
        "<!-- SPDX-License-Identifier: GPL-3.0-or-later -->",
        "<style>text{font-family:sans-serif;fill:#111}.h{font-size:18px;font-weight:bold}.t{font-size:13px;"
        "font-weight:bold}.l{font-size:12px;text-anchor:end}.v,.n{font-size:11px}.n{fill:#555}</style>",
        f'<rect width="{WIDTH}" height="{y + 24}" fill="#fff"/>',
        '<text x="10" y="28" class="h">Farlan beside its peers</text>',
        *body,
        f'<text x="10" y="{y + 12}" class="n">{escape(note)}</text>',
        "</svg>\n",
    ])


def tsv(facts, systems, out, results_path):
    notes = facts + [(s, f"{label} {version}") for s, (label, version) in systems.items()]
    notes += [("left out", f"{s}: {why}") for s, why in sorted(set(out))]
    with open(results_path, encoding="utf-8") as f:
        return "".join(f"# {name}: {value}\n" for name, value in notes) + f.read()


def main():
    facts_path, results_path, folder = sys.argv[1:4]
    facts, systems, out, values = read(facts_path, results_path)
    r = Results(values)
    measured = {key[0] for key in values if key[1] != "quiet"}
    systems = {s: words for s, words in systems.items() if s in measured}
    for name, text in (
        ("results.tsv", tsv(facts, systems, out, results_path)),
        ("results.md", markdown(facts, systems, out, r)),
        ("chart.svg", chart(facts, systems, r)),
    ):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(text)


main()
