"""As whom does the embedded runner run? Where the server is root, as a user of its own, who owns nothing else."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

RUNNER_UID = 64_711  # nobody's: engines that break out of their sandbox meet no other process of this user
TRIAL_SECONDS = 120  # the sandbox's own trials have limits of half a minute each
# What a runner may know of the server's environment: its own settings, and how to reach the network.
PASSED_ON = (
    *("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("RUNLOCK_RUNNER_NAME", "RUNLOCK_RUNNER_CONCURRENCY", "RUNLOCK_SANDBOX", "RUNLOCK_ENGINES"),
    *("RUNLOCK_ENGINE_RELEASES", "RUNLOCK_ENGINE_KEYS", "RUNLOCK_TOFU_RELEASES", "RUNLOCK_TOFU_INDEX"),
    *("RUNLOCK_PLUGINS", "RUNLOCK_QUEUE", "RUNLOCK_RESULT_PATIENCE_SECONDS", "RUNLOCK_GRACE_SECONDS"),
    *("RUNLOCK_ENGINE_FILE_MEGABYTES", "RUNLOCK_ENGINE_OPEN_FILES", "RUNLOCK_ENGINE_PROCESSES"),
    *("RUNLOCK_ENGINE_MEMORY_MEGABYTES", "RUNLOCK_ENGINE_TMP_MEGABYTES", "RUNLOCK_LEAST_FREE_MEGABYTES"),
)


def runner_environment(environment: Mapping[str, str], *, address: str, data: Path, pool_token: str) -> dict[str, str]:
    """What the embedded runner is started with: none of the server's secrets but its pool's token."""
    known = {name: environment[name] for name in PASSED_ON if name in environment}
    return {
        **known,
        "HOME": str(data / "runner"),
        "RUNLOCK_ADDRESS": address,
        "RUNLOCK_DATA": str(data),
        "RUNLOCK_RUNNER_POOL_TOKEN": pool_token,
    }


def own_user(folder: Path, environment: Mapping[str, str]) -> tuple[int | None, str]:
    """The uid to run the runner as, or None for the server's own user, with a sentence that says why.

    `folder` is given to that user. The trial starts this interpreter as that user and makes it build a sandbox.
    """
    if os.geteuid() != 0:
        return None, "the runner runs as this user, who is not root"
    _give(folder, RUNNER_UID)
    trial = "import os, sys; from bot.runner.sandbox import find_sandbox; from bot.runner.settings import SandboxMode"
    check = f"{trial}; find_sandbox(SandboxMode(sys.argv[1])); sys.exit(not os.access(sys.argv[2], os.W_OK))"
    mode = environment.get("RUNLOCK_SANDBOX") or "auto"
    try:
        tried = subprocess.run(
            [sys.executable, "-c", check, mode, str(folder)],
            user=RUNNER_UID,
            group=RUNNER_UID,
            extra_groups=[],
            env=dict(environment),
            cwd="/",
            capture_output=True,
            check=False,
            timeout=TRIAL_SECONDS,
        )
    except (PermissionError, subprocess.TimeoutExpired):
        tried = None  # the interpreter lies in a folder that only root may enter, or on a disk that doesn't answer
    if tried is not None and tried.returncode == 0:
        return RUNNER_UID, f"the runner runs as a user of its own ({RUNNER_UID})"
    _give(folder, 0)
    return None, "the runner runs as root: a user of its own can't reach Python, the data folder or a sandbox here"


def _give(folder: Path, uid: int) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, uid, follow_symlinks=False)
