#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""foreign KIND PORT [CERTIFICATE] - a server that is not ours, on a port that is.

https      a web site: every request is answered with a page
websocket  HTTPS that upgrades every request to a WebSocket of its own
http       a web site without TLS
ssh        speaks first, and not TLS
silent     takes connections, and says nothing
random     random bytes
tls        random bytes inside TLS
frames     a WebSocket of the right protocol, and frames that are none
inner      the same, and random bytes in its messages
redirect   a login page elsewhere
chunked    a page in chunks
big        an answer with a header of 100 KB
endless    an answer whose head never ends
"""
import base64
import hashlib
import os
import re
import socket
import ssl
import sys
import threading
import time

PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<h1>Hi!</h1>\n"
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def upgrade(request):
    key = re.search(rb"Sec-WebSocket-Key: *(\S+)", request, re.I)
    accept = base64.b64encode(hashlib.sha1((key.group(1) if key else b"") + MAGIC).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n"
    )


def converse(kind, s, context):
    try:
        if kind == "ssh":
            s.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        if kind in ("ssh", "silent"):
            while s.recv(4096):
                pass
            return
        if context:
            s = context.wrap_socket(s, server_side=True)
        request = s.recv(8192)
        if kind in ("frames", "inner"):
            s.sendall(upgrade(request) + b"Sec-WebSocket-Protocol: farlan.1\r\n\r\n")
            s.recv(4096)
        answers = {"https": PAGE, "http": PAGE, "websocket": upgrade(request) + b"\r\n\x81\x05Hello"}
        answers["redirect"] = b"HTTP/1.1 302 Found\r\nLocation: http://login.invalid/\r\nContent-Length: 0\r\n\r\n"
        answers["chunked"] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nd\r\n<h1>Hi!</h1>\n\r\n" + b"0\r\n\r\n"
        answers["big"] = upgrade(request) + b"X-Big: " + b"x" * 100000 + b"\r\n\r\n"
        answers["inner"] = b"".join(b"\x82\x7e\x04\x00" + os.urandom(1024) for _ in range(100))
        while kind == "endless":
            s.sendall((upgrade(request) if request else b"") + b"X-More: 1\r\n")
            request = b""
            time.sleep(0.001)
        s.sendall(answers.get(kind, os.urandom(5000)))
        if kind not in ("https", "http"):
            s.recv(4096)
    except OSError:
        pass
    finally:
        s.close()


def main():
    kind, port = sys.argv[1], int(sys.argv[2])
    context = None
    if kind in ("https", "websocket", "tls", "frames", "inner", "redirect", "chunked", "big", "endless"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3])
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    while True:
        s, _ = listener.accept()
        threading.Thread(target=converse, args=(kind, s, context), daemon=True).start()


main()
