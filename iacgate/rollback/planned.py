"""The state as a plan will leave it, where all goes well.

It is the state inside the saved plan file with the planned values over it, in the form in which Terraform stores a
state (``internal/states/statefile/version4.go``). What only apply will tell has placeholders: what has some is
approximate, and named. The order in which objects depend on each other is not in a plan, so that new ones have none.
"""

from __future__ import annotations

import base64
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw

from iacgate.errors import PlanUnreadable
from iacgate.plan import container
from iacgate.plan.addressing import instance_keys, provider_name
from iacgate.plan.ctyvalue import decode_stored
from iacgate.plan.model import Path
from iacgate.plan.planfile import read_plan_file
from iacgate.plan.planmessage import decode_message
from iacgate.plan.planparts import after_bytes
from iacgate.plan.saved import PlanFile
from iacgate.plan.statefile import Entry, Instance, Key, Output, is_managed, read_state
from iacgate.plan.wire import Malformed
from iacgate.rollback.placeholders import Schemas, fill

LINEAGE: Final = "00000000-0000-0000-0000-000000000000"
"""The lineage of a state that had none yet."""

_LEAVES: Final = (("delete",), ("forget",))
_STAYS: Final = (("no-op",), ("read",), ("open",))
_encode: Final = msgspec.json.Encoder().encode


class Planned(msgspec.Struct, frozen=True):
    """A state as bytes, and where placeholders are in it: paths by address, ``output.x`` for outputs."""

    state: bytes
    unknown: dict[str, tuple[Path, ...]]

    def __repr__(self) -> str:
        return f"<Planned, {len(self.unknown)} approximate>"


