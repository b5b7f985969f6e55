"""Closed lists that a product's description may use, each with the vocabulary it comes from.

Themes, frequencies and languages are authority tables of the Publications Office of the EU, which
DCAT-AP 3 requires (section "Controlled vocabularies to be used"). Industries are notations in the
form of GB/T 4754 (a letter and up to four digits) or of NACE and ISIC, which share it: the notation
is free, its form is not. Countries are ISO 3166-1 alpha-2, their parts ISO 3166-2.
"""

from __future__ import annotations

import re
from typing import Final

AUTHORITY: Final = "http://publications.europa.eu/resource/authority/"
"""Prefix of the authority tables."""

THEMES: Final[dict[str, tuple[str, str]]] = {
    "AGRI": ("Agriculture, fisheries, forestry and food", "农林渔业与食品"),
    "ECON": ("Economy and finance", "经济与金融"),
    "EDUC": ("Education, culture and sport", "教育文化体育"),
    "ENER": ("Energy", "能源"),
    "ENVI": ("Environment", "环境"),
    "GOVE": ("Government and public sector", "政府与公共部门"),
    "HEAL": ("Health", "健康"),
    "INTR": ("International issues", "国际事务"),
    "JUST": ("Justice, legal system and public safety", "司法与公共安全"),
    "OP_DATPRO": ("Provisional data", "临时数据"),
    "REGI": ("Regions and cities", "地区与城市"),
    "SOCI": ("Population and society", "人口与社会"),
    "TECH": ("Science and technology", "科学技术"),
    "TRAN": ("Transport", "交通运输"),
}
"""EU authority table `data-theme`: code -> name in English and Chinese."""

CYCLES: Final[dict[str, tuple[str, str]]] = {
    "UPDATE_CONT": ("continuously updated", "持续更新"),
    "CONT": ("continuous", "连续"),
    "1MIN": ("every minute", "每分钟"),
    "5MIN": ("every five minutes", "每五分钟"),
    "10MIN": ("every ten minutes", "每十分钟"),
    "15MIN": ("every fifteen minutes", "每十五分钟"),
    "30MIN": ("every thirty minutes", "每三十分钟"),
    "HOURLY": ("every hour", "每小时"),
    "BIHOURLY": ("every two hours", "每两小时"),
    "TRIHOURLY": ("every three hours", "每三小时"),
    "12HRS": ("every twelve hours", "每十二小时"),
    "DAILY_2": ("twice a day", "每日两次"),
    "DAILY": ("daily", "每日"),
    "WEEKLY_5": ("five times a week", "每周五次"),
    "WEEKLY_3": ("three times a week", "每周三次"),
    "WEEKLY_2": ("twice a week", "每周两次"),
    "WEEKLY": ("weekly", "每周"),
    "MONTHLY_3": ("three times a month", "每月三次"),
    "MONTHLY_2": ("twice a month", "每月两次"),
    "BIWEEKLY": ("every two weeks", "每两周"),
    "MONTHLY": ("monthly", "每月"),
    "BIMONTHLY": ("every two months", "每两月"),
    "QUARTERLY": ("quarterly", "每季度"),
    "ANNUAL_3": ("three times a year", "每年三次"),
    "ANNUAL_2": ("twice a year", "每半年"),
    "ANNUAL": ("annual", "每年"),
    "BIENNIAL": ("every two years", "每两年"),
    "TRIENNIAL": ("every three years", "每三年"),
    "QUADRENNIAL": ("every four years", "每四年"),
    "QUINQUENNIAL": ("every five years", "每五年"),
    "SEXENNIAL": ("every six years", "每六年"),
    "DECENNIAL": ("every ten years", "每十年"),
    "BIDECENNIAL": ("every twenty years", "每二十年"),
    "TRIDECENNIAL": ("every thirty years", "每三十年"),
    "AS_NEEDED": ("as needed", "按需"),
    "IRREG": ("irregular", "不定期"),
    "NOT_PLANNED": ("not planned", "无更新计划"),
    "NEVER": ("never", "不更新"),
}
"""EU authority table `frequency`, without UNKNOWN and OTHER: the cycle is a promise, made or not.

What exchanges in China were found weakest at in 2025 is stating how often data is renewed, so here
it is mandatory and cannot be left open."""

