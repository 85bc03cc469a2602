"""Verifies a ledger of iacgate, and shares no code with it: the standard library, and the program ``ssh-keygen``.

    python verify_ledger.py FOLDER [--genesis DIGEST] [--versions FILE]

It was written from ``docs/evidence-format.md``, whose sections it follows. A ledger in a bucket is copied into a
folder first, the first version of each key; FILE then says in JSON which versions there were, the oldest first, and
``"marker"`` for a delete marker: {KEY: [VERSION, ...]}. Each finding is a line; the exit code is 0 for none, else 1.

What it leaves to iacgate: to make decisions again, to count approvals as the policy does, and checkpoints. What it
cannot verify for want of a library is a finding, so that nothing passes unseen: signatures by keys in AWS KMS and by
identities of sigstore. The standard library reads no YAML: a people.yaml that is JSON, which is YAML, is read. Of
another one it is only asked that the key of each approval stands in it, and no further gates in it are known.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

ENTRY = (b"application/vnd.iacgate.entry+json", "iacgate-entry-v1")
APPROVAL = (b"application/vnd.in-toto+json", "iacgate-approval-v1")
DEGRADED = (b"application/vnd.iacgate.degraded+json", "iacgate-degraded-v1")
MAX_ENTRY = 512 << 10
TOP = 9_999_999_999
ATTESTED, MAX_ATTESTED = "urn:iacgate:attestation:v1", 4052
UNVERIFIED = ("envelope", "statement", "signature", "key", "principal")

DIGEST = re.compile(r"[0-9a-f]{64}")
NONCE = re.compile(r"[0-9a-f]{32}")
INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
ENDS = ("applied", "failed", "interrupted")
EVENT = re.compile(
    "decided|intended|applied|failed|interrupted|bypassed|settings|repaired|transition|reviewed|degraded"
)
SETTINGS = {"digest": str, "version": int}
APPLIED = {"change": str, "commit": str, "tree": str, "time": INSTANT, "sequence": int}
INTENT = {"change": str, "run": str, "fingerprint": str, "used": (DIGEST, INSTANT), "time": INSTANT, "sequence": int}
EMERGENCY = {
    "change": str,
    "incident": str,
    "invoker": str,
    "approvers": (str,),
    "solo": bool,
    "team": str,
    "time": INSTANT,
    "latest": INSTANT,
    "sequence": int,
    "reviewed": str,
    "justified": [None, bool],
}
STATE = {
    "applied": [None, APPLIED],
    "base": str,
    "seen": [None, {"lineage": str, "serial": int, "digest": str}],
    "intent": [
        None,
        {"change": str, "run": str, "fingerprint": str, "used": (DIGEST, INSTANT), "time": INSTANT, "sequence": int},
    ],
    "attempt": [None, {"change": str, "count": int, "fingerprint": str, "lineage": str, "used": (DIGEST, INSTANT)}],
    "used": (DIGEST, INSTANT),
    "rejections": ({"change": str, "envelope": DIGEST, "arrived": INSTANT},),
    "skipped": (str, str),
    "settings": SETTINGS,
    "emergencies": (EMERGENCY,),
    "uses": (str, ({"change": str, "time": INSTANT, "resources": int, "failed": bool},)),
}
FIELDS = {
    "format": 2,
    "nonce": NONCE,
    "ledger": DIGEST,
    "stack": str,
    "sequence": int,
    "previous": DIGEST,
    "event": EVENT,
    "time": INSTANT,
    "actor": {"principal": str, "run": (str, str)},
    "change": str,
    "commit": str,
    "tree": str,
    "settings": SETTINGS,
    "tool": (str, str),
    "references": (str, {"digest": DIGEST, "mediaType": str, "size": int}),
    "details": (str, [str, int, bool]),
    "state": STATE,
}
RECORD = {name: shape for name, shape in FIELDS.items() if name not in ("sequence", "state")}
RECORD |= {"format": 1, "lost": str, "why": str, "previous": re.compile(r"([0-9a-f]{64})?")}
NOTHING: dict[str, Any] = {
    "applied": None,
    "base": "",
    "seen": None,
    "intent": None,
    "attempt": None,
    "used": {},
    "rejections": [],
    "skipped": {},
}
NOTHING |= {"settings": {"digest": "", "version": 0}, "emergencies": [], "uses": {}}


class Wrong(ValueError):
    """Bytes that are not what this format says, and why."""


class Signed(NamedTuple):
    """A payload whose signature verifies, and the key that made it: its type, and its blob in base64."""

    payload: bytes
    key: str


# Bytes and digests


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def unbase64(text: Any) -> bytes:
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise Wrong("base64 in another spelling than its only one")
    return data


def read_json(data: bytes) -> Any:
    """Return a value; a key that stands twice is no JSON of ours."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise Wrong("a key stands twice")
        return dict(pairs)

    return json.loads(data.decode("utf-8"), object_pairs_hook=once)