class SavedPlan:
    """A saved plan file, with its changes as they are written.

    Raises :class:`PlanUnreadable` as :func:`iacgate.plan.planfile.read_plan_file` does.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self.file: PlanFile = read_plan_file(data, name)
        self.name = name
        self._plan = decode_message("Plan", container.read_members(data)[container.PLAN], self.file.product)

    @property
    def changes(self) -> list[dict[str, Any]]:
        """The changes of objects, as decoded messages."""
        return list(self._plan.get("resource_changes", ()))

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """The changes of root outputs, as decoded messages."""
        return list(self._plan.get("output_changes", ()))

    def variables(self) -> dict[str, bytes]:
        """Return the root variables that were set, each as JSON."""
        return {name: _encode(value) for name, value in self.file.variables.items()}

    def providers(self) -> list[str]:
        """Return the source addresses of the providers whose schemas :func:`planned_state` needs."""
        return sorted({provider_name(change.get("provider", "")) for change in self.changes if _is_written(change)})


def planned_state(saved: SavedPlan, schemas: Schemas) -> Planned:
    """Return the state after a plan.

    Raises :class:`PlanUnreadable` where the state in the plan, or a change, cannot be read, or a schema is missing.
    """
    try:
        return _State(saved, schemas).planned()
    except Malformed as error:
        raise PlanUnreadable(f"{ascii(saved.name)} {error}", hint="Make the plan again.") from None


def _actions(change: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(change.get("change", {}).get("action", "no-op")).split(","))


def _is_written(change: dict[str, Any]) -> bool:
    actions = _actions(change)
    importing = "importing" in change.get("change", {})
    return (actions not in (*_LEAVES, *_STAYS) or importing) and ".data." not in f".{change.get('addr', '')}"


class _State:
    def __init__(self, saved: SavedPlan, schemas: Schemas) -> None:
        self._saved, self._schemas = saved, schemas
        before = read_state(saved.file.prior_state, "The state in the plan")
        self._instances = dict(before.instances)
        self._outputs = dict(before.outputs)
        self._providers = {key[:4]: entry.provider for key, entry in before.instances.items()}
        self._unknown: dict[str, tuple[Path, ...]] = {}

    def planned(self) -> Planned:
        for change in self._saved.changes:
            self._lay(change)
        for output in self._saved.outputs:
            self._lay_output(output)
        file = self._saved.file
        document = {
            "version": 4,
            "terraform_version": file.terraform_version,
            "serial": file.serial + 1,
            "lineage": file.lineage or LINEAGE,
            "outputs": self._outputs,
            "resources": self._resources(),
            "check_results": None,
        }
        return Planned(_encode(document), self._unknown)

    def _lay(self, change: dict[str, Any]) -> None:
        key = self._key(change.get("addr", ""), change.get("deposed_key", ""))
        if not is_managed(key):
            return
        actions = _actions(change)
        moved = self._moved(change, key)
        if actions in _LEAVES:
            self._instances.pop(key, None)
        elif _is_written(change):
            self._instances[key] = self._written(change, key, moved)
        elif moved is not None:
            self._instances[key] = moved
        if actions not in _LEAVES:
            self._providers[key[:4]] = change.get("provider", "")

    def _moved(self, change: dict[str, Any], key: Key) -> Entry | None:
        """Take an object from its previous address, where it has one, and return what is known of it."""
        previous = change.get("prev_run_addr", "")
        there = self._instances.get(key)
        if not previous or previous == change.get("addr", ""):
            return there
        return there or self._instances.pop(self._key(previous), None)

    def _key(self, address: str, deposed: str = "") -> Key:
        """Return the key of an address; of two readings the one that is there, else the newer one."""
        keys = instance_keys(address, deposed)
        if not keys:
            raise Malformed(f"has {ascii(address)}, which is no address of an object")
        return next((key for key in keys if key in self._instances), keys[-1])

    def _written(self, change: dict[str, Any], key: Key, before: Entry | None) -> Entry:
        body = change.get("change", {})
        data = after_bytes(body)
        provider = change.get("provider", "")
        schema = self._schemas.of(provider_name(provider), key[2])
        value, unknown = fill(None if data is None else decode_stored(data), schema.type)
        if not isinstance(value, dict):
            raise Malformed(f"has no object after the change of {ascii(change.get('addr', ''))}")
        if unknown:
            self._unknown[change.get("addr", "")] = unknown
        private = change.get("private", b"")
        old = before.instance if before else Instance()
        return Entry(
            provider,
            Instance(
                index_key=key[4],
                schema_version=schema.version,
                attributes=Raw(_encode(value)),
                sensitive_attributes=[_path(path) for path in body.get("after_sensitive_paths", ())],
                private=base64.b64encode(private).decode() if private else UNSET,
                dependencies=old.dependencies,
                create_before_destroy=old.create_before_destroy,
                instance_provider=old.instance_provider,
            ),
        )

    def _resources(self) -> list[dict[str, Any]]:
        """Return the resources; all objects of one have the same provider (``resourceStateV4``)."""
        grouped: dict[tuple[str, str, str, str], list[Instance]] = {}
        for key, entry in self._instances.items():
            instance = entry.instance if entry.instance.index_key == key[4] else _keyed(entry.instance, key)
            grouped.setdefault(key[:4], []).append(instance)
        return [
            {
                **({"module": names[0]} if names[0] else {}),
                "mode": names[1],
                "type": names[2],
                "name": names[3],
                "provider": self._providers[names],
                "instances": instances,
            }
            for names, instances in grouped.items()
        ]

    def _lay_output(self, output: dict[str, Any]) -> None:
        name = output.get("name", "")
        body = output.get("change", {})
        if tuple(str(body.get("action", "no-op")).split(",")) == ("no-op",):
            return
        data = after_bytes(body)
        value, unknown = fill(None if data is None else decode_stored(data), "dynamic")
        if not isinstance(value, dict) or value.get("value") is None:
            self._outputs.pop(name, None)
            return
        if unknown:
            self._unknown[f"output.{name}"] = unknown
        self._outputs[name] = Output(
            value=Raw(_encode(value["value"])),
            type=Raw(_encode(value["type"])),
            sensitive=output.get("sensitive", False),
        )


def _keyed(instance: Instance, key: Key) -> Instance:
    return msgspec.structs.replace(instance, index_key=key[4])


def _path(path: dict[str, Any]) -> Raw:
    """Return a path as a state writes it (cty's paths in JSON)."""
    steps: list[dict[str, Any]] = []
    for step in path.get("steps", ()):
        if "attribute_name" in step:
            steps.append({"type": "get_attr", "value": step["attribute_name"]})
        else:
            steps.append({"type": "index", "value": decode_stored(step.get("element_key", {}).get("msgpack", b""))})
    return Raw(_encode(steps))
