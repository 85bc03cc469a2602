"""Live questions about undoing, asked of AWS: whether what undoing needs is really there.

Credentials, profile and endpoint are found as the AWS tools find them. Only calls that read are made, those of
:data:`iacgate.shell.livereads.READS`, which each client holds itself to. What goes wrong is a value: an answer without
an answer, that says why. It is never a pass.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from iacgate.rollback.livewords import Answer, Question
from iacgate.shell.livereads import READS, SERVICES, NotThere, Odd, Reading, read

BUDGET: Final = 120.0
"""Seconds for all questions of a plan: what is not asked by then is not checked."""

_CONNECT: Final = 5
_READ: Final = 10
"""Seconds, for each attempt."""

_ATTEMPTS: Final = 2
_CODE: Final = re.compile(r"[A-Za-z0-9.]{1,64}", re.ASCII)
_SIGN_IN: Final = re.compile("Credential|Login|Profile|SSO|Token")
"""In names of botocore's errors about what signs requests, which are the same for every question."""

_BY_ACCOUNT: Final = frozenset({"backup", "dynamodb", "ec2", "rds"})
"""Services that look in the caller's own account, whatever the ARN says; S3, KMS and Secrets Manager know whose."""

_NOT_THERE: Final = frozenset(
    "404 DBClusterNotFoundFault DBInstanceNotFound DBInstanceNotFoundFault NoSuchBucket NotFoundException "
    "ResourceNotFoundException TableNotFoundException".split()
)
_DENIED: Final = frozenset(
    "403 AccessDenied AccessDeniedException AuthorizationError Forbidden UnauthorizedOperation".split()
)
_PATIENCE: Final = frozenset(
    "RequestLimitExceeded RequestThrottled RequestThrottledException SlowDown Throttling ThrottlingException "
    "TooManyRequestsException".split()
)
_CREDENTIALS: Final = frozenset(
    "AuthFailure ExpiredToken ExpiredTokenException IncompleteSignature InvalidAccessKeyId InvalidClientTokenId "
    "InvalidSignatureException InvalidToken MissingAuthenticationToken RequestExpired SignatureDoesNotMatch "
    "UnrecognizedClientException".split()
)


class WouldNotRead(Exception):
    """A call that is none of those that only read; a fault of this program, and nothing is sent."""


class _NoAnswer(Exception):
    """Why there is no answer; shows no secret, and nothing that was answered.

    ``about`` says what else gets none for the same reason: this question, all of its service, or all.
    """

    def __init__(self, why: str, about: str = "") -> None:
        super().__init__(why)
        self.why, self.about = why, about


def ask(
    questions: Sequence[Question],
    *,
    clock: Callable[[], float] = time.monotonic,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    budget: float = BUDGET,
) -> tuple[Answer, ...]:
    """Ask AWS all questions, and return an answer to each of them, in their order.

    Nothing is raised for what AWS, the network or the credentials do: such an answer says in ``why`` that there is
    none. One that nobody can ask is not asked.

    Args:
        questions: what a plan raises (:mod:`iacgate.rollback.livequestions`).
        clock: gives seconds, from any beginning.
        progress: is told before each question how many of all are done.
        budget: seconds after which no further question is asked.
    """
    asking, began = _Asking(), clock()
    answers = []
    for done, question in enumerate(questions):
        progress(done, len(questions))
        late = clock() - began > budget
        why = question.unasked or (f"there was no time left after {budget:.0f} seconds" if late else "")
        answers.append(Answer(question, why) if why else asking.answer(question))
    return tuple(answers)


