"""Who takes part in the demo and what they offer: invented organisations, twenty products."""

from __future__ import annotations

from typing import Final, NamedTuple


class Organisation(NamedTuple):
    """A party of the demo: its handle, names, country and roles."""

    handle: str
    name: str
    name_zh: str
    country: str
    roles: tuple[str, ...]


class Offer(NamedTuple):
    """A product of the demo; `price` in minor units, 0 for free."""

    provider: str
    title: str
    title_zh: str
    theme: str
    cycle: str
    price: int
    places: tuple[str, ...]
    rows: int


OPERATOR: Final = ("Harbour Data Exchange (demonstration)", "港湾数据交易所（演示）")

ORGANISATIONS: Final = (
    Organisation("freight", "Northern Freight Telemetry", "北方货运遥测", "CN", ("provider",)),
    Organisation("grid", "Delta Grid Metering", "三角洲电网计量", "CN", ("provider", "buyer")),
    Organisation("river", "River Basin Observatory", "流域观测站", "CN", ("provider",)),
    Organisation(
        "ports", "Baltic Port Statistics", "波罗的海港口统计", "DE", ("provider", "buyer")
    ),
    Organisation("harvest", "Harvest Outlook", "丰收展望", "SG", ("provider", "buyer")),
    Organisation("broker", "Lantern Data Brokerage", "灯塔数据经纪", "HK", ("broker",)),
    Organisation("retail", "Fjord Retail Analytics", "峡湾零售分析", "DE", ("buyer",)),
    Organisation("assay", "Meridian Data Assay", "子午线数据鉴定", "SG", ("third-party-service",)),
)

_TABLE: Final = """\
freight|Road freight flows by day|公路货运每日流量|TRAN|DAILY|120000|CN|2400000
freight|Border waiting times|口岸等待时间|TRAN|HOURLY|80000|CN VN|900000
freight|Cold chain temperature index|冷链温度指数|AGRI|HOURLY|210000|CN|5100000
freight|Container dwell times|集装箱滞留时间|TRAN|DAILY|64000|CN-SH|310000
grid|Grid load by district|分区电网负荷|ENER|15MIN|300000|CN-GD|12000000
grid|Charging demand of vehicles|车辆充电需求|ENER|HOURLY|150000|CN-GD|3300000
grid|Outage statistics|停电统计|ENER|MONTHLY|0|CN-GD|42000
grid|Rooftop solar yield|屋顶光伏产量|ENER|DAILY|90000|CN|1700000
river|Water levels and discharge|水位与流量|ENVI|HOURLY|0|CN|8800000
river|Sediment and turbidity|泥沙与浊度|ENVI|DAILY|45000|CN|640000
river|Flood return periods|洪水重现期|ENVI|ANNUAL|500000|CN|12000
river|Air quality at locks|船闸空气质量|ENVI|HOURLY|30000|CN|2000000
ports|Vessel calls by quay|泊位靠泊统计|TRAN|DAILY|110000|DE PL|730000
ports|Bulk cargo volumes|散货吞吐量|ECON|WEEKLY|75000|DE|96000
ports|Ice and fairway reports|冰情与航道报告|ENVI|DAILY|0|DE FI|51000
ports|Customs transit durations|海关转运时长|ECON|WEEKLY|130000|DE|410000
harvest|Rice yield outlook|稻米产量展望|AGRI|MONTHLY|240000|TH VN|28000
harvest|Palm oil shipment index|棕榈油出货指数|AGRI|WEEKLY|180000|MY ID|88000
harvest|Rainfall by catchment|流域降雨量|ENVI|DAILY|0|SG MY|1250000
harvest|Crop disease bulletin|作物病害公报|AGRI|BIWEEKLY|60000|TH|17000
"""


def _offer(line: str) -> Offer:
    provider, title, title_zh, theme, cycle, price, places, rows = line.split("|")
    where = tuple(places.split())
    return Offer(provider, title, title_zh, theme, cycle, int(price), where, int(rows))


OFFERS: Final = tuple(_offer(line) for line in _TABLE.splitlines())
"""Twenty products; none of them holds personal data."""


def description(offer: Offer, digest: str) -> dict[str, object]:
    """Return the description of an offer, as `file-product` takes it (DCAT-AP 3)."""
    pricing: dict[str, object] = {"model": "free"}
    if offer.price:
        pricing = {"model": "subscription", "amount_minor": offer.price, "currency": "EUR"}
    return {
        "title": {"en": offer.title, "zh": offer.title_zh},
        "description": {
            "en": f"{offer.title}: measured by the provider's own instruments, checked for gaps "
            "and outliers, without data of persons. An invented product of the demonstration.",
            "zh": f"{offer.title_zh}：由供方自有仪器测量，已核查缺失与异常，不含个人信息。"
            "演示用虚构产品。",
        },
        "themes": [offer.theme],
        "update_cycle": offer.cycle,
        "pricing": pricing,
        "delivery": ["api", "file"],
        "licence": {
            "id": "CC-BY-4.0" if not offer.price else "https://licence.example/standard",
            "limits": {"en": "No resale of the data as such.", "zh": "不得转售原始数据。"},
        },
        "source": {
            "method": "own-operation",
            "statement": "Measured by instruments the provider operates.",
        },
        "personal_data": False,
        "volume": {"bytes": offer.rows * 48, "rows": offer.rows},
        "geography": list(offer.places),
        "languages": ["en", "zh"],
        "keywords": sorted({word.lower() for word in offer.title.split() if len(word) > 3}),
        "quality": {"sha256": digest, "measures": {"completeness": "99.2 %", "delay": "PT2H"}},
        "inspection": {"sha256": digest, "persons": 0, "sensitivity": "none"},
    }
