"""``iacgate rules``: list, show and test rules, those that ship and a team's own."""

from __future__ import annotations

from pathlib import Path

import click

from iacgate.errors import UsageInvalid
from iacgate.render.plain import fit, harmless
from iacgate.risk.packs import Pack
from iacgate.risk.sources import RuleSource, failing_examples
from iacgate.shell.knowledge import ROLLBACK, read_collection, read_collections
from iacgate.shell.rules import read_pack, read_packs, sources_folder
from iacgate.shell.shipped import shipped_packs

FAILED = 3


@click.group()
def command() -> None:
    """List, show and test the rules.

    \b
    Examples:
      iacgate rules list
      iacgate rules show aws-security-group-world-open
      iacgate rules test ./my-rules
    """


@command.command("list")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
@click.option("--rules", "folder", type=click.Path(path_type=Path), metavar="DIR", help="A team's own pack or packs.")
def list_rules(output: str, folder: Path | None) -> None:
    """List the rules that ship, or a team's own, worst first within each pack.

    \b
    Examples:
      iacgate rules list
      iacgate rules list --rules .iacgate/rules
      iacgate rules list --format json
    """
    packs = [pack for pack, _ in _packs(folder)] if folder else shipped_packs()
    if output == "json":
        import msgspec  # noqa: PLC0415 - one format is written in a run

        click.echo(msgspec.json.encode(packs))
        return
    for pack in packs:
        click.echo(harmless(f"{pack.name} {pack.version} ({len(pack.rules)} rules)"))
        for rule in sorted(pack.rules, key=lambda rule: (-rule.severity.rank, rule.id)):
            click.echo(harmless(f"  {rule.severity:8} {rule.id:44} {rule.title}"))


@command.command("show")
@click.argument("rule_id", metavar="RULE")
@click.option("--rules", "folder", type=click.Path(path_type=Path), metavar="DIR", help="A team's own pack or packs.")
def show_rule(rule_id: str, folder: Path | None) -> None:
    """Show one rule: why it is there, what it matches, and its examples.

    \b
    Examples:
      iacgate rules show aws-security-group-world-open
      iacgate rules show ours-database-small --rules .iacgate/rules
    """
    for place in (folder, sources_folder()):
        for path in sorted(place.rglob(f"{_safe(rule_id)}.yaml")) if place else ():
            text = path.read_text(encoding="utf-8", errors="replace")
            click.echo("\n".join(harmless(line) for line in text.splitlines()))
            return
    known = [rule.id for pack in shipped_packs() for rule in pack.rules if rule_id in rule.id]
    hint = f"Did you mean {', '.join(known[:5])}?" if known else "`iacgate rules list` lists all."
    raise UsageInvalid(f"There is no rule {rule_id!r}.", hint=hint)


@command.command("test")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
def test_rules(folder: Path | None) -> int:
    """Run the examples of every rule in a folder; without one, of all that ships.

    FOLDER is one pack (it holds a pack.yaml), or holds packs. In a folder called rollback, and below one, stands what
    is known of undoing: docs/rollback.md has its form.

    \b
    Examples:
      iacgate rules test
      iacgate rules test ./my-rules
    """
    place = folder or sources_folder()
    if not place.is_dir():
        raise UsageInvalid(f"{place}: there is no such folder.", hint="Name a folder with a pack.yaml in it.")
    wrong = 0
    if not _is_about_undoing(place):
        wrong += _test_rules(place)
    if _is_about_undoing(place) or (place / ROLLBACK).is_dir():
        wrong += _test_knowledge(place if _is_about_undoing(place) else place / ROLLBACK)
    return FAILED if wrong else 0


def _is_about_undoing(place: Path) -> bool:
    return ROLLBACK in (place.resolve().name, place.resolve().parent.name)


def _test_rules(place: Path) -> int:
    found = _packs(place)
    wrong = [line for _, sources in found for source in sources for line in failing_examples(source)]
    rules = sum(len(sources) for _, sources in found)
    return _tell(wrong, f"{rules} rules", sum(_examples(source) for _, sources in found for source in sources))


def _test_knowledge(place: Path) -> int:
    from iacgate.rollback import sources as entries  # noqa: PLC0415 - for this command only

    one = (place / "pack.yaml").is_file()
    found = [source for _, items in ([read_collection(place)] if one else read_collections(place)) for source in items]
    wrong = [line for source in found for line in entries.failing_examples(source)]
    wrong += [f"{source.file}: no example reaches {part}" for source in found for part in entries.untried(source)]
    return _tell(wrong, f"{len(found)} entries about undoing", sum(len(source.examples) for source in found))


def _tell(wrong: list[str], what: str, examples: int) -> int:
    """Print what is wrong and how much was tried, and return how much is wrong."""
    for line in wrong:
        click.echo(harmless(line), err=True)
    click.echo(fit(f"{what}, {examples} examples, {len(wrong)} wrong.", 120))
    return len(wrong)


def _packs(folder: Path) -> list[tuple[Pack, list[RuleSource]]]:
    return [read_pack(folder)] if (folder / "pack.yaml").is_file() else read_packs(folder)


def _examples(source: RuleSource) -> int:
    return len(source.examples.match) + len(source.examples.no_match)


def _safe(rule_id: str) -> str:
    return "".join(character for character in rule_id if character.isalnum() or character == "-") or "-"