class _Asking:
    """Asks questions one by one, and remembers what is not to be asked again."""

    def __init__(self) -> None:
        self._session: Any = None
        self._clients: dict[tuple[str, str], Any] = {}
        self._accounts: dict[str, str] = {}
        self._failed: dict[tuple[str, ...], str] = {}
        self._answered: dict[Question, Answer] = {}

    def answer(self, question: Question) -> Answer:
        """Return the answer to a question; to one that was asked before of another address, the same."""
        same = msgspec.structs.replace(question, address="", stake=None)
        if same not in self._answered:
            self._answered[same] = self._asked(question)
        return msgspec.structs.replace(self._answered[same], question=question)

    def _asked(self, question: Question) -> Answer:
        service = SERVICES[question.kind]
        scopes: dict[str, tuple[str, ...]] = {"all": (), "service": (service, question.region)}
        for scope in scopes.values():
            if scope in self._failed:
                return Answer(question, self._failed[scope])
        try:
            reading = _guarded(lambda: self._reading(service, question), service)
        except NotThere:
            return Answer(question, exists=False)
        except _NoAnswer as error:
            if error.about in scopes:
                self._failed[scopes[error.about]] = error.why
            return Answer(question, error.why)
        return Answer(question, facts=reading.facts, points=reading.points)

    def _reading(self, service: str, question: Question) -> Reading:
        client = self._client(service, question.region)
        wanted = question.argument("endpoint")
        if wanted and wanted.rstrip("/") != str(client.meta.endpoint_url).rstrip("/"):
            raise _NoAnswer(
                "the state is not at Amazon's: set AWS_ENDPOINT_URL_S3 to the backend's endpoint, to ask it"
            )
        if service in _BY_ACCOUNT and question.account:
            self._check_account(question)
        return read(client, question)

    def _check_account(self, question: Question) -> None:
        """Refuse to look for an object in another account than its own, where a namesake may be."""
        region = question.region
        if region not in self._accounts:
            answer = _guarded(lambda: self._client("sts", region).get_caller_identity(), "sts")
            self._accounts[region] = str(answer.get("Account", ""))
        if self._accounts[region] != question.account:
            raise _NoAnswer(f"it is in account {question.account}, and the credentials are of another one")

    def _client(self, service: str, region: str) -> Any:
        if (service, region) not in self._clients:
            self._clients[service, region] = _client(self._opened(), service, region)
        return self._clients[service, region]

    def _opened(self) -> Any:
        """Return the session, which has credentials: without them, nothing is asked."""
        if self._session is None:
            from boto3.session import Session  # noqa: PLC0415 - slow to load, and rarely needed

            session = Session()
            if session.get_credentials() is None:
                raise _NoAnswer("there are no credentials for AWS: sign in, or set AWS_PROFILE", "all")
            self._session = session
        return self._session


def _client(session: Any, service: str, region: str) -> Any:
    """Return a client that waits shortly, and makes no call but those that are allowed.

    As everywhere, a bucket's name is in the path where the endpoint is not Amazon's.
    """
    from botocore.config import Config  # noqa: PLC0415 - slow to load, and rarely needed

    retries: Any = {"mode": "standard", "total_max_attempts": _ATTEMPTS}
    config = Config(connect_timeout=_CONNECT, read_timeout=_READ, retries=retries)
    client = session.client(service, region_name=region or None, config=config)
    host = urlsplit(str(client.meta.endpoint_url)).hostname or ""
    if service == "s3" and not host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        config = config.merge(Config(s3={"addressing_style": "path"}))
        client = session.client(service, region_name=region or None, config=config)
    client.meta.events.register("before-parameter-build", _only_read)
    return client


def _only_read(model: Any, **_: Any) -> None:
    """Refuse a call that is none of those that only read, before anything of it is made."""
    if model.name not in READS.get(str(model.service_model.service_name), {}):
        raise WouldNotRead(f"{model.service_model.service_name}:{model.name}")


def _guarded(call: Callable[[], Any], service: str) -> Any:
    """Return what a call returns; say in our own words what went wrong: those of a server may hold anything."""
    try:
        from botocore import exceptions  # noqa: PLC0415 - slow to load, and rarely needed
        from botocore.parsers import ResponseParserError  # noqa: PLC0415 - slow to load, and rarely needed
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - slow to load, and rarely needed
    except ImportError:
        raise _NoAnswer("to ask AWS needs the extra `s3`: pip install 'iacgate[s3]'", "all") from None
    try:
        return call()
    except exceptions.ClientError as error:
        raise _refused(str(error.response.get("Error", {}).get("Code", "")), service) from None
    except Odd as error:
        raise _NoAnswer(f"AWS answered {error}: look at the endpoint") from None
    except (exceptions.NoRegionError, exceptions.InvalidRegionError):
        raise _NoAnswer("no region is known: set AWS_REGION", "service") from None
    except (exceptions.ConnectionError, exceptions.HTTPClientError) as error:
        why = f"no answer from AWS ({type(error).__name__}): look at the network and the endpoint"
        raise _NoAnswer(why, "service") from None
    except (exceptions.BotoCoreError, ResponseParserError, HTTPError, ValueError, OSError) as error:
        why = f"AWS could not be asked ({type(error).__name__}): look at `aws sts get-caller-identity`"
        raise _NoAnswer(why, "all" if _SIGN_IN.search(type(error).__name__) else "") from None


def _refused(said: str, service: str) -> Exception:
    """Return what the code of an error means."""
    code = said if _CODE.fullmatch(said) else "unknown"
    if code in _NOT_THERE:
        return NotThere()
    if code in _DENIED:
        return _NoAnswer(f"access is denied ({code}): allow {_permissions(READS[service].values())}")
    if code in _PATIENCE:
        return _NoAnswer(f"AWS is asked too often ({code}): run it again, later", "service")
    if code in _CREDENTIALS:
        return _NoAnswer(f"the credentials are not taken ({code}): sign in again", "all")
    return _NoAnswer(f"AWS did not answer ({code}): see the service's status")


def _permissions(names: Iterable[str]) -> str:
    return ", ".join(sorted(filter(None, names))) or "it"
