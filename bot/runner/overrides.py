"""How does a run's state come to us, whatever backend the configuration declares? By an override file that wins.

Terraform merges override files in the order of their names and the last `backend` or `cloud` block counts:
https://developer.hashicorp.com/terraform/language/files/override. So ours must be the last. OpenTofu prefers
`NAME.tofu` over `NAME.tf`: https://opentofu.org/docs/language/files/.
"""

import os
from pathlib import Path

from bot.errors import Refused
from bot.runner.trees import remove
from bot.runner.unpacking import shown

SUFFIXES = (".tofu.json", ".tofu", ".tf.json", ".tf")
_OF_TERRAFORM = (".tf.json", ".tf")
STEMS = ("zzzz_runlock", "zzzzzzzzzzzz_runlock", "~~~~_runlock")
# What would be taken for a state, or for one to be moved into ours, if a commit brought it along.
STATE_NAMES = ("terraform.tfstate", "terraform.tfstate.backup", "terraform.tfstate.d", "errored.tfstate")


def redirect_state(folder: Path, content: bytes, *, restored: bool = False) -> list[str]:
    """Make the working directory `folder` use the backend of `content`. Returns what a person should know about it.

    `restored`: the folder comes from an earlier stage of the same run, so a file of our name is ours.
    """
    notes = _set_aside_states(folder)
    for ours in STEMS if restored else ():
        remove_any(folder / f"{ours}_override.tf.json")
    names = sorted((name for name in os.listdir(folder) if is_override(name)), key=os.fsencode)
    stem = next((stem for stem in STEMS if all(_beats(stem, name) for name in names)), None)
    if stem is None:
        stem = STEMS[-1]
        for name in [name for name in names if not _beats(stem, name)]:
            remove_any(folder / name)
            notes.append(f"The committed file {shown(name)} was set aside: it would overrule where the state goes.")
    path = folder / f"{stem}_override.tf.json"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644), "wb") as file:
        file.write(content)
    return notes


def _set_aside_states(folder: Path) -> list[str]:
    notes = []
    for name in STATE_NAMES:
        if os.path.lexists(folder / name):
            remove_any(folder / name)
            notes.append(f"The committed {name} was set aside: the state of this workspace is kept by Runlock.")
    return notes


def check_has_configuration(folder: Path, *, is_tofu: bool) -> None:
    """Raises Refused for a working directory without configuration files.

    To the engine, nothing configured means that everything is to go, and our own override file would hide from it
    that there is nothing. Files whose names begin with a point are none of its own.
    """
    suffixes = SUFFIXES if is_tofu else _OF_TERRAFORM
    if not any(name.endswith(suffixes) and not name.startswith(".") for name in os.listdir(folder)):
        raise Refused(
            "there are no configuration files in the working directory, and a plan of none would destroy everything: "
            "correct the workspace's working-directory, or start a run that destroys"
        )


def is_override(name: str) -> bool:
    """Whether an engine reads a file of this name as an override file."""
    stem = _without_suffix(name)
    return stem is not None and (stem == "override" or stem.endswith("_override"))


def _beats(stem: str, name: str) -> bool:
    """Whether our file is read after `name`, in the order of bytes, and isn't replaced by its OpenTofu twin."""
    ours = f"{stem}_override"
    return os.fsencode(name) < os.fsencode(ours) and _without_suffix(name) != ours


def _without_suffix(name: str) -> str | None:
    return next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), None)


def remove_any(path: Path) -> None:
    """Remove a file, a symlink (not what it points to) or a folder."""
    if path.is_dir() and not path.is_symlink():
        remove(path)
    else:
        path.unlink(missing_ok=True)
