"""The report as one HTML page: no script, no outside resource, made to be read and printed."""

from __future__ import annotations

from collections.abc import Callable

from entrepot.port.clear.record import ClearanceRecord
from entrepot.port.report import sections
from entrepot.port.report.markup import Markup, tag

_SECTIONS: list[tuple[str, str, Callable[[ClearanceRecord], Markup]]] = [
    ("route", "Why it may leave", sections.route),
    ("treatment", "What was done to the data", sections.treatment),
    ("risk", "Risk of recognising a person", sections.risk),
    ("duties", "Duties", sections.duties),
    ("judgements", "What persons found and declared", sections.judgements),
    ("contents", "What the source holds", sections.contents),
    ("alternatives", "The other ways", sections.alternatives),
    ("validity", "Validity and re-check", sections.validity),
    ("facts", "Facts relied on", sections.facts),
    ("limits", "What was not examined", sections.limits),
    ("proof", "Law, files and proof", sections.proof),
]

_STYLE = """
:root{--ink:#1b1f24;--paper:#fff;--soft:#5b6570;--line:#d8dee4;--blue:#1f5fa8;--sand:#c98a2b;
--green:#1a7f4b;--red:#b3261e}
@media (prefers-color-scheme:dark){:root{--ink:#e6e8eb;--paper:#14171a;--soft:#9aa4ae;
--line:#333a41;--blue:#6fa8e8;--sand:#e0ac5c;--green:#5fc48c;--red:#f28b82}}
@media print{:root{--ink:#000;--paper:#fff;--soft:#444;--line:#bbb;--blue:#1f5fa8;--sand:#c98a2b;
--green:#1a7f4b;--red:#b3261e}nav{display:none}
section{break-inside:auto}tr,figure{break-inside:avoid}}
*{box-sizing:border-box}

body{margin:0 auto;padding:2rem 1.25rem 4rem;max-width:62rem;
background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,"Noto Sans","Noto Sans CJK SC",sans-serif}
h1{font-size:1.6rem;margin:0}h2{font-size:1.2rem;margin:2.4rem 0 .6rem;padding-top:.6rem;
border-top:1px solid var(--line)}h3{font-size:1rem;margin:1.2rem 0 .4rem}
.lead{font-size:1.15rem}.small{font-size:.85rem;color:var(--soft);margin:.15rem 0 0}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:.35rem .6rem .35rem 0;
border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:600}.number{text-align:right;font-variant-numeric:tabular-nums}
td ul{margin:0;padding-left:1rem}code{font-size:.82em;overflow-wrap:anywhere}
nav{margin-top:1rem;display:flex;flex-wrap:wrap;gap:.2rem 1rem}nav a{color:var(--blue)}
figure{margin:1rem 0}svg{width:100%;max-width:40rem;height:auto;display:block}
svg text{font-size:12px;fill:var(--ink)}svg .inside{fill:var(--paper);font-weight:700}
.axis{stroke:var(--line)}.before{fill:var(--sand)}.after{fill:var(--blue)}
circle{fill:var(--soft)}
circle.open,circle.conditional{fill:var(--blue)}circle.chosen{fill:var(--green)}
circle.barred,circle.undecided{fill:var(--red)}
figcaption{font-size:.85rem;color:var(--soft)}.key{display:inline-block;width:.8em;height:.8em}
.key.before{background:var(--sand)}.key.after{background:var(--blue)}
.state.met{color:var(--green)}.state.open,.state.failed{color:var(--red)}
"""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render(record: ClearanceRecord) -> str:
    """Return the whole page for `record` as UTF-8 text; the same record gives the same bytes."""
    head = tag(
        "head",
        [
            Markup('<meta charset="utf-8">'),
            Markup(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
            Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Markup('<meta name="color-scheme" content="light dark">'),
            tag("title", f"Clearance {record.id}"),
            tag("style", Markup(_STYLE)),
        ],
    )
    contents = tag("nav", [tag("a", title, href=f"#{name}") for name, title, _ in _SECTIONS])
    body = tag(
        "body",
        [
            tag("p", "Entrepot · clearance report", class_="small"),
            tag("h1", f"Clearance {record.id}"),
            sections.summary(record),
            contents,
            [
                tag("section", [tag("h2", title), draw(record)], id=name)
                for name, title, draw in _SECTIONS
            ],
            tag(
                "p",
                "This report states what software concluded from the facts declared to it and the "
                "rulebooks named above. It is not legal advice.",
                class_="small",
            ),
        ],
    )
    return "<!doctype html>\n" + tag("html", [head, body], lang="en") + "\n"
