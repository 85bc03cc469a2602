"""The live state: read from the backend in the plan, with the real terraform, whatever the folder says."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest
from moto.server import ThreadedMotoServer

from iacgate.apply import backend, execute
from iacgate.canonical import digest
from iacgate.errors import ApplyRefused, TerraformFailed
from iacgate.plan.saved import PlanFile
from tests.apply.stack import Stack, read
from tests.apply.test_execute import DATA, HTTP
from tests.support.stateserver import state_server


def pull(stack: Stack, plan_file: PlanFile, private: Path) -> backend.PulledState:
    environment = stack.environment(private)
    return backend.pull(plan_file, stack.installation.terraform, environment, private, stack.folder)


def test_the_state_of_an_http_backend(stack: Stack) -> None:
    with state_server() as server, state_server() as other:
        stack.commit({"main.tf": DATA, "backend.tf": HTTP.format(address=server.address)})
        stack.workspace.init("-reconfigure", "-backend-config=username=ann", "-backend-config=password=made-up")
        plan_file = read(stack.plan())
        private = stack.private()
        assert pull(stack, plan_file, private).state.exists is False
        stack.workspace.apply()
        server.authorizations.clear()
        stack.workspace.write_files({"backend.tf": HTTP.format(address=other.address)})
        stack.given = {"TF_HTTP_ADDRESS": other.address, "TF_WORKSPACE": "other"}
        found = pull(stack, plan_file, private)
        assert found.data == server.states["/state"]
        assert found.state.digest == digest(server.states["/state"])
        assert found.state.size == len(found.data)
        stored = json.loads(server.states["/state"])
        assert (found.state.serial, found.state.lineage) == (stored["serial"], stored["lineage"])
        assert server.authorizations == {"Basic YW5uOm1hZGUtdXA="}, "the plan's own credentials"
        assert other.requests == []
    assert [path.name for path in private.iterdir()] == ["terraform.tfrc"], "nothing of the state is left"
    assert "made-up" not in repr(found)
    with pytest.raises(TerraformFailed, match="could not be read"):
        pull(stack, plan_file, private)


def test_where_a_local_state_is(tmp_path: Path, stack: Stack) -> None:
    stack.commit({"main.tf": DATA})
    plan_file = read(stack.plan())

    def place(workspace: str = "default", **config: Any) -> Path:
        changed = msgspec.structs.replace(plan_file, workspace=workspace, backend_config=config)
        return backend.local_state(changed, tmp_path / "s")

    assert place(path=None) == tmp_path / "s" / "terraform.tfstate"
    assert place(path="../x/y.tfstate") == tmp_path / "x" / "y.tfstate"
    assert place(path="/x/y.tfstate") == Path("/x/y.tfstate")
    assert place("w", path="z") == tmp_path / "s" / "terraform.tfstate.d" / "w" / "terraform.tfstate"
    assert place("w", workspace_dir="d") == tmp_path / "s" / "d" / "w" / "terraform.tfstate"
    with pytest.raises(ApplyRefused, match="no text"):
        place(path=["x"])


@pytest.mark.parametrize(
    ("data", "why"),
    [(b"{", "not one that was understood"), (b'{"version":5,"serial":1,"lineage":"x"}', "version 5")],
)
def test_a_state_that_is_not_understood(stack: Stack, data: bytes, why: str) -> None:
    stack.commit({"main.tf": DATA})
    plan_file = read(stack.plan())
    (stack.folder / "terraform.tfstate").write_bytes(data)
    with pytest.raises(TerraformFailed, match=why):
        pull(stack, plan_file, stack.private())


def test_an_empty_file_is_no_state(stack: Stack) -> None:
    """Terraform makes one before it locks, and leaves it when it is killed."""
    stack.commit({"main.tf": DATA})
    plan_file = read(stack.plan())
    (stack.folder / "terraform.tfstate").touch()
    assert pull(stack, plan_file, stack.private()).state.exists is False


@pytest.mark.parametrize(
    "changed",
    [{"backend_type": "remote"}, {"backend_type": ""}, {"workspace": "../x"}, {"workspace": ".."}, {"workspace": ""}],
)
def test_a_place_that_is_not_known_is_refused(stack: Stack, changed: dict[str, str]) -> None:
    stack.commit({"main.tf": DATA})
    plan_file = msgspec.structs.replace(read(stack.plan()), **changed)
    with pytest.raises(ApplyRefused):
        pull(stack, plan_file, stack.private())


def test_settings_are_written_without_what_was_not_configured(stack: Stack, tmp_path: Path) -> None:
    stack.commit({"main.tf": DATA})
    config = {"key": "x", "token": None, "endpoints": {"s3": "y", "iam": None}, "assume_role": {"role_arn": None}}
    changed = msgspec.structs.replace(read(stack.plan()), backend_config=config)
    path = backend.backend_file(changed, tmp_path)
    assert json.loads(path.read_bytes()) == {"key": "x", "endpoints": {"s3": "y"}}
    assert path.stat().st_mode & 0o777 == 0o600


S3 = """
terraform {{
  backend "s3" {{
    bucket                      = "states-of-a-test"
    key                         = "x/terraform.tfstate"
    region                      = "eu-central-1"
    use_lockfile                = true
    use_path_style              = true
    skip_credentials_validation = true
    skip_metadata_api_check     = true
    skip_region_validation      = true
    skip_requesting_account_id  = true
    endpoints                   = {{ s3 = "{address}" }}
  }}
}}
"""
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "made/up+secret"}


def bucket(address: str) -> Any:
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=address,
        region_name="eu-central-1",
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )
    client.create_bucket(Bucket="states-of-a-test", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    client.put_bucket_versioning(Bucket="states-of-a-test", VersioningConfiguration={"Status": "Enabled"})
    return client


def test_a_state_in_s3_from_plan_to_fresh_plan(stack: Stack) -> None:
    """A workspace of its own, nested settings, the version of the object, and a plan that only creates."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        client = bucket(f"http://{host}:{port}")
        stack.workspace.variables = CREDENTIALS
        stack.commit({"main.tf": DATA, "backend.tf": S3.format(address=f"http://{host}:{port}")})
        stack.workspace.run("workspace", "new", "blue")
        plan = stack.plan()
        stack.given = {**CREDENTIALS, "AWS_EC2_METADATA_DISABLED": "true"}
        private = stack.private("asking")
        gone = msgspec.structs.replace(read(plan), workspace="gone")
        assert pull(stack, gone, private).state.exists is False
        before = pull(stack, read(plan), private).state
        assert (before.serial, before.lineage) == (read(plan).serial, read(plan).lineage)
        run = stack.run()
        execute.initialise(run, read(plan))
        applied = execute.apply_plan(run, plan, digest(plan), read(plan))
        assert applied.ended.exit_code == 0, stack.printed
        after = pull(stack, read(plan), private).state
        stored = client.get_object(Bucket="states-of-a-test", Key="env:/blue/x/terraform.tfstate")
        assert after.digest == digest(stored["Body"].read())
        assert after.version_id == stored["VersionId"] != before.version_id
        assert (after.serial, after.no_version) == (before.serial + 1, "")
        keys = {found["Key"] for found in client.list_objects_v2(Bucket="states-of-a-test")["Contents"]}
        assert "x/terraform.tfstate" not in keys, "nothing in the workspace that a new folder has"
        assert execute.fresh_plan(run, read(plan)) == execute.Freshness("empty"), stack.printed
    finally:
        server.stop()
