"""May this change be applied? The page to open first is ``decision``; what decides stands in ``inputs``."""

from iacgate.gate.decision import Decision, decide
from iacgate.gate.inputs import Circumstances, Inputs
from iacgate.gate.reasons import Missing, Reason

__all__ = ["Circumstances", "Decision", "Inputs", "Missing", "Reason", "decide"]
