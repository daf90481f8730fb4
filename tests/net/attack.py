#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""attack KIND ... - what a hostile peer might send. Built on tests/net/peer.py.

  bytes HOST PORT           garbage below HTTP: TCP, TLS; every connection has to be closed
  http HOST PORT PATH       requests that are none, inside TLS
  ws HOST PORT              after accessd's 101: frames that are none
  inner HOST                inside the WebSocket: no TLS, or half of it
  enrol HOST                inside the inner TLS, as a newcomer: messages that are none
  control STATE             the same as a member: before hello, out of order, without end, unread
  stranger STATE HOST       as a member of another domain
  local SOCKET...           on local sockets
  leg HOST TOKEN GENERATION [SECONDS]
                            a leg at a relay: print the status and what it said; stay if let in
  client STATE PEER AS...   as a manager, open a session to PEER and be AS (folders of states; "none":
                            without certificate) towards it; it has to refuse each
  server STATE AS...        as a device, wait for a session and be AS towards the manager
  frames STATE PEER         as a manager with the right certificate: frames that are none
  deaf STATE PEER SECONDS   as a manager that asks for echoes and never reads

STATE is the state folder of a vpnd that does not run. Every attack prints a line; exit status 0: the
other side did as it should.
"""
import base64
import json
import os
import select
import socket
import ssl
import struct
import sys
import time
from types import SimpleNamespace

import peer

CLOSE_SECONDS = 14  # a connection that is not open is closed after 10 s


def say(*words):
    print(*words, flush=True)


def state_load(folder):
    """vpnd's identity as peer.py wants it: the key as PEM."""
    with open(os.path.join(folder, "identity.json"), encoding="utf-8") as file:
        kept = json.load(file)
    i = SimpleNamespace(name=kept["name"], uri=kept["uri"], urls=kept["urls"])
    i.cert, i.ca = base64.b64decode(kept["cert"]), base64.b64decode(kept["ca"])
    key = base64.encodebytes(base64.b64decode(kept["key"])).decode()
    i.key = f"-----BEGIN EC PRIVATE KEY-----\n{key}-----END EC PRIVATE KEY-----\n"
    return i


def has_closed(sock, seconds=CLOSE_SECONDS):
    """Whether the other side closes within that time; what it says before does not matter."""
    end = time.monotonic() + seconds
    while select.select([sock], [], [], max(0, end - time.monotonic()))[0]:
        try:
            if not sock.recv(65536):
                return True
        except OSError:
            return True
    return False


def sent(sock, data):
    try:
        sock.sendall(data)
    except OSError:
        pass  # closed already: so much the better


def all_closed(socks, what):
    for name, sock in socks:
        peer.need(has_closed(sock), f"{what} {name}: the connection stays open")
        say(what, name, "closed")
        sock.close()


# --- below HTTP ---


def client_hello(host):
    engine = peer.bio_engine(peer.inner_context("http/1.1", False, None), False, host)
    try:
        engine.tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return engine.outward.read()


