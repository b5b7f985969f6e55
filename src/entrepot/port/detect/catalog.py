# ruff: noqa: E501 (a table of patterns: one detector per line reads best)
"""The catalogue of shapes: every form of cell the detectors know, with its checksum if it has one.

A `Detector` is one anchored pattern (Rust regex syntax) and perhaps a validator. `weight` is what a
column full of the bare shape says for the category (natural log of the odds against "none"), before
header and context; bare digit runs weigh nothing and need a checksum or a header. `chance` is the
share of random values of that shape that would pass the validator.
"""

from __future__ import annotations

from entrepot.port.detect.catalog_numbers import NUMBERS
from entrepot.port.detect.identifiers import devices, finance
from entrepot.port.detect.shapes import Detector
from entrepot.port.model import Category as C

EMAIL = r"[\w.!#$%&'*+/=?^`{|}~-]+@(?:[\w-]+\.)+[A-Za-z\p{L}]{2,24}"
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
URL = r"(?:https?|ftp|sftp|wss?)://[^\s]+"
_MONTH = (
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec|january|february|march|april|june|july"
    r"|august|september|october|november|december|janv|févr|fevr|mars|avr|mai|juin|juil|août|aout"
    r"|janvier|février|avril|juillet|septembre|octobre|novembre|décembre|januar|februar|märz|juni"
    r"|juli|oktober|dezember|okt|dez|mrz|ene|abr|ago|dic|enero|febrero|marzo|abril|mayo|junio|julio"
    r"|agosto|septiembre|octubre|noviembre|diciembre|janeiro|fevereiro|março|maio|junho|julho"
    r"|setembro|outubro|novembro|dezembro|fev|set|out|gennaio|febbraio|aprile|maggio|giugno|luglio"
    r"|settembre|ottobre|dicembre)\.?"
)
_TIME = (
    r"(?:[T ,:]+\d{1,2}[:.]\d{2}(?:[:.]\d{2}(?:[.,]\d+)?)?(?: ?[AaPp]\.?[Mm]\.?)?"
    r"(?: ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}|[A-Z]{3,4}))?)?"
)
_Y = r"(?:1[6-9]|20|21)\d{2}"
_MD = r"(?:0?[1-9]|1[0-2])"
_DD = r"(?:0?[1-9]|[12]\d|3[01])"

_IDENTITY = (
    Detector("email", C.EMAIL, rf"(?:mailto:)?{EMAIL}", weight=9.5, strong=True),
    Detector("email-with-name", C.EMAIL, rf".{{0,80}}<{EMAIL}>", weight=9),
    Detector("email-masked", C.EMAIL, r"[\w.*•x]*[*•]+[\w.*]*@[\w.*-]+\.[\w*]{2,}", weight=7),
    Detector("handle", C.USERNAME, r"@[A-Za-z_]\w{1,38}", weight=7),
    Detector("passport-mrz", C.NATIONAL_ID, r"[A-Z0-9<\s|]{30,100}", devices.validate_mrz,
             chance=1e-3, weight=0, strong=True),
    Detector("title-name", C.PERSON_NAME,
             r"(?i)(?:mr|mrs|ms|miss|dr|prof|herr|frau|mme|mlle|sr|sra|srta|m|don|doña|sig)\.? "
             r"\p{L}[\p{L}'.-]+(?: \p{L}[\p{L}'.-]*){0,4}", weight=6),
    Detector("airline-name", C.PERSON_NAME,
             r"[A-Z][A-Z' -]+/[A-Z][A-Z -]* ?(?:MR|MRS|MS|MSTR|MISS|CHD|INF|DR|PROF)", weight=7),
    Detector("honorific-name", C.PERSON_NAME, r"[\p{Han}\p{Hangul}ァ-ヶー ]{1,8}(?:先生|女士|小姐|さん|様|氏|님|씨)",
             weight=6),
)  # fmt: skip

