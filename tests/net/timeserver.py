#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""timeserver.py PORT=MANNER... - time servers (RFC 5905) on all addresses, each with a manner of its own:

  good           says what time it is
  YEAR           says that it is the first of January of YEAR, and time goes on from there
  kiss-CODE      a kiss of death
  kiss-forged    the same, as somebody sends it who has not seen the question
  origin         an answer to another question
  zero           stratum 0, and no word
  unsure         says that it does not know
  client         answers like a client
  short, empty   the beginning of an answer
  mute           nothing

On standard output "listening PID", then a line for each question: MANNER and the question in hex.
"""
import calendar
import os
import select
import socket
import struct
import sys
import time

UNIX_IN_NTP = 2208988800
began = time.time()


def stamp(seconds):
    return int((seconds + UNIX_IN_NTP) * (1 << 32)) % (1 << 64)


def answer(manner, question):
    now, first, stratum, name = time.time(), 0x24, 2, b"\x7f\0\0\1"
    origin = struct.unpack(">Q", question[40:48])[0]
    if manner.isdigit():
        now = calendar.timegm((int(manner), 1, 1, 0, 0, 0)) + now - began
    elif manner.startswith("kiss-"):
        first, stratum, name = 0xE4, 0, manner[5:9].encode()
    elif manner == "zero":
        stratum, name = 0, bytes(4)
    elif manner == "unsure":
        first, stratum, name = 0xE4, 16, b"INIT"
    elif manner == "client":
        first = 0x23
    if manner in ("origin", "kiss-forged"):
        origin = struct.unpack(">Q", os.urandom(8))[0]
    if manner == "kiss-forged":
        name = b"DENY"
    at = stamp(now)
    reply = struct.pack(">BBbbII4sQQQQ", first, stratum, 6, -20, 0x400, 0x400, name, at, origin, at, at)
    return {"short": reply[:44], "empty": b"", "mute": None}.get(manner, reply)


def main():
    socks = {}
    for word in sys.argv[1:]:
        port, manner = word.split("=", 1)
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(("::", int(port)))
        socks[sock] = manner
    print("listening", os.getpid(), flush=True)
    while True:
        for sock in select.select(list(socks), [], [])[0]:
            question, source = sock.recvfrom(2048)
            print(socks[sock], question.hex(), flush=True)
            reply = answer(socks[sock], question)
            if reply is not None:
                sock.sendto(reply, source)


main()
