"""What a file is when it is not a plan, said so that the sender can mend it."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from iacgate.errors import PlanUnreadable

_SHOW: Final = "Make the plan JSON with `terraform show -json PLANFILE > plan.json`."
_LOOK: Final = 4096

_BY_KEYS: Final[tuple[tuple[frozenset[str], str, str], ...]] = (
    (
        frozenset({"plan_format_version"}),
        "is HCP Terraform's redacted plan export, which leaves out what a gate must see",
        "Download the plan's JSON output (`json-output`) instead of the redacted one.",
    ),
    (
        frozenset({"remote_plan_format"}),
        "is a cloud plan bookmark: it names a run in HCP Terraform and holds no plan",
        "Run `terraform show -json` on it where you are logged in, and pass its output.",
    ),
    (frozenset({"encrypted_data"}), "is encrypted by OpenTofu", f"{_SHOW} There OpenTofu decrypts it."),
    (frozenset({"serial", "version"}), "is a Terraform state, not a plan", _SHOW),
    (frozenset({"modules", "version"}), "is a Terraform state of version 3 or older, not a plan", _SHOW),
    (
        frozenset({"format_version", "provider_schemas"}),
        "holds provider schemas (`terraform providers schema`), not a plan",
        _SHOW,
    ),
    (
        frozenset({"format_version", "values"}),
        "is what `terraform show -json` prints of a state, not of a plan",
        "Name the plan file: `terraform show -json PLANFILE > plan.json`.",
    ),
    (frozenset({"Records"}), "holds CloudTrail records, not a Terraform plan", _SHOW),
    (frozenset({"ChangeSetName"}), "is a CloudFormation change set, not a Terraform plan", _SHOW),
    (frozenset({"@level", "@message"}), "is Terraform's log of a run (`-json`), not a plan", _SHOW),
    *(
        (
            frozenset({member}),
            "says no `format_version`, so it is not what Terraform printed",
            f"{_SHOW} Do not trim or rewrite it.",
        )
        for member in ("resource_changes", "planned_values", "configuration")
    ),
)


def refuse_members(keys: frozenset[str], name: str) -> PlanUnreadable:
    """Return the error for a JSON object that is not a plan, from its top-level keys."""
    for wanted, what, hint in _BY_KEYS:
        if wanted <= keys:
            return PlanUnreadable(f"{name}: the file {what}.", hint=hint)
    return PlanUnreadable(f"{name}: the JSON is not a Terraform plan.", hint=_SHOW)


def refuse_value(value: Any, name: str) -> PlanUnreadable:
    """Return the error for a JSON document that is not an object."""
    kinds = {list: "a list", str: "a string (JSON inside a string?)", type(None): "null", bool: "a boolean"}
    kind = kinds.get(type(value), "a number")
    return PlanUnreadable(f"{name}: the JSON is {kind}, not a plan.", hint=_SHOW)


def refuse_text(data: bytes, name: str, error: Exception | None) -> PlanUnreadable:
    """Return the error for input that does not parse as one JSON document."""
    head = data[:_LOOK].lstrip()
    for matches, what, hint in _text_kinds(head, data, error):
        if matches:
            return PlanUnreadable(f"{name}: the file {what}.", hint=hint)
    return PlanUnreadable(f"{name}: the JSON is not valid ({_plain(error)}).", hint=_SHOW)


def _text_kinds(head: bytes, data: bytes, error: Exception | None) -> tuple[tuple[bool, str, str], ...]:
    reason = _plain(error)
    return (
        (
            not data.strip(),
            "is empty",
            "Did `terraform plan` or `terraform show` fail before this? Look at its output.",
        ),
        (head.startswith(b"PK"), "is a saved plan file (zip), not JSON", _SHOW),
        (
            head.startswith(b"tfplan"),
            "is a saved plan of Terraform 0.11 or older",
            "Plans can be judged from Terraform 0.12 on.",
        ),
        (
            not head.startswith((b"{", b"[", b'"')) and _is_binary(head),
            "is binary and not a saved plan",
            _SHOW,
        ),
        (not head.startswith((b"{", b"[", b'"')), "is text (a log, or the plan as people read it), not JSON", _SHOW),
        (
            isinstance(error, RecursionError),
            "is nested too deeply to be read safely",
            "No Terraform value of real use is hundreds of levels deep; look at what produces it.",
        ),
        (
            isinstance(error, UnicodeDecodeError),
            "holds bytes that are not valid UTF-8",
            "Write it with `terraform show -json PLANFILE > plan.json` and do not convert it.",
        ),
        (b'"@level"' in head[:_LOOK], "is Terraform's log of a run (`-json`), not a plan", _SHOW),
        ("truncated" in reason, "is cut off: the JSON ends too early", f"{_SHOW} Check that the disk was not full."),
        (
            "trailing characters" in reason,
            "goes on after the plan's JSON: two documents, or other output in the same file",
            "Write each plan to a file of its own, standard output only.",
        ),
    )


def _is_binary(head: bytes) -> bool:
    return b"\x00" in head or sum(byte < 9 or 13 < byte < 27 for byte in head) > len(head) // 20


def _plain(error: Exception | None) -> str:
    """Return the parser's reason; msgspec's messages name positions, never content."""
    if isinstance(error, msgspec.DecodeError):
        return str(error).removeprefix("JSON is malformed: ")
    return type(error).__name__ if error else "no JSON document"
