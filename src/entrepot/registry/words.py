"""The words of the registry's reasons: citation, and one plain sentence in English and Chinese.

`reason` makes the `Reason` that the record keeps, in English. `translated` says a recorded reason
in another language: the values are read back out of the English sentence by its own pattern, so
nothing but the record is needed and an old record is readable in a language that came later.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from entrepot.kernel.decisions import Reason
from entrepot.registry.codes import Code

_PAGE: Final = "docs/institutions/registry-parties.md"


@dataclass(frozen=True, slots=True)
class Words:
    """What a code says: its citation and a sentence per language, with named places for values."""

    citation: str
    en: str
    zh: str


def _rule(number: int, also: str = "") -> str:
    own = f"Rules of the registry, {number} ({_PAGE})"
    return f"{own}; {also}" if also else own


WORDS: Final[Mapping[str, Words]] = {
    Code.NOT_FOUNDED: Words(
        _rule(1), "This node has no registry yet.", "本节点尚未设立登记机构。"
    ),
    Code.ALREADY_FOUNDED: Words(
        _rule(1),
        "The registry was founded at entry {index}.",
        "登记机构已于第 {index} 条记录设立。",
    ),
    Code.UNKNOWN_ISSUER: Words(
        _rule(3),
        "The key or credential that signed belongs to no party now.",
        "签名所用的密钥或凭证目前不属于任何主体。",
    ),
    Code.NEEDS_PERSON: Words(
        _rule(4, "GDPR art 22(3) and PIPL art 24 as models of human decision"),
        "This is decided by a person with a passkey, not by a program or the node alone.",
        "此事须由自然人以通行密钥作出决定，程序或节点不得单独决定。",
    ),
    Code.NEEDS_DUTY: Words(
        _rule(4),
        "This needs a member of the operator with the duty {duty}.",
        "此事须由运营方中具有“{duty}”职责的成员办理。",
    ),
    Code.OWN_CAUSE: Words(
        _rule(5, "nemo iudex in causa sua; Administrative Licensing Law of China art 48"),
        "Nobody decides in the cause of the own party or in the own cause: {party}.",
        "任何人不得就本方或本人的事项作出决定：{party}。",
    ),
    Code.SECOND_PERSON: Words(
        _rule(6),
        "The decision was proposed at entry {index} by the same person; another must confirm it.",
        "该决定由同一人于第 {index} 条记录提出，须由另一人确认。",
    ),
    Code.NOT_OF_PARTY: Words(
        _rule(3),
        "Who asks does not act for {party} with the duty that this takes.",
        "申请人无权以所需职责代表 {party} 行事。",
    ),
    Code.NO_PARTY: Words(_rule(2), "There is no party {party}.", "不存在主体 {party}。"),
    Code.IDENTIFIER_SCHEME: Words(
        _rule(2), "{identifier} is not accepted: {why}.", "不接受 {identifier}：{why}。"
    ),
    Code.IDENTIFIER_FORM: Words(
        _rule(2), "{identifier} is not accepted: {why}.", "{identifier} 格式不符：{why}。"
    ),
    Code.IDENTIFIER_CHECK: Words(
        _rule(2, "the standard of the scheme"),
        "{identifier} is not accepted: {why}.",
        "{identifier} 校验码不符：{why}。",
    ),
    Code.NATURAL_PERSON: Words(
        _rule(2, "GDPR art 4(1); PIPL art 4"),
        "{identifier} is not accepted: {why}.",
        "不接受 {identifier}，本登记机构只登记组织，不登记自然人或个体工商户：{why}。",
    ),
    Code.IDENTIFIER_TWICE: Words(
        _rule(2), "{identifier} is given twice.", "{identifier} 重复填写。"
    ),
    Code.IDENTIFIER_TAKEN: Words(
        _rule(2),
        "{identifier} is an identifier of another party.",
        "{identifier} 已属于另一主体。",
    ),
    Code.COUNTRY_DIFFERS: Words(
        _rule(2),
        "{identifier} is issued in {issued}, but the country stated is {country}.",
        "{identifier} 由 {issued} 签发，与所填国家（地区）{country} 不符。",
    ),
    Code.ROLES: Words(
        _rule(2), "The role {role} is not open here.", "此处不能取得“{role}”角色。"
    ),
    Code.KEY_ISSUER: Words(
        _rule(7),
        "The key in the body is not the one that signed the act.",
        "正文中的密钥与签名密钥不一致。",
    ),
    Code.KEY_POSSESSION: Words(
        _rule(7),
        "The proof that the party holds the private half of key {kid} does not hold.",
        "未能证明该主体持有密钥 {kid} 的私钥。",
    ),
    Code.KEY_KNOWN: Words(
        _rule(7),
        "Key {kid} is or was in use here; a key serves one party once.",
        "密钥 {kid} 已在或曾在此使用；一个密钥只能由一个主体使用一次。",
    ),
    Code.KEY_UNKNOWN: Words(
        _rule(7), "{party} has no active key {kid}.", "{party} 没有有效密钥 {kid}。"
    ),
    Code.LAST_OPERATOR_KEY: Words(
        _rule(7),
        "Key {kid} is the operator's last one for acts; add another first.",
        "密钥 {kid} 是运营方最后一个可签署行为的密钥，请先添加新密钥。",
    ),
    Code.APPLICATION_OPEN: Words(
        _rule(8),
        "An application of this key or passkey is open already, at entry {index}.",
        "该密钥或通行密钥的申请已在第 {index} 条记录待决。",
    ),
    Code.AWAITS_REGISTRAR: Words(
        _rule(8),
        "The application is in order; a registrar decides it by {day}.",
        "申请材料齐备，登记官将于 {day} 前作出决定。",
    ),
    Code.NO_APPLICATION: Words(
        _rule(8), "There is no application at entry {index}.", "第 {index} 条记录不是申请。"
    ),
    Code.APPLICATION_CLOSED: Words(
        _rule(8),
        "The application was decided at entry {index}.",
        "该申请已于第 {index} 条记录作出决定。",
    ),
    Code.APPLICATION_ERASED: Words(
        _rule(8),
        "The content of application {index} was erased; it can only be refused.",
        "申请 {index} 的内容已被删除，只能不予登记。",
    ),
    Code.CREDENTIAL_KNOWN: Words(
        _rule(9),
        "Credential {kid} is in use by another party.",
        "凭证 {kid} 已由另一主体使用。",
    ),
    Code.CREDENTIAL_REMOVED: Words(
        _rule(9),
        "Credential {kid} was removed and cannot come back; use a new passkey.",
        "凭证 {kid} 已被移除，不能恢复；请使用新的通行密钥。",
    ),
    Code.DUTY_OF_OPERATOR: Words(
        _rule(9),
        "The duty {duty} is for members of the operator only.",
        "“{duty}”职责只限运营方成员。",
    ),
    Code.FIRST_MEMBER: Words(
        _rule(9),
        "The first member of {party} must have the duty admin.",
        "{party} 的首位成员必须具有管理员职责。",
    ),
    Code.MEMBER_UNKNOWN: Words(
        _rule(9), "{party} has no member {kid}.", "{party} 没有成员 {kid}。"
    ),
    Code.LAST_ADMIN: Words(
        _rule(9),
        "{kid} is the last admin of {party} and cannot go before another is admitted.",
        "{kid} 是 {party} 的最后一名管理员，须先增加另一名管理员。",
    ),
    Code.NOTHING_CHANGES: Words(
        _rule(10), "What is asked for is so already.", "所申请事项已是现状。"
    ),
    Code.RECOVERY_OPEN: Words(
        _rule(11),
        "A recovery of {party} is waiting already, at entry {index}.",
        "{party} 的密钥恢复已在第 {index} 条记录等待生效。",
    ),
    Code.NO_RECOVERY: Words(
        _rule(11),
        "There is no waiting recovery at entry {index}.",
        "第 {index} 条记录没有等待中的密钥恢复。",
    ),
    Code.RECOVERY_WAITS: Words(
        _rule(11),
        "The waiting period of this recovery ends at {time} UTC.",
        "该密钥恢复的等待期至 {time}（UTC）届满。",
    ),
    Code.NO_CERTIFICATE: Words(
        _rule(12), "There is no certificate at entry {index}.", "第 {index} 条记录没有证书。"
    ),
    Code.CERTIFICATE_REVOKED: Words(
        _rule(12),
        "The certificate was revoked at entry {index}.",
        "该证书已于第 {index} 条记录撤销。",
    ),
    Code.ROLE_MISSING: Words(
        _rule(12),
        "A {kind} certificate needs one of the roles {roles}.",
        "{kind} 证书须具备下列角色之一：{roles}。",
    ),
    Code.TERM: Words(
        _rule(12), "The term from {begin} until {end} cannot be: {why}.",
        "期限 {begin} 至 {end} 不成立：{why}。",
    ),
    Code.NO_PRODUCT: Words(
        _rule(12), "{party} has no product {product}.", "{party} 没有产品 {product}。"
    ),
}  # fmt: skip
"""Words per code; a test holds that no code is without them."""


def reason(code: Code, **values: object) -> Reason:
    """Return the reason of a code with its values in place; KeyError when one is missing."""
    words = WORDS[code]
    return Reason(code.value, words.citation, words.en.format(**values))


def translated(given: Reason, language: str) -> str:
    """Return the sentence of a recorded reason in `language` (`en`, `zh`); English when unknown."""
    words = WORDS.get(given.code)
    if language != "zh" or words is None:
        return given.sentence
    found = _pattern(words.en).fullmatch(given.sentence)
    return words.zh.format(**found.groupdict()) if found else given.sentence


@lru_cache(maxsize=256)
def _pattern(template: str) -> re.Pattern[str]:
    """Return the pattern that reads the values of a template back out of its sentence."""
    parts = re.split(r"\{(\w+)\}", template)
    text = "".join(
        f"(?P<{part}>.+?)" if place % 2 else re.escape(part) for place, part in enumerate(parts)
    )
    return re.compile(text, re.DOTALL)
