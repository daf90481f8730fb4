#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""talk - both ends of conversations through the tunnel, checked to the byte.

talk serve PORT             TCP and UDP, IPv4 and IPv6; tells when it is ready
talk tcp HOST PORT          one line there and back
talk udp HOST PORT BYTES    one datagram of that size there and back; three tries
talk closed HOST PORT       datagrams; the host has to say that nobody is there
talk put HOST PORT BYTES    random bytes there; their SHA-256 has to come back
talk get HOST PORT BYTES    random bytes from there, with their SHA-256
talk hold HOST PORT SECONDS one TCP connection, a line every 50 ms; prints the number of lines and
                            the longest wait for an answer in milliseconds; SIGTERM ends it early
talk follow tcp|udp HOST PORT asks once; what is pushed then, every 50 ms, is numbered on stdout
Exit status 0: everything was right.
"""
import hashlib
import os
import signal
import socket
import sys
import threading
import time

WAIT_S = 20


def addresses(host, port, kind):
    return socket.getaddrinfo(host, port, type=kind)[0]


def dial(host, port):
    family, kind, _, _, address = addresses(host, port, socket.SOCK_STREAM)
    s = socket.socket(family, kind)
    s.settimeout(WAIT_S)
    s.connect(address)
    return s


def receive(f, n, digest):
    while n > 0:
        part = f.read(min(n, 1 << 16))
        if not part:
            raise EOFError("the connection ended early")
        digest.update(part)
        n -= len(part)
    return digest.hexdigest()


def send(s, n, digest):
    while n > 0:
        part = os.urandom(min(n, 1 << 16))
        digest.update(part)
        s.sendall(part)
        n -= len(part)
    return digest.hexdigest()


# --- the server ---


PUSHES, PUSH_S = 500, 0.05


def push(send_one):
    for i in range(PUSHES):
        send_one(b"%d\n" % i)
        time.sleep(PUSH_S)


def converse(s):
    with s, s.makefile("rb") as f:
        for line in f:
            words = line.split()
            if words[:1] == [b"put"]:
                s.sendall(receive(f, int(words[1]), hashlib.sha256()).encode() + b"\n")
            elif words[:1] == [b"get"]:
                s.sendall(send(s, int(words[1]), hashlib.sha256()).encode() + b"\n")
            elif words[:1] == [b"push"]:
                push(s.sendall)
            else:
                s.sendall(line)


def quietly(f, *args):
    try:
        f(*args)
    except OSError:
        pass  # the other end went away


def accept(s):
    while True:
        threading.Thread(target=quietly, args=(converse, s.accept()[0]), daemon=True).start()


def reflect(s):
    while True:
        data, address = s.recvfrom(65535)
        if data == b"push\n":
            threading.Thread(target=quietly, args=(push, lambda b, a=address: s.sendto(b, a)),
                             daemon=True).start()
        else:
            quietly(s.sendto, data, address)


def serve(port):
    for family, any_address in (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"):
        for kind, act in (socket.SOCK_STREAM, accept), (socket.SOCK_DGRAM, reflect):
            s = socket.socket(family, kind)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            if family == socket.AF_INET6:
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            s.bind((any_address, port))
            if kind == socket.SOCK_STREAM:
                s.listen()
            threading.Thread(target=act, args=(s,), daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


# --- the clients ---


def tcp(host, port):
    with dial(host, port) as s, s.makefile("rb") as f:
        s.sendall(b"Is anybody there?\n")
        return f.readline() == b"Is anybody there?\n"


def udp(host, port, n):
    family, kind, _, _, address = addresses(host, port, socket.SOCK_DGRAM)
    data = os.urandom(n)
    with socket.socket(family, kind) as s:
        s.settimeout(1)
        s.connect(address)
        for _ in range(3):  # the first ones may only find out the path's MTU
            try:
                s.send(data)
                return s.recv(65535) == data
            except (socket.timeout, OSError):
                pass
        return False


def closed(host, port):
    family, kind, _, _, address = addresses(host, port, socket.SOCK_DGRAM)
    with socket.socket(family, kind) as s:
        s.settimeout(3)
        s.connect(address)
        for _ in range(5):  # kernels say such things only so often
            try:
                s.send(b"Is anybody there?\n")
                s.recv(100)
            except ConnectionRefusedError:
                return True
            except socket.timeout:
                pass
    return False


def put(host, port, n):
    with dial(host, port) as s, s.makefile("rb") as f:
        s.sendall(b"put %d\n" % n)
        return send(s, n, hashlib.sha256()).encode() == f.readline().strip()


def get(host, port, n):
    with dial(host, port) as s, s.makefile("rb") as f:
        s.sendall(b"get %d\n" % n)
        return receive(f, n, hashlib.sha256()).encode() == f.readline().strip()


def hold(host, port, seconds):
    lines, longest, end = 0, 0.0, time.monotonic() + seconds
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    with dial(host, port) as s, s.makefile("rb") as f:
        s.settimeout(60)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print("holding", file=sys.stderr, flush=True)
        while time.monotonic() < end and not stop:
            line, begin = b"line %d\n" % lines, time.monotonic()
            s.sendall(line)
            if f.readline() != line:
                return False
            lines, longest = lines + 1, max(longest, time.monotonic() - begin)
            time.sleep(0.05)
    print(lines, int(longest * 1000), flush=True)
    return True


def follow(how, host, port):
    kind = socket.SOCK_STREAM if how == "tcp" else socket.SOCK_DGRAM
    family, _, _, _, address = addresses(host, port, kind)
    with socket.socket(family, kind) as s:
        s.settimeout(WAIT_S)
        s.connect(address)
        s.sendall(b"push\n")
        with s.makefile("rb") as f:
            for line in f:
                print(line.decode().strip(), flush=True)
                if int(line) == PUSHES - 1:
                    return True
    return False


def main():
    verbs = {"serve": serve, "tcp": tcp, "udp": udp, "closed": closed, "put": put, "get": get,
             "hold": hold, "follow": follow}
    if len(sys.argv) < 3 or sys.argv[1] not in verbs:
        sys.exit(__doc__)
    names = {"serve": 0, "follow": 2}.get(sys.argv[1], 1)
    args = [a if i < names else int(a) for i, a in enumerate(sys.argv[2:])]
    try:
        sys.exit(0 if verbs[sys.argv[1]](*args) else "talk: not what was expected")
    except (OSError, EOFError) as e:
        sys.exit("talk: %s: %s" % (" ".join(sys.argv[1:]), e))


main()
