"""Which account the credentials are of, with a real STS of moto on this machine."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer

from iacgate.apply import account
from iacgate.errors import ApplyRefused

ROLE = "arn:aws:iam::210987654321:role/deploy"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def environment(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL_STS": endpoint,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "made/up+secret",
        "AWS_REGION": "eu-central-1",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def test_the_account_of_the_credentials(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "ours")  # boto3 fails where it sees a profile that is not there
    assert account.aws_account(environment) == "123456789012"


def test_a_session_of_the_run(environment: dict[str, str]) -> None:
    environment |= {"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere", "AWS_ROLE_ARN": "arn:aws:iam::1:role/x", "LANG": "C"}
    found = account.assume(ROLE, "run-1", environment)
    assert account.aws_account(found) == "210987654321"
    asked = {"service": "sts", "operation": "get_caller_identity", "wanted": ["Arn"]}
    assert account.call(asked, found)["Arn"] == "arn:aws:sts::210987654321:assumed-role/deploy/run-1"
    assert found["AWS_ACCESS_KEY_ID"] != environment["AWS_ACCESS_KEY_ID"]
    assert found["LANG"] == "C"
    assert not {"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"} & set(found)


@pytest.mark.parametrize(
    ("role", "run_id"),
    [("deploy", "run-1"), (ROLE, "r"), (ROLE, "run 1"), (ROLE, "run-1\n"), (ROLE.replace("role", "user"), "run-1")],
)
def test_what_cannot_be_assumed(environment: dict[str, str], role: str, run_id: str) -> None:
    with pytest.raises(ApplyRefused, match="cannot be assumed"):
        account.assume(role, run_id, environment)


def test_without_credentials_nothing_is_known(environment: dict[str, str]) -> None:
    lonely = {name: value for name, value in environment.items() if "KEY" not in name}
    with pytest.raises(ApplyRefused, match="NoCredentialsError"):
        account.aws_account({**lonely, "HOME": "/nowhere"})


def test_no_answer_is_no_account(environment: dict[str, str]) -> None:
    with pytest.raises(ApplyRefused, match="EndpointConnectionError") as caught:
        account.aws_account({**environment, "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1"})
    assert "made/up" not in caught.value.message


def test_the_session_carries_the_id_of_the_run(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []
    real = account.call

    def watched(question: dict[str, object], given: dict[str, str]) -> dict[str, object]:
        asked.append(question)
        return real(question, given)

    monkeypatch.setattr(account, "call", watched)
    account.assume(ROLE, "run-1", environment)
    parameters = asked[0]["parameters"]
    assert isinstance(parameters, dict)
    assert (parameters["RoleSessionName"], parameters["SourceIdentity"]) == ("run-1", "run-1")