def write_json(value: Any) -> bytes:
    """Return JSON as the format has it; fields stay in their order."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def fits(value: Any, shape: Any) -> bool:
    """Return whether a value has a shape.

    A dict lists all fields; ``(key, value)`` is a map, ``(item,)`` a list, ``[a, b]`` either of both.
    """
    if isinstance(shape, dict):
        same = isinstance(value, dict) and value.keys() == shape.keys()
        return same and all(fits(value[name], shape[name]) for name in shape)
    if isinstance(shape, list):
        return any(fits(value, one) for one in shape)
    if isinstance(shape, tuple) and len(shape) == 2:
        return isinstance(value, dict) and all(fits(k, shape[0]) and fits(v, shape[1]) for k, v in value.items())
    if isinstance(shape, tuple):
        return isinstance(value, list) and all(fits(item, shape[0]) for item in value)
    if isinstance(shape, re.Pattern):
        return isinstance(value, str) and shape.fullmatch(value) is not None
    return type(value) is shape if isinstance(shape, type) else type(value) is type(shape) and bool(value == shape)


# Envelopes


def opened(data: bytes, kind: tuple[bytes, str]) -> Signed:
    """Return what an envelope holds, after its signature was verified. Raises :class:`Wrong`."""
    try:
        envelope = read_json(data)
        fields = {"payloadType": str, "payload": str, "signatures": ({"keyid": str, "sig": str},)}
        if not fits(envelope, fields) or len(envelope["signatures"]) != 1:
            raise Wrong("no envelope with one signature")
        if envelope["payloadType"].encode() != kind[0]:
            raise Wrong("an envelope of another type")
        (signature,) = envelope["signatures"]
        if kind is not APPROVAL and written_again(envelope) != data:
            raise Wrong("an envelope in another spelling than its only one")
        payload, blob = unbase64(envelope["payload"]), unbase64(signature["sig"])
    except (ValueError, RecursionError, TypeError) as error:
        raise Wrong(str(error) if isinstance(error, Wrong) else "no envelope") from error
    if not signature["keyid"].startswith("SHA256:"):
        raise Wrong("cannot be verified here: it was not signed with an SSH key")
    key = signing_key(blob, kind[1])
    fingerprint = base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")
    if signature["keyid"] != f"SHA256:{fingerprint}":
        raise Wrong("the envelope names another key than the signature")
    message = b"DSSEv1 %d %s %d %s" % (len(kind[0]), kind[0], len(payload), payload)
    if not ssh_keygen_accepts(blob, message, kind[1]):
        raise Wrong("the signature does not verify")
    return Signed(payload, f"{strings(key)[0].decode('ascii', 'replace')} {base64.b64encode(key).decode()}")


def written_again(envelope: Any) -> bytes:
    (signature,) = envelope["signatures"]
    again = {name: envelope[name] for name in ("payloadType", "payload")}
    return write_json({**again, "signatures": [{"keyid": signature["keyid"], "sig": signature["sig"]}]})


def strings(data: bytes) -> list[bytes]:
    """Return the strings of SSH's binary formats, which have their length before them, until the end."""
    found = []
    while data:
        length = int.from_bytes(data[:4], "big")
        if len(data) < 4 + length:
            raise Wrong("the signature ends too early")
        found.append(data[4 : 4 + length])
        data = data[4 + length :]
    return found


def signing_key(blob: bytes, namespace: str) -> bytes:
    """Return the key in an SSHSIG blob; what ``ssh-keygen`` does not ask for is asked here."""
    parts = strings(blob[10:])
    if blob[:10] != b"SSHSIG\x00\x00\x00\x01" or len(parts) != 5:
        raise Wrong("no signature of SSH")
    key, space, reserved, hashed, signature = parts
    if space != namespace.encode() or reserved or hashed not in (b"sha256", b"sha512"):
        raise Wrong("a signature of SSH for another purpose, or with what it must not have")
    if not key:
        raise Wrong("a signature without a key")
    if strings(key)[0].startswith(b"sk-") and not int.from_bytes(signature[-5:-4], "big") & 1:
        raise Wrong("a FIDO key that nobody touched")
    return key


@lru_cache(maxsize=1_000)
def ssh_keygen_accepts(blob: bytes, message: bytes, namespace: str) -> bool:
    """Return whether ``ssh-keygen`` finds that the key in a signature made it over a message."""
    armored = f"-----BEGIN SSH SIGNATURE-----\n{base64.encodebytes(blob).decode()}-----END SSH SIGNATURE-----\n"
    with tempfile.NamedTemporaryFile("w", suffix=".sig") as file:
        file.write(armored)
        file.flush()
        command = ["ssh-keygen", "-q", "-Y", "check-novalidate", "-n", namespace, "-s", file.name]
        return subprocess.run(command, input=message, capture_output=True, check=False, timeout=60).returncode == 0


class Gates:
    """The keys that may write entries, each with the times for which people.yaml names it (none: the genesis does)."""

    def __init__(self, lines: list[str]) -> None:
        self._times: dict[str, list[dict[str, str]]] = {line: [{}] for line in lines}

    def add(self, people: list[Any]) -> None:
        for person in people:
            if person.get("kind") == "machine" and "gate" in person.get("roles", []):
                for key in person.get("keys", []):
                    line = " ".join(str(key.get("key", "")).split()[:2])
                    self._times.setdefault(line, []).append(key)

    def accept(self, key: str, instant: str) -> bool:
        times = self._times.get(key, [])
        revoked = any(one.get("revoked") and str(one["revoked"]) <= instant for one in times)
        return not revoked and any(valid(one, instant) for one in times)


def valid(key: dict[str, str], instant: str) -> bool:
    """Return whether an instant lies in the days or instants for which people.yaml names a key."""
    since, until = str(key.get("since", "")), str(key.get("until", ""))
    since = f"{since}T00:00:00Z" if len(since) == 10 else since
    until = f"{until}T23:59:59Z" if len(until) == 10 else until
    return since <= instant and (not until or instant <= until)


# The store


