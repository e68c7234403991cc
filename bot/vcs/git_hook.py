"""How does Runlock's hook get into a plain Git repository, beside whatever hook is there already?"""

import json
import os
import re
import shlex
import sys
from pathlib import Path

import git
from git.exc import InvalidGitRepositoryError, NoSuchPathError

from bot.errors import Refused
from bot.vcs import post_receive
from bot.vcs.archive import replacing

HOOK = "post-receive"
BEFORE = "post-receive.before-runlock"  # the hook that was there, called first
PROGRAM = "runlock-post-receive.py"
SETTINGS = "runlock-hook.json"
_MARK = "# Installed by `runlock connect git`."

# The pusher never sees a traceback, and the push never waits for a program that isn't there.
_SCRIPT = f"""#!/bin/sh
{_MARK} To remove it, delete this file, {PROGRAM} and ../{SETTINGS}.
hooks=$(dirname "$0")
updates=$(cat; echo .)
updates=${{updates%.}}
if [ -x "$hooks/{BEFORE}" ]; then
    printf '%s' "$updates" | "$hooks/{BEFORE}" "$@"
fi
and_now='{post_receive.AND_NOW}'
for python in @PYTHON@ python3 /usr/bin/python3; do
    command -v "$python" >/dev/null 2>&1 || continue
    exec 3>&1
    if ! error=$(printf '%s' "$updates" | "$python" -I "$hooks/{PROGRAM}" @SETTINGS@ 2>&1 1>&3); then
        why=$(printf '%s' "$error" | tail -n 1 | tr -d '\\000-\\037')
        printf "Runlock's hook failed (%s); %s\\n" "$why" "$and_now"
    fi
    exit 0
done
printf "Runlock's hook needs python3, which isn't here; %s\\n" "$and_now"
exit 0
"""


def open_repository(path: str) -> git.Repo:
    """The plain repository at exactly this absolute path. The caller closes it.

    Raises Refused for anything else, a folder inside a repository included.
    """
    if not path.startswith("/") or re.search(r"[\x00-\x1f\x7f]", path):
        raise Refused("a plain Git repository is named by its absolute path on this machine")
    try:
        # GitPython would expand `$NAME` in the path and look at GIT_DIR if we let it.
        return git.Repo(os.path.realpath(path), expand_vars=False, search_parent_directories=False)
    except NoSuchPathError as error:
        raise Refused(f"there is no folder {path}") from error
    except InvalidGitRepositoryError as error:
        raise Refused(f"{path} isn't a Git repository; make one with `git init --bare {shlex.quote(path)}`") from error
    except PermissionError as error:
        raise Refused(f"the user of this process may not read {path}") from error


def install_hook(repository: Path, url: str, secret: str) -> None:
    """Make every push into the repository send a delivery to `url`, signed with `secret`.

    Installing again replaces our own hook only. A hook that is there is kept as `post-receive.before-runlock` and
    called first, with the same input. The secret is kept in the repository's Git folder, readable for its owner only.
    Raises Refused, with nothing changed, where that can't be done.
    """
    with open_repository(str(repository)) as repo:
        folder = Path(repo.common_dir).resolve()
        hooks = _hooks_folder(repo, folder)
    try:
        hooks.mkdir(exist_ok=True)
        _keep_existing(hooks)
        owner = folder.stat()
        settings = folder / SETTINGS
        content = {"url": url, "secret": secret, "repository": os.path.realpath(repository)}
        _write(settings, json.dumps(content) + "\n", 0o600, owner)
        _write(hooks / PROGRAM, Path(post_receive.__file__).read_text(encoding="utf-8"), 0o644, owner)
        _write(hooks / HOOK, _script(settings), 0o755, owner)
    except PermissionError as error:
        raise Refused(f"the user of this process may not write into {folder}") from error


def _script(settings: Path) -> str:
    # The interpreter beneath our virtual environment: the environment may be moved or deleted.
    python = getattr(sys, "_base_executable", None) or sys.executable
    return _SCRIPT.replace("@PYTHON@", shlex.quote(python)).replace("@SETTINGS@", shlex.quote(str(settings)))


def _hooks_folder(repo: git.Repo, folder: Path) -> Path:
    """Where Git looks for this repository's hooks (core.hooksPath). Raises Refused if others share that folder."""
    path = str(repo.config_reader().get_value("core", "hooksPath", default="hooks"))
    hooks = (folder / os.path.expanduser(path)).resolve()  # as Git reads it
    if not hooks.is_relative_to(folder):
        raise Refused(f"the hooks of {folder} are in {hooks} (core.hooksPath); unset that for this repository first")
    return hooks


def _keep_existing(hooks: Path) -> None:
    hook, kept = hooks / HOOK, hooks / BEFORE
    if not hook.exists() and not hook.is_symlink():
        return
    if hook.is_file() and _MARK.encode() in hook.read_bytes():
        return
    if kept.exists() or kept.is_symlink():
        raise Refused(f"{hook} isn't Runlock's, and {kept.name} is there already: put both into {kept.name} first")
    hook.rename(kept)


def _write(path: Path, text: str, mode: int, owner: os.stat_result) -> None:
    """The file in one step; for the repository's owner, if root installs it: the hook runs as whoever receives."""
    with replacing(path) as file:
        os.fchmod(file.fileno(), mode)
        if os.geteuid() == 0:
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        file.write(text.encode())