_PHONES = (
    Detector("phone-e164", C.PHONE, r"(?:tel:)?(?:\+|00)[1-9]\d{0,3}[ .\-()/]*\d[ .\-()/\d]{5,16}",
             weight=8, strong=True),
    Detector("phone-nanp", C.PHONE,
             r"(?:\+?1[ .-]?)?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-. ])\d{3}[-. ]\d{4}"
             r"(?: ?(?:x|ext\.? ?|#)\d{1,6})?", weight=7.5, strong=True),
    Detector("phone-nanp-extension", C.PHONE, r"(?:\+?1[ .-]?)?[(]?\d{3}[)]?[-. ]?\d{3}[-. ]?\d{4}x\d{1,6}",
             weight=8),
    Detector("phone-cn-mobile", C.PHONE, r"(?:(?:\+|00)?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}",
             weight=7, strong=True),
    Detector("phone-cn-masked", C.PHONE, r"1[3-9]\d[*xX]{4}\d{4}", weight=8),
    Detector("phone-cn-landline", C.PHONE, r"\(?0\d{2,3}\)?[- ]\d{7,8}(?:[-转]\d{1,6})?", weight=6),
    Detector("phone-cn-service", C.ORG_PHONE, r"[48]00[- ]?\d{3}[- ]?\d{4}", weight=4),
    Detector("phone-jp", C.PHONE, r"\(?0(?:\d\)?[-(]?\d{4}|\d{2}\)?[-(]?\d{3,4}|\d{3}\)?[-(]?\d{2,3}|\d{4}\)?[-(]?\d)\)?-\d{4}", weight=7),
    Detector("phone-jp-mobile", C.PHONE, r"0[5789]0\d{8}", weight=6),
    Detector("phone-kr", C.PHONE, r"0(?:1[016789]|2|[3-6][1-5]|70)[-. ]?\d{3,4}[-. ]?\d{4}", weight=6),
    Detector("phone-br", C.PHONE, r"(?:\+?55 ?)?\(\d{2}\) ?9? ?\d{4}-?\d{4}", weight=8),
    Detector("phone-in-mobile", C.PHONE, r"[6-9]\d{4}[ -]?\d{5}", weight=1.5),
    Detector("phone-fr", C.PHONE, r"0[1-9](?:[ .-]?\d{2}){4}", weight=5.5),
    Detector("phone-es", C.PHONE, r"[6789]\d{2}[ -]\d{3}[ -]\d{3}|[6789]\d{2} \d{2} \d{2} \d{2}", weight=5),
    Detector("phone-trunk", C.PHONE, r"\(?0\d{1,5}\)?[ /.-]{1,3}\d[\d /.-]{3,12}\d", weight=5.5),
    Detector("phone-us-bare", C.PHONE, r"1?[2-9]\d{2}[2-9]\d{6}", weight=0.5),
    Detector("phone-uk-bare", C.PHONE, r"0(?:7\d{9}|[12]\d{8,9})", weight=4),
    Detector("phone-like", C.PHONE, r"(?:tel:?)?[+(]?\d[\d ()./\-–]{5,19}(?: ?(?:x|ext\.?) ?\d{1,6})?", weight=0),
)  # fmt: skip

_DATES = (
    Detector("iso-8601", C.DATE, rf"{_Y}-{_MD}-{_DD}{_TIME}", weight=9),
    Detector("date-ymd", C.DATE, rf"{_Y}[/.]{_MD}[/.]{_DD}\.?{_TIME}", weight=9),
    Detector("date-dmy", C.DATE, rf"{_DD}[./-]{_MD}[./-](?:{_Y}|\d{{2}}){_TIME}", weight=8),
    Detector("date-mdy", C.DATE, rf"{_MD}[/-]{_DD}[/-](?:{_Y}|\d{{2}}){_TIME}", weight=8),
    Detector("date-roc", C.DATE, r"(?:0\d{2}|1[0-2]\d)/(?:0[1-9]|1[0-2])/(?:0[1-9]|[12]\d|3[01])", weight=6),
    Detector("date-airline", C.DATE, r"(?i)(?:0[1-9]|[12]\d|3[01])(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)(?:(?:19|20)\d{2}|\d{2})", weight=6.5),
    Detector("date-cjk", C.DATE, r"(?:中?[华華]?民[国國] ?)?\d{2,4} ?[年년] ?\d{1,2} ?[月월](?: ?\d{1,2} ?[日号일])?.{0,12}", weight=9),
    Detector("date-jp-era", C.DATE, r"(?:明治|大正|昭和|平成|令和|[MTSHR])\.?(?:元|\d{1,2})[年./-]\d{1,2}[月./-]\d{1,2}日?", weight=9),
    Detector("date-text", C.DATE,
             rf"(?i)(?:\p{{L}}{{2,9}}\.?,? )?(?:{_DD}(?:st|nd|rd|th|\.)?[ -](?:de )?{_MONTH}[ ,-]+(?:de )?(?:{_Y}|\d{{2}})"
             rf"|{_MONTH}[ -]{_DD}(?:st|nd|rd|th)?,?[ -]{_Y}|{_MONTH}[ -]{_Y}){_TIME}", weight=9),
    Detector("date-log", C.DATE, r"\[?\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2}(?: [+-]\d{4})?\]?", weight=9.5),
    Detector("date-ctime", C.DATE, r"[A-Z][a-z]{2},? (?:[A-Z][a-z]{2} +\d{1,2}|\d{1,2} [A-Z][a-z]{2}).{4,30}", weight=7),
    Detector("date-compact", C.DATE, r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:T?[0-2]\d[0-5]\d(?:[0-5]\d)?Z?)?", weight=6.5),
    Detector("month-year", C.DATE, rf"{_MD}[-/.]{_Y}", weight=5),
    Detector("year-month", C.DATE, rf"{_Y}[-/](?:0[1-9]|1[0-2])", weight=5),
    Detector("time-of-day", C.DATE, r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?: ?[AaPp][Mm])?", weight=1.5),
    Detector("year", C.DATE, r"(?:18|19|20)\d{2}", weight=0),
)  # fmt: skip