def attack_bytes(host, port):
    hello = client_hello(host)
    flipped = bytearray(hello)
    flipped[len(hello) // 2] ^= 0xFF
    cases = {
        "random": os.urandom(3000),
        "zeros": bytes(3000),
        "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
        "half-hello": hello[: len(hello) // 2],
        "flipped-hello": bytes(flipped),
        "hello-then-random": hello + os.urandom(3000),
        "two-hellos": hello + hello,
        "long-record": b"\x16\x03\x01\xff\xff" + os.urandom(65535),
        "empty-records": b"\x16\x03\x01\x00\x00" * 1000,
        "alert": b"\x15\x03\x03\x00\x02\x02\x28",
        "data-first": b"\x17\x03\x03\x00\x20" + os.urandom(32),
        "nothing": b"",
    }
    socks = []
    for name, data in cases.items():
        s = peer.connect_tcp(host, int(port))
        sent(s, data)
        socks.append((name, s))
    for _ in range(20):  # and some that go away at once, in order or not
        s = peer.connect_tcp(host, int(port))
        sent(s, hello[: os.urandom(1)[0]])
        if os.urandom(1)[0] & 1:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
    all_closed(socks, "bytes")


# --- inside the outer TLS ---


def raw_send(o, data):
    try:
        o.engine.tls.write(data)
        peer.outer_flush(o)
    except (OSError, ssl.SSLError):
        pass


def attack_http(host, port, path):
    good = f"GET {path} HTTP/1.1\r\nHost: x\r\n".encode()
    upgrade = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    key = b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: farlan.1\r\n"
    cases = {
        "random": os.urandom(2000),
        "no-upgrade": good + b"\r\n",
        "post": b"POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + os.urandom(8000),
        "other-path": b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
        "long-line": b"GET /" + b"a" * 20000,
        "many-lines": good + b"X: y\r\n" * 2000,
        "long-head": good + b"X: " + b"y" * 9000 + b"\r\n\r\n",
        "no-end": good,
        "nul": good.replace(b"x", b"x\0y") + upgrade + key + b"\r\n",
        "old-version": good + upgrade.replace(b"13", b"8") + key + b"\r\n",
        "no-key": good + upgrade + b"Sec-WebSocket-Protocol: farlan.1\r\n\r\n",
        "other-protocol": good + upgrade + key.replace(b"farlan.1", b"chat") + b"\r\n",
        "http-2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "folded": good + b"X: y\r\n  z\r\n" + upgrade + key.replace(b":", b" :") + b"\r\n",
    }
    socks = []
    for name, data in cases.items():
        o = peer.outer_dial(host, int(port), False)
        raw_send(o, data)
        socks.append((name, o.sock))
    all_closed(socks, "http")


def attack_ws(host, port):
    unmasked = b"\x82\x05hello"
    cases = {
        "random": os.urandom(2000),
        "unmasked": unmasked,
        "reserved-bits": b"\xf2\x80" + bytes(4),
        "reserved-opcode": b"\x83\x80" + bytes(4),
        "endless": b"\x82\xff" + b"\x7f" + b"\xff" * 7 + bytes(4) + os.urandom(4000),
        "two-mib": b"\x82\xff" + struct.pack(">Q", 2 << 20) + bytes(4) + os.urandom(4000),
        "long-ping": b"\x89\xfe" + struct.pack(">H", 1000) + bytes(1004),
        "fragmented-ping": b"\x09\x80" + bytes(4),
        "continued-nothing": b"\x80\x80" + bytes(4),
        "long-text": peer.ws_frame(1, b"x" * 100000),
        "pings": peer.ws_frame(9, b"x" * 100) * 20000,
        "not-ready": None,
    }
    socks = []
    for name, data in cases.items():
        o = peer.outer_dial(host, int(port), False)
        if name == "not-ready":  # data before "ready"
            key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: farlan.1\r\n"
            head = "GET /v1/control HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            raw_send(o, (head + "Sec-WebSocket-Version: 13\r\n" + key + "\r\n").encode())
            data = peer.ws_frame(2, b"hello")
        else:
            peer.outer_upgrade(o, "x", "/v1/control", {})
        raw_send(o, data)
        socks.append((name, o.sock))
    # Some of them are no offence: they say nothing more, and that is one after 10 s.
    all_closed(socks, "ws")


def upgraded(host):
    o = peer.outer_dial(host, 443, False)
    peer.outer_upgrade(o, "x", "/v1/control", {})
    return o


def attack_inner(host):
    hello = client_hello("ca-0011223344556677")
    cases = {
        "random": os.urandom(3000),
        "http": b"GET / HTTP/1.1\r\n\r\n",
        "half-hello": hello[: len(hello) // 2],
        "other-alpn": hello,
        "hello-then-random": hello + os.urandom(3000),
        "long-record": b"\x16\x03\x01\xff\xff" + os.urandom(65535),
        "alert": b"\x15\x03\x03\x00\x02\x02\x28",
        "a-megabyte": os.urandom(1 << 20),
        "nothing": b"",
    }
    socks = []
    for name, data in cases.items():
        o = upgraded(host)
        try:
            peer.outer_send(o, data)
        except (OSError, ssl.SSLError):
            pass
        socks.append((name, o.sock))
    all_closed(socks, "inner")


# --- messages ---


def message(text):
    text = text if isinstance(text, bytes) else text.encode()
    return struct.pack(">I", len(text)) + text


def request(method, params, number=1):
    return message(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))


def bad_messages(limit):
    return {
        "random": os.urandom(500),
        "too-long": struct.pack(">I", limit + 1),
        "endless": b"\xff\xff\xff\xff",
        "no-json": message("Hello?"),
        "not-utf8": message(b'{"jsonrpc":"2.0","id":1,"method":"\xff\xfe","params":{}}'),
        "batch": message('[{"jsonrpc":"2.0","id":1,"method":"hello","params":{}}]'),
        "array": message("[" * 8000),
        "deep": message('{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":' + "[" * 100 + "]" * 100 + "}}"),
        "twice": message('{"jsonrpc":"2.0","id":1,"id":2,"method":"hello","params":{}}'),
        "nul": message('{"jsonrpc":"2.0","id":1,"method":"he\\u0000llo","params":{}}'),
        "version": message('{"jsonrpc":"1.0","id":1,"method":"hello","params":{}}'),
    }


def odd_messages():
    """Well formed and nonsense: an answer or nothing, and the connection may go on."""
    return {
        "answer-unasked": message('{"jsonrpc":"2.0","id":77,"result":{}}'),
        "unknown-method": request("frobnicate", {}),
        "no-params": request("enrol", {}),
        "wrong-types": request("enrol", {"kind": 1, "secret": [], "csr": {}, "version": None}),
        "wrong-kind": request("enrol", {"kind": "access", "secret": "AA==", "csr": "AA==", "version": "1"}),
        "bad-csr": request(
            "enrol",
            {
                "kind": "device",
                "secret": base64.b64encode(bytes(16)).decode(),
                "csr": base64.b64encode(os.urandom(400)).decode(),
                "version": "x" * 5000,
            },
        ),
        "login": request("login", {"user": "e" * 9000, "password": "p" * 4000, "csr": "AAAA", "version": ""}),
        "hello": request("hello", {"version": 1, "sessions": [1, None, {}, "x" * 99] * 300, "lans": ["1.2.3.4/99"] * 99}),
        "keep-alives": bytes(4) * 5000,
    }


def newcomer(host):
    o = upgraded(host)
    i = SimpleNamespace(outer=o, alpn="farlan-enrol/1", up=False, data=b"", ended=False)
    i.engine = peer.bio_engine(peer.inner_context(i.alpn, False, None), False, "ca-0011223344556677")
    peer.inner_step(i)
    peer.inner_wait_up(i)
    return i


def inner_sent(i, data):
    try:
        peer.inner_send(i, data)
    except (OSError, ssl.SSLError):
        pass


def is_alive(i, seconds=5):
    """Whether a keep-alive is answered."""
    i.data = b""
    inner_sent(i, bytes(4))
    end = time.monotonic() + seconds
    while not i.ended and time.monotonic() < end:
        if select.select([i.outer.sock], [], [], 0.2)[0]:
            peer.inner_pump(i)
        if i.data.endswith(bytes(4)):
            return True
    return False


def attack_enrol(host):
    socks = []
    for name, data in bad_messages(16384).items():
        i = newcomer(host)
        inner_sent(i, data)
        if name == "random":
            inner_sent(i, os.urandom(70000))
        socks.append((name, i.outer.sock))
    all_closed(socks, "enrol")
    for name, data in odd_messages().items():
        i = newcomer(host)
        inner_sent(i, data)
        say("enrol", name, "goes on" if is_alive(i) else "closed")
        peer.outer_close(i.outer)


def attack_control(folder):
    identity = state_load(folder)

    def member():
        i = peer.inner_new(peer.any_url(identity.urls, "/v1/control"), "farlan-control/1", False, identity)
        peer.inner_wait_up(i)
        return i

    # One after the other: a member's second connection ends its first.
    for name, data in bad_messages(65536).items():
        i = member()
        inner_sent(i, data)
        if name == "random":
            inner_sent(i, os.urandom(70000))
        all_closed([(name, i.outer.sock)], "control")
    for name, data in odd_messages().items():
        i = member()
        inner_sent(i, data)
        say("control before hello", name, "goes on" if is_alive(i) else "closed")
        peer.outer_close(i.outer)
    link = peer.control_open(identity, [])
    for name, data in odd_messages().items():
        inner_sent(link.inner, data)
        say("control after hello", name, "goes on" if is_alive(link.inner) else "closed")
        if link.inner.ended:
            link = peer.control_open(identity, [])
    for method, params in (
        ("session.open", {"device": "site1"}),
        ("device.list", {}),
        ("session.close", {"session": "0" * 32, "reason": "x"}),
        ("session.grant", {"grant": {}}),
    ):
        try:
            peer.link_ask(link, method, params)
            raise ValueError(f"{method} is not refused")
        except peer.Refused as e:
            say("control", method, "refused:", e)
    # Questions without end, answers unread.
    link.inner.outer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.inner.outer.sock.settimeout(2)
    n, end = 0, time.monotonic() + 5
    while time.monotonic() < end and not link.inner.ended and not link.inner.outer.ended:
        peer.link_send(link, {"jsonrpc": "2.0", "id": n + 100, "method": "device.list", "params": {}})
        n += 1
    say("control unread:", n, "questions")
    link.inner.outer.sock.close()


def attack_stranger(folder, host):
    """A member of another domain has no control connection here."""
    identity = state_load(folder)
    context = peer.inner_context("farlan-control/1", False, identity)
    context.verify_mode = ssl.CERT_NONE
    i = SimpleNamespace(outer=upgraded(host), alpn="farlan-control/1", up=False, data=b"", ended=False)
    i.engine = peer.bio_engine(context, False, "ca-" + ca_id(identity))
    try:
        peer.inner_step(i)
        peer.inner_wait_up(i)
        peer.link_ask(peer.link_new(i, 65536), "hello", {"version": "1", "sessions": []})
    except (OSError, ssl.SSLError, ValueError, peer.Refused) as e:
        say("stranger refused:", e)
        return
    raise ValueError("a member of another domain was let in")


def attack_local(*paths):
    """A daemon's local socket."""
    for path in paths:
        for name, data in {**bad_messages(65536), **odd_messages(), "nothing": b""}.items():
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(path)
                sent(s, data)
                s.settimeout(0.05)
                try:
                    s.recv(65536)
                except OSError:
                    pass
        peer.need("result" in peer.ask_local(path, "status", {}), f"{path}: no status")
        say("local", path, "lives")


# --- relays ---


def attack_leg(host, token, generation, seconds="0"):
    o = peer.outer_dial(host, 443, False)
    fields = {"Farlan-Generation": generation}
    if token != "none":
        fields["Authorization"] = "Bearer " + token
    try:
        peer.outer_upgrade(o, "relay", "/v1/session", fields)
        say("101")
    except peer.Refused as e:
        say(e.code, e.words)
        return
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end and not o.ended:
        if select.select([o.sock], [], [], 0.1)[0]:
            peer.outer_pump(o)
    say("received", len(o.stream))
    peer.outer_close(o)


# --- paths ---


def path_inner(outer, server_side, identity, ca):
    """A path's inner TLS as whoever: what the other end shows is not looked at."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["farlan-path/1"])
    if identity:
        chain = peer.pem(identity.cert) + peer.pem(identity.ca)
        peer.with_files([chain, identity.key], context.load_cert_chain)
    i = SimpleNamespace(outer=outer, alpn="farlan-path/1", up=False, data=b"", ended=False)
    i.engine = peer.bio_engine(context, server_side, None if server_side else "ca-" + ca)
    peer.inner_step(i)
    return i


def dial_leg(grant, number):
    relay = grant["relays"][0]
    generation = (grant["epoch"] << 32) + number
    fields = {"Authorization": "Bearer " + relay["token"], "Farlan-Generation": str(generation)}
    return peer.outer_open(relay["urls"][0], "/v1/session", fields)


def ca_id(identity):
    return peer.hashlib.sha256(identity.ca).digest()[:8].hex()


def got_hello(i, grant, seconds=8):
    """Whether the other end takes us for the one that it expects: it answers HELLO with HELLO."""
    end = time.monotonic() + seconds
    try:
        while not i.ended and time.monotonic() < end:
            if select.select([i.outer.sock], [], [], 0.2)[0]:
                peer.inner_pump(i)
            if i.up:
                break
        hello = {"session": grant["session"], "serial": grant["serial"], "version": "0", "caps": []}
        if i.up and not i.ended:
            peer.inner_send(i, peer.frame(peer.HELLO, json.dumps(hello).encode()))
        while i.up and not i.ended and time.monotonic() < end:
            if select.select([i.outer.sock], [], [], 0.2)[0]:
                peer.inner_pump(i)
            if any(kind == peer.HELLO for kind, _ in peer.take_frames(i.data)[0]):
                return True
    except (OSError, ssl.SSLError, ValueError) as e:
        say("path:", e)
    return False


def as_whom(names):
    return [(os.path.basename(os.path.dirname(n.rstrip("/"))) or n, None if n == "none" else state_load(n)) for n in names]


def attack_client(folder, device, *others):
    identity = state_load(folder)
    link = peer.control_open(identity, [], [])
    for name, other in as_whom(others):
        grant = peer.link_ask(link, "session.open", {"device": device})["grant"]
        i = path_inner(dial_leg(grant, 1), False, other, ca_id(identity))
        peer.need(not got_hello(i, grant), f"{device} took {name} for {identity.name}")
        say("client", name, "refused")
        peer.outer_close(i.outer)
    grant = peer.link_ask(link, "session.open", {"device": device})["grant"]
    i = path_inner(dial_leg(grant, 1), False, identity, ca_id(identity))
    peer.need(got_hello(i, grant, 20), f"{device} does not know {identity.name}")
    say("client", identity.name, "accepted")
    peer.outer_close(i.outer)
    peer.link_ask(link, "session.close", {"session": grant["session"], "reason": "done"})
    peer.inner_close(link.inner)


def wait_grant(link, seconds=20):
    end = time.monotonic() + seconds
    while not link.requests:
        peer.need(select.select([link.inner.outer.sock], [], [], max(0, end - time.monotonic()))[0], "no grant came")
        peer.link_pump(link)
    granted = link.requests.pop(0)
    peer.link_answer(link, granted, {})
    return granted["params"]["grant"]


def attack_server(folder, *others):
    identity = state_load(folder)
    link = peer.control_open(identity, [])
    say("ready")
    grant = wait_grant(link)
    number = 0
    for name, other in as_whom(others):
        number += 1
        i = path_inner(dial_leg(grant, number), True, other, "")
        peer.need(not got_hello(i, grant), f"the manager took {name} for {identity.name}")
        say("server", name, "refused")
        peer.outer_close(i.outer)
    number += 1
    i = path_inner(dial_leg(grant, number), True, identity, "")
    peer.need(got_hello(i, grant, 25), f"the manager does not know {identity.name}")
    say("server", identity.name, "accepted")
    peer.outer_close(i.outer)
    peer.inner_close(link.inner)


def ipv4_packet(source, to, payload, protocol=17):
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0)
    head += socket.inet_aton(source) + socket.inet_aton(to)
    total = sum(struct.unpack(">10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF) + head[12:] + payload


def attack_frames(folder, device):
    identity = state_load(folder)
    link = peer.control_open(identity, [], [])
    grant = peer.link_ask(link, "session.open", {"device": device})["grant"]
    me, to = link.ipv4, grant["peer"]["ipv4"]
    session = "SESSION-SESSION-SESSION-SESSION-"
    hello = peer.frame(peer.HELLO, json.dumps({"session": session, "serial": 1, "version": "0", "caps": []}).encode())
    fatal = {  # instead of HELLO, or after it
        "random": os.urandom(2000),
        "no-hello": peer.frame(peer.PING, bytes(16)),
        "other-session": peer.frame(peer.HELLO, json.dumps({"session": "0" * 32, "serial": 1}).encode()),
        "hello-no-json": peer.frame(peer.HELLO, b"Hello!"),
        "hello-long": peer.frame(peer.HELLO, b" " * 5000),
        "hello-twice": hello + hello,
        "ping-short": hello + peer.frame(peer.PING, bytes(3)),
        "packet-tiny": hello + peer.frame(peer.PACKET, bytes(3)),
        "packet-long": hello + bytes([peer.PACKET, 0xFF, 0xFF, 0xFF]) + os.urandom(100000),
        "end-empty": hello + peer.frame(peer.END),
        "select-short": hello + peer.frame(peer.SELECT, b"\0"),
    }
    for name, data in fatal.items():
        # A session of its own: the device dials it at once.
        grant = peer.link_ask(link, "session.open", {"device": device})["grant"]
        data = data.replace(b"SESSION-SESSION-SESSION-SESSION-", grant["session"].encode())
        i = path_inner(dial_leg(grant, 1), False, identity, ca_id(identity))
        peer.inner_wait_up(i)
        inner_sent(i, data)
        end = time.monotonic() + CLOSE_SECONDS
        try:
            while not i.ended and time.monotonic() < end:
                if select.select([i.outer.sock], [], [], 0.2)[0]:
                    peer.inner_pump(i)
        except (OSError, ssl.SSLError, ValueError):
            i.ended = True
        peer.need(i.ended, f"frames {name}: the path stays open")
        say("frames", name, "closed")
        peer.outer_close(i.outer)
    grant = peer.link_ask(link, "session.open", {"device": device})["grant"]
    i = path_inner(dial_leg(grant, 1), False, identity, ca_id(identity))
    peer.need(got_hello(i, grant, 20), "no path after the garbage")
    peer.inner_send(i, peer.frame(peer.SELECT, struct.pack(">I", 1 << 20)))
    for payload in (
        [os.urandom(n) for n in (20, 21, 40, 100, 1500, 65535)]
        + [b"\x45" + os.urandom(40), b"\x60" + os.urandom(60), b"\x4f" + bytes(59), bytes(20)]
        + [ipv4_packet("8.8.8.8", to, b"spoofed" * 3), ipv4_packet(me, "8.8.8.8", b"beyond" * 3)]
        + [ipv4_packet(to, me, b"mirrored" * 3), ipv4_packet("127.0.0.1", "127.0.0.1", b"loop" * 5)]
        + [ipv4_packet(me, "224.0.0.1", b"all" * 7), ipv4_packet(me, "255.255.255.255", b"all" * 7)]
    ) * 20:
        peer.inner_send(i, peer.frame(peer.PACKET, payload))
    for kind in range(32, 256):
        peer.inner_send(i, peer.frame(kind, os.urandom(kind)))
    for n in range(5000):
        peer.inner_send(i, peer.frame(peer.SELECT, struct.pack(">I", n)))
    peer.inner_send(i, peer.frame(peer.SELECTED, struct.pack(">I", 0xFFFFFFFF)))
    i.data = b""
    peer.inner_send(i, peer.frame(peer.PING, struct.pack(">QQ", 7, 7)))
    end = time.monotonic() + 10
    while not any(f == (peer.PONG, struct.pack(">QQ", 7, 7)) for f in peer.take_frames(i.data)[0]):
        peer.need(not i.ended and time.monotonic() < end, "the path did not outlive odd frames")
        if select.select([i.outer.sock], [], [], 0.2)[0]:
            peer.inner_pump(i)
    say("frames", "odd ones", "passed over")
    peer.outer_close(i.outer)
    peer.link_ask(link, "session.close", {"session": grant["session"], "reason": "done"})
    peer.inner_close(link.inner)


def attack_deaf(folder, device, seconds):
    identity = state_load(folder)
    link = peer.control_open(identity, [], [])
    grant = peer.link_ask(link, "session.open", {"device": device})["grant"]
    i = path_inner(dial_leg(grant, 1), False, identity, ca_id(identity))
    peer.need(got_hello(i, grant, 20), "no path")
    peer.inner_send(i, peer.frame(peer.SELECT, struct.pack(">I", 1 << 20)))
    i.outer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    i.outer.sock.settimeout(0.5)
    # ICMP echo requests of 8 kB, each of which has an answer as long.
    echo = b"\x08\x00\x00\x00\x00\x01\x00\x01" + bytes(8000)
    total = sum(struct.unpack(f">{len(echo) // 2}H", echo))
    total = (total & 0xFFFF) + (total >> 16)
    echo = echo[:2] + struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF) + echo[4:]
    asked = peer.frame(peer.PACKET, ipv4_packet(link.ipv4, grant["peer"]["ipv4"], echo, 1))
    n, end = 0, time.monotonic() + float(seconds)
    while time.monotonic() < end:
        try:
            peer.inner_send(i, asked)
            n += 1
        except (OSError, ssl.SSLError):
            time.sleep(0.2)
    say("deaf: asked", n, "times")
    i.outer.sock.close()
    try:
        peer.link_ask(link, "session.close", {"session": grant["session"], "reason": "done"})
    except (peer.Refused, ValueError) as e:
        say("deaf:", e)
    peer.inner_close(link.inner)


def main():
    attacks = {n[7:]: f for n, f in globals().items() if n.startswith("attack_")}
    if len(sys.argv) < 3 or sys.argv[1] not in attacks:
        sys.exit(__doc__)
    peer.say = lambda *_, **__: None
    try:
        attacks[sys.argv[1]](*sys.argv[2:])
    except (ValueError, OSError, peer.Refused) as e:
        sys.exit(f"attack {sys.argv[1]}: {e}")


if __name__ == "__main__":
    main()
