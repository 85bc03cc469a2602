"""``iacgate init``: settings to begin with: commented, and observing only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

from iacgate.errors import UsageInvalid
from iacgate.shell.folders import SETTINGS, find_settings
from iacgate.shell.gatekey import default_path, make_key

POLICY: Final = """# What a severity weighs and demands, in which environment. docs/settings.md, docs/approvals.md
mode: observe                 # decides, says so, and blocks nothing; `enforce` when you are ready
environments:
  prod:
    tier: prod
    demands:                  # whose seats, and what the change's record must say; docs/change-record.md
      medium: {seats: {infra: 1}, record: [description, justification]}
      high:                   # readiness: what cannot be undone is answered for in the record; docs/rollback.md
        seats: {infra: 1, security: 1}
        record: [impact, testing_plan, rollback_plan]
        readiness: answered
        # valid_hours: 72, binding: exact (one plan file only), signed_commits: true
      critical:               # a board; a severity never asks for less than those below it
        seats: {infra: 1, security: 1, operations: 1, business: 1}
        record: [security_impact, schedule]
    # ticket: OPS-[0-9]+      # with `ticket` among the parts of a record: what its name looks like
    # ticket_check: {provider: jira, url: "https://example.atlassian.net", open: true}   # or github, with a repository
    # schedule:               # calendars/NAME.ics; docs/schedule.md
    #   windows: [office-hours]
    #   freezes: [year-end]
    #   ssm: [arn:aws:ssm:eu-central-1:123456789012:document/releases]
    #   timezone: Europe/Berlin
    #   overrides: {infra: 1, security: 1}
    # tests:                  # docs/testing.md
    #   required: {medium: [unit], high: [integration]}
    #   max_age_hours: 24
    #   attesters: [ci]       # who may attest them; left out: any machine
    #   attached: false       # whether what a human attaches by hand counts
    #   checks: {unit: {name: Unit tests, app: acme-ci}}
    # promotion: {days: 14, root: false}   # the same modules, applied and verified in the stack of promotes_from
    # emergency:              # left out: an emergency needs what a normal change does; docs/emergencies.md
    #   seats: {on-call: 1}
    #   valid_hours: 4
    #   review_hours: 48
    #   review_seats: {infra: 1, security: 1}
    #   overdue_seat: security
    #   solo: {role: on-call, severity: high, resources: 10, uses: 1, days: 30}
    #   rate: {uses: 3, days: 30}
    #   announce:
    #     webhook: "https://hooks.example.com/services/{secret}"
    #     command: [mail, -s, "Emergency change", oncall@example.com]
    # rollback_type: normal   # of a change that takes another one back; or emergency, with an incident
    # change_types:           # where `--type standard` or `--type emergency` demands something else
    #   standard: {demands: {medium: {seats: {infra: 1}}}}
    # deny: critical          # denied, whoever signs
    # deployers: [infra]      # who may deploy, by id or role; left out: anybody
    # rehearsers: [ci]        # who may attest how the way back was rehearsed; left out: any machine
    # generated: ["*_generated.tf"]   # sources that a tool writes before the plan is made
    # packs: [aws]            # which of aws, azure, google, kubernetes judge; left out: all
  dev:
    tier: other               # asks for nobody
    shift: -1                 # findings weigh one level less
    # keep: [aws-iam-policy-admin]    # but those of these rules
    # json_only: true         # a plan's JSON may be gated without its plan file; it binds no backend and no state
# ledger: "GENESIS"           # the only ledger that counts, as `iacgate gate` prints it
# rego: {engine: auto, version: v1, namespaces: []}   # policies in rules/; docs/rego.md
# board: {infra: 1, security: 1, operations: 1, business: 1}   # who signs patterns of standard changes
# trust: {infra: 1, security: 1}   # whose seats must be filled before these settings change
"""
STACKS: Final = """# Which backend and workspace belong to which environment; what is not here counts as production.
stacks: []
#  - name: payments-prod
#    environment: prod
#    backend: {type: s3, bucket: example-state, key: payments.tfstate}
#    account: "123456789012"       # AWS account, Google project or Azure subscription: approvals count for no other
#    promotes_from: payments-test  # the stack to which the same change goes first
#    variables: [env/prod.tfvars]  # the files of -var-file, from the root of the repository
"""
SUPPRESSIONS: Final = """\
# Findings that were looked at and accepted: rule, address, reason, owner, and the last day (UTC).
suppressions: []
#  - rule: aws-security-group-admin-port-open
#    address: aws_security_group.bastion
#    reason: The bastion is public on purpose and takes keys only
#    owner: platform team
#    until: 2027-01-31
"""
PEOPLE: Final = """\
# Who is who. An e-mail, an account or a key belongs to one person; people are counted, keys never are.
people:
  - id: github
    kind: machine             # machines fill no seat
    platform: true            # who commits when a pull request is merged there, and writes nothing by itself
    emails: [noreply@github.com]
#  - id: gitlab
#    kind: machine
#    platform: true
#    emails: [noreply@gitlab.com]      # where GitLab is set up to commit under its own name
#  - id: rebase-bot
#    kind: machine
#    rewrites: true            # puts commits of others on top of something else, and must leave their names in
#    emails: [rebase-bot@example.com]
#  - id: ann
#    emails: [ann@example.com]
#    forge: [ann-example]
#    roles: [infra, security]
#    keys:
#      - key: ssh-ed25519 AAAA... ann     # or kms: and public:, or sigstore:, see docs/approvals.md
"""
FILES: Final = {
    "policy.yaml": POLICY,
    "stacks.yaml": STACKS,
    "suppressions.yaml": SUPPRESSIONS,
    "people.yaml": PEOPLE,
}


@click.command()
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False))
def command(folder: Path) -> None:
    """Write settings to begin with: commented, and observing only. Nothing that is there is overwritten.

    \b
    Examples:
      iacgate init
      iacgate policy check
    """
    place = folder / SETTINGS
    there = [name for name in FILES if (place / name).exists() or (place / name).is_symlink()]
    if there:
        raise UsageInvalid(f"{place / there[0]} is there already.", hint="Edit it, or take it away.")
    parent = folder.resolve().parent
    outer = "" if (folder / ".git").exists() else find_settings(str(parent))
    if outer:
        raise UsageInvalid(f"{parent / outer} is there already, and holds for this folder.", hint="Edit it.")
    place.mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        (place / name).write_text(text, encoding="utf-8")
        click.echo(f"{place / name}")
    key = default_path(os.environ)
    if not key.exists():
        make_key(key)
        click.echo(f"{key}  (the gate's own key: keep it where the gate runs, and nowhere else)")
    click.echo("Add your people and stacks, look at `iacgate policy check`, then sign: `iacgate trust sign`.")
