"""``iacgate trust``: sign a version of the settings, and verify that all were signed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from iacgate import canonical, trust
from iacgate.cli.approve import DENIED
from iacgate.cli.policy import in_words as policy_in_words
from iacgate.cli.signing import Signing, key_options
from iacgate.errors import CannotCount, TrustInvalid, UsageInvalid
from iacgate.people.identities import ROOT_FILE
from iacgate.people.roster import read_roster
from iacgate.render.plain import harmless
from iacgate.settingsdiff import in_words
from iacgate.shell.bundles import ROOT, bundle_of, earlier, verified, working_bundle
from iacgate.shell.clock import now
from iacgate.shell.folders import SETTINGS, find_settings
from iacgate.shell.git import Repository
from iacgate.shell.settings import MAX_FILE
from iacgate.shell.sigstore import OfflineProver


@click.group()
def command() -> None:
    """Sign the settings in .iacgate, and verify that every version was signed.

    \b
    Examples:
      iacgate trust sign --as ann --key ~/.ssh/id_ed25519
      iacgate trust verify --ref origin/main
    """


@command.command("sign")
@click.option("--config", default="", type=click.Path(), metavar="DIR", help="The .iacgate folder.")
@click.option("--as", "principal", required=True, metavar="ID", help="Who you are in people.yaml.")
@key_options
@click.option("--reason", default="", metavar="TEXT", help="Why the settings change.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def sign_settings(config: str, principal: str, reason: str, **options: Any) -> int:
    """Sign the settings in the working tree as their next version; commit the file that this writes.

    It says in words what you would sign, as `trust diff` does against the version before, and asks.
    The first version is the genesis: pin its digest as IACGATE_TRUST_ROOT where the gate runs.

    \b
    Example:
      iacgate trust sign --as ann --key ~/.ssh/id_ed25519 --reason "bob joins security"
    """
    folder = Path(config or find_settings(".") or SETTINGS)
    if not folder.is_dir():
        raise UsageInvalid("There is no .iacgate folder.", hint="Name it with --config, or make one.")
    digest, files = working_bundle(folder)
    prove = OfflineProver(files.get(ROOT_FILE))
    roster = read_roster(files.get("people.yaml", b""), f"{folder}/people.yaml", prove)
    signing = Signing(options, principal, roster)
    version, previous = _next(files, digest)
    deciding = _deciding(folder, files, digest, previous)
    _show(version, files, deciding.files if previous else None)
    if not options["yes"] and not click.confirm(f"Sign this as {principal}?", err=True):
        click.echo("Nothing was signed.", err=True)
        return DENIED
    data = signing.seal(trust.encode(digest, version, previous, principal, reason, now()))
    _check_signer(data, principal, deciding)
    path = folder / trust.SIGNATURES / f"{version:04d}" / f"{canonical.digest(data)}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    click.echo(f"Signed version {version} of the settings, {digest}, as {principal}.")
    click.echo(f"Commit {path}.")
    if version == 1:
        click.echo(f"Pin it where the gate runs: export {ROOT}={digest}")
    return 0


def _show(version: int, files: Mapping[str, bytes], before: Mapping[str, bytes] | None) -> None:
    """Say what a version changes, or of the first, what it says."""
    if before is None:
        head, policy = "The first version of the settings:", {"policy.yaml": files.get("policy.yaml", b"{}")}
        lines = [*policy_in_words(bundle_of("", policy).policy), *in_words(policy, {**policy, **files})]
    else:
        head, lines = f"Version {version} of the settings, against the one before:", list(in_words(before, files))
    click.echo(head, err=True)
    for line in lines or ["  the settings say the same"]:
        click.echo(harmless(line), err=True)


def _deciding(folder: Path, files: dict[str, bytes], digest: str, previous: str) -> trust.Bundle:
    """Return the version whose people decide about the next: the one before it, or for the first, itself."""
    if not previous:
        return bundle_of(digest, files)
    found = earlier(folder.resolve().parent, "HEAD", {previous}).get(previous)
    if found is None:
        raise TrustInvalid(
            "No commit of this branch has the version before.",
            hint="Were these settings edited after somebody signed? Take the newest folder in .iacgate/trust/ away, "
            "and sign again. Else commit that version, or fetch all of the history.",
        )
    return found


def _check_signer(data: bytes, principal: str, deciding: trust.Bundle) -> None:
    """Raise :class:`CannotCount` where a signature is not one of those who decide."""
    signed = trust.read_statement(data, "trust/")
    if deciding.roster is None or not trust.signer(signed, deciding.roster, now()):
        raise CannotCount(
            f"This would not count: by the people who decide, the key is not {principal}'s, or is not valid now.",
            hint="Sign with your key as the version before has it; nothing was written.",
        )


def _next(files: dict[str, bytes], digest: str) -> tuple[int, str]:
    """Return the number of the version that a digest is or becomes, and the digest of the one before."""
    by_version: dict[int, str] = {}
    for name, data in trust.signatures(files).items():
        statement = trust.read_statement(data, name).statement
        by_version[statement.predicate.version] = statement.bundle
    newest = max(by_version, default=0)
    version = newest if by_version.get(newest) == digest else newest + 1
    return version, by_version.get(version - 1, "")


@command.command("verify")
@click.option("--ref", required=True, metavar="REF", help="The protected branch that has the settings.")
@click.option("--root", default="", metavar="DIGEST", help=f"The digest of the first version.  [default: {ROOT}]")
def verify_settings(ref: str, root: str) -> None:
    """Verify that the settings at a branch are the newest of an unbroken chain of signed versions.

    \b
    Example:
      iacgate trust verify --ref origin/main
    """
    pinned = root or os.environ.get(ROOT, "")
    if not pinned:
        raise TrustInvalid(
            f"Neither --root nor {ROOT} pins the first version.",
            hint="Pin the digest that `iacgate trust sign` printed for version 1.",
        )
    _, version = verified(Path(), ref, pinned, now())
    click.echo(f"The settings at {ref} are version {version}, signed from the first one on.")


@command.command("diff")
@click.argument("old", metavar="REF")
@click.argument("new", required=False, default="", metavar="[REF]")
def diff_settings(old: str, new: str) -> None:
    """Say in words what changes in the settings between two commits, or a commit and the working tree.

    A line that begins with ! loosens something: who gains a seat, which demand falls.

    \b
    Examples:
      iacgate trust diff origin/main
      iacgate trust diff v1 v2
    """
    before = trust.without_records(Repository(Path(), old).below(SETTINGS, MAX_FILE))
    after = (
        trust.without_records(Repository(Path(), new).below(SETTINGS, MAX_FILE))
        if new
        else working_bundle(Path(find_settings(".") or SETTINGS))[1]
    )
    lines = list(in_words(before, after))
    for line in lines:
        click.echo(harmless(line))
    if not lines:
        click.echo("The settings say the same.")
