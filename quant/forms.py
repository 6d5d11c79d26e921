"""Registries of forms: what stands in for a kind of layer when a tagger is quantized, or simulated.

A kind is the class of a float layer. A form is a function that is registered for a kind, beside the module it makes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tritag import plugins
from tritag.errors import ConfigError

Form = TypeVar("Form", bound=Callable[..., Any])


class Forms:
    """The forms of one purpose, by kind of layer.

    Parameters
    ----------
    purpose : str
        What the forms are, for messages: "quantized".
    """

    def __init__(self, purpose: str) -> None:
        self.purpose = purpose
        self._forms: dict[Any, Callable[..., Any]] = {}

    def register(self, kind: Callable[..., Any], form: Form) -> Form:
        """Keep ``form`` as that of ``kind`` and return it.

        Raises
        ------
        ConfigError
            The kind has another form already.
        """
        known = self._forms.setdefault(kind, form)
        # A file that is run twice, as in a notebook, registers its own forms again.
        if not plugins.is_again(known, form):
            raise ConfigError(
                f"{_name(kind)} must have one {self.purpose} form, got {_name(known)} ({plugins.place_of(known)}) and "
                f"{_name(form)} ({plugins.place_of(form)}); register a class of its own"
            )
        self._forms[kind] = form
        return form

    def find(self, kind: Any) -> Callable[..., Any] | None:
        """The form of exactly ``kind``, not of a class it derives from; None when there is none."""
        return self._forms.get(kind)

    def of(self, kind: Any) -> Callable[..., Any]:
        """The form of exactly ``kind``.

        Raises
        ------
        ConfigError
            The kind has no form; those that have one are listed.
        """
        form = self.find(kind)
        if form is None:
            known = ", ".join(sorted(_name(kind) for kind in self._forms))
            raise ConfigError(f"no {self.purpose} form of {_name(kind)}; registered are {known or 'none'}")
        return form


def _name(thing: Any) -> str:
    return getattr(thing, "__name__", repr(thing))
