"""Who is the same person, however a table spells the subject and whichever release shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import MappingProxyType

# Releases that show the same volunteers under the same numbers.
FAMILIES = MappingProxyType(
    {
        "smic-hs": "smic",
        "smic-vis": "smic",
        "smic-nir": "smic",
        "smic-hs-long": "smic",
        "samm-lv": "samm",
    }
)
_NUMBERED = re.compile(r"(?:subject|sub|spno\.?|s)?[-_ ]?0*(\d+)", re.IGNORECASE)


def person(group: str) -> str:
    """One name for one person.

    Parameters
    ----------
    group : str
        ``dataset/subject`` as :meth:`merkit.clips.ClipTable.groups` gives it, or a bare subject.

    Returns
    -------
    str
        Equal for spellings of one number (``sub01``, ``s1``, ``1``) and for releases that share their
        volunteers; people of unrelated datasets stay apart.

    Examples
    --------
    >>> person("samm/006") == person("samm-lv/6"), person("casme2/sub01") == person("smic-hs/s1")
    (True, False)
    """
    dataset, _, subject = (part.strip() for part in str(group).rpartition("/"))
    numbered = _NUMBERED.fullmatch(subject)
    # Not int(): a number of any length stays text.
    name = numbered.group(1) if numbered else subject.casefold()
    family = FAMILIES.get(dataset.casefold(), dataset.casefold())
    return f"{family}/{name}" if family else name


def people(groups: Iterable[object]) -> frozenset[str]:
    """The persons behind many groups.

    Examples
    --------
    >>> sorted(people(["smic/s01", "smic-hs/1", "samm/007"]))
    ['samm/7', 'smic/1']
    """
    return frozenset(person(str(group)) for group in groups)
