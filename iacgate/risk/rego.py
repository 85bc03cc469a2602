"""What Rego policies say, as reports: conftest's output, and the document that OPA evaluates.

Names and meaning are conftest's: ``deny``, ``violation`` and ``warn``, each with any
``_suffix``, and ``exception``. Where conftest passes over what it does not understand (a
``deny`` that is no set of messages), this refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn

import msgspec

from iacgate import strictjson
from iacgate.errors import PolicyFailed
from iacgate.risk.context import Report
from iacgate.vocabulary import Severity

PREFIX: Final = "rego:"
"""Rule ids of policies begin so: ``rego:main.deny_public``."""

_RULE: Final = re.compile(r"(deny|violation|warn)((?:_[a-zA-Z0-9]+)*)")
_HEAD: Final = re.compile(r"^(?:default[ \t]+)?((?:deny|violation|warn)(?:_[a-zA-Z0-9]+)*)\b", re.MULTILINE)
_PACKAGE: Final = re.compile(r"^package[ \t]+([\w.]+(?:\[\"[^\"\n]*\"\][\w.]*)*)", re.MULTILINE)
_PART: Final = re.compile(r'\["([^"]*)"\]|(\w+)')
_SEVERITIES: Final = {"deny": Severity.HIGH, "violation": Severity.HIGH, "warn": Severity.LOW}
_CHOSEN: Final = tuple(severity for severity in Severity if severity is not Severity.NONE)


class Module(msgspec.Struct, frozen=True):
    """One Rego file as far as its text tells: its package, and the rules whose results count."""

    namespace: tuple[str, ...]
    rules: frozenset[str]


class _Result(msgspec.Struct, frozen=True):
    msg: str = ""
    metadata: dict[str, Any] = {}


class _Check(msgspec.Struct, frozen=True):
    namespace: str
    successes: int = 0
    failures: list[_Result] = []
    warnings: list[_Result] = []
    exceptions: list[_Result] = []
    skipped: list[_Result] = []


def read_module(text: str, file: str) -> Module:
    """Return what the text of a Rego file tells.

    Raises :class:`PolicyFailed` where it names no package.
    """
    found = _PACKAGE.search(text)
    if found is None:
        raise PolicyFailed(f"{file}: there is no `package` line.", hint="Mend the policy.")
    namespace = tuple(quoted or word for quoted, word in _PART.findall(found[1]))
    return Module(namespace, frozenset(_HEAD.findall(text)))


def from_conftest(data: bytes, status: int) -> list[Report]:
    """Return the reports in what ``conftest test --output json`` printed.

    Raises :class:`PolicyFailed` where it is not that, where no rule was asked, or where the exit
    status says that something else went wrong.
    """
    try:
        checks = msgspec.convert(strictjson.decode(data), list[_Check])
    except (ValueError, RecursionError) as error:
        raise PolicyFailed(
            "What conftest printed is not its JSON.", hint="Run `conftest test --output json` by hand."
        ) from error
    asked = sum(item.successes for item in checks)
    asked += sum(len(part) for item in checks for part in (item.failures, item.warnings, item.exceptions, item.skipped))
    if not asked:
        _nothing_asked()
    reports = [report for check in checks for report in _of_check(check)]
    found = any(check.failures or check.warnings for check in checks)  # warnings with `fail-on-warn`
    if status not in (0, 1, 2) or (status and not found):
        raise PolicyFailed(f"conftest ended with status {status}.", hint="Run it by hand on the same plan.")
    return reports


def _of_check(check: _Check) -> Iterator[Report]:
    for kind, results in (("deny", check.failures), ("warn", check.warnings)):
        for result in results:
            query = result.metadata.get("query")
            rule = query.rpartition(".")[2] if isinstance(query, str) else kind
            yield _report(check.namespace, rule, result.msg, result.metadata)
    for result in check.exceptions:
        yield _excepted(check.namespace, result.msg)


def from_document(document: Mapping[str, Any], modules: list[Module], wanted: list[str]) -> list[Report]:
    """Return the reports in OPA's ``data`` document.

    ``modules`` are the files that were loaded, ``wanted`` the namespaces that count, empty for all.
    Raises :class:`PolicyFailed` where a rule's value is no set of messages, or where there is no rule.
    """
    rules: dict[tuple[str, ...], set[str]] = {}
    for module in modules:
        if not wanted or ".".join(module.namespace) in wanted:
            rules.setdefault(module.namespace, set()).update(module.rules)
    absent = [name for name in wanted if tuple(name.split(".")) not in rules]
    if absent:
        raise PolicyFailed(
            f"No policy is in the namespace {absent[0]!r}.", hint="Mend `rego.namespaces` in policy.yaml."
        )
    reports, asked = [], 0
    for namespace, named in sorted(rules.items()):
        package = _below(document, namespace)
        names = sorted({name for name in {*named, *package} if _RULE.fullmatch(name)})
        asked += len(names)
        reports += [report for name in names for report in _of_rule(".".join(namespace), name, package)]
    if not asked:
        _nothing_asked()
    return reports


def _nothing_asked() -> NoReturn:
    raise PolicyFailed(
        "The Rego policies hold no deny, violation or warn rule that counts.",
        hint="An empty policy never passes. Look at `rego.namespaces` in policy.yaml.",
    )


def _below(document: Any, namespace: tuple[str, ...]) -> Mapping[str, Any]:
    for part in namespace:
        document = document.get(part) if isinstance(document, Mapping) else None
    return document if isinstance(document, Mapping) else {}


def _of_rule(namespace: str, name: str, package: Mapping[str, Any]) -> Iterator[Report]:
    exceptions = package.get("exception")
    kind, _, suffix = name.partition("_")
    if kind != "warn" and any(
        suffix in names for names in exceptions or () if isinstance(exceptions, list) and isinstance(names, list)
    ):
        yield _excepted(namespace, name)
        return
    value = package.get(name)
    for item in _messages(value, name):
        if isinstance(item, str):
            yield _report(namespace, name, item, {})
        elif isinstance(item, dict) and isinstance(item.get("msg"), str):
            yield _report(namespace, name, item["msg"], item)
        else:
            raise PolicyFailed(
                f"{namespace}.{name} is neither a text nor an object with a `msg`.", hint="Mend the policy."
            )


def _messages(value: Any, name: str) -> list[Any]:
    if value is None or value is False:
        return []
    if value is True:
        return [f"{name} is true"]
    return value if isinstance(value, list) else [value]


def _report(namespace: str, rule: str, message: str, metadata: Mapping[str, Any]) -> Report:
    found = _RULE.fullmatch(rule)
    severity = _SEVERITIES[found[1] if found else "deny"]
    if "severity" in metadata:
        if metadata["severity"] not in _CHOSEN:
            raise PolicyFailed(f"{namespace}.{rule}: `severity` is none.", hint=f"It is one of {', '.join(_CHOSEN)}.")
        severity = Severity(metadata["severity"])
    address = metadata.get("address")
    return Report(
        rule=f"{PREFIX}{namespace}.{rule}",
        severity=severity,
        message=message or f"{rule} gives no message",
        address=address if isinstance(address, str) else "",
    )


def _excepted(namespace: str, what: str) -> Report:
    """Say that an exception was made: it has no owner and no end, so that it is always shown."""
    message = f"An exception in the policy keeps a rule from counting: {what}"
    return Report(rule=f"{PREFIX}{namespace}.exception", severity=Severity.LOW, message=message)
