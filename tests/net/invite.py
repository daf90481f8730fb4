#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""invite CHANGE - change the invitation on standard input as somebody might who has one.

secret   another secret, the check is right
ca       another Access Server's CA, the check is right
url URL  another address, the check is right
damage   one letter in the middle is another
cut      the last third is missing
wrapped  as mail programs do: white space in between; it stays good
show     the secret in hex and in base64, a line each
"""
import base64
import hashlib
import os
import sys


def main():
    text = sys.stdin.read().strip()
    farlan, kind, body = text.split("-", 2)
    head = farlan + "-" + kind
    raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    raw, check = bytearray(raw[:-4]), raw[-4:]
    assert hashlib.sha256(raw).digest()[:4] == check, "not an invitation"
    change = sys.argv[1]
    if change == "secret":
        raw[34:50] = os.urandom(16)
    elif change == "ca":
        raw[2:34] = os.urandom(32)
    elif change == "url":
        url = sys.argv[2].encode()
        raw[54:] = bytes([1, len(url)]) + url
    elif change == "show":
        print(raw[34:50].hex())
        print(base64.b64encode(raw[34:50]).decode())
        return
    raw += hashlib.sha256(raw).digest()[:4]
    text = head + "-" + base64.urlsafe_b64encode(raw).decode().rstrip("=")
    middle = len(text) // 2
    if change == "damage":
        text = text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1 :]
    elif change == "cut":
        text = text[: len(text) * 2 // 3]
    elif change == "wrapped":
        text = "  " + text[:middle] + "\n   " + text[middle:] + " \n"
    print(text)


main()