PRICE_MODELS: Final[dict[str, tuple[str, str]]] = {
    "free": ("free of charge", "免费"),
    "fixed": ("one price", "一口价"),
    "per-use": ("per call or record", "按次计费"),
    "subscription": ("per period", "订阅"),
    "negotiated": ("by agreement, from", "协议定价，起价"),
    "auction": ("by auction, reserve", "拍卖，底价"),
}
"""How a price is made. All but `free` name an amount: a negotiated one where talks begin."""

DELIVERIES: Final[dict[str, tuple[str, str]]] = {
    "api": ("interface", "接口"),
    "file": ("file", "文件"),
    "report": ("report", "报告"),
    "sandbox": ("sandbox: the data does not leave", "沙箱（数据不出域）"),
    "delta-sharing": ("Delta Sharing", "Delta Sharing"),
}
"""How a buyer receives it."""

METHODS: Final[dict[str, tuple[str, str]]] = {
    "own-operation": ("arises in own operation", "自身经营产生"),
    "collected": ("collected from persons or things", "采集"),
    "purchased": ("purchased", "购买"),
    "licensed": ("licensed by another", "许可取得"),
    "public": ("public or open data", "公开数据"),
    "authorised-operation": ("public data under authorised operation", "公共数据授权运营"),
    "derived": ("derived from other products", "加工衍生"),
    "synthetic": ("generated, without originals", "合成数据"),
}
"""How the provider came to the data."""

SENSITIVITIES: Final = ("none", "personal", "sensitive")
"""What an inspection found at most: nothing of persons, personal, sensitive (special) data."""

LANGUAGES: Final[dict[str, str]] = {
    "ar": "ARA", "bg": "BUL", "cs": "CES", "da": "DAN", "de": "DEU", "el": "ELL", "en": "ENG",
    "es": "SPA", "et": "EST", "fi": "FIN", "fr": "FRA", "ga": "GLE", "he": "HEB", "hi": "HIN",
    "hr": "HRV", "hu": "HUN", "id": "IND", "it": "ITA", "ja": "JPN", "kk": "KAZ", "ko": "KOR",
    "lt": "LIT", "lv": "LAV", "ms": "MSA", "mt": "MLT", "nl": "NLD", "no": "NOR", "pl": "POL",
    "pt": "POR", "ro": "RON", "ru": "RUS", "sk": "SLK", "sl": "SLV", "sv": "SWE", "th": "THA",
    "tr": "TUR", "uk": "UKR", "vi": "VIE", "zh": "ZHO",
}  # fmt: skip
"""ISO 639-1 -> code of the EU authority table `language`."""

CURRENCIES: Final = frozenset(
    "AED ARS AUD BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR JPY KES KRW KZT "
    "MOP MXN MYR NGN NOK NZD PHP PLN RON RUB RWF SAR SEK SGD THB TRY TWD USD VND ZAR".split()
)
"""ISO 4217 codes of the jurisdictions that the law here knows."""

