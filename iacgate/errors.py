"""One class for each thing that a user can mend.

Every error says in one sentence what is wrong, and in ``hint`` what to do next.
Only the command line prints them and turns :attr:`IacgateError.exit_code` into the
exit status; the codes are those of ``docs/exit-codes.md``.
"""

from __future__ import annotations

from typing import ClassVar


class IacgateError(Exception):
    """Base of all errors that iacgate raises on purpose."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class PlanUnreadable(IacgateError):
    """The input is not a plan that can be judged: wrong kind of file, damaged, too new."""

    code = "plan-unreadable"


class PlanMismatch(IacgateError):
    """The plan JSON does not say what the saved plan file says."""

    code = "plan-mismatch"


class PackInvalid(IacgateError):
    """A rule or a rule pack is not valid; nothing is judged with it."""

    code = "pack-invalid"


class SettingsInvalid(IacgateError):
    """A file below ``.iacgate/`` is not valid; nothing is judged with it."""

    code = "settings-invalid"


class RecordInvalid(IacgateError):
    """The record of a change is not of the form, or contradicts itself."""

    code = "record-invalid"
    exit_code = 14


class KeyInvalid(IacgateError):
    """A public key is malformed, of a kind that is not accepted, or too weak."""

    code = "key-invalid"


class SignatureInvalid(IacgateError):
    """A signature is malformed, or not one of this key over this statement."""

    code = "signature-invalid"


class StatementInvalid(IacgateError):
    """A signed statement is not one that this version can count."""

    code = "statement-invalid"


class CannotCount(IacgateError):
    """What somebody wants to sign could not count, so that nothing is signed or delivered."""

    code = "cannot-count"
    exit_code = 11


class ReportInvalid(IacgateError):
    """A report of tests cannot be read, or does not say what must be known of a run."""

    code = "report-invalid"


class PolicyFailed(IacgateError):
    """A Rego policy could not be evaluated; nothing is judged without it."""

    code = "policy-failed"


class TrustInvalid(IacgateError):
    """The settings are not those that the people who decide about them have signed."""

    code = "trust-invalid"
    exit_code = 15


class EvidenceInvalid(IacgateError):
    """The ledger cannot be read or written, or does not verify; nothing is decided without it."""

    code = "evidence-invalid"
    exit_code = 4


class StoreUnreachable(EvidenceInvalid):
    """The store of the evidence does not answer at all: nothing is said of what is in it."""

    code = "store-unreachable"


class ApplyRefused(IacgateError):
    """Nothing was applied: what is there is not what was allowed, or somebody else applies."""

    code = "apply-refused"
    exit_code = 11


class TerraformFailed(IacgateError):
    """``terraform`` (or ``tofu``) is missing, or did not do what it was asked."""

    code = "terraform-failed"


class ForgeFailed(IacgateError):
    """The forge did not answer, or not what is needed: unknown must not pass for nobody."""

    code = "forge-failed"


class OutputFailed(IacgateError):
    """What was asked for was judged, and a file that should tell of it cannot be written."""

    code = "output-failed"
    exit_code = 4


class UsageInvalid(IacgateError):
    """The command line asks for something that cannot be done."""

    code = "usage"
    exit_code = 2
