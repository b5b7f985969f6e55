"""The law engine: facts, expressions, rulebooks, assessment. It knows no jurisdiction.

    library = Library.load()                                  # the packaged laws, checked
    flow = library.flow("CN", "DE", as_of=date(2024, 4, 1))    # known_at defaults to as_of
    facts = library.facts({"exporter.ciio": False, ...})       # typed, unknown facts simply absent
    assessment = library.bind(flow).assess(facts)              # entrepot.law.model.Assessment

`bound.decide(facts)` is the fast path (outcome, rules, facts read, duty codes);
`bound.explain(facts)`
an assessment with `changes`; `bound.prove(facts)` the proof tree of each rule that matters;
`bound.columns(frame)` the columnar back end (outcome, strictest, rule, on request status).
`library.vocabulary[fact]` describes a fact; `library.sensitivity(regime, as_of, known_at)` maps
inspection categories to a regime's own classes, `library.counts_as(...)` to the facts that count
their persons; `library.facts_read(regime)` names what a regime reads; `strictness(outcome)` ranks
outcomes. All raise only errors of `entrepot.kernel.errors`. Assessments serialise with msgspec.
"""

from entrepot.law.assess import BoundLaw, Decision
from entrepot.law.factset import FactSet, Finding
from entrepot.law.library import Library, read_library
from entrepot.law.model import Assessment, Flow
from entrepot.law.outcomes import CLASSES, LAYERS, OUTCOMES, strictest, strictness
from entrepot.law.vocabulary import FactSpec, Vocabulary

__all__ = [
    "CLASSES",
    "LAYERS",
    "OUTCOMES",
    "Assessment",
    "BoundLaw",
    "Decision",
    "FactSet",
    "FactSpec",
    "Finding",
    "Flow",
    "Library",
    "Vocabulary",
    "read_library",
    "strictest",
    "strictness",
]
