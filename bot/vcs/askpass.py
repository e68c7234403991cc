"""How does Git get a credential? From a small program of ours, by environment, and only for the host it is meant for.

Git runs GIT_ASKPASS with the question as its one argument: `Username for 'https://HOST': ` and then
`Password for 'https://USER@HOST': ` (https://git-scm.com/docs/gitcredentials). The credential is in the environment
of that one Git process: never in a URL, an argument, a file or the configuration. After a redirect to another host
Git asks with that host's name; the program answers only the questions that name ours, so nothing leaks there.
"""

import os
from pathlib import Path
from urllib.parse import quote

from bot.vcs.clone_url import CloneUrl, Transport
from bot.vcs.code_host import GitCredential

# POSIX sh, so that it starts in a millisecond and needs nothing installed. Quoted patterns are compared literally,
# and printf is built in: the password is in no argument list.
SCRIPT = """#!/bin/sh
case "$1" in
"$RUNLOCK_ASKPASS_USERNAME_QUESTION") printf '%s\\n' "$RUNLOCK_ASKPASS_USERNAME" ;;
"$RUNLOCK_ASKPASS_PASSWORD_QUESTION" | "$RUNLOCK_ASKPASS_PASSWORD_QUESTION_ENCODED")
    printf '%s\\n' "$RUNLOCK_ASKPASS_PASSWORD" ;;
*) exit 1 ;;
esac
"""
_NAME = "runlock-askpass"


def install(folder: Path) -> Path:
    """Put the program into a folder of ours unless it is there; its path. Mode 0700."""
    program = folder / _NAME
    if _is_installed(program):
        return program
    fresh = folder / f".{_NAME}.{os.getpid()}.{os.urandom(4).hex()}"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700)
    with os.fdopen(descriptor, "w") as script:
        script.write(SCRIPT)
    fresh.replace(program)
    return program


def _is_installed(program: Path) -> bool:
    try:
        return program.read_text() == SCRIPT and os.access(program, os.X_OK)
    except FileNotFoundError:
        return False


def environment(program: Path, url: CloneUrl, credential: GitCredential | None) -> dict[str, str]:
    """What one `git fetch` gets. Nothing unless the URL is http(s) and there is a credential."""
    if credential is None or url.transport is not Transport.HTTP:
        return {}
    scheme, host = url.origin.split("://", 1)
    return {
        "GIT_ASKPASS": str(program),
        "RUNLOCK_ASKPASS_USERNAME": credential.username,
        "RUNLOCK_ASKPASS_PASSWORD": credential.password,
        "RUNLOCK_ASKPASS_USERNAME_QUESTION": f"Username for '{url.origin}': ",
        # Git's versions differ in whether they encode the user name in the question.
        "RUNLOCK_ASKPASS_PASSWORD_QUESTION": f"Password for '{scheme}://{credential.username}@{host}': ",
        "RUNLOCK_ASKPASS_PASSWORD_QUESTION_ENCODED": (
            f"Password for '{scheme}://{quote(credential.username, safe='')}@{host}': "
        ),
    }
