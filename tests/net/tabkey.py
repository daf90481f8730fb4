#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types into a shell on a terminal of its own, as somebody would, and waits for what it shows.

    tabkey.py SHELL SETUP KEYS WANT...

SETUP is a line that is run first. Then KEYS are typed, where \\t is the tab key; each WANT has to be shown after that.
Ends with 1 if one is not shown in 20 seconds.
"""
import os
import pty
import re
import select
import sys
import time

READY = "rea" + "dy-to-type"


def looks(shown):
    """Without what moves and colours; a backspace takes a character away."""
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r|\x07", "", shown)
    while re.search(r"[^\x08]\x08", shown):
        shown = re.sub(r"[^\x08]\x08", "", shown, count=1)
    return shown


def main():
    shell, setup, keys, wanted = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
    command = {
        "bash": ["bash", "--norc", "--noprofile", "-i"],
        "zsh": ["zsh", "-f", "-i"],
    }[shell]
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="dumb", PS1="$ ", LC_ALL="C.UTF-8")
        os.execvp(command[0], command)
    shown = ""
    deadline = time.monotonic() + 20

    def send(text):
        os.write(fd, text.encode())

    def wait_for(text):
        nonlocal shown
        while text not in looks(shown):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                return False
            try:
                shown += os.read(fd, 65536).decode(errors="replace")
            except OSError:
                return False
        return True

    send(f"{setup}; echo rea''dy-to-type\n")
    ok = wait_for(READY)
    shown = ""
    if ok:
        send(keys.replace("\\t", "\t"))
        ok = all(wait_for(text) for text in wanted)
    if not ok:
        sys.stderr.write(f"shown: {shown!r}\n")
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    sys.exit(0 if ok else 1)


main()
