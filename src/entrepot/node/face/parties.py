"""Names of parties, and of the node itself, as a reader of one language reads them."""

from __future__ import annotations

from urllib.parse import urlsplit

from entrepot.node.face.surroundings import Surroundings
from entrepot.registry import views
from entrepot.registry.views import FoundingView


def name_of_party(around: Surroundings, party: str, language: str) -> str:
    """Return a party's name in a language, else its own; its id where no such party is known."""
    with around.store.reading() as read:
        found = views.find_party(read, party)
    if found is None:
        return party
    return found.names.get(language) or found.name


def names_of_parties(around: Surroundings, parties: set[str], language: str) -> dict[str, str]:
    """Return party id -> name in a language, for a page that lists several."""
    return {party: name_of_party(around, party, language) for party in parties}


def founding_of(around: Surroundings) -> FoundingView | None:
    """Return the terms of the registry, or None where none is founded (or installed)."""
    if "registry" not in {one.name for one in around.running.institutions}:
        return None
    with around.store.reading() as read:
        return views.founding(read)


def node_name(around: Surroundings, language: str) -> str:
    """Return the operator's name, or the node's host before a registry was founded."""
    terms = founding_of(around)
    if terms is None:
        return urlsplit(around.origins[0]).netloc
    return name_of_party(around, terms.operator, language)
