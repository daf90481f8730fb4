#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""peer.py COMMAND - another Farlan endpoint, made from docs/PROTOCOL.md alone, with Python's ssl.

  enrol --state DIR             a device or a relay; the invitation is standard input
  login --state DIR [--user U]  a manager; the lines of standard input: [invitation,] password
  device --state DIR            hold the control connection, serve sessions, answer echo requests
  manager --state DIR PEER ADDRESS...
                                open a session, ping each address --count times, close it;
                                --stay: stay until the session ends, then print "ended"
  hello --state DIR             say hello, print the answer; of a manager, device.list, too
  renew --state DIR             ask for a new certificate, and follow new CAs of the domain
  get URL                       a plain GET: print status and body
  ask --socket FILE METHOD [PARAMS]
                                ask a daemon on its local socket, print the answer
  invitation                    take the one on standard input apart
  token --key BASE64            verify the token on standard input, print claims and footer
  example-token                 print one, signed with the key of RFC 8032 section 7.1, test 1

  --odd         say all that the protocol lets a receiver ignore, and demand that it does
  --trace FILE  write what is said to FILE

Each event is one line of JSON on standard output. A device and a manager with --stay listen to
SIGUSR1: close all sessions at the Access Server; SIGUSR2: send END 1 on all paths; SIGTERM: leave.
"""
import argparse
import base64
import hashlib
import ipaddress
import json
import os
import select
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse
from types import SimpleNamespace

VERSION = "0.1.0"
NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, which Python's ssl does not name
PORTS = (443, 80, 5935)
HEAD_MAX, WS_MAX, TEXT_MAX = 8192, 1 << 20, 125
ENROL_MESSAGE_MAX, MESSAGE_MAX = 16384, 65536
OPEN_SECONDS, CALL_SECONDS = 10, 30
CLIENT_QUIET, CLIENT_DEAF = 45, 90
LEG_STAGGER = 0.15
RETIRE_SECONDS = 5
END_MAY_FOLLOW = 1
PATH_ASK, PATH_LOST, PATH_IDLE, PATH_DEAF = 1, 5, 45, 90
HELLO, PACKET, PING, PONG, SELECT, SELECTED, END = range(1, 8)
FRAME_MAX = 65545
KINDS = {"device": 1, "user": 2, "relay": 4}
# Ed25519: what stands before the 32 bytes of a key in its DER forms (RFC 8410).
ED_PUBLIC = bytes.fromhex("302a300506032b6570032100")
ED_PRIVATE = bytes.fromhex("302e020100300506032b657004220420")
RFC8032_SECRET = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")

odd = False
trace_file = None


class Refused(Exception):
    """The other side said no, in words."""

    def __init__(self, code, words):
        super().__init__(f"{words} (code {code})")
        self.code, self.words = code, words


def say(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)


def trace(what, data):
    if trace_file:
        text = data.hex() if isinstance(data, bytes) else data
        print(f"{time.monotonic():.3f} {what} {text}", file=trace_file, flush=True)


def need(condition, words):
    if not condition:
        raise ValueError(words)


def b64(data):
    return base64.b64encode(data).decode()


def unb64(text):
    return base64.b64decode(text, validate=True)


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text):
    return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)


# --- X.509: only what Python's ssl does not tell ---


def der_items(data):
    """The elements one after the other: (tag, content, whole)."""
    items, at = [], 0
    while at < len(data):
        begin, tag, length = at, data[at], data[at + 1]
        at += 2
        if length & 0x80:
            n = length & 0x7F
            length = int.from_bytes(data[at : at + n], "big")
            at += n
        items.append((tag, data[at : at + length], data[begin : at + length]))
        at += length
    return items


def spki_of(cert):
    tbs = der_items(der_items(der_items(cert)[0][1])[0][1])
    if tbs[0][0] == 0xA0:  # the version
        tbs = tbs[1:]
    return tbs[5][2]


def uris_of(cert):
    """All URIs in the subjectAltName."""
    tbs = der_items(der_items(der_items(cert)[0][1])[0][1])
    extensions = next(content for tag, content, _ in tbs if tag == 0xA3)
    uris = []
    for _, extension, _ in der_items(der_items(extensions)[0][1]):
        parts = der_items(extension)
        if parts[0][1] == bytes.fromhex("551d11"):
            names = der_items(der_items(parts[-1][1])[0][1])
            uris += [content.decode() for tag, content, _ in names if tag == 0x86]
    return uris


def uri_parts(uri):
    need(uri.startswith("farlan://"), f"not an identity: {uri}")
    domain, kind, uid = uri[len("farlan://") :].split("/")
    need(len(uid) == 32 and all(c in "0123456789abcdef" for c in uid), f"not a UID: {uid}")
    return domain, kind, uid


def pem(der):
    return ssl.DER_cert_to_PEM_cert(der)


def openssl(*args, given=None):
    done = subprocess.run(("openssl",) + args, input=given, capture_output=True, check=False)
    need(done.returncode == 0, f"openssl {args[0]}: {done.stderr.decode()}")
    return done.stdout


def with_files(contents, call):
    """call(path...) with these contents in files that only we can read."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for i, content in enumerate(contents):
            paths.append(os.path.join(folder, str(i)))
            with open(paths[-1], "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
        return call(*paths)


def key_and_csr():
    key = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    csr = with_files([key], lambda k: openssl("req", "-new", "-key", k, "-subj", "/CN=peer", "-outform", "DER"))
    return key.decode(), csr


# --- invitation (section 8) ---


def invitation_parse(text):
    word, kind, body = "".join(text.split()).split("-", 2)
    need(word == "farlan" and kind in KINDS, "not an invitation")
    raw = unb64url(body)
    need(hashlib.sha256(raw[:-4]).digest()[:4] == raw[-4:], "the invitation is damaged")
    version, number, ca, secret, expires, count = struct.unpack_from(">BB32s16sIB", raw)
    need(version == 1 and number == KINDS[kind], "not an invitation of this version")
    urls, at = [], 55
    for _ in range(count):
        urls.append(raw[at + 1 : at + 1 + raw[at]].decode())
        at += 1 + raw[at]
    need(at == len(raw) - 4, "the invitation is damaged")
    return SimpleNamespace(kind=kind, ca_sha256=ca, secret=secret, expires=expires * 60, urls=urls)


# --- outer layer (section 2) ---


def connect_tcp(host, port):
    return socket.create_connection((host, port), timeout=OPEN_SECONDS)


def bio_engine(context, server_side, name):
    e = SimpleNamespace(inward=ssl.MemoryBIO(), outward=ssl.MemoryBIO())
    e.tls = context.wrap_bio(e.inward, e.outward, server_side=server_side, server_hostname=name)
    return e


def tls_read(engine):
    """All plaintext that is there, and whether the other side has ended its stream."""
    data = b""
    while True:
        try:
            part = engine.tls.read(65536)
        except ssl.SSLWantReadError:
            return data, False
        except ssl.SSLZeroReturnError:
            return data, True
        if not part:
            return data, True
        data += part


def outer_dial(host, port, named):
    o = SimpleNamespace(sock=connect_tcp(host, port), raw=b"", message=b"", opcode=0)
    o.stream, o.texts, o.pongs, o.ended, o.closed = b"", [], [], False, False
    o.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it is for reach only
    o.engine = bio_engine(context, False, host if named else None)
    while True:
        try:
            o.engine.tls.do_handshake()
            outer_flush(o)
            return o
        except ssl.SSLWantReadError:
            outer_flush(o)
            data = o.sock.recv(65536)
            need(data, "closed in the outer handshake")
            o.engine.inward.write(data)


def outer_flush(o):
    data = o.engine.outward.read()
    if data:
        o.sock.sendall(data)


def outer_receive(o):
    """What has come: moved to o.raw, the HTTP or WebSocket bytes. Call when the socket is readable."""
    try:
        data = o.sock.recv(1 << 18)
    except ConnectionError:
        data = b""
    if data:
        o.engine.inward.write(data)
    else:
        o.ended = True
        o.engine.inward.write_eof()
    try:
        more, ended = tls_read(o.engine)
    except ssl.SSLEOFError:
        more, ended = b"", True
    o.raw += more
    o.ended = o.ended or ended
    outer_flush(o)


def outer_head(o):
    while b"\r\n\r\n" not in o.raw:
        need(len(o.raw) <= HEAD_MAX and not o.ended, "no answer to the request")
        outer_receive(o)
    head, _, o.raw = o.raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.strip()
    return lines[0], fields


def outer_upgrade(o, host, path, fields):
    key = b64(os.urandom(16))
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Protocol: farlan.1"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    request = "\r\n".join(lines) + "\r\n\r\n"
    trace("http out", repr(request))
    o.engine.tls.write(request.encode())
    outer_flush(o)
    line, answer = outer_head(o)
    trace("http in", f"{line!r} {answer}")
    status = int(line.split()[1])
    if status != 101:
        while not o.ended and len(o.raw) < int(answer.get("content-length", HEAD_MAX)):
            outer_receive(o)
        raise Refused(status, o.raw.decode(errors="replace").strip())
    accept = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    need(answer.get("sec-websocket-accept") == b64(accept), "a wrong Sec-WebSocket-Accept")
    need(answer.get("sec-websocket-protocol") == "farlan.1", "not a Farlan server")
    need(not o.raw, "the server spoke before 'ready'")
    ws_send(o, 1, b"ready")
    if odd:
        ws_send(o, 1, b"what-is-this 1 2 3")
        ws_send(o, 9, b"are you there")


def outer_open(url, path, fields=None):
    """A stream to the server: its ports one after the other, as the page says."""
    u = urllib.parse.urlsplit(url)
    need(u.scheme == "https", f"what is {url}?")
    try:
        named = not ipaddress.ip_address(u.hostname)
    except ValueError:
        named = True
    failure = None
    for port in [u.port] if u.port else PORTS:
        try:
            o = outer_dial(u.hostname, port, named)
            host = u.netloc if u.port or port == 443 else f"{u.netloc}:{port}"
            outer_upgrade(o, host, u.path.rstrip("/") + path, fields or {})
            return o
        except (OSError, ValueError) as e:
            failure = e
    raise failure


def ws_frame(opcode, payload, fin=True):
    n, mask = len(payload), os.urandom(4)
    head = bytes([(0x80 if fin else 0) | opcode])
    if n < 126:
        head += bytes([0x80 | n])
    elif n < 65536:
        head += struct.pack(">BH", 0x80 | 126, n)
    else:
        head += struct.pack(">BQ", 0x80 | 127, n)
    key = int.from_bytes((mask * (n // 4 + 1))[:n], "big")
    return head + mask + (int.from_bytes(payload, "big") ^ key).to_bytes(n, "big")


def ws_send(o, opcode, payload):
    frames = ws_frame(opcode, payload)
    if odd and opcode == 2 and len(payload) > 3:  # in fragments, with a ping and an empty one among them
        frames = ws_frame(2, payload[:1], False) + ws_frame(9, b"between") + ws_frame(0, b"", False)
        frames += ws_frame(0, payload[1:3], False) + ws_frame(0, payload[3:])
    trace("ws out", frames)
    try:
        o.engine.tls.write(frames)
        outer_flush(o)
    except (OSError, ssl.SSLError):
        o.ended = True


def outer_send(o, data):
    for at in range(0, len(data), 65536):
        ws_send(o, 2, data[at : at + 65536])


def ws_take(raw):
    """One frame off the front: (fin, opcode, payload, rest), or None when more is needed."""
    if len(raw) < 2:
        return None
    fin, opcode, n, at = raw[0] & 0x80, raw[0] & 0x0F, raw[1] & 0x7F, 2
    need(not raw[0] & 0x70 and not raw[1] & 0x80, "a frame no server may send")
    if n >= 126:
        size = 2 if n == 126 else 8
        if len(raw) < 2 + size:
            return None
        n, at = int.from_bytes(raw[2 : 2 + size], "big"), 2 + size
    need(n <= (WS_MAX if opcode in (0, 2) else TEXT_MAX), "a frame that is too long")
    if len(raw) < at + n:
        return None
    return fin, opcode, raw[at : at + n], raw[at + n :]


def outer_pump(o):
    """Receive, and take the frames apart: o.stream grows, o.texts gets the hop messages."""
    outer_receive(o)
    while True:
        frame = ws_take(o.raw)
        if not frame:
            return
        fin, opcode, payload, o.raw = frame
        if opcode == 9:
            ws_send(o, 10, payload)
        elif opcode == 10:
            o.pongs.append(payload)
        elif opcode == 8:
            trace("ws close", payload)
            o.ended = True
        else:
            need((opcode == 0) == (o.opcode != 0) and opcode <= 2, "frames in disorder")
            o.opcode = o.opcode or opcode
            if o.opcode == 2:
                o.stream += payload
            else:
                o.message += payload
            if fin:
                if o.opcode == 1:
                    trace("text in", repr(o.message))
                    o.texts.append(o.message)
                o.message, o.opcode = b"", 0


def outer_close(o):
    if o.closed:
        return
    o.closed = True
    try:
        ws_send(o, 8, struct.pack(">H", 1000))
        try:
            o.engine.tls.unwrap()
        except ssl.SSLError:
            pass
        outer_flush(o)
    except OSError:
        pass
    o.sock.close()


# --- inner layer (section 3) ---


def inner_context(alpn, server_side, identity):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.set_alpn_protocols([alpn])
    if server_side:
        context.num_tickets = 0
    if not identity:
        context.verify_mode = ssl.CERT_NONE  # the caller checks the chain by its pin
        return context
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=identity.ca)
    context.verify_flags |= NO_CHECK_TIME  # path: the grant's pin counts; control: ask_time()
    chain = pem(identity.cert) + pem(identity.ca)
    with_files([chain, identity.key], context.load_cert_chain)
    return context


def inner_new(outer, alpn, server_side, identity=None, ca_sha256=None):
    ca_sha256 = ca_sha256 or hashlib.sha256(identity.ca).digest()
    i = SimpleNamespace(outer=outer, alpn=alpn, up=False, data=b"", ended=False)
    name = None if server_side else "ca-" + ca_sha256[:8].hex()
    i.engine = bio_engine(inner_context(alpn, server_side, identity), server_side, name)
    inner_step(i)
    return i


def inner_flush(i):
    data = i.engine.outward.read()
    if data:
        outer_send(i.outer, data)


def inner_step(i):
    """Go on with what has come; i.data grows."""
    if i.outer.stream:
        i.engine.inward.write(i.outer.stream)
        i.outer.stream = b""
    try:
        if not i.up:
            i.engine.tls.do_handshake()
            need(i.engine.tls.selected_alpn_protocol() == i.alpn, "another protocol inside")
            i.up = True
        data, ended = tls_read(i.engine)
        i.data += data
        i.ended = i.ended or ended
    except ssl.SSLWantReadError:
        pass
    finally:
        inner_flush(i)
    i.ended = i.ended or i.outer.ended


def inner_pump(i):
    outer_pump(i.outer)
    inner_step(i)


def inner_send(i, data):
    i.engine.tls.write(data)
    inner_flush(i)


def inner_close(i):
    try:
        i.engine.tls.unwrap()
    except (ssl.SSLError, ValueError):
        pass
    inner_flush(i)
    outer_close(i.outer)


def inner_wait_up(i):
    end = time.monotonic() + OPEN_SECONDS
    while not i.up:
        need(select.select([i.outer.sock], [], [], max(0, end - time.monotonic()))[0], "no answer inside")
        inner_pump(i)
        need(i.up or not i.ended, "closed in the inner handshake")


def peer_chain(i):
    """The other side's certificates as they were sent: DER. (Public since Python 3.13.)"""
    tls = i.engine.tls
    if hasattr(tls, "get_unverified_chain"):
        return list(tls.get_unverified_chain())
    return [ssl.PEM_cert_to_DER_cert(c.public_bytes()) for c in tls._sslobj.get_unverified_chain()]


def check_first_contact(i, ca_sha256):
    """The newcomer's check of the inner server; the root and the domain."""
    chain = peer_chain(i)
    root = next((c for c in chain if hashlib.sha256(c).digest() == ca_sha256), None)
    need(root, "the server does not belong to this invitation")
    verify = ("verify", "-no_check_time", "-CAfile")
    with_files([pem(root), pem(chain[0])], lambda ca, leaf: openssl(*verify, ca, leaf))
    uris = uris_of(chain[0])
    need(len(uris) == 1, "the server has no identity")
    domain, kind, _ = uri_parts(uris[0])
    need(kind == "access", f"the server is of kind {kind}")
    return root, domain


def check_access(i, identity):
    """An Access Server of our own domain."""
    uris = uris_of(i.engine.tls.getpeercert(True))
    need(len(uris) == 1, "the server has no identity")
    domain, kind, _ = uri_parts(uris[0])
    need((domain, kind) == (uri_parts(identity.uri)[0], "access"), f"not our Access Server: {uris[0]}")


def check_pinned(i, peer):
    """Exactly the URI and the key of the grant."""
    cert = i.engine.tls.getpeercert(True)
    need(uris_of(cert) == [peer["uri"]], f"the other end is {uris_of(cert)}")
    need(hashlib.sha256(spki_of(cert)).digest() == unb64(peer["key"]), "the other end has another key")


# --- control messages (section 4), over the inner layer or on a local socket ---


def link_new(inner, limit):
    now = time.monotonic()
    return SimpleNamespace(
        inner=inner, limit=limit, next_id=1, answers={}, notices=[], requests=[], sent=now, heard=now, alive=0
    )


def link_send(link, message):
    text = json.dumps(message, ensure_ascii=False).encode()
    need(len(text) <= link.limit, "a message that is too long")
    trace("json out", text.decode())
    inner_send(link.inner, struct.pack(">I", len(text)) + text)
    link.sent = time.monotonic()


def no_duplicates(pairs):
    need(len(dict(pairs)) == len(pairs), "duplicate members")
    return dict(pairs)


def take_messages(data, limit):
    """(the messages, the rest); a keep-alive is None."""
    messages = []
    while len(data) >= 4:
        n = int.from_bytes(data[:4], "big")
        need(n <= limit, "a message that is too long")
        if len(data) < 4 + n:
            break
        messages.append(json.loads(data[4 : 4 + n], object_pairs_hook=no_duplicates) if n else None)
        if n:
            trace("json in", data[4 : 4 + n].decode())
        data = data[4 + n :]
    return messages, data


def link_pump(link):
    inner_pump(link.inner)
    link.heard = time.monotonic()
    messages, link.inner.data = take_messages(link.inner.data, link.limit)
    for m in messages:
        if m is None:
            link.alive += 1
            continue
        need(m.get("jsonrpc") == "2.0", "not JSON-RPC 2.0")
        if "method" not in m:
            link.answers[m["id"]] = m
        elif "id" in m:
            link.requests.append(m)
        else:
            link.notices.append(m)


def link_answer(link, request, result=None, code=0, words=""):
    answer = {"jsonrpc": "2.0", "id": request["id"]}
    if code:
        answer["error"] = {"code": code, "message": words}
    else:
        answer["result"] = result
    if odd:
        answer["ignore-me"] = [1, {"2": None}]
    link_send(link, answer)


def link_notify(link, method, params):
    link_send(link, {"jsonrpc": "2.0", "method": method, "params": params})


def link_ask(link, method, params, seconds=CALL_SECONDS):
    number, link.next_id = link.next_id, link.next_id + 1
    request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    if odd:
        request["x-unknown"] = {"deep": [[[]]]}
        params = dict(params, x_unknown=True)
        request["params"] = params
    link_send(link, request)
    end = time.monotonic() + seconds
    while number not in link.answers:
        need(not link.inner.ended, f"the connection closed before the answer to {method}")
        left = max(0, end - time.monotonic())
        need(select.select([link.inner.outer.sock], [], [], left)[0], f"no answer to {method}")
        link_pump(link)
    answer = link.answers.pop(number)
    if "error" in answer:
        raise Refused(answer["error"]["code"], answer["error"]["message"])
    return answer["result"]


# --- the time (section 4.7) ---


def check_signature(kind, key, text, signature):
    rest = ("-rawin",) if kind == "ed25519" else ("-rawin", "-digest", "sha256")
    verify = ("pkeyutl", "-verify", "-pubin", "-keyform", "DER") + rest
    with_files(
        [key, signature, text], lambda k, s, t: openssl(*verify, "-inkey", k, "-sigfile", s, "-in", t)
    )


def ask_time(link, ca, domain):
    """The Access Server's time, and then its certificate's dates."""
    nonce, asked = os.urandom(32), time.monotonic()
    answer = link_ask(link, "time.get", {"nonce": b64(nonce)}, 10)
    public, when, name = unb64(answer["public"]), answer["time_ms"], domain.encode() + b"\0"
    check_signature("ecdsa", spki_of(ca), b"farlan-token-key/1\0" + name + public, unb64(answer["key_sig"]))
    text = b"farlan-time/1\0" + name + nonce + struct.pack(">Q", when)
    check_signature("ed25519", ED_PUBLIC + public, text, unb64(answer["sig"]))
    need(time.monotonic() - asked <= 10, "the time came too late")
    verify = ("verify", "-attime", str(when // 1000), "-CAfile")
    with_files([pem(ca), pem(peer_chain(link.inner)[0])], lambda c, leaf: openssl(*verify, c, leaf))
    say("time", time_ms=when)


def link_keep_alive(link):
    """Send one, and see it answered."""
    link.alive = 0
    inner_send(link.inner, bytes(4))
    while not link.alive:
        need(select.select([link.inner.outer.sock], [], [], CALL_SECONDS)[0], "no answer to a keep-alive")
        link_pump(link)
        need(not link.inner.ended, "closed on a keep-alive")


def link_tick(link):
    now = time.monotonic()
    if now - link.sent >= CLIENT_QUIET:
        inner_send(link.inner, bytes(4))
        link.sent = now
    need(now - link.heard < CLIENT_DEAF, "heard nothing from the Access Server")


def ask_local(path, method, params):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(CALL_SECONDS)
        s.connect(path)
        text = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        s.sendall(struct.pack(">I", len(text)) + text)
        data = b""
        while True:
            part = s.recv(65536)
            need(part, "the daemon closed the connection")
            messages, data = take_messages(data + part, MESSAGE_MAX)
            for m in messages:
                if m and m.get("id") == 1:
                    return m
                say("message", message=m)


# --- identity ---


def identity_save(folder, key, answer):
    os.makedirs(folder, mode=0o700, exist_ok=True)
    path = os.path.join(folder, "identity.json")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump({"key": key, **answer}, file, indent=1)


def identity_load(folder):
    with open(os.path.join(folder, "identity.json"), encoding="utf-8") as file:
        kept = json.load(file)
    i = SimpleNamespace(**{k: kept[k] for k in ("name", "uri", "key", "urls")})
    i.cert, i.ca = unb64(kept["cert"]), unb64(kept["ca"])
    return i


def any_url(urls, path):
    failure = None
    for url in urls:
        try:
            return outer_open(url, path)
        except (OSError, ValueError, Refused) as e:
            failure = e
    raise failure


def follow_links(ca, links):
    """From one CA of the domain to the last one of the list (section 3.1)."""
    need(len(links) <= 16, "too many links")
    for link in links:
        newer, signature = unb64(link["ca"]), unb64(link["signature"])
        text = b"farlan-ca-link/1\0" + hashlib.sha256(ca).digest() + hashlib.sha256(newer).digest()
        need(len(text) == 81, "the text of a link")
        key = with_files([pem(ca)], lambda c: openssl("x509", "-in", c, "-noout", "-pubkey"))
        with_files(
            [key, signature, text],
            lambda k, s, t: openssl("dgst", "-sha256", "-verify", k, "-signature", s, t),
        )
        ca = newer
    return ca


def check_answer(answer, ca, key):
    """What a member gets: the CA that it is led to, a certificate by it and for its key."""
    ca, cert = follow_links(ca, answer.get("links", [])), unb64(answer["cert"])
    need(unb64(answer["ca"]) == ca, "another CA in the answer")
    with_files([pem(ca), pem(cert)], lambda a, leaf: openssl("verify", "-CAfile", a, leaf))
    need(uris_of(cert) == [answer["uri"]], "another name in the certificate")
    public = with_files([key], lambda k: openssl("pkey", "-in", k, "-pubout", "-outform", "DER"))
    need(spki_of(cert) == public, "another key in the certificate")


def first_contact(urls, ca_sha256, method, params, key, folder):
    inner = inner_new(any_url(urls, "/v1/control"), "farlan-enrol/1", False, ca_sha256=ca_sha256)
    inner_wait_up(inner)
    root, domain = check_first_contact(inner, ca_sha256)
    link = link_new(inner, ENROL_MESSAGE_MAX)
    ask_time(link, root, domain)
    answer = link_ask(link, method, params)
    check_answer(answer, root, key)
    need(uri_parts(answer["uri"])[0] == domain, "another domain in the certificate")
    identity_save(folder, key, answer)
    inner_close(inner)
    say("enrolled", name=answer["name"], uri=answer["uri"], urls=answer["urls"], members=sorted(answer))


def cmd_enrol(args):
    invitation = invitation_parse(sys.stdin.read())
    need(invitation.kind != "user", "log in with this invitation")
    key, csr = key_and_csr()
    params = {"kind": invitation.kind, "secret": b64(invitation.secret), "csr": b64(csr), "version": VERSION}
    first_contact(invitation.urls, invitation.ca_sha256, "enrol", params, key, args.state)


def cmd_login(args):
    lines = sys.stdin.read().split("\n")
    key, csr = key_and_csr()
    params = {"csr": b64(csr), "version": VERSION}
    if args.user:
        params["user"] = args.user
    if lines[0].startswith("farlan-"):
        invitation = invitation_parse(lines.pop(0))
        need(invitation.kind == "user", "not for a user")
        params["secret"] = b64(invitation.secret)
        urls, pin = invitation.urls, invitation.ca_sha256
    else:
        identity = identity_load(args.state)
        urls, pin = identity.urls, hashlib.sha256(identity.ca).digest()
    params["password"] = lines[0]
    first_contact(urls, pin, "login", params, key, args.state)


# --- paths (sections 6 and 7) ---


def frame(kind, payload=b""):
    return bytes([kind]) + len(payload).to_bytes(3, "big") + payload


def take_frames(data):
    frames = []
    while len(data) >= 4:
        n = int.from_bytes(data[1:4], "big")
        if len(data) < 4 + n:
            break
        frames.append((data[0], data[4 : 4 + n]))
        data = data[4 + n :]
    return frames, data


def path_send(p, kind, payload=b""):
    if p.inner.ended:
        return
    trace(f"frame out {p.relay}", frame(kind, payload))
    try:
        inner_send(p.inner, frame(kind, payload))
    except (OSError, ssl.SSLError):
        p.inner.ended = True
    p.sent = time.monotonic()
    p.unheard = p.unheard or p.sent


def path_open(s, relay):
    """Dial one leg; the inner handshake goes on in path_pump()."""
    s.counter += 1
    generation = (s.grant["epoch"] << 32) + s.counter
    fields = {"Authorization": "Bearer " + relay["token"], "Farlan-Generation": str(generation)}
    failure = None
    for url in relay["urls"]:
        try:
            outer = outer_open(url, "/v1/session", fields)
            break
        except (OSError, ValueError, Refused) as e:
            failure = e
            if isinstance(e, Refused):
                break
    else:
        outer = None
    if failure:
        say("leg-refused", relay=relay["name"], why=str(failure))
        return
    now = time.monotonic()
    p = SimpleNamespace(session=s, relay=relay["name"], greeted=False, sent=now, heard=now, unheard=0, asked=0)
    p.inner = inner_new(outer, "farlan-path/1", s.grant["role"] == "device", s.identity)
    p.pings, p.number = 0, 0
    s.paths.append(p)
    say("leg", relay=p.relay, generation=generation)


def path_hello(p):
    s = p.session
    check_pinned(p.inner, s.grant["peer"])
    hello = {"session": s.id, "serial": s.grant["serial"], "version": VERSION, "caps": ["x-peer"] if odd else []}
    if odd:
        hello["x-unknown"] = {"of": "peer.py"}
    path_send(p, HELLO, json.dumps(hello).encode())
    say("path", relay=p.relay, tls=p.inner.engine.tls.version(), cipher=p.inner.engine.tls.cipher()[0])


def path_frame(p, kind, payload):
    s = p.session
    trace(f"frame in {p.relay}", frame(kind, payload))
    need(p.greeted or kind == HELLO, "the first frame is no HELLO")
    if kind == HELLO:
        need(not p.greeted and 2 <= len(payload) <= 4096, "a HELLO out of order")
        hello = json.loads(payload)
        need(hello["session"] == s.id, "a HELLO of another session")
        p.greeted = True
        say("hello", **hello)
        if odd:
            path_send(p, 200, b"from another time")
            path_send(p, 0)
            path_send(p, 255, os.urandom(FRAME_MAX))
        if s.grant["role"] == "manager" and not s.selected:
            s.number += 1
            s.selected, p.number = p, s.number
            path_send(p, SELECT, struct.pack(">I", s.number))
    elif kind == PACKET:
        need(20 <= len(payload) <= 65535, "not a packet")
        s.on_packet(s, payload)
    elif kind == PING:
        need(len(payload) == 16, "not a PING")
        path_send(p, PONG, payload)
    elif kind == PONG:
        sequence, clock = struct.unpack(">QQ", payload)
        say("pong", relay=p.relay, sequence=sequence, us=time.monotonic_ns() // 1000 - clock)
    elif kind == SELECT:
        number = struct.unpack(">I", payload)[0]
        need(s.grant["role"] == "device", "a SELECT from a device")
        if number > s.number:
            s.number, s.selected, p.number = number, p, number
            path_send(p, SELECTED, payload)
            path_selected(p)
    elif kind == SELECTED:
        need(p is s.selected and struct.unpack(">I", payload)[0] == p.number, "a SELECTED that was not asked for")
        path_selected(p)
    elif kind == END:
        say("end", relay=p.relay, code=payload[0], reason=payload[1:].decode())
        p.inner.ended = True
        if payload[0] == 1:
            s.over = payload[1:].decode() or "ended by the other end"


def path_selected(p):
    s = p.session
    say("selected", relay=p.relay, number=s.number, peer=s.grant["peer"]["name"])
    if s.grant["role"] == "manager":
        session_retire(s)
    else:
        s.retire_at = time.monotonic() + RETIRE_SECONDS
    path_ping(p)


def path_ping(p):
    p.pings += 1
    p.asked = time.monotonic()
    path_send(p, PING, struct.pack(">QQ", p.pings, time.monotonic_ns() // 1000))


def path_close(p, code=0, words=""):
    if code and p.greeted:
        path_send(p, END, bytes([code]) + words.encode())
    p.session.paths.remove(p)
    if p.session.selected is p:
        p.session.selected = None
    inner_close(p.inner)


def path_pump(p):
    try:
        inner_pump(p.inner)
        if p.inner.up and not hasattr(p, "said"):
            p.said = True
            path_hello(p)
        if p.inner.data:
            p.heard, p.unheard, p.asked = time.monotonic(), 0, 0
        frames, p.inner.data = take_frames(p.inner.data)
        for kind, payload in frames:
            path_frame(p, kind, payload)
    except (ssl.SSLError, ValueError, KeyError) as e:
        say("path-failed", relay=p.relay, why=str(e))
        p.inner.ended = True
    if p.inner.ended and p in p.session.paths:
        path_close(p)


def path_tick(p, now):
    if not p.greeted:
        return
    quiet = now - p.heard
    if (p.asked and p.unheard and now - p.asked >= PATH_LOST) or quiet >= PATH_DEAF:
        say("path-lost", relay=p.relay)
        path_close(p)
    elif not p.asked and ((p.unheard and now - p.unheard >= PATH_ASK) or quiet >= PATH_IDLE):
        path_ping(p)


# --- sessions ---


def session_new(identity, grant, on_packet):
    s = SimpleNamespace(id=grant["session"], grant=grant, identity=identity, on_packet=on_packet, counter=0, paths=[])
    s.selected, s.number, s.over = None, (grant["epoch"] << 16) if grant["role"] == "manager" else 0, None
    s.retire_at, s.dials, s.life_end = 0, [], time.monotonic() + grant["life_s"]
    s.told, s.told_at = None, 0
    say("grant", grant=grant)
    session_search(s)
    return s


def session_retire(s):
    """Paths that were not selected have had their time."""
    s.retire_at = 0
    for p in list(s.paths):
        if p is not s.selected:
            path_close(p, 2, "not selected")


def session_search(s):
    now = time.monotonic()
    s.dials = [(now + n * LEG_STAGGER, relay) for n, relay in enumerate(s.grant["relays"])]


def session_tick(s):
    now = time.monotonic()
    while s.dials and s.dials[0][0] <= now and not s.over:
        path_open(s, s.dials.pop(0)[1])
    if not s.paths and not s.dials and not s.over:
        now += 0.5
        s.dials = [(now + n * LEG_STAGGER, relay) for n, relay in enumerate(s.grant["relays"])]
    for p in list(s.paths):
        path_tick(p, now)
    if s.retire_at and now >= s.retire_at and s.selected:
        session_retire(s)
    if now > s.life_end:
        s.over = "its time is over"
    if s.told and (not s.paths or now >= s.told_at + END_MAY_FOLLOW):
        s.over = s.told


def session_close(s, tell):
    for p in list(s.paths):
        path_close(p, 1 if tell else 0, s.over or "")
    say("ended", session=s.id, reason=s.over)


# --- packets by hand (RFC 791, 792, 8200, 4443) ---


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def icmp_packet(source, to, kind, rest):
    source, to = ipaddress.ip_address(source), ipaddress.ip_address(to)
    six = source.version == 6
    body = struct.pack(">BBH", kind, 0, 0) + rest
    pseudo = source.packed + to.packed + struct.pack(">II", len(body), 58) if six else b""
    body = body[:2] + struct.pack(">H", checksum(pseudo + body)) + body[4:]
    if six:
        return struct.pack(">IHBB", 6 << 28, len(body), 58, 64) + source.packed + to.packed + body
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, 1, 0) + source.packed + to.packed
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body


def icmp_parse(packet):
    """(source, destination, type, what is after the checksum), or None."""
    if packet[0] >> 4 == 4 and packet[9] == 1:
        at = (packet[0] & 15) * 4
        source, to, end = packet[12:16], packet[16:20], struct.unpack_from(">H", packet, 2)[0]
    elif packet[0] >> 4 == 6 and len(packet) >= 48 and packet[6] == 58:
        at, source, to = 40, packet[8:24], packet[24:40]
        end = 40 + struct.unpack_from(">H", packet, 4)[0]
    else:
        return None
    return ipaddress.ip_address(source), ipaddress.ip_address(to), packet[at], packet[at + 4 : end]


def answer_echo(s, packet):
    icmp = icmp_parse(packet)
    if not icmp or icmp[2] not in (8, 128) or not s.selected:
        return
    source, to, kind, rest = icmp
    path_send(s.selected, PACKET, icmp_packet(to, source, 0 if kind == 8 else 129, rest))
    say("echo", source=str(source), to=str(to), size=len(packet))


# --- the endpoint ---


def control_open(identity, sessions, lans=None):
    inner = inner_new(any_url(identity.urls, "/v1/control"), "farlan-control/1", False, identity)
    inner_wait_up(inner)
    check_access(inner, identity)
    link = link_new(inner, MESSAGE_MAX)
    ask_time(link, identity.ca, uri_parts(identity.uri)[0])
    hello = {"version": VERSION, "sessions": sessions}
    if lans is not None:
        hello["lans"] = lans
    answer = link_ask(link, "hello", hello)
    if odd:
        link_notify(link, "x.unknown", {"a": 1})
        try:
            link_ask(link, "x.unknown", {})
            need(False, "an unknown method was answered")
        except Refused as e:
            need(e.code == -32601, f"an unknown method was answered {e.code}")
        need(b"are you there" in inner.outer.pongs, "a ping was not answered")
        link_keep_alive(link)
        say("tolerated", method=-32601, pongs=len(inner.outer.pongs))
    say("online", **answer)
    link.ipv4, link.ipv6 = answer.get("ipv4"), answer.get("ipv6")
    return link


def endpoint_new(identity, lans=None):
    e = SimpleNamespace(identity=identity, sessions={}, wanted=set(), leave=False)
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM):
        signal.signal(number, lambda n, _: e.wanted.add(n))
    e.link = control_open(identity, [], lans)
    say("ready", pid=os.getpid())
    return e


def endpoint_request(e, request, on_packet):
    method, params = request["method"], request["params"]
    if method != "session.grant":
        link_answer(e.link, request, code=-32601, words=f"unknown method {method}")
        return
    if not on_packet:
        link_answer(e.link, request, code=3, words="this end has one session only")
        return
    grant = params["grant"]
    old = e.sessions.get(grant["session"])
    if old:  # delivered again: a new epoch, perhaps other relays
        old.grant, old.counter = grant, 0
    link_answer(e.link, request, {})
    if not old:
        e.sessions[grant["session"]] = session_new(e.identity, grant, on_packet)


def endpoint_notice(e, notice):
    params = notice.get("params", {})
    if notice["method"] == "session.end":
        s = e.sessions.get(params["session"])
        say("session.end", **params)
        if s:  # the other end's END may come behind accessd's word
            s.told, s.told_at = params["reason"], time.monotonic()
    elif notice["method"] == "bye":
        say("bye", **params)
        e.leave = True


def endpoint_signals(e):
    for number in list(e.wanted):
        e.wanted.discard(number)
        if number == signal.SIGTERM:
            e.leave = True
        for s in list(e.sessions.values()):
            s.over = "asked to"
            if number == signal.SIGUSR1:
                try:
                    link_ask(e.link, "session.close", {"session": s.id, "reason": "asked to"})
                except Refused as refused:
                    say("refused", words=str(refused))


def endpoint_turn(e, on_packet=None, seconds=0.05):
    """One turn of the loop: everything that has come, and what is due."""
    socks = {e.link.inner.outer.sock: e.link}
    for s in e.sessions.values():
        socks.update({p.inner.outer.sock: p for p in s.paths})
    for sock in select.select(list(socks), [], [], seconds)[0]:
        owner = socks[sock]
        if owner is e.link:
            link_pump(e.link)
        elif owner in owner.session.paths:
            path_pump(owner)
    while e.link.requests:
        endpoint_request(e, e.link.requests.pop(0), on_packet)
    while e.link.notices:
        endpoint_notice(e, e.link.notices.pop(0))
    endpoint_signals(e)
    for s in list(e.sessions.values()):
        session_tick(s)
        if s.over:
            session_close(s, True)
            del e.sessions[s.id]
    link_tick(e.link)
    need(not e.link.inner.ended or e.leave, "the Access Server closed the connection")


def endpoint_close(e):
    inner_close(e.link.inner)


def cmd_device(args):
    e = endpoint_new(identity_load(args.state))
    while not e.leave:
        endpoint_turn(e, answer_echo)
    for s in list(e.sessions.values()):
        session_close(s, True)
    endpoint_close(e)


def ping_from(e, s, source, to, count):
    """Echo requests one after the other; how many came back."""
    six, good = ":" in to, 0
    for sequence in range(1, count + 1):
        rest = struct.pack(">HH", os.getpid() & 0xFFFF, sequence) + os.urandom(24)
        came = []
        s.on_packet = lambda _, packet, came=came: came.append(icmp_parse(packet))
        path_send(s.selected, PACKET, icmp_packet(source, to, 128 if six else 8, rest))
        wanted = (ipaddress.ip_address(to), ipaddress.ip_address(source), 129 if six else 0, rest)
        end = time.monotonic() + 2
        while wanted not in came and time.monotonic() < end and s.selected:
            endpoint_turn(e)
        good += wanted in came
    say("ping", to=to, sent=count, received=good)
    need(good, f"no answer from {to}")


def leg_status(relay, token, generation):
    """What the relay answers to such a leg: 101, or why not."""
    fields = {"Authorization": "Bearer " + token, "Farlan-Generation": str(generation)}
    try:
        outer_close(outer_open(relay["urls"][0], "/v1/session", fields))
        return 101, ""
    except Refused as e:
        return e.code, e.words


def check_relay_refuses(s):
    """What section 6 says about tokens and generations."""
    relay = s.grant["relays"][0]
    session_tick(s)  # the first leg is there now
    first = (s.grant["epoch"] << 32) + s.counter
    version, body, footer = relay["token"].rsplit(".", 2)
    forged = f"{version}.{body[:-1]}{'A' if body[-1] != 'A' else 'E'}.{footer}"
    answers = [leg_status(relay, relay["token"], first), leg_status(relay, forged, first + 9)]
    answers += [leg_status(relay, "v4.public.x", first + 9), leg_status(relay, relay["token"], "07")]
    need([code for code, _ in answers] == [409, 401, 401, 401], f"the relay answered {answers}")
    say("refused", answers=answers)


def cmd_manager(args):
    e = endpoint_new(identity_load(args.state), args.lan)
    listed = link_ask(e.link, "device.list", {})
    say("devices", **listed)
    grant = link_ask(e.link, "session.open", {"device": args.peer})["grant"]
    s = session_new(e.identity, grant, lambda _s, _p: None)
    e.sessions[s.id] = s
    if odd:
        check_relay_refuses(s)
    end = time.monotonic() + 10
    while not (s.selected and s.selected.number and s.selected.pings):
        endpoint_turn(e)
        need(time.monotonic() < end and not s.over, "no path came about")
    for to in args.address or [grant["peer"]["ipv4"], grant["peer"]["ipv6"]]:
        ping_from(e, s, e.link.ipv6 if ":" in to else e.link.ipv4, to, args.count)
    while args.stay and s.id in e.sessions and not e.leave:
        endpoint_turn(e)
    if s.id in e.sessions:
        link_ask(e.link, "session.close", {"session": s.id, "reason": "done"})
        s.over = "done"
        session_close(s, True)
    endpoint_close(e)


def cmd_hello(args):
    identity = identity_load(args.state)
    link = control_open(identity, [])
    if uri_parts(identity.uri)[1] == "user":
        say("devices", **link_ask(link, "device.list", {}))
    inner_close(link.inner)


def cmd_renew(args):
    identity = identity_load(args.state)
    inner = inner_new(any_url(identity.urls, "/v1/control"), "farlan-control/1", False, identity)
    inner_wait_up(inner)
    check_access(inner, identity)
    csr = with_files(
        [identity.key], lambda k: openssl("req", "-new", "-key", k, "-subj", "/CN=peer", "-outform", "DER")
    )
    link = link_new(inner, MESSAGE_MAX)
    ask_time(link, identity.ca, uri_parts(identity.uri)[0])
    answer = link_ask(link, "identity.renew", {"csr": b64(csr)})
    need(answer["uri"] == identity.uri, "somebody else's certificate")
    check_answer(answer, identity.ca, identity.key)
    identity_save(args.state, identity.key, answer)
    inner_close(inner)
    say("renewed", links=len(answer["links"]), former_cas=len(answer["former_cas"]))


def cmd_get(args):
    u = urllib.parse.urlsplit(args.url)
    o = outer_dial(u.hostname, u.port or 443, True)
    o.engine.tls.write(f"GET {u.path} HTTP/1.1\r\nHost: {u.netloc}\r\nConnection: close\r\n\r\n".encode())
    outer_flush(o)
    line, _ = outer_head(o)
    while not o.ended:
        outer_receive(o)
    say("answer", status=int(line.split()[1]), body=o.raw.decode())


def cmd_ask(args):
    print(json.dumps(ask_local(args.socket, args.method, json.loads(args.params)), indent=1))


def cmd_invitation(_args):
    i = invitation_parse(sys.stdin.read())
    print(json.dumps({"kind": i.kind, "ca_sha256": i.ca_sha256.hex(), "expires": i.expires, "urls": i.urls}))


# --- relay token (section 5) ---


def pae(*pieces):
    """PASETO's pre-authentication encoding."""
    data = struct.pack("<Q", len(pieces))
    for piece in pieces:
        data += struct.pack("<Q", len(piece)) + piece
    return data


def token_parse(text, public):
    """(claims, footer) if the signature is good."""
    version, purpose, body, footer = text.strip().split(".")
    need((version, purpose) == ("v4", "public"), "not a token of this version")
    raw, footer = unb64url(body), unb64url(footer)
    message, signature = raw[:-64], raw[-64:]
    signed = pae(b"v4.public.", message, footer, b"")
    verify = ("pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER")
    with_files(
        [ED_PUBLIC + public, signature, signed],
        lambda k, s, m: openssl(*verify, "-inkey", k, "-sigfile", s, "-in", m),
    )
    footer = json.loads(footer)
    need(footer["kid"] == hashlib.sha256(public).hexdigest()[:16], "another key's token")
    return json.loads(message), footer


def token_make(claims, secret):
    private = ED_PRIVATE + secret
    public = with_files(
        [private], lambda k: openssl("pkey", "-inform", "DER", "-in", k, "-pubout", "-outform", "DER")
    )[len(ED_PUBLIC) :]
    message = json.dumps(claims, separators=(",", ":")).encode()
    footer = json.dumps({"kid": hashlib.sha256(public).hexdigest()[:16]}, separators=(",", ":")).encode()
    sign = ("pkeyutl", "-sign", "-rawin", "-keyform", "DER")
    signature = with_files(
        [private, pae(b"v4.public.", message, footer, b"")], lambda k, m: openssl(*sign, "-inkey", k, "-in", m)
    )
    return "v4.public." + b64url(message + signature) + "." + b64url(footer), public


def cmd_token(args):
    claims, footer = token_parse(sys.stdin.read(), unb64(args.key))
    print(json.dumps({"claims": claims, "footer": footer}))


def cmd_example_token(_args):
    claims = {
        "sub": "00112233445566778899aabbccddeeff",
        "role": "manager",
        "aud": "farlan://lab/relay/0123456789abcdef0123456789abcdef",
        "iat": "2026-11-20T10:00:00Z",
        "exp": "2026-11-20T18:00:00Z",
    }
    token, public = token_make(claims, RFC8032_SECRET)
    print(json.dumps({"token": token, "public": b64(public)}))


# --- command line ---


def main():
    global odd, trace_file
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--odd", action="store_true")
    parser.add_argument("--trace")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, call in (
        ("enrol", cmd_enrol),
        ("login", cmd_login),
        ("device", cmd_device),
        ("manager", cmd_manager),
        ("hello", cmd_hello),
        ("renew", cmd_renew),
    ):
        p = commands.add_parser(name)
        p.set_defaults(call=call)
        p.add_argument("--state", required=True)
        if name == "login":
            p.add_argument("--user")
        if name == "manager":
            p.add_argument("--count", type=int, default=3)
            p.add_argument("--lan", action="append", default=[])
            p.add_argument("--stay", action="store_true")
            p.add_argument("peer")
            p.add_argument("address", nargs="*")
    p = commands.add_parser("ask")
    p.set_defaults(call=cmd_ask)
    p.add_argument("--socket", required=True)
    p.add_argument("method")
    p.add_argument("params", nargs="?", default="{}")
    p = commands.add_parser("get")
    p.set_defaults(call=cmd_get)
    p.add_argument("url")
    commands.add_parser("invitation").set_defaults(call=cmd_invitation)
    p = commands.add_parser("token")
    p.set_defaults(call=cmd_token)
    p.add_argument("--key", required=True)
    commands.add_parser("example-token").set_defaults(call=cmd_example_token)
    args = parser.parse_args()
    odd = args.odd
    if args.trace:
        trace_file = open(args.trace, "a", encoding="utf-8")
    try:
        args.call(args)
    except (ValueError, Refused, OSError) as e:
        print(f"peer.py: {e}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
