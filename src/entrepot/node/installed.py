"""Every institution that this node carries."""

from __future__ import annotations

from importlib.util import find_spec

from entrepot.kernel.institution import Institution


def installed() -> tuple[Institution, ...]:
    """Return the institutions whose acts this node takes, in the order in which they began."""
    from entrepot.port.clear.institution import PORT

    found: tuple[Institution, ...] = (PORT,)
    if find_spec("entrepot.registry.institution") is not None:
        from entrepot.registry.institution import registry_institution

        found = (*found, registry_institution())
    return found