class Verifier:
    """Verifies one ledger in a folder; ``findings`` are what does not hold."""

    def __init__(self, folder: Path, versions: dict[str, list[str]]) -> None:
        self.folder, self.versions = folder, versions
        self.findings: list[str] = []
        self.entries = 0
        self.genesis = ""
        self.decisions: dict[tuple[str, str], dict[str, Any]] = {}
        self.settings: dict[int, str] = {}
        self.proofs: dict[str, tuple[str, str, str]] = {}
        self.promoted: list[tuple[dict[str, Any], tuple[str, str, str, list[str]]]] = []

    def found(self, where: str, what: str) -> None:
        self.findings.append(f"{where}: {what}".encode("unicode_escape").decode())

    def read(self, key: str, limit: int = 1 << 30) -> bytes | None:
        path = self.folder / key
        return path.read_bytes() if path.is_file() and path.stat().st_size <= limit else None

    def run(self, pinned: str) -> None:
        files = (
            path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file() or path.is_symlink()
        )
        keys = {path.as_posix() for path in files if not any(part.startswith(".") for part in path.parts)}
        for key in sorted(keys | self.versions.keys()):
            self.look_at_key(key)
        try:
            gates = self.begin(pinned)
        except (ValueError, RecursionError) as error:
            self.found("genesis.json", f"no beginning of a ledger: {error}")
            return
        chains: dict[str, list[str]] = {}
        for key in keys:
            if key.startswith("log/") and (stack := stack_of(key)) is not None:
                chains.setdefault(stack, []).append(key)
        for stack in sorted(chains):  # the ledger's own first: it has the settings, and further gates
            self.walk(stack, sorted(chains[stack], reverse=True), gates)
        for entry, (proof, change, time, stacks) in self.promoted:  # the chain that it comes from was read, too
            stack, *what = self.proofs.get(proof, ("", "", ""))
            if what != [change, time] or time > entry["time"] or stack not in stacks:
                self.found(f"{entry['stack']}/{entry['sequence']}", "it was promoted, and no entry proves that")
        if not self.entries:
            self.found("log/", "there is no entry, and so nothing is proven")

    def look_at_key(self, key: str) -> None:
        for version in self.versions.get(key, [])[1:]:
            self.found(key, "it was deleted" if version == "marker" else "it was written again")
        if self.versions and (key not in self.versions or self.versions[key][:1] == ["marker"]):
            self.found(key, "the store has no version of it")
        if (self.folder / key).is_symlink():
            self.found(key, "a link")
        known = key.startswith("log/") and stack_of(key) is not None
        if key != "genesis.json" and not known and not re.fullmatch(r"evidence/sha256/[0-9a-f]{64}", key):
            self.found(key, "no ledger has such a key")

    def begin(self, pinned: str) -> Gates:
        data = self.read("genesis.json", 64 << 10)
        if data is None:
            raise Wrong("there is none")
        genesis = read_json(data)
        key = [{"key": str}, {"kms": str, "public": str}]
        if not fits(genesis, {"format": 2, "nonce": str, "keys": (key,)}):
            raise Wrong("of another form or format")
        keys = [dict(sorted(one.items())) for one in genesis["keys"]]
        if (
            write_json({"format": 2, "nonce": genesis["nonce"], "keys": keys}) != data
            or len(genesis["nonce"]) < 32
            or not genesis["keys"]
        ):
            raise Wrong("in another spelling than its only one, or without number or keys")
        self.genesis = digest(data)
        if pinned and pinned != self.genesis:
            self.found("genesis.json", f"the ledger is {self.genesis}, and not the one that was asked for")
        return Gates([one["key"] for one in genesis["keys"] if "key" in one])

    # Entries, gaps and repairs

    def walk(self, stack: str, keys: list[str], gates: Gates) -> None:
        """Follow a chain from its first entry to its newest."""
        state, previous, sequence, instant = NOTHING, self.genesis, 0, ""
        pending: dict[str, tuple[str, str]] = {}
        newest: dict[str, tuple[int, bool]] = {}
        marks: dict[str, dict[str, Any]] = {}
        for key in keys:
            data = (self.read(key, MAX_ENTRY) or b"") if number_of(key) else b""
            try:
                entry = self.entry(data, key, stack, gates)
            except Wrong as error:
                pending[key] = (digest(data), str(error))
                continue
            after = entry["state"]
            self.skip(pending, after["skipped"])
            pending = {}
            for number in range(sequence + 1, min(entry["sequence"], sequence + 100)):
                if f"{key.rpartition('/')[0]}/{TOP - number:010d}.json" not in after["skipped"]:
                    self.found(key, f"entry {number} before it is not there")
            if entry["previous"] != previous:
                self.found(key, "it does not follow the one before it")
            if entry["time"] < instant:
                self.found(key, "it is older than the one before it")
            for what in (*follows(state, entry), *allowed(newest, entry)):
                self.found(key, what)
            self.look_into(entry, key, state, gates, marks)
            if entry["event"] == "applied" and whole(entry):
                self.proofs[digest(data)] = entry["stack"], entry["change"], entry["time"]
            state, previous, sequence, instant = after, digest(data), entry["sequence"], entry["time"]
            self.entries += 1
        self.skip(pending, state["skipped"])

    def skip(self, pending: dict[str, tuple[str, str]], skipped: dict[str, str]) -> None:
        for key, (held, why) in pending.items():
            if skipped.get(key) != held:
                self.found(key, f"no entry, and no repair says so: {why}")

    def entry(self, data: bytes, key: str, stack: str, gates: Gates) -> dict[str, Any]:
        """Return the entry at a key. Raises :class:`Wrong` where there is none of this chain."""
        signed = opened(data, ENTRY)
        try:
            entry: dict[str, Any] = read_json(signed.payload)
            if not fits(entry, FIELDS):
                raise Wrong("an entry of another form or format")
            seconds(entry["time"])
        except (ValueError, RecursionError) as error:
            raise Wrong(str(error)) from error
        if (entry["ledger"], entry["stack"], entry["sequence"]) != (self.genesis, stack, number_of(key)):
            raise Wrong("an entry of another place")
        if not gates.accept(signed.key, entry["time"]):
            raise Wrong("sealed with a key that is no gate's, or was not then")
        return entry

    # What entries refer to, and decisions

    def look_into(
        self, entry: dict[str, Any], key: str, before: dict[str, Any], gates: Gates, marks: dict[str, Any]
    ) -> None:
        pieces = {name: self.piece(key, name, reference) for name, reference in entry["references"].items()}
        version, held = entry["settings"]["version"], entry["settings"]["digest"]
        if entry["event"] == "settings":
            if self.settings.setdefault(version, held) != held:
                self.found(key, f"version {version} of the settings was another one before")
        elif version and self.settings.get(version) != held:
            self.found(key, f"the ledger has not seen version {version} of the settings so")
        try:
            if entry["event"] == "settings" and pieces.get("settings"):
                people = people_in(settings_files(pieces["settings"], held))
                gates.add(people or [])
            for what in self.said_or_decided(entry, pieces, before, gates, marks):
                self.found(key, what)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            self.found(key, f"what it refers to is not of the form: {error}")

    def said_or_decided(
        self,
        entry: dict[str, Any],
        pieces: dict[str, bytes],
        before: dict[str, Any],
        gates: Gates,
        marks: dict[str, Any],
    ) -> Iterator[str]:
        """Yield what does not hold of what an entry refers to, by its event."""
        here = entry["stack"], entry["change"]
        if entry["event"] in ("transition", "reviewed"):
            yield from signed_about(entry, pieces)
        if by_hand(entry):
            yield from done(self.decisions.get(here), entry, before)
        if entry["event"] == "intended":
            yield from counted(self.decisions.get(here), entry)
        if entry["event"] == "degraded":
            yield from marked(entry, pieces, before, gates, marks)
        if entry["event"] == "decided":
            yield from decided(entry, pieces, before, self.genesis)
            self.decisions[here] = read_json(pieces["decision"])["decision"]
            stacks = settings_files(pieces["settings"], entry["settings"]["digest"]).get("stacks.yaml", b"")
            self.promoted += [(entry, proof) for proof in rests_on(self.decisions[here], stacks)]

    def piece(self, key: str, name: str, reference: dict[str, Any]) -> bytes:
        data = self.read(f"evidence/sha256/{reference['digest']}")
        if data is None or digest(data) != reference["digest"] or len(data) != reference["size"]:
            self.found(key, f"what it refers to as {name} is not there, or something else")
            return b""
        return data


