"""Asking Rego policies: ``conftest`` or ``opa`` from PATH, or OPA's own library where it is installed.

The plan goes in through standard input. No shell, an environment of a few names, a time
limit; whatever is not a clear answer stops the run.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from iacgate import canonical, strictjson, strictyaml
from iacgate.errors import PolicyFailed
from iacgate.policy.environments import Rego
from iacgate.risk.assessment import PackIdentity
from iacgate.risk.context import Report
from iacgate.risk.rego import Module, from_conftest, from_document, read_module
from iacgate.shell.files import read_regular

TIMEOUT: Final = 600
"""Seconds; OPA takes ten for a plan of 10,000 resources."""

MAX_FILE: Final = 1 << 20
MAX_OUTPUT: Final = 64 << 20
_PASSED_ON: Final = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR")
_DATA: Final = (".json", ".yaml", ".yml")
_STATIC: Final = re.compile(r"rego_(?:parse|compile|type|unsafe_var|recursion)_error")
_NAME: Final = re.compile(r"\beval_\w+_error\b|\brego_\w+_error\b")
_PLACE: Final = re.compile(r"[\w./-]{1,100}\.rego:\d{1,6}")


class Asked(msgspec.Struct, frozen=True):
    """What one folder of policies reports, and which policies and program that was."""

    reports: list[Report]
    identity: PackIdentity


def evaluate(folder: Path, plan: bytes, settings: Rego, environment: Mapping[str, str]) -> Asked:
    """Return what the policies in a folder say of a plan JSON.

    Raises :class:`PolicyFailed` where no program is there to ask, or where any policy cannot be evaluated.
    """
    files = _files(folder)
    digest = canonical.digest(canonical.canonical_json({name: canonical.digest(data) for name, data in files.items()}))
    engine = _engine(settings, environment)
    if engine == "conftest":
        version, reports = _conftest(folder, plan, settings, environment)
    elif engine == "opa":
        version, reports = _opa(folder, files, plan, settings, environment)
    else:
        version, reports = _embedded(files, plan, settings)
    return Asked(reports, PackIdentity(name=f"rego:{folder.name}", version=version, sha256=digest))


def _files(folder: Path) -> dict[str, bytes]:
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".rego", ".toml", *_DATA) and not path.is_dir():
            found[path.relative_to(folder).as_posix()] = read_regular(path, MAX_FILE, PolicyFailed) or b""
    return found


def _engine(settings: Rego, environment: Mapping[str, str]) -> str:
    on_path = [name for name in ("conftest", "opa") if shutil.which(name, path=environment.get("PATH"))]
    if settings.engine == "auto":
        if on_path:
            return on_path[0]
        if importlib.util.find_spec("opa_bindings") is not None:
            return "embedded"
        raise PolicyFailed(
            "There are Rego policies, but neither conftest nor opa is on PATH.",
            hint="Install one of them, or `pip install iacgate[rego]`.",
        )
    if settings.engine != "embedded" and settings.engine not in on_path:
        raise PolicyFailed(f"{settings.engine} is not on PATH.", hint="Install it, or mend `rego.engine`.")
    return settings.engine


def _conftest(folder: Path, plan: bytes, settings: Rego, environment: Mapping[str, str]) -> tuple[str, list[Report]]:
    version = _run(["conftest", "--version"], folder, b"", environment).stdout.decode(errors="replace").split()
    namespaces = [part for name in settings.namespaces for part in ("--namespace", name)] or ["--all-namespaces"]
    language = ["--rego-version", "v0"] if settings.version == "v0" else []
    command = ["conftest", "test", "--no-color", "--output", "json", "--parser", "json", "--policy", "."]
    done = _run([*command, *namespaces, *language, "-"], folder, plan, environment)
    if not done.stdout.strip().startswith(b"["):
        raise PolicyFailed(f"conftest failed: {_said(done.stderr)}", hint="Run it by hand on the same plan.")
    return f"conftest {_number(version)}", from_conftest(done.stdout, done.returncode)


def _opa(
    folder: Path, files: Mapping[str, bytes], plan: bytes, settings: Rego, environment: Mapping[str, str]
) -> tuple[str, list[Report]]:
    said = _run(["opa", "version"], folder, b"", environment).stdout.decode(errors="replace").split()
    version = _number(said)
    old = version.startswith("0.")
    language = {("v0", False): ["--v0-compatible"], ("v1", True): ["--v1-compatible"]}.get((settings.version, old), [])
    command = ["opa", "eval", "--format", "json", "--stdin-input", "--strict-builtin-errors", *language]
    done = _run([*command, "--ignore", "*_test.rego", "--data", ".", "data"], folder, plan, environment)
    if done.returncode != 0:
        raise PolicyFailed(f"opa failed: {_said(done.stderr or done.stdout)}", hint="Run `opa eval` by hand.")
    try:
        document = strictjson.decode(done.stdout)["result"][0]["expressions"][0]["value"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise PolicyFailed("What opa printed is not its JSON.", hint="Run `opa eval` by hand.") from error
    return f"opa {version}", from_document(document, list(_modules(files).values()), settings.namespaces)


def _embedded(files: Mapping[str, bytes], plan: bytes, settings: Rego) -> tuple[str, list[Report]]:
    if importlib.util.find_spec("opa_bindings") is None:
        raise PolicyFailed("The embedded Rego engine is not installed.", hint="`pip install iacgate[rego]`.")
    if settings.version == "v0":
        raise PolicyFailed(
            "The embedded Rego engine reads version 1 of the language only.", hint="Use conftest or opa for v0."
        )
    modules = _modules(files)
    policies = {name: files[name].decode() for name in modules}
    data = [(".".join(Path(name).parent.parts), value) for name, value in _data(files)]
    question = json.dumps({"policies": policies, "data": data}).encode() + b"\n" + plan
    # A process of its own: an evaluation without end can be ended, and one that crashes decides nothing.
    command = [sys.executable, "-I", "-m", "iacgate.shell.opa"]
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR")}
    done = _run(command, Path.cwd(), question, environment)
    try:
        answer = json.loads(done.stdout)
    except ValueError as error:
        raise PolicyFailed("The embedded engine gave no answer.", hint="Use conftest or opa.") from error
    if "impure" in answer:
        raise PolicyFailed(
            f"{answer['impure'][0]} calls {answer['impure'][1]}, which the embedded engine does not run.",
            hint="A decision must be repeatable from its inputs. Use conftest or opa where the policy needs it.",
        )
    if "error" in answer:
        raise PolicyFailed(f"The policies cannot be evaluated: {_first_error(answer['error'])}", hint="Mend them.")
    return "opa, embedded", from_document(answer["document"], list(modules.values()), settings.namespaces)


def _modules(files: Mapping[str, bytes]) -> dict[str, Module]:
    names = [name for name in files if name.endswith(".rego") and not name.endswith("_test.rego")]
    try:
        return {name: read_module(files[name].decode(), name) for name in names}
    except UnicodeDecodeError as error:
        raise PolicyFailed("A policy is not UTF-8.", hint="Mend the file.") from error


def _data(files: Mapping[str, bytes]) -> list[tuple[str, Any]]:
    """Return the data documents of a folder, as OPA loads them: below the path of their folder."""
    found: list[tuple[str, Any]] = []
    for name, data in files.items():
        if name.endswith(".json"):
            try:
                found.append((name, strictjson.decode(data)))
            except (ValueError, RecursionError) as error:
                raise PolicyFailed(f"{name}: not valid JSON.", hint="Mend the file.") from error
        elif name.endswith(_DATA):
            found.append((name, strictyaml.load(data, name, PolicyFailed)))
    return found


def _run(
    command: list[str], folder: Path, data: bytes, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which(command[0], path=environment.get("PATH")) or command[0]
    passed = {name: environment[name] for name in _PASSED_ON if name in environment}
    try:
        done = subprocess.run(  # noqa: S603 - a list of arguments, no shell
            [program, *command[1:]],
            cwd=folder,
            input=data,
            capture_output=True,
            check=False,
            timeout=TIMEOUT,
            env=passed,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PolicyFailed(
            f"{command[0]} could not be run ({type(error).__name__}).", hint="Run it by hand."
        ) from error
    if len(done.stdout) > MAX_OUTPUT:
        raise PolicyFailed(f"{command[0]} printed more than {MAX_OUTPUT >> 20} MiB.", hint="Look at the policies.")
    return done


def _number(words: list[str]) -> str:
    return next((word.lstrip("v") for word in words if word.lstrip("v")[:1].isdigit()), "of unknown version")


def _said(output: bytes) -> str:
    return _first_error(output.decode(errors="replace"))


def _first_error(text: str) -> str:
    """Return what is wrong, and where, without what the plan says.

    An error of compiling knows no plan, and is repeated. One of evaluating may quote any value
    of the plan, so that only its place and its name are told.
    """
    line = next((line.strip() for line in text.splitlines() if "error" in line.lower()), "")
    if _STATIC.search(line):
        return line[:300]
    place, name = _PLACE.search(line), _NAME.search(line)
    said = [name[0] if name else "an error", f"at {place[0]}" if place else "while evaluating"]
    return " ".join(said) if line else "it did not say why"
