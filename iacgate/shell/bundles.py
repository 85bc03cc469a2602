"""Settings as a protected branch has them, signed, instead of as the working tree has them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Final

from iacgate import trust
from iacgate.errors import TrustInvalid
from iacgate.people.identities import ROOT_FILE
from iacgate.people.roster import read_roster
from iacgate.policy.environments import Policy, read_policy
from iacgate.shell.clock import now
from iacgate.shell.files import read_regular
from iacgate.shell.folders import SETTINGS
from iacgate.shell.git import Repository
from iacgate.shell.settings import MAX_FILE, Settings, read_settings
from iacgate.shell.sigstore import OfflineProver

ROOT: Final = "IACGATE_TRUST_ROOT"
"""The environment variable that pins the digest of the first version."""


class TrustedSettings:
    """The settings at a branch, after the chain of their versions was verified.

    They are laid out in a private folder, which is removed with this object. Raises
    :class:`TrustInvalid` where anything of the chain does not hold.
    """

    def __init__(self, folder: Path, ref: str) -> None:
        root = os.environ.get(ROOT, "")
        if not root:
            raise TrustInvalid(
                f"{ROOT} is not set.", hint="Pin the digest that `iacgate trust sign` printed for version 1."
            )
        files, self.version = verified(folder, ref, root, now())
        self.signatures = trust.signatures(files)
        self._place = tempfile.TemporaryDirectory(prefix="iacgate-trust-")
        for name, data in files.items():
            if name in self.signatures:
                continue
            path = Path(self._place.name) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        self.settings: Settings = read_settings(Path(self._place.name))


def verified(folder: Path, ref: str, root: str, moment: str) -> tuple[dict[str, bytes], int]:
    """Return the settings at a branch, their signatures too, and the number of their version.

    Raises :class:`TrustInvalid` where they are not what was signed.
    """
    files = trust.without_records(Repository(folder, ref).below(SETTINGS, MAX_FILE))
    signatures = trust.signatures(files)
    wanted = {trust.read_statement(data, name).statement.bundle for name, data in signatures.items()}
    bundles = earlier(folder, ref, wanted)
    version = trust.verify_chain(signatures, bundles, trust.bundle_digest(files), root, moment)
    return files, version


def earlier(folder: Path, ref: str, wanted: Set[str]) -> dict[str, trust.Bundle]:
    """Return those of some versions of the settings, by digest, that a commit's history has."""
    bundles: dict[str, trust.Bundle] = {}
    for commit in Repository(folder, ref).touching(SETTINGS):
        if wanted <= set(bundles):
            break
        then = trust.without_records(Repository(folder, commit).below(SETTINGS, MAX_FILE))
        digest = trust.bundle_digest(then)
        if digest in wanted and digest not in bundles:
            bundles[digest] = bundle_of(digest, then)
    return bundles


def working_bundle(folder: Path) -> tuple[str, dict[str, bytes]]:
    """Return the digest of the settings in a folder, and its files; links are left out, as in a commit.

    Raises :class:`TrustInvalid` where one of them cannot be read, or is too large.
    """
    files = {}
    records = folder / trust.RECORDS
    for path in sorted(folder.rglob("*")):
        if not path.is_symlink() and not path.is_dir() and records not in path.parents:
            data = read_regular(path, MAX_FILE, TrustInvalid)
            if data is not None:
                files[path.relative_to(folder).as_posix()] = data
    return trust.bundle_digest(files), files


def bundle_of(digest: str, files: Mapping[str, bytes]) -> trust.Bundle:
    """Return one version of the settings: who is in it, and what it demands."""
    people, policy = files.get("people.yaml"), files.get("policy.yaml")
    return trust.Bundle(
        digest,
        read_roster(people, "people.yaml", OfflineProver(files.get(ROOT_FILE))) if people is not None else None,
        read_policy(policy, "policy.yaml") if policy is not None else Policy(),
        files,
    )
