"""What does a push into a plain Git repository tell Runlock, and what does the pusher see?

This file is copied into the repository's hooks folder by `runlock connect git PATH` and runs there by itself: Python's
standard library only, nothing of Runlock's, Python 3.7 or later. Git starts it after the push is done
(https://git-scm.com/docs/githooks#post-receive); what it prints reaches the pusher as `remote:` lines. It never fails
the push, and waits for the server for a minute at most.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import hmac
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from typing import BinaryIO

LONGEST_SECONDS = 60.0  # nobody waits longer for a push to come back
EXTRA_SECONDS = 5.0  # after them, whatever is still waited for is broken off
GIT_SECONDS = 20.0  # for one question
POLL_SECONDS = 0.5
REQUEST_SECONDS = 10.0
LARGEST_ANSWER = 1024 * 1024  # bytes
MOST_LINES = 500
LONGEST_LINE = 500  # characters
NO_COMMIT = re.compile(r"0+")
UNFIT = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u200b-\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")
AND_NOW = "the push is safe and will be picked up by the next reconcile"


class CannotTell(Exception):
    """Why Runlock doesn't know of the push, as a sentence for the pusher."""


def main() -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    try:
        with broken_off_after(LONGEST_SECONDS + EXTRA_SECONDS):
            url, secret, repository = read_settings(sys.argv[1])
            updates = read_updates(sys.stdin.buffer)
            if updates:
                payload = {"event": "push", "repository": repository, "updates": updates, **describe_repository()}
                follow(url, secret, deliver(url, secret, payload, deadline), deadline)
    except CannotTell as reason:
        say(f"{reason}; {AND_NOW}")


@contextlib.contextmanager
def broken_off_after(seconds: float) -> Iterator[None]:
    """Whatever is being waited for then: a name that isn't found, an answer that trickles."""

    def give_up(*_: object) -> None:
        raise CannotTell("Runlock took too long")

    signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def read_settings(path: str) -> tuple[str, str, str]:
    try:
        with open(path, encoding="utf-8") as file:
            settings = json.load(file)
        return str(settings["url"]), str(settings["secret"]), str(settings["repository"])
    except (OSError, ValueError, KeyError, TypeError):
        raise CannotTell(f"Runlock's hook can't read its settings ({os.path.basename(path)})") from None


def read_updates(stream: BinaryIO) -> list[dict[str, object]]:
    """The refs that moved, from Git's `old new ref` lines. A ref that isn't UTF-8 can't be told and is left out."""
    updates = []
    for line in stream.read().splitlines():
        old, new, ref = line.split(b" ", 2)
        try:
            updates.append(describe_update(old.decode(), new.decode(), ref.decode()))
        except UnicodeDecodeError:
            say("Runlock leaves out a ref whose name isn't UTF-8")
    return updates


def describe_update(before: str, after: str, ref: str) -> dict[str, object]:
    moved = not NO_COMMIT.fullmatch(before) and not NO_COMMIT.fullmatch(after)
    is_branch = ref.startswith("refs/heads/")
    forced = moved and is_branch and git("merge-base", "--is-ancestor", before, after) is None
    commit = after if is_branch or NO_COMMIT.fullmatch(after) else git("rev-parse", "--verify", after + "^{commit}")
    return {"before": before, "after": after, "ref": ref, "forced": forced, "commit": commit or ""}


def describe_repository() -> dict[str, object]:
    head = git("symbolic-ref", "HEAD") or ""
    return {"default_branch": head[len("refs/heads/") :] if head.startswith("refs/heads/") else "", "pusher": pusher()}


def pusher() -> str:
    """Who pushed: as gitolite, GitLab's shell or a web server say, else the user of this process."""
    for name in ("GL_USER", "GL_USERNAME", "REMOTE_USER"):
        if os.environ.get(name):
            return clean(os.environ[name])
    try:
        return clean(getpass.getuser())
    except (KeyError, OSError, ImportError):
        return ""


def git(*arguments: str) -> str | None:
    """Git's answer, or None if it is no. The environment is the one that Git gave the hook."""
    try:
        done = subprocess.run(
            ("git", *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=GIT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise CannotTell("Runlock's hook had no answer from git in time") from None
    except OSError:
        raise CannotTell("Runlock's hook can't run git") from None
    return None if done.returncode else done.stdout.decode("utf-8", "replace").strip()


def deliver(url: str, secret: str, payload: dict[str, object], deadline: float) -> dict[str, object]:
    body = json.dumps(payload).encode()
    headers = {
        "Content-Type": "application/json",
        "X-Runlock-Event": "push",
        "X-Runlock-Delivery": str(uuid.uuid4()),
        "X-Runlock-Signature-256": sign(secret, body),
    }
    return ask(urllib.request.Request(url, data=body, headers=headers, method="POST"), deadline)


def sign(secret: str, message: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def follow(url: str, secret: str, answer: dict[str, object], deadline: float) -> None:
    """Print what Runlock does with the push, line by line, until it is done or the time is over."""
    path = answer.get("follow")
    if not isinstance(path, str) or not re.fullmatch(r"/webhooks/[A-Za-z0-9/_.-]+", path):
        if isinstance(answer.get("reason"), str):
            say("Runlock: {}".format(answer["reason"]))
        return
    # Only ever the place that the delivery went to, whatever the answer says.
    address = url[: url.rindex("/webhooks/")] + path
    headers = {"X-Runlock-Signature-256": sign(secret, path.encode())}
    printed = 0
    while True:
        progress = ask(urllib.request.Request(address, headers=headers), deadline)
        lines = progress.get("lines")
        for line in lines[printed:MOST_LINES] if isinstance(lines, list) else ():
            say(str(line))
            printed += 1
        if progress.get("done") is True:
            return
        if time.monotonic() + POLL_SECONDS >= deadline:
            say("Runlock goes on with it; this push needn't wait")
            return
        time.sleep(POLL_SECONDS)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A signature is for one address; where a redirect leads is not for us to trust."""

    def redirect_request(self, *arguments: object, **named: object) -> None:  # noqa: ARG002
        return None


def ask(request: urllib.request.Request, deadline: float) -> dict[str, object]:
    """The JSON object that Runlock answers. Raises CannotTell, whatever went wrong."""
    host = urllib.parse.urlsplit(request.full_url).hostname or ""
    is_here = host == "localhost" or host == "::1" or host.startswith("127.")
    proxies = [urllib.request.ProxyHandler({})] if is_here else []
    opener = urllib.request.build_opener(NoRedirect, *proxies)
    patience = max(0.1, min(REQUEST_SECONDS, deadline - time.monotonic()))
    try:
        with opener.open(request, timeout=patience) as response:
            answer = json.loads(response.read(LARGEST_ANSWER).decode("utf-8"))
    except urllib.error.HTTPError as error:
        error.close()
        raise CannotTell(f"Runlock answered {error.code}") from None
    except (OSError, http.client.HTTPException):
        raise CannotTell("Runlock can't be reached") from None
    except ValueError:
        raise CannotTell("Runlock's answer can't be read") from None
    if not isinstance(answer, dict):
        raise CannotTell("Runlock's answer can't be read")
    return answer


def clean(text: str) -> str:
    return UNFIT.sub("?", text)[:LONGEST_LINE]


def say(line: str) -> None:
    """One line to the pusher, whatever their terminal's encoding; nothing in it can steer the terminal."""
    sys.stdout.buffer.write(clean(line).encode("utf-8") + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:  # the pusher went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
