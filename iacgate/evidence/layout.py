"""Where things are in a ledger: the keys of its store.

    genesis.json                         made once, with the ledger
    log/ledger/<number>.json             the ledger's own chain: versions of signed settings
    log/stack-<name>=/<number>.json      one chain for each stack
    evidence/sha256/<digest>             what entries refer to

The number of an entry counts down, so that the newest one comes first in a listing however long a chain is. The ``=``
is in no name, so that none is the beginning of another: some servers of S3 lose keys in listings of such names.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote

from iacgate.errors import EvidenceInvalid
from iacgate.evidence.entry import MAX_SEQUENCE

GENESIS: Final = "genesis.json"
LOG: Final = "log/"
EVIDENCE: Final = "evidence/sha256/"
OWN: Final = "ledger"
"""The chain of the ledger itself."""

_TOP: Final = MAX_SEQUENCE + 1
_NUMBER: Final = re.compile(r"([0-9]{10})\.json", re.ASCII)
_MAX_NAME: Final = 200


def chain_name(stack: str) -> str:
    """Return a stack's name as it stands in keys; for an empty name, that of the ledger's own chain.

    Nothing in a name can lead elsewhere. Raises :class:`EvidenceInvalid` for one that is too long.
    """
    name = (
        f"stack-{quote(stack, safe='', errors='surrogatepass').replace('.', '%2E').replace('~', '%7E')}="
        if stack
        else OWN
    )
    if len(name) > _MAX_NAME:
        raise EvidenceInvalid(f"The stack's name {stack[:50]!r}... is too long.", hint="Shorten it in stacks.yaml.")
    return name


def chain_prefix(stack: str) -> str:
    """Return where the entries of a stack's chain are; of the ledger's own for an empty name.

    Raises :class:`EvidenceInvalid` as :func:`chain_name`.
    """
    return f"{LOG}{chain_name(stack)}/"


def stack_of(key: str) -> str | None:
    """Return whose chain a key below ``log/`` belongs to, empty for the ledger's own; ``None`` for no chain's."""
    name = key.removeprefix(LOG).partition("/")[0]
    stack = "" if name == OWN else unquote(name.removeprefix("stack-").removesuffix("="))
    return stack if len(name) <= _MAX_NAME and key.startswith(chain_prefix(stack)) and (stack or name == OWN) else None


def entry_key(stack: str, sequence: int) -> str:
    """Return the key of an entry."""
    return f"{chain_prefix(stack)}{_TOP - sequence:010d}.json"


def sequence_of(key: str, stack: str) -> int | None:
    """Return the sequence number that a key has in a chain; ``None`` where it has none."""
    found = _NUMBER.fullmatch(key.removeprefix(chain_prefix(stack)))
    sequence = _TOP - int(found[1]) if found else 0
    return sequence if 1 <= sequence <= MAX_SEQUENCE else None


def evidence_key(digest: str) -> str:
    """Return the key of what entries refer to."""
    return EVIDENCE + digest
