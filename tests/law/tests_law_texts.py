"""Texts of small rulebooks, put together by tests."""

FRONT = """---
id: {id}
regime: r
jurisdiction: US
title: A law
issuer: Nobody
authority: statute
source: invented
from: 2020-01-01
verified_on: 2026-11-21
evidence: m
---
"""

REGIME = """
```regime
id: r
jurisdiction: US
title: A regime
engages: {export: flow.from == US}
default: {outcome: FREE, article: art 0, says: Nothing applies., layer: trade}
```
"""

RULE = """
```rule
id: R-1
article: art 1
class: bar
when: data.personal
outcome: PROHIBITED
layer: rights
says: No.
```
"""