_COUNTRY_CODES: Final = (
    "AD:AND AE:ARE AF:AFG AG:ATG AI:AIA AL:ALB AM:ARM AO:AGO AQ:ATA AR:ARG AS:ASM AT:AUT AU:AUS "
    "AW:ABW AX:ALA AZ:AZE BA:BIH BB:BRB BD:BGD BE:BEL BF:BFA BG:BGR BH:BHR BI:BDI BJ:BEN BL:BLM "
    "BM:BMU BN:BRN BO:BOL BQ:BES BR:BRA BS:BHS BT:BTN BV:BVT BW:BWA BY:BLR BZ:BLZ CA:CAN CC:CCK "
    "CD:COD CF:CAF CG:COG CH:CHE CI:CIV CK:COK CL:CHL CM:CMR CN:CHN CO:COL CR:CRI CU:CUB CV:CPV "
    "CW:CUW CX:CXR CY:CYP CZ:CZE DE:DEU DJ:DJI DK:DNK DM:DMA DO:DOM DZ:DZA EC:ECU EE:EST EG:EGY "
    "EH:ESH ER:ERI ES:ESP ET:ETH FI:FIN FJ:FJI FK:FLK FM:FSM FO:FRO FR:FRA GA:GAB GB:GBR GD:GRD "
    "GE:GEO GF:GUF GG:GGY GH:GHA GI:GIB GL:GRL GM:GMB GN:GIN GP:GLP GQ:GNQ GR:GRC GS:SGS GT:GTM "
    "GU:GUM GW:GNB GY:GUY HK:HKG HM:HMD HN:HND HR:HRV HT:HTI HU:HUN ID:IDN IE:IRL IL:ISR IM:IMN "
    "IN:IND IO:IOT IQ:IRQ IR:IRN IS:ISL IT:ITA JE:JEY JM:JAM JO:JOR JP:JPN KE:KEN KG:KGZ KH:KHM "
    "KI:KIR KM:COM KN:KNA KP:PRK KR:KOR KW:KWT KY:CYM KZ:KAZ LA:LAO LB:LBN LC:LCA LI:LIE LK:LKA "
    "LR:LBR LS:LSO LT:LTU LU:LUX LV:LVA LY:LBY MA:MAR MC:MCO MD:MDA ME:MNE MF:MAF MG:MDG MH:MHL "
    "MK:MKD ML:MLI MM:MMR MN:MNG MO:MAC MP:MNP MQ:MTQ MR:MRT MS:MSR MT:MLT MU:MUS MV:MDV MW:MWI "
    "MX:MEX MY:MYS MZ:MOZ NA:NAM NC:NCL NE:NER NF:NFK NG:NGA NI:NIC NL:NLD NO:NOR NP:NPL NR:NRU "
    "NU:NIU NZ:NZL OM:OMN PA:PAN PE:PER PF:PYF PG:PNG PH:PHL PK:PAK PL:POL PM:SPM PN:PCN PR:PRI "
    "PS:PSE PT:PRT PW:PLW PY:PRY QA:QAT RE:REU RO:ROU RS:SRB RU:RUS RW:RWA SA:SAU SB:SLB SC:SYC "
    "SD:SDN SE:SWE SG:SGP SH:SHN SI:SVN SJ:SJM SK:SVK SL:SLE SM:SMR SN:SEN SO:SOM SR:SUR SS:SSD "
    "ST:STP SV:SLV SX:SXM SY:SYR SZ:SWZ TC:TCA TD:TCD TF:ATF TG:TGO TH:THA TJ:TJK TK:TKL TL:TLS "
    "TM:TKM TN:TUN TO:TON TR:TUR TT:TTO TV:TUV TW:TWN TZ:TZA UA:UKR UG:UGA UM:UMI US:USA UY:URY "
    "UZ:UZB VA:VAT VC:VCT VE:VEN VG:VGB VI:VIR VN:VNM VU:VUT WF:WLF WS:WSM YE:YEM YT:MYT ZA:ZAF "
    "ZM:ZMB ZW:ZWE "
)
COUNTRY_CODES: Final[dict[str, str]] = {pair[:2]: pair[3:] for pair in _COUNTRY_CODES.split()}
"""ISO 3166-1 alpha-2 -> alpha-3, the code of the EU authority table `country`."""
COUNTRIES: Final = frozenset(COUNTRY_CODES)
"""ISO 3166-1 alpha-2; a code says where, and nothing about status."""

EU_MEMBERS: Final = frozenset(
    "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE".split()
)
"""Member states for which the code EU stands (TEU art 52)."""

WORLD: Final = "WORLD"
"""Territory of a right without borders."""

_PLACE = re.compile(r"([A-Z]{2})(-[A-Z0-9]{1,4})?")


def is_place(code: str) -> bool:
    """Say whether `code` is EU, ISO 3166-1 alpha-2 or ISO 3166-2 of a known country."""
    match = _PLACE.fullmatch(code)
    return code == "EU" or (match is not None and match.group(1) in COUNTRIES)


def place_covers(outer: str, inner: str) -> bool:
    """Say whether one territory covers another: the world, the EU its members, a country its parts.

    >>> place_covers("CN", "CN-GD"), place_covers("EU", "FR"), place_covers("FR", "EU")
    (True, True, False)
    """
    country = inner.partition("-")[0]
    return outer in (WORLD, inner, country) or (outer == "EU" and country in EU_MEMBERS)


def places_meet(left: str, right: str) -> bool:
    """Say whether two territories have a part in common (each contains the other or is it)."""
    return place_covers(left, right) or place_covers(right, left)
