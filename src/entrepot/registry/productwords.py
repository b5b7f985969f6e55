"""The codes about products and rights in words, English and Chinese, and what can be done then.

The sentence of a recorded reason is English and has the values of its case; `translated` gives the
general sentence of its code in Chinese, which needs nothing but the record. Remedies say where a
decision can be contested; a page shows them beside every one.
"""

from __future__ import annotations

from typing import Final

from entrepot.kernel.decisions import Outcome, Reason
from entrepot.registry.productcodes import Code
from entrepot.registry.rightacts import CLOSE, DECIDE, FILE_RIGHT, LICENSE, OBJECT, TRANSFER

WORDS: Final[dict[str, tuple[str, str]]] = {
    Code.NOT_A_PARTY: ("The signer acts for no party.", "签署者不代表任何已登记主体。"),
    Code.NOT_PROVIDER: ("The party is no provider.", "该主体没有数据提供方角色。"),
    Code.NOT_STEWARD: ("The person is no steward.", "该人员没有数据管理员职责。"),
    Code.NO_PRODUCT: ("There is no such product.", "没有该编号的数据产品。"),
    Code.NOT_OWN_PRODUCT: ("It is another party's product.", "该产品由其他主体登记。"),
    Code.WITHDRAWN: ("The product is withdrawn.", "该产品已下架。"),
    Code.VERSION_TAKEN: ("The version exists already.", "该版本已发布。"),
    Code.SAME_DESCRIPTION: ("Nothing would change.", "描述没有变化。"),
    Code.HELD_BY_ANOTHER: (
        "The data is exclusively another's.",
        "该数据由他人独占持有。",
    ),
    Code.NO_RIGHT: ("There is no such right.", "没有该编号的权利。"),
    Code.NOT_HOLDER: ("It is another party's right.", "该权利属于其他主体。"),
    Code.NO_EVIDENCE: (
        "A first right needs evidence of a lawful source.",
        "首次登记须提交合法来源的证据。",
    ),
    Code.NO_SOURCE: ("The right rests on no source.", "该权利没有权利来源。"),
    Code.SOURCE_NOT_OWN: (
        "Its source is another's right; ask for a licence.",
        "来源权利属于他人，请申请许可。",
    ),
    Code.SOURCE_NOT_LIVE: ("Its source is not in force.", "来源权利未生效或已失效。"),
    Code.SOURCE_OF_OTHER_PRODUCT: (
        "Its source is a right in another product.",
        "来源权利属于另一产品。",
    ),
    Code.SOURCE_WRONG_RIGHT: (
        "This right does not come out of that one.",
        "该项权利不能由所列来源权利派生。",
    ),
    Code.TERM_BEYOND_SOURCE: ("Longer than its source.", "期限超出来源权利。"),
    Code.TERRITORY_BEYOND_SOURCE: ("Wider in place than its source.", "地域超出来源权利。"),
    Code.SCOPE_BEYOND_SOURCE: ("Wider in use than its source.", "用途范围超出来源权利。"),
    Code.EXCLUSIVE_BEYOND_SOURCE: (
        "Exclusive out of what is not.",
        "非独占的来源权利不能派生独占权利。",
    ),
    Code.TERM_OVER: ("The term is over.", "期限已届满。"),
    Code.OPERATE_WITHOUT_PROCESS: (
        "Operating needs a right to process.",
        "经营权须以加工使用权为基础。",
    ),
    Code.CONFLICT: (
        "An exclusive right in the same data stands in the way.",
        "同一数据上存在相冲突的独占权利。",
    ),
    Code.DUPLICATE: ("The party holds this already.", "该主体已享有相同权利。"),
    Code.NO_SUBLICENCE: ("It may not be licensed on.", "该权利不得再许可。"),
    Code.NOT_TRANSFERABLE: ("It is not transferable.", "该权利不可转让。"),
    Code.NO_RECIPIENT: ("The receiver is no other party.", "受让方或被许可方不存在或为本方。"),
    Code.NOT_REGISTERED: ("The right is not registered.", "该权利尚未登记或已终止。"),
    Code.DERIVED_LIVE: ("Other rights rest on it.", "仍有其他权利以其为来源。"),
    Code.WIDENED: ("A change only narrows.", "变更只能缩小范围；扩大须重新登记。"),
    Code.NOTHING_CHANGED: ("Nothing would change.", "没有变化。"),
    Code.OUT_OF_NOTICE: ("The notice is over.", "公示期已结束或不在公示期。"),
    Code.OWN_RIGHT: ("It is the own right.", "不得对本方权利提出异议。"),
    Code.OBJECTION_OPEN: ("An objection is open or was made.", "已有异议，尚待裁定。"),
    Code.NO_OBJECTION: ("There is no such objection.", "没有该编号的异议。"),
    Code.OBJECTION_DECIDED: ("It is decided already.", "该异议已有结论。"),
    Code.NOT_DECIDER: ("Only a person with the duty decides.", "须由具有裁定职责的人员决定。"),
    Code.DECIDER_IS_PARTY: ("Nobody decides in the own cause.", "当事方不得裁定自己的事项。"),
    Code.NOTICE_RUNS: ("The notice still runs.", "公示期尚未届满。"),
    Code.NOT_IN_NOTICE: ("The right is not in notice.", "该权利不在公示期。"),
    Code.CHAIN_TOO_LARGE: ("The chain of rights is too large.", "权利链条过长或派生权利过多。"),
    Code.NOT_FOUNDED: ("The registry is not founded.", "登记机构尚未设立。"),
}
"""Code -> its general sentence in English and Chinese."""