_NETWORK = (
    Detector("url", C.URL, rf"(?i){URL}", weight=9.5, strong=True),
    Detector("url-www", C.URL, r"(?i)www\.[\w-]+(?:\.[\w-]+)+(?:/\S*)?", weight=8),
    Detector("domain", C.URL, r"(?i)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:com|org|net|edu|gov|io|info|biz|co|de|fr|uk|cn|jp|kr|es|br|it|nl|ru|eu|us|ca|au|in|ch|at|pl|me|dev|app|ai|tv)(?::\d+)?(?:/\S*)?", weight=6),
    Detector("url-path", C.URL, r"(?:(?:GET|POST|HEAD|PUT|DELETE|OPTIONS|PATCH) )?/[\w%.~+-]*(?:/[\w%.~+@:,;=-]*)*(?:\?\S*)?(?: HTTP/\d(?:\.\d)?)?", weight=5.5),
    Detector("ipv4", C.IP, rf"{IPV4}(?:/\d{{1,2}}|:\d{{1,5}})?", weight=9, strong=True),
    Detector("ipv6", C.IP, r"[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(?:%\w+)?(?:/\d{1,3})?", devices.validate_ipv6,
             chance=1e-3, weight=2, strong=True),
    Detector("mac", C.DEVICE_ID, r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}", weight=9.5, strong=True),
    Detector("user-agent", C.DEVICE_ID, r"(?:Mozilla|Opera|curl|Wget|okhttp|Dalvik|python-requests|PostmanRuntime|Go-http-client|Java|Apache-HttpClient)/\d.*", weight=9.5),
    Detector("imei", C.DEVICE_ID, r"\d{2}[- ]?\d{6}[- ]?\d{6}[- ]?\d", devices.validate_imei, chance=0.012, weight=0),
    Detector("vin", C.DEVICE_ID, r"(?i)[A-HJ-NPR-Z0-9]{17}", devices.validate_vin, chance=0.09, weight=0.5),
    Detector("plate-cn", C.DEVICE_ID, r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][·]?[A-Z0-9]{5,6}", weight=8),
    Detector("plate-uk", C.DEVICE_ID, r"[A-Z]{2}\d{2} ?[A-Z]{3}", weight=0.5),
    Detector("plate-jp", C.DEVICE_ID, r"[\p{Han}]{1,4} ?\d{2,3} ?[ぁ-ん] ?[\d・-]{2,6}", weight=8),
    Detector("uuid", C.RECORD_ID, r"\{?[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\}?", weight=0),
    Detector("hex-digest", C.CREDENTIAL, r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128}|[0-9A-F]{32}|[0-9A-F]{40}|[0-9A-F]{64}", weight=1),
    Detector("password-hash", C.CREDENTIAL, r"\$(?:2[abxy]?|argon2(?:id|i|d)|5|6|1|y|apr1|pbkdf2[\w-]*|scrypt)\$.{10,}|\{(?:SSHA|SHA|MD5|CRYPT|SSHA512)\}\S+|pbkdf2_sha\d+\$.+", weight=10, strong=True),
    Detector("jwt", C.CREDENTIAL, r"eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*", weight=10, strong=True),
    Detector("api-key", C.CREDENTIAL, r"(?:sk|pk|rk)[_-](?:live|test|proj)?[_-]?[A-Za-z0-9_-]{16,}|(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_\w{30,}|github_pat_\w+|xox[abpr]-[\w-]{10,}|AIza[\w-]{35}|glpat-[\w-]{20}|-----BEGIN [A-Z ]+-----.*", weight=10, strong=True),
)  # fmt: skip

