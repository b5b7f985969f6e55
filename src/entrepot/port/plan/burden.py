"""What a way costs in duties: counts, and a coarse class of time and effort.

The classes are the project's estimate for planning, not law: weeks until the first transfer for the
slowest duty that is still open, read from statutory periods where there are any (security
assessment: 5 + 7 + 45 working days, Order 11 arts 11-12; contract filing may follow the transfer).
"""

from __future__ import annotations

from typing import Final

from entrepot.law.model import Assessment, DutyDue, HumanFinding
from entrepot.port.plan.model import Burden

WEEKS: Final = {
    "security_assessment": 14,
    "authority_approval": 26,
    "authorisation": 26,
    "bcr_approval": 52,
    "bcr_bound": 8,
    "certification": 16,
    "certificate": 16,
    "cisa_organisation": 12,
    "cisa_data": 8,
    "cisa_access": 8,
    "cisa_risk_assessment": 4,
    "security_requirements": 12,
    "compliance_program": 8,
    "treaty_procedure": 26,
    "supplementary_measures": 4,
    "separate_consent": 6,
    "guardian_consent": 8,
    "impact_assessment": 3,
    "tia": 3,
    "contract": 2,
    "scc": 2,
    "sa_scc": 2,
    "processor_contract": 2,
    "onward_contract": 2,
    "onward_ban": 2,
    "representative": 4,
    "notice": 2,
    "sensitive_notice": 2,
    "filing": 1,
}
"""Duty code → weeks; a code that is not here takes one week."""

_WEEKS_OTHERWISE = 1
_COST_FROM = ((0, "none"), (1, "light"), (3, "moderate"), (8, "heavy"), (14, "very heavy"))


def burden(assessment: Assessment, supposed_findings: int = 0) -> Burden:
    """Count the duties of an assessment; `supposed_findings` were taken as made and are not yet.

    A duty that may not arise (state `possible`) is counted, but its weeks are not.
    """
    before = [duty for duty in assessment.duties if is_open(duty) and duty.before_transfer]
    later = [duty for duty in assessment.duties if is_open(duty) and not duty.before_transfer]
    findings = len(needed_findings(assessment)) + supposed_findings
    sure = [duty for duty in before if duty.state != "possible"]
    weeks = max((WEEKS.get(duty.code, _WEEKS_OTHERWISE) for duty in sure), default=0)
    weeks = max(weeks, 1 if findings else 0)
    cost = [name for least, name in _COST_FROM if weeks >= least][-1]
    return Burden(len(before), len(later), findings, weeks, cost)


def needed_findings(assessment: Assessment) -> list[HumanFinding]:
    """Return the findings without which the transfer cannot go on the route that was decided.

    A finding that would only open a milder route is not among them.
    """
    if assessment.outcome == "NEEDS_HUMAN":
        return assessment.human
    duties = {duty.id for duty in assessment.duties if duty.human and is_open(duty)}
    return [item for item in assessment.human if item.because.partition(":")[0] in duties]


def is_open(duty: DutyDue) -> bool:
    """Tell whether a duty still has to be met (a duty that may not arise counts as one)."""
    return duty.state != "met"