_REFUSED: Final = (
    "Correct what the reasons name and file again; the refusal prejudices nothing. Against the "
    "refusal itself: the operator's registrar, then the court or authority of the registry's seat.",
    "请按所列理由更正后重新提交，本次不予登记不影响再次申请。对决定本身不服的，可向运营方登记员申请复核，"
    "或向登记机构所在地的法院或主管部门寻求救济。",
)
_FILED: Final = (
    "Until the end of the notice any party may object; the holder may narrow or cancel the right, "
    "a registrar may correct a slip.",
    "公示期内任何主体均可提出异议；权利人可缩小或注销该权利，登记员可更正错误。",
)
_RULED: Final = (
    "The ruling stands in this registry. Either side may bring it before the court or authority of "
    "the registry's seat, with this record as evidence; a judgment is carried out by cancellation "
    "or a new filing.",
    "本裁定在本登记机构内生效。任何一方均可凭本记录向登记机构所在地的法院或主管部门起诉或申诉；"
    "生效判决通过注销或重新登记执行。",
)
_REGISTERED: Final = (
    "A registration gives evidence, not title: whoever has the better right may have it cancelled "
    "by the holder, or by judgment. Slips are corrected by a registrar.",
    "登记具有证明效力，不创设权利：有优先权利者可请求权利人注销，或依判决注销。错误由登记员更正。",
)
_OBJECTED: Final = (
    "The holder may answer through the decider; the right is not registered before the ruling.",
    "权利人可向裁定人员陈述意见；裁定作出前，该权利不予登记。",
)


def remedy(kind: str, outcome: Outcome, language: str = "en") -> str:
    """Return what can be done about a decision of a kind of act, in `en` or `zh`."""
    if outcome is Outcome.REFUSED:
        found = _REFUSED
    elif kind == FILE_RIGHT:
        found = _FILED
    elif kind == DECIDE:
        found = _RULED
    elif kind == OBJECT:
        found = _OBJECTED
    else:
        found = _REGISTERED if kind in (CLOSE, LICENSE, TRANSFER) else _REFUSED
    return found[1] if language == "zh" else found[0]


def translated(given: Reason, language: str) -> str:
    """Return a recorded reason in `language`: its sentence, or the code's in Chinese."""
    words = WORDS.get(given.code)
    return given.sentence if language != "zh" or words is None else words[1]