_FINANCE = (
    Detector("iban", C.FINANCE_ACCOUNT, r"(?i)[A-Z]{2}\d{2}[ -]?(?:[A-Z0-9][ -]?){11,30}", finance.validate_iban, chance=0.01, weight=4, strong=True),
    Detector("iban-of-other-length", C.FINANCE_ACCOUNT, r"(?i)[A-Z]{2}\d{2}[ -]?(?:[A-Z0-9][ -]?){11,30}", finance.validate_iban_checksum, chance=0.01, weight=1),
    Detector("pl-nrb", C.FINANCE_ACCOUNT, r"\d{2}(?: ?\d{4}){6}", finance.validate_pl_nrb, chance=0.01, weight=1),
    Detector("card", C.FINANCE_ACCOUNT, r"\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{1,7}|3\d{3}[ -]?\d{6}[ -]?\d{4,5}|\d{12,19}", finance.validate_card, chance=0.035, weight=0, strong=True),
    Detector("card-masked", C.FINANCE_ACCOUNT, r"(?:\d{3,6}[ -]?)?(?:[*xX•]{2,}[ -]?){1,4}\d{4}", weight=6),
    Detector("bic", C.FINANCE_ACCOUNT, r"[A-Z]{4}(?:AD|AE|AR|AT|AU|BE|BG|BR|CA|CH|CL|CN|CO|CY|CZ|DE|DK|EE|EG|ES|FI|FR|GB|GR|HK|HR|HU|ID|IE|IL|IN|IS|IT|JP|KR|LI|LT|LU|LV|MC|MT|MX|MY|NL|NO|NZ|PE|PH|PK|PL|PT|QA|RO|RS|RU|SA|SE|SG|SI|SK|TH|TR|TW|UA|US|VN|ZA)[A-Z0-9]{2}(?:[A-Z0-9]{3})?", weight=4.5),
    Detector("ifsc", C.FINANCE_ACCOUNT, r"[A-Z]{4}0[A-Z0-9]{6}", weight=3),
    Detector("wallet", C.FINANCE_ACCOUNT, r"0x[0-9a-fA-F]{40}|bc1[a-z0-9]{25,60}|[13][a-km-zA-HJ-NP-Z1-9]{25,34}|T[a-km-zA-HJ-NP-Z1-9]{33}", weight=6.5, strong=True),
    Detector("aba-routing", C.FINANCE_ACCOUNT, r"\d{9}", finance.validate_aba_routing, chance=0.03, weight=0),
    Detector("lei", C.RECORD_ID_ORG, r"[A-Z0-9]{18}\d{2}", finance.validate_lei, chance=0.01, weight=0.5),
    Detector("gtin", C.NONE, r"\d{8}|\d{12,14}|97[89]-[\d-]{10,14}", finance.validate_gtin, chance=0.1, weight=0),
    Detector("isbn", C.NONE, r"97[89][- ]?(?:\d[- ]?){9}\d|\d{9}[\dX]|\d-\d{2,7}-\d{1,6}-[\dX]", weight=0.5),
    Detector("isin", C.NONE, r"[A-Z]{2}[A-Z0-9]{9}\d", finance.validate_isin, chance=0.1, weight=0),
)  # fmt: skip

_PLACES = (
    Detector("coordinate-pair", C.LOCATION, r"[\[(]?-?\d{1,3}\.\d{2,}°?[NSns]?[,; ]+-?\d{1,3}\.\d{2,}°?[EWew]?[\])]?", weight=8, strong=True),
    Detector("coordinate-dms", C.LOCATION, r"""-?\d{1,3}° ?\d{1,2}['′’] ?(?:\d{1,2}(?:\.\d+)?(?:["″”]|'')? ?)?[NSEWO]?.{0,25}""", weight=9),
    Detector("wkt", C.LOCATION, r"(?i)(?:SRID=\d+;)?(?:POINT|LINESTRING|POLYGON|MULTIPOLYGON)(?: ?Z)? ?\(.*\)", weight=9),
    Detector("geo-uri", C.LOCATION, r"geo:-?\d+\.\d+,-?\d+\.\d+.*|[+-]\d{2}\.\d+[+-]\d{3}\.\d+.*", weight=8),
    Detector("plus-code", C.LOCATION, r"[23456789CFGHJMPQRVWX]{4,8}\+[23456789CFGHJMPQRVWX]{2,3}(?: .*)?", weight=6),
    Detector("decimal-degrees", C.LOCATION, r"-?(?:1[0-7]\d|\d{1,2})\.\d{3,}", weight=0),
    Detector("postcode-uk", C.ADDRESS, r"(?i)[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}", weight=5.5),
    Detector("postcode-uk-joined", C.ADDRESS, r"(?i)[A-Z]{1,2}\d[A-Z\d]?\d[A-Z]{2}", weight=1),
    Detector("postcode-ca", C.ADDRESS, r"(?i)[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z] ?\d[ABCEGHJ-NPRSTV-Z]\d", weight=6),
    Detector("postcode-us4", C.ADDRESS, r"\d{5}-\d{4}", weight=4.5),
    Detector("postcode-jp", C.ADDRESS, r"〒 ?\d{3}-?\d{4}|\d{3}-\d{4}", weight=3.5),
    Detector("postcode-nl", C.ADDRESS, r"[1-9]\d{3} ?[A-Z]{2}", weight=3),
    Detector("postcode-hyphen", C.ADDRESS, r"\d{5}-\d{3}|\d{4}-\d{3}|\d{2}-\d{3}|\d{3} \d{2}", weight=1.5),
    Detector("postcode-digits", C.ADDRESS, r"\d{4,6}", weight=0),
)  # fmt: skip

