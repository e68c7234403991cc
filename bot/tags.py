"""What may a tag be? A key, and a value that may be empty. The same check for every door.

Source: https://developer.hashicorp.com/terraform/cloud-docs/workspaces/tags
"""

import re
from collections.abc import Mapping

from bot.errors import Refused

LONGEST_VALUE = 256  # characters
MOST_TAGS = 100  # of one workspace or project

# A comma would end a key in `search[tags]`.
_KEY = re.compile(r"[A-Za-z0-9]([A-Za-z0-9 _.:=+@/-]{0,253}[A-Za-z0-9])?")
_UNFIT_FOR_VALUE = re.compile(r"[\x00-\x1f\x7f]")


def check_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Key → value, with surrounding blanks taken off. Raises Refused naming what does not fit."""
    fitting: dict[str, str] = {}
    for key, value in tags.items():
        bare = key.strip()
        if not _KEY.fullmatch(bare):
            raise Refused(
                "a tag has 1 to 255 letters, digits, blanks or - _ . : = + @ /, and a letter or digit at each end"
            )
        if len(value) > LONGEST_VALUE or _UNFIT_FOR_VALUE.search(value):
            raise Refused(f"a tag's value has at most {LONGEST_VALUE} printable characters")
        fitting[bare] = value.strip()
    if len(fitting) > MOST_TAGS:
        raise Refused(f"there are at most {MOST_TAGS} tags")
    return fitting