def stack_of(key: str) -> str | None:
    """Return whose chain a key is in, empty for the ledger's own; ``None`` for no chain's."""
    _, name, *rest = key.split("/")
    if len(rest) != 1 or len(name) > 200:
        return None
    stack = unquote(name.removeprefix("stack-").removesuffix("="))
    encoded = quote(stack, safe="").replace(".", "%2E").replace("~", "%7E")
    return "" if name == "ledger" else stack if stack and name == f"stack-{encoded}=" else None


def number_of(key: str) -> int:
    """Return the sequence that a key has, 0 for none."""
    found = re.fullmatch(r"([0-9]{10})\.json", key.rpartition("/")[2])
    sequence = TOP - int(found[1]) if found else 0
    return sequence if sequence < TOP else 0


def seconds(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()


# State


def follows(before: dict[str, Any], entry: dict[str, Any]) -> Iterator[str]:
    """Yield where an entry's state does not follow from the one before: the numbers are those of the format's page."""
    after, event = entry["state"], entry["event"]
    kept = {key: after["skipped"].get(key) for key in before["skipped"]}
    if kept != before["skipped"] or (event != "repaired" and after["skipped"] != before["skipped"]):  # 1
        yield "it changes which keys hold no entry"
    if any(until > entry["time"] and after["used"].get(one, "") < until for one, until in before["used"].items()):  # 2
        yield "it forgets which approvals were used up"
    if event not in (*ENDS, "degraded") and not by_hand(entry) and after["used"].keys() - before["used"].keys():
        yield "it uses approvals up, and is no apply"
    if after["settings"] != (entry["settings"] if event == "settings" else before["settings"]):  # 3
        yield "it forgets which settings were the newest"
    gone = [one for one in before["rejections"] if one not in after["rejections"]]
    if any(event != "decided" or one["change"] != entry["change"] for one in gone):  # 4
        yield "it forgets a rejection"
    if event != "decided" and any(one not in before["rejections"] for one in after["rejections"]):
        yield "it adds a rejection, and is no decision"
    yield from emergencies(before, entry)
    yield from uses(before, entry)
    yield from applies(before, entry)


def emergencies(before: dict[str, Any], entry: dict[str, Any]) -> Iterator[str]:
    """Yield where an emergency is forgotten, or is another one than before: 7."""
    now = seconds(entry["time"])
    was = {
        one["change"]: one
        for one in before["emergencies"]
        if not one["reviewed"] or now - seconds(one["latest"]) <= 400 * 86_400
    }
    after = {one["change"]: one for one in entry["state"]["emergencies"]}
    changed = {name for name in was.keys() | after.keys() if was.get(name) != after.get(name)}
    if len(after) != len(entry["state"]["emergencies"]) or changed - {entry["change"]}:
        yield "it forgets an emergency, or changes another one"
    if changed and entry["event"] not in ("intended", "reviewed", "degraded") and not by_hand(entry):
        yield "it changes an emergency, and neither begins nor reviews one"
    mine, old = after.get(entry["change"], {}), was.get(entry["change"], {})
    if entry["event"] != "reviewed" and changed and (mine.get("reviewed") or old.get("reviewed")):
        yield "it begins an emergency that was reviewed"
    if entry["event"] == "reviewed" and (not old or old["reviewed"] or not mine.get("reviewed")):
        yield "it reviews no emergency that waits for it"


def uses(before: dict[str, Any], entry: dict[str, Any]) -> Iterator[str]:
    """Yield where a use of a pattern is forgotten, or counted where none began: 8."""
    now, after = seconds(entry["time"]), entry["state"]["uses"]
    was = {}
    for name, all_of_it in before["uses"].items():
        if left := [one for one in all_of_it if now - seconds(one["time"]) < 100 * 86_400]:
            was[name] = left
    changed = [name for name in was.keys() | after.keys() if was.get(name) != after.get(name)]
    for name in changed:
        old, new = was.get(name, []), after.get(name, [])
        kept = new and [(one["change"], one["time"]) for one in new[:-1]] == [
            (one["change"], one["time"]) for one in old
        ]
        if len(changed) > 1 or entry["event"] != "intended" or not kept or new[-1]["change"] != entry["change"]:
            yield "it forgets that a pattern was used, or says that one was"


def applies(before: dict[str, Any], entry: dict[str, Any]) -> Iterator[str]:
    """Yield where what it says of applies does not follow: 5 and 6."""
    after, event, details = entry["state"], entry["event"], entry["details"]
    place = (entry["sequence"], entry["change"])
    ends = event in ENDS
    if event == "intended" and (before["intent"] or place != place_of(after["intent"])):  # 5
        yield "it begins to apply while another has not ended, or does not say so"
    if ends and (after["intent"] or (before["intent"] or {}).get("change") != entry["change"]):
        yield "it ends an apply that nobody began, or does not say so"
    if ends and before["intent"] and entry["details"].get("run") != before["intent"]["run"]:
        yield "it ends the apply of another run"
    if event != "intended" and not ends and after["intent"] != before["intent"]:
        yield "it begins or ends an apply, and is neither"
    if event == "applied" and place != place_of(after["applied"]):  # 6
        yield "it applied something, and does not say what"
    if event != "applied" and after["applied"] != before["applied"]:
        yield "it says that something was applied, and is no apply"
    whole = event == "applied" and (details.get("freshPlan"), details.get("whole")) == ("empty", True)
    if after["base"] != (entry["commit"] if whole else before["base"]):
        yield "it says that nothing is left to do of another commit"
    if not ends and event not in ("bypassed", "degraded") and after["seen"] != before["seen"]:
        yield "it says that the Terraform state is another, and has not looked at it"
    if not ends and after["attempt"] != before["attempt"]:
        yield "it says that an apply failed, or forgets one, and is the end of none"


def whole(entry: dict[str, Any]) -> bool:
    """Return whether an apply left nothing to do."""
    return (entry["details"].get("freshPlan"), entry["details"].get("whole")) == ("empty", True)


def rests_on(decision: dict[str, Any], stacks: bytes) -> Iterator[tuple[str, str, str, list[str]]]:
    """Yield which entry has to prove that something was promoted, of which change and time, and in which stacks.

    Without a reader of YAML, these are all that ``stacks.yaml`` names anything to be promoted from.
    """
    said = decision["promotion"]
    if said and said["ok"] and not decision["subjects"].get("record"):
        named = re.findall(r"""["']?promotes_from["']?\s*:\s*["']?([^\s"',}]+)""", stacks.decode())
        yield said["entry"], said["change"], said["time"], named


def place_of(said: dict[str, Any] | None) -> tuple[int, str] | None:
    return (said["sequence"], said["change"]) if said else None


def by_hand(entry: dict[str, Any]) -> bool:
    """Return whether an entry says how something ended that was done by hand."""
    return entry["event"] == "transition" and entry["details"].get("to") in ("applied", "failed")


def done(decision: dict[str, Any] | None, entry: dict[str, Any], before: dict[str, Any]) -> Iterator[str]:
    """Yield where something was done by hand that has a plan, or by approvals that are not used up, or were before."""
    said = decision or {"subjects": {}, "approvals": [], "change_type": ""}
    counted = {one["statement"] for one in said["approvals"] if (one["code"], one["decision"]) == ("counts", "approve")}
    if not said["subjects"].get("record"):
        yield "it says that something was done by hand, and there was a plan to apply"
    if counted & before["used"].keys() or counted - entry["state"]["used"].keys():
        yield "it says that something was done by hand, and its approvals are not used up, or were before"
    mine = [one for one in entry["state"]["emergencies"] if one["change"] == entry["change"]]
    if said["change_type"] == "emergency" and not mine:
        yield "it says that an emergency was done by hand, and nobody is to review it"


def counted(decision: dict[str, Any] | None, entry: dict[str, Any]) -> Iterator[str]:
    """Yield where an emergency, or the use of a pattern, begins that was allowed, and the state does not have it."""
    if decision is None or not decision["allowed"]:
        return
    if decision["change_type"] == "emergency" and entry["change"] not in [
        one["change"] for one in entry["state"]["emergencies"]
    ]:
        yield "it begins an emergency, and nobody is to review it"
    uses = entry["state"]["uses"].get(decision["pattern"], [])
    if decision["change_type"] == "standard" and [one["change"] for one in uses[-1:]] != [entry["change"]]:
        yield "it uses a pattern, and does not count that"


def allowed(newest: dict[str, tuple[int, bool]], entry: dict[str, Any]) -> Iterator[str]:
    """Yield where an apply begins that the newest decision about its change did not let pass; keep ``newest``."""
    change, details = entry["change"], entry["details"]
    if entry["event"] == "intended" and newest.pop(change, None) != (details.get("decision"), True):
        yield "it begins to apply what no decision before it let pass"
    if by_hand(entry) and newest.pop(change, None) != (details.get("decision"), True):
        yield "it says that something was done by hand, which no decision before it let pass"
    if entry["event"] == "decided":
        newest[change] = entry["sequence"], details.get("exitCode") == 0


# Decisions and approvals


def settings_files(data: bytes, wanted: str) -> dict[str, bytes]:
    files = {name: unbase64(text) for name, text in read_json(data).items()}
    digests = {name: digest(files[name]) for name in sorted(files) if not name.startswith(("trust/", "changes/"))}
    if digest(write_json(digests)) != wanted:
        raise Wrong("the settings are not those that the entry names")
    return files


def people_in(files: dict[str, bytes]) -> list[Any] | None:
    """Return who is in people.yaml, ``None`` where it is YAML that is not JSON."""
    try:
        people: list[Any] = read_json(files.get("people.yaml", b""))["people"]
    except ValueError:
        return None
    return people


def decided(entry: dict[str, Any], pieces: dict[str, bytes], before: dict[str, Any], ledger: str) -> Iterator[str]:
    """Yield where a decision, its inputs and its entry do not say the same."""
    if not all(pieces.get(name) for name in ("decision", "inputs", "settings")):
        yield "something that its decision was made from is missing"
        return
    document, inputs = read_json(pieces["decision"]), read_json(pieces["inputs"])
    decision, wanted, details = document["decision"], inputs["wanted"], entry["details"]
    files = settings_files(pieces["settings"], entry["settings"]["digest"])
    reasons, record = decision["reasons"], wanted["subjects"].get("record", "")
    blocks = bool(reasons) and inputs["mode"] == "enforce"
    code = min((one["exit_code"] for one in reasons), default=0) if blocks else 0
    holds = {
        "outcome": decision["allowed"] is not bool(reasons) and details.get("allowed") is decision["allowed"],
        "block": decision["blocks"] is blocks and details.get("blocks", blocks) is blocks,
        "exit code": document["exit_code"] == details.get("exitCode") == code,
        "change": decision["change"] == wanted["change"] == entry["change"],
        "tree": wanted["subjects"].get("tree", "") == entry["tree"],
        "settings": decision["bundle"] == wanted["bundle"] == entry["settings"]["digest"],
        "ledger": wanted["ledger"] == ledger,
        "whether the ledger was there": bool(inputs["circumstances"]["lost"]) is ("lost" in entry),
        "time": decision["now"] == inputs["now"] and abs(seconds(inputs["now"]) - seconds(entry["time"])) <= 900,
        "seats": seats_add_up(decision, inputs),
        "record": ({wanted["fingerprint"], wanted["record"]} == {record} or not record) and bound(decision, inputs),
        "undoing": undoing_is_answered(decision, inputs),
        "rehearsal": rehearsed(decision, inputs, files),
    }
    for what in (name for name, same in holds.items() if not same):
        yield f"its decision, the inputs and the entry do not agree: {what}"
    envelopes = [unbase64(one["data"]) for one in inputs["received"]]
    received = {digest(data): data for data in envelopes if not attested(data)}
    if {one["digest"] for one in decision["attestations"]} != {attested(data) for data in envelopes} - {""}:
        yield "what was attested is not what its decision is about"
    verdicts = {one["digest"]: one for one in decision["approvals"]}
    if received.keys() != verdicts.keys():
        yield "what arrived is not what its decision is about"
    for name, verdict in verdicts.items():
        if verdict["code"] not in UNVERIFIED and name in received:
            yield from approval(received[name], verdict, wanted, files)
    if "state" in entry:  # a record in a second store has none
        yield from rejections(entry, verdicts, before)


def marked(
    entry: dict[str, Any], pieces: dict[str, bytes], before: dict[str, Any], gates: Gates, marks: dict[str, Any]
) -> Iterator[str]:
    """Yield what does not hold of an entry that marks a record; keep ``marks``, the records by their digests."""
    data, details = pieces.get("degraded", b""), entry["details"]
    try:
        signed = opened(data, DEGRADED)
        record = read_json(signed.payload)
        if not fits(record, RECORD) or details.get("degraded") != digest(data):
            raise Wrong("of another form or digest")
        late = seconds(record["time"]) - seconds(entry["time"]) > 900
    except ValueError as error:
        yield f"the record that it marks: {error}"
        return
    if late or not gates.accept(signed.key, record["time"]):
        yield "the record that it marks is later than it, or sealed with a key that was no gate's then"
    if any(record[name] != entry[name] for name in ("ledger", "stack", "change", "commit", "tree")):
        yield "the record that it marks is about something else"
    if digest(data) in marks or (record["event"], record["time"]) != (details.get("event"), details.get("at")):
        yield "the record was marked before, or it says something else than that"
    absent = [name for name, one in record["references"].items() if entry["references"].get(f"degraded {name}") != one]
    if len(absent) != details.get("missing"):
        yield "it does not bring everything that the record refers to, and does not say so"
    below = {name.removeprefix("degraded "): data for name, data in pieces.items() if name.startswith("degraded ")}
    if record["event"] == "decided":
        yield from decided(record, below, before, entry["ledger"])
    elif not goes_on(record, marks.get(record["previous"])):
        yield "the record that it marks goes on from none that lets it"
    yield from marked_state(entry, record, below, before)
    marks[digest(data)] = record


def goes_on(record: dict[str, Any], last: dict[str, Any] | None) -> bool:
    """Return whether a record goes on from one that allows it: a beginning from a decision, an end from a beginning."""
    if last is None or record["change"] != last["change"]:
        return False
    if record["event"] == "intended":
        same = (record["commit"], record["tree"]) == (last["commit"], last["tree"])
        return same and last["event"] == "decided" and last["details"].get("exitCode") == 0
    same = record["details"].get("run") == last["details"].get("run")
    return same and record["event"] in ENDS and last["event"] == "intended"


def marked_state(
    entry: dict[str, Any], record: dict[str, Any], below: dict[str, bytes], before: dict[str, Any]
) -> Iterator[str]:
    """Yield where a state says more or less than the record that its entry marks."""
    after, begins = entry["state"], record["event"] == "intended" and "begun" in below
    begun = read_json(below["begun"]) if begins else {"emergency": None, "used": {}}
    if any(after["used"].get(name, "") < until for name, until in begun["used"].items()):
        yield "approvals that were used up while the ledger was away are not"
    if after["used"].keys() - before["used"].keys() - begun["used"].keys():
        yield "it uses up approvals that the record does not name"
    mine = [one for one in after["emergencies"] if one["change"] == entry["change"]]
    old = [one for one in before["emergencies"] if one["change"] == entry["change"]]
    if (begun["emergency"] is None and mine not in ([], old)) or (begun["emergency"] and not waits(mine, begun)):
        yield "its emergency is not the one that the record names, or waits for no review"
    names = ("lineage", "serial", "digest") if record["event"] in ENDS else ()
    seen = {name: record["details"].get(f"after{name.title()}") for name in names}
    if after["seen"] not in (before["seen"], seen):
        yield "it says that the Terraform state is another than the record says"


def waits(mine: list[dict[str, Any]], begun: dict[str, Any]) -> bool:
    """Return whether an emergency that was begun waits for its review, with all who took part in it."""
    said = begun["emergency"]
    part = {said["invoker"], *said["approvers"]}
    return [one for one in mine if not one["reviewed"] and part <= {one["invoker"], *one["approvers"]}] != []


def attested(data: bytes) -> str:
    """Return the digest of an attestation, empty for an envelope of another kind."""
    try:
        payload = unbase64(read_json(data)["payload"])
        is_one = len(payload) <= MAX_ATTESTED and read_json(payload)["predicateType"] == ATTESTED
        return digest(payload) if is_one else ""
    except (Wrong, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""


def signed_about(entry: dict[str, Any], pieces: dict[str, bytes]) -> Iterator[str]:
    """Yield where an entry about the end of a change, or a review, does not say what somebody signed."""
    files = settings_files(pieces.get("settings", b""), entry["settings"]["digest"])
    kind = "transition" if entry["event"] == "transition" else "review"
    details, found = entry["details"], []
    for name, data in pieces.items():
        if not name.startswith("attestation "):
            continue
        signed = opened(data, APPROVAL)
        statement = read_json(signed.payload)
        said, body = statement["predicate"], statement["predicate"]["body"]
        right = name == f"attestation {digest(signed.payload)}" and statement["predicateType"] == ATTESTED
        arrived = details.get(f"arrived {digest(signed.payload)}", "")
        if not right or said["about"] != entry["change"] or not "" < arrived <= entry["time"]:
            yield f"{name} is no attestation about its change"
        if said["ledger"] != entry["ledger"]:
            yield f"{name} is for another ledger"
        if statement["subject"] != [{"name": kind, "digest": {"sha256": digest(write_json(body))}}]:
            yield f"{name} is about another body"
        yield from known_key(signed.key, said["principal"], files)
        found.append((said["principal"], body))
    if kind == "transition":
        wanted = (details.get("to"), details.get("by"), details.get("principal"))
        if wanted not in [(body.get("to"), body.get("by", ""), who) for who, body in found]:
            yield "it says how a change ended, and nobody signed that"
    else:
        yield from review(entry, found)


def review(entry: dict[str, Any], found: list[tuple[str, Any]]) -> Iterator[str]:
    """Yield where a review is another one than was signed, or is by those who took part."""
    mine = [one for one in entry["state"]["emergencies"] if one["change"] == entry["change"]]
    involved = {who for one in mine for who in (one["invoker"], *one["approvers"])}
    words = {body.get("justified") for _, body in found}
    if not found or words != {one["justified"] for one in mine} or words != {entry["details"].get("justified")}:
        yield "it says another thing of an emergency than its review"
    if involved & {who for who, _ in found} or len({who for who, _ in found}) != len(found):
        yield "somebody who took part in an emergency reviewed it, or somebody twice"
    if any(body.get("change") != entry["change"] for _, body in found):
        yield "a review is about another change"


def rejections(entry: dict[str, Any], verdicts: dict[str, Any], before: dict[str, Any]) -> Iterator[str]:
    """Yield where an entry forgets a rejection: 4."""
    rejecting = {name for name, one in verdicts.items() if (one["code"], one["decision"]) == ("counts", "reject")}
    standing = {one["envelope"] for one in entry["state"]["rejections"] if one["change"] == entry["change"]}
    stood = {one["envelope"] for one in before["rejections"] if one["change"] == entry["change"]}
    answered = {name for name, one in verdicts.items() if one["code"] != "counts"}
    if rejecting - standing or stood - standing - answered:
        yield "it forgets a rejection that its decision does not answer"


def seats_add_up(decision: dict[str, Any], inputs: dict[str, Any]) -> bool:
    """Return whether every seat is filled or missing, by different people who approve and are no authors."""
    roles = sorted(one["role"] for one in (*decision["filled"], *decision["missing"]))
    people = [one["principal"] for one in decision["filled"]]
    approving = {one["principal"] for one in decision["approvals"] if one["code"] == "counts"}
    right = len(set(people)) == len(people) and set(people) <= approving - set(inputs["wanted"]["authors"])
    asked = sorted(role for role, count in decision["seats"].items() for _ in range(count))
    open_and_allowed = decision["allowed"] and decision["missing"]
    return right and not open_and_allowed and asked == roles and decision["seats"] == inputs["demand"]["seats"]


def undoing_is_answered(decision: dict[str, Any], inputs: dict[str, Any]) -> bool:
    """Return whether what is allowed is answered for, where it is demanded that it can be undone."""
    asked = inputs["demand"].get("readiness") and not decision["subjects"].get("record")
    report = decision.get("rollback")
    if report != inputs["circumstances"].get("rollback"):
        return False
    if not asked or not decision["allowed"]:
        return True
    answers = (decision["record"] or {}).get("undo", {})
    said = {place: answer.get("verdict") for place, answer in answers.items()}
    open_ones = [one for one in (report or {}).get("undos", []) if one["verdict"] in ("irreversible", "unknown")]
    lost = [one for one in open_ones if one["verdict"] == "irreversible" and said.get(one["address"]) != "irreversible"]
    final = [one for one in open_ones if "irreversible" in {one["verdict"], said.get(one["address"])}]
    stated = all(said.get(one["address"], "unknown") not in {None, "unknown"} for one in open_ones)
    return report is not None and stated and not (lost if inputs["demand"]["readiness"] == "answered" else final)


def bound(decision: dict[str, Any], inputs: dict[str, Any]) -> bool:
    """Return whether the record of the change is the one that approvals are bound to."""
    record = inputs["circumstances"]["record"]
    name = digest(write_json(record)) if record else ""
    return bool(inputs["wanted"]["record"] == name and decision["record"] == record)


def rehearsed(decision: dict[str, Any], inputs: dict[str, Any], files: dict[str, bytes]) -> bool:
    """Return whether somebody known rehearsed the way back of what is allowed, where that is demanded."""
    readiness = inputs["demand"].get("readiness", "")
    if not readiness.startswith("rehearsed") or decision["subjects"].get("record") or not decision["allowed"]:
        return True
    back, known = inputs["circumstances"]["previous"], {one["digest"]: one for one in decision["attestations"]}
    for one in inputs["received"]:
        data = unbase64(one["data"])
        stated = known.get(attested(data))
        if not stated or (stated["kind"], stated["why"]) != ("rehearsal", ""):
            continue
        signed = opened(data, APPROVAL)
        said = read_json(signed.payload)["predicate"]
        body, ours = said["body"], (decision["change"], inputs["wanted"]["fingerprint"], back, "matches")
        same = (said["about"], body["fingerprint"], body["previous"], body["outcome"]) == ours
        exact = readiness != "rehearsed" or not body.get("approximate")
        if back and same and exact and not [*known_key(signed.key, said["principal"], files)]:
            return True
    return False


def approval(data: bytes, verdict: dict[str, Any], wanted: dict[str, Any], files: dict[str, bytes]) -> Iterator[str]:
    """Yield what does not hold of an approval that somebody known signed, by the decision."""
    try:
        signed = opened(data, APPROVAL)
    except Wrong as error:
        yield f"an approval by {verdict['principal']}: {error}"
        return
    said = read_json(signed.payload)["predicate"]
    same = (digest(signed.payload), said["principal"], said["decision"])
    if same != (verdict["statement"], verdict["principal"], verdict["decision"]):
        yield f"an approval says something else than the decision says of it: {verdict['principal']}"
    if verdict["code"] == "counts" and said["change"] != wanted["change"]:
        yield "an approval of another change counts"
    if (verdict["code"], said["decision"]) == ("counts", "approve") and said["record"] != wanted["record"]:
        yield "an approval of another record of the change counts"
    yield from known_key(signed.key, verdict["principal"], files)


def known_key(key: str, principal: str, files: dict[str, bytes]) -> Iterator[str]:
    """Yield where people.yaml has no such key of somebody."""
    people = people_in(files)
    theirs = [one for person in people or [] if person["id"] == principal for one in person.get("keys", [])]
    lines = [" ".join(str(one.get("key", "")).split()[:2]) for one in theirs]
    if key not in (lines if people is not None else files.get("people.yaml", b"").decode()):
        yield f"people.yaml has no such key of {principal}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Verify a ledger of iacgate.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--genesis", default="", help="the digest of its genesis, from elsewhere")
    parser.add_argument("--versions", type=Path, help="which versions the bucket has")
    options = parser.parse_args()
    versions = read_json(options.versions.read_bytes()) if options.versions else {}
    verifier = Verifier(options.folder, versions)
    verifier.run(options.genesis)
    for finding in verifier.findings:
        print(finding)  # noqa: T201 - it is a program
    sys.stderr.write(f"{verifier.entries} entries, genesis {verifier.genesis or 'not known'}\n")
    return 1 if verifier.findings else 0


if __name__ == "__main__":
    sys.exit(main())