_BODY = (
    Detector("icd-10", C.HEALTH, r"[A-TV-Z]\d[0-9AB]\.[0-9A-TV-Z]{1,4}", weight=6),
    Detector("icd-10-bare", C.HEALTH, r"[A-TV-Z]\d[0-9AB][0-9A-TV-Z]{0,4}", weight=0.5),
    Detector("blood-type", C.HEALTH, r"(?i)(?:A|B|AB|O) ?(?:\+|-|−|\(\+\)|\(-\)|Rh ?[+-]|Rh ?positive|Rh ?negative|pos|neg|positive|negative|型|형)(?: ?Rh[+-])?", weight=6.5),
    Detector("blood-pressure", C.HEALTH, r"(?:[89]\d|1\d{2}|2[0-4]\d)/(?:[4-9]\d|1[0-3]\d)", weight=5),
    Detector("ndc", C.HEALTH, r"\d{5}-\d{4}-\d{2}|\d{4,5}-\d{3,4}-\d{1,2}", weight=2.5),
    Detector("rsid", C.GENETIC, r"rs\d{3,12}", weight=8.5),
    Detector("genotype", C.GENETIC, r"[ACGT][/|]?[ACGT]|[01][/|][01]", weight=3),
    Detector("dna-sequence", C.GENETIC, r"[ACGTNacgtn]{10,}", weight=8.5),
    Detector("hgvs", C.GENETIC, r"(?:[cgmp]\.|NM_\d+|chr[\dXYM]+:).*", weight=6),
    Detector("bare-number", C.NONE, r"[-+]?(?:\d{1,3}(?:[,' ]\d{3})+|\d+)(?:[.,]\d+)?%?", weight=0),
    Detector("money", C.NONE, r"[-+]?(?:[$€£¥₹₩]|USD|EUR|R\$|CHF|CNY|RMB) ?-?[\d,.' ]+(?:[kKmM])?|[-+]?[\d,.' ]+ ?(?:[$€£¥₹₩元円원]|USD|EUR|CHF|CNY|RMB|万元?)", weight=1),
    Detector("hex-colour", C.NONE, r"#[0-9A-Fa-f]{6}(?:[0-9A-Fa-f]{2})?|#[0-9A-Fa-f]{3}", weight=4),
    Detector("version", C.NONE, r"v?\d{1,3}(?:\.\d{1,5}){2,3}(?:[-+.]\w+)?", weight=2),
)  # fmt: skip

CATALOG: tuple[Detector, ...] = (
    *_IDENTITY, *_PHONES, *_DATES, *_NETWORK, *NUMBERS, *_FINANCE, *_PLACES, *_BODY,
)  # fmt: skip
"""Every detector, in order of report."""
BY_NAME: dict[str, Detector] = {detector.name: detector for detector in CATALOG}
STRONG: tuple[Detector, ...] = tuple(d for d in CATALOG if d.strong)
"""Detectors that speak for themselves, looked for in every cell of every column."""
STRAY = (
    r"[\w*]@[\w-]|://|(?:\d[ .-]?){11}|\d{1,3}\.\d{1,3}\.\d{1,3}\.\d|[0-9A-Fa-f]{1,4}:[0-9A-Fa-f:]*:"
    r"|[A-Z]{2}\d{2}[ -]?[A-Z0-9]{4}|\d{3}-\d{2}-\d{4}|\+\d[\d ()-]{6}|\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}"
    r"|\$2[aby]\$|eyJ|<<|0x[0-9a-f]{30}|[A-Z]\d{7}[A-Z](?-u:\b)|\d{6}-\d{7}"
    r"|(?-u:\b)0\d{1,4}\)?[ ./-]\d\d|(?-u:\b)[67]\d\d \d\d"
)
"""One cheap pattern that every strong shape contains; cells without it are done with."""
