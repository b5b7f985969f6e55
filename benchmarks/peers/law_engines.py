"""The toy law in Cedar, Rego and OpenFisca: decisions per second, and disagreements, of each.

Work is timed in parts and the fastest part counts, as for our own engine.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "toy"))
from reference import CODES, FLAGS, decide, decide_columns, fact_sets

COUNT = 2_000


def rows(count):
    columns = fact_sets(count)
    names = [*FLAGS, "persons"]
    lists = {name: columns[name].tolist() for name in names}
    return [{name: lists[name][i] for name in names} for i in range(count)]


def timed(work, items, parts):
    """Return the answers of `work` to all items, and calls per second of the fastest part."""
    answers, rates = [], []
    step = max(1, len(items) // parts)
    for start in range(0, len(items), step):
        part = items[start : start + step]
        started = time.perf_counter()
        got = [work(item) for item in part]
        rates.append(len(part) / (time.perf_counter() - started))
        answers += got
    return answers, max(rates)


def cedar():
    """Cedar answers permit or forbid: PROHIBITED against all other outcomes."""
    import cedarpy

    policy = """
permit(principal, action, resource) when {
  !context.personal ||
  !context.eu ||
  (context.adequate || (context.dpf && (!context.hr || context.dpf_hr))) ||
  (context.scc && context.tia) || (context.bcr && context.tia) ||
  (context.occasional && (context.consent || context.contract)) ||
  (context.us_person && !context.exempt && context.vendor && context.covered &&
   context.persons > 10000 && context.cisa) };
forbid(principal, action, resource) when {
  context.personal && context.us_person && !context.exempt && (
  (context.brokerage && (context.covered || context.concern) &&
    (context.persons > 10000 || context.government)) ||
  (context.omic && context.covered && context.persons > 1000) ||
  (context.vendor && context.covered && context.persons > 10000 && !context.cisa)) };
"""
    policies = cedarpy.PolicySet.from_str(policy)
    requests = [
        {"principal": 'U::"a"', "action": 'Action::"send"', "resource": 'D::"t"', "context": row}
        for row in rows(COUNT)
    ]
    answers, rate = timed(lambda r: cedarpy.is_authorized(r, policies, []), requests, 20)
    wrong = sum(
        answer.allowed != (decide(request["context"]) != "PROHIBITED")
        for answer, request in zip(answers, requests, strict=True)
    )
    return {
        "name": "Cedar (cedarpy), permit or forbid only",
        "version": version("cedarpy"),
        "rate": rate,
        "wrong": wrong,
    }


def rego():
    import regopy

    module = """package toy
import rego.v1
bulk if input.persons > 10000
us if { input.us_person; not input.exempt }
barred if { us; input.brokerage; concern; large }
barred if { us; input.omic; input.covered; input.persons > 1000 }
barred if { us; input.vendor; input.covered; bulk; not input.cisa }
concern if input.covered
concern if input.concern
large if bulk
large if input.government
adequate if input.adequate
adequate if { input.dpf; not input.hr }
adequate if { input.dpf; input.dpf_hr }
occasion if { input.occasional; input.consent }
occasion if { input.occasional; input.contract }
default outcome := "PROHIBITED"
outcome := "FREE" if { not input.personal }
else := "PROHIBITED" if barred
else := "RESTRICTED_SECURITY" if { us; input.vendor; input.covered; bulk }
else := "FREE" if { not input.eu }
else := "ADEQUACY_LISTED" if adequate
else := "CONTRACT" if { input.scc; input.tia }
else := "BCR" if { input.bcr; input.tia }
else := "DEROGATION" if occasion
"""
    interpreter = regopy.Interpreter()
    interpreter.add_module("toy", module)
    bundle = interpreter.build(None, ["toy/outcome"])
    facts = rows(COUNT)

    def one(row):
        interpreter.set_input(row)
        return interpreter.query_bundle_entrypoint(bundle, "toy/outcome")

    outputs, rate = timed(one, facts, 20)
    wrong = sum(f'"{decide(row)}"' not in str(out) for row, out in zip(facts, outputs, strict=True))
    return {
        "name": "OPA's Rego (regopy), compiled bundle",
        "version": version("regopy"),
        "rate": rate,
        "wrong": wrong,
    }


def openfisca(count, batch):
    from openfisca_core.entities import build_entity
    from openfisca_core.periods import DateUnit
    from openfisca_core.simulations import SimulationBuilder
    from openfisca_core.taxbenefitsystems import TaxBenefitSystem
    from openfisca_core.variables import Variable

    flow = build_entity("flow", "flows", "A flow", is_person=True)
    system = TaxBenefitSystem([flow])
    for name in FLAGS:
        system.add_variable(
            type(
                name,
                (Variable,),
                {
                    "value_type": bool,
                    "entity": flow,
                    "definition_period": DateUnit.DAY,
                    "label": name,
                },
            )
        )
    system.add_variable(
        type(
            "persons",
            (Variable,),
            {
                "value_type": int,
                "entity": flow,
                "definition_period": DateUnit.DAY,
                "label": "persons",
            },
        )
    )

    def formula(flows, period):
        return decide_columns({name: flows(name, period) for name in [*FLAGS, "persons"]})

    system.add_variable(
        type(
            "outcome",
            (Variable,),
            {
                "value_type": int,
                "entity": flow,
                "definition_period": DateUnit.DAY,
                "label": "outcome",
                "formula": formula,
            },
        )
    )
    columns = fact_sets(count)
    day = "2024-04-01"

    def one(part):
        simulation = SimulationBuilder().build_default_simulation(system, len(part["persons"]))
        for name, values in part.items():
            simulation.set_input(name, day, values)
        return simulation.calculate("outcome", day)

    parts = [
        {name: values[i : i + batch] for name, values in columns.items()}
        for i in range(0, count, batch)
    ]
    one(parts[0])
    outputs, rate = timed(one, parts, min(20, len(parts)))
    wrong = int((np.concatenate(outputs) != decide_columns(columns)).sum())
    how = "one at a time" if batch == 1 else f"columns of {batch:,}"
    return {
        "name": f"OpenFisca-Core, {how}",
        "version": version("openfisca-core"),
        "rate": rate * batch,
        "wrong": wrong,
    }


results = []
for run in (cedar, rego, lambda: openfisca(500, 1), lambda: openfisca(5_000_000, 1_000_000)):
    try:
        results.append(run())
    except Exception as error:  # noqa: BLE001 - a peer that fails is reported, not hidden
        results.append(
            {
                "name": getattr(run, "__name__", "openfisca"),
                "error": f"{type(error).__name__}: {error}",
            }
        )
assert CODES[1] == "PROHIBITED"
print(json.dumps({"results": results}))
