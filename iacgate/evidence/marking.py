"""Puts marks in the place of secrets, in values of any shape."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

from iacgate import canonical
from iacgate.evidence.spellings import spellings
from iacgate.plan.redaction import Redactor
from iacgate.plan.search import Finder, Span, replace
from iacgate.plan.secrecy import HIDDEN_TEXT, credential, is_mark, mark, may_hold_credential, secret_name, worth_hiding

MAX_KEPT: Final = 50_000
"""So many texts are remembered with what became of them: plans repeat themselves."""


class Marker:
    """Hides secrets in the values of one plan.

    A text that the rules would not see (:meth:`iacgate.plan.redaction.Redactor.hides`) becomes a mark as a whole;
    in any other, every form of a secret becomes one.
    """

    def __init__(self, secrets: Iterable[str], key: bytes) -> None:
        known = frozenset(secrets)
        self._key = key
        self._redactor = Redactor(known)
        self._finder: Finder[str] = Finder(dict(_texts(known)))
        self._kept: dict[str, str] = {}

    def hidden(self, value: Any) -> Any:
        """Return the mark for a secret of any shape; nothing stays nothing."""
        if value is None or (isinstance(value, str) and (not value or is_mark(value))):
            return value
        text = value if isinstance(value, str) else canonical.canonical_json(value).decode()
        if isinstance(value, bool) or not worth_hiding(text):
            return HIDDEN_TEXT
        return self._mark(text)

    def text(self, text: str) -> str:
        """Return a text with every secret in it replaced."""
        found = self._kept.get(text)
        if found is None:
            found = text if is_mark(text) else self._searched(text)
            if len(self._kept) < MAX_KEPT:
                self._kept[text] = found
        return found

    def value(self, value: Any) -> Any:
        """Return a value that no mask covers."""
        if isinstance(value, str):
            return self.hidden(value) if self._redactor.hides(value) else self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self._member(key, item, mask=False) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, (int, float)) and not isinstance(value, bool) and self._redactor.hides_number(value):
            return self.hidden(value)
        return value

    def masked(self, value: Any, mask: Any) -> Any:
        """Return a value with a mark wherever the mask covers it; a mask is a sparse tree, not a flag."""
        if not _covers(mask):
            return self.value(value)
        if isinstance(mask, dict) and isinstance(value, dict):
            return {self.text(key): self._member(key, item, mask.get(key)) for key, item in value.items()}
        if isinstance(mask, list) and isinstance(value, list):
            masks = [*mask, *[False] * len(value)]
            return [self.masked(item, inner) for item, inner in zip(value, masks, strict=False)]
        return self.hidden(value)

    def object(self, value: Any, mask: Any) -> Any:
        """Return an object of a resource, or an output's value: the names of attributes stay, masked or not."""
        if not isinstance(value, dict):
            return self.masked(value, mask)
        masks = mask if isinstance(mask, dict) else dict.fromkeys(value, _covers(mask))
        return {name: self._member(name, item, masks.get(name)) for name, item in value.items()}

    def mask(self, mask: Any) -> Any:
        """Return a mask itself, for values whose keys are searched; what is none covers all."""
        if isinstance(mask, dict):
            return {name: self._inner_mask(inner) for name, inner in mask.items()}
        return self._inner_mask(mask)

    def _inner_mask(self, mask: Any) -> Any:
        if isinstance(mask, dict):
            return {self.text(key): self._inner_mask(inner) for key, inner in mask.items()}
        if isinstance(mask, list):
            return [self._inner_mask(inner) for inner in mask]
        return mask if mask is None or isinstance(mask, bool) else True

    def _member(self, key: str, item: Any, mask: Any) -> Any:
        if isinstance(item, str) and secret_name(key):
            return self.hidden(item)
        return self.masked(item, mask)

    def _searched(self, text: str) -> str:
        spans = [*self._finder.spans(text)]
        if may_hold_credential(text):
            spans += [found.span() for found in credential().finditer(text)]
        return replace(text, spans, self._mark) if spans else text

    def _mark(self, text: str) -> str:
        return mark(canonical.keyed_digest(text.encode("utf-8", "surrogatepass"), self._key))


def _texts(secrets: Iterable[str]) -> Iterator[tuple[str, Span]]:
    for form, around in spellings(secrets).items():
        with contextlib.suppress(UnicodeDecodeError):  # a piece of a long form, cut inside a character
            yield form.decode("utf-8", "surrogatepass"), around


def _covers(mask: Any) -> bool:
    """Return whether a mask covers anything; what is no mask covers all."""
    stack = [mask]
    while stack:
        node = stack.pop()
        if isinstance(node, (dict, list)):
            stack += node.values() if isinstance(node, dict) else node
        elif node is not None and node is not False:
            return True
    return False
