"""How many resources does a state manage? What is deleted with its workspace would be left behind unmanaged."""

import re
from collections.abc import Iterable

from bot.errors import Refused
from bot.state_diff import resources

# A data source's address, below any number of modules; their keys may be any text.
_DATA = re.compile(r'(?:module\.[^.\[]+(?:\[(?:"(?:[^"\\]|\\.)*"|\d+)\])?\.)*data\.')


def count_resources(state: Iterable[bytes]) -> int:
    """Instances of managed resources; data sources don't count. Bytes that are no state count as one."""
    try:
        return sum(_DATA.match(address) is None for address, _ in resources(state))
    except Refused:
        return 1
