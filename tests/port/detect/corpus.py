# ruff: noqa: E501 (a table of labelled columns: one table per line)
"""Labelled tables for the column detectors: many languages, helpful, absent and misleading headers.

Every value is invented; identifiers are structurally valid, with check digits computed here (a
second implementation, independent of the detectors). `tables(seed)` is deterministic.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

Make = Callable[[random.Random], object]


@dataclass
class Table:
    """One labelled table: (header, gold category, values) per column."""

    name: str
    columns: list[tuple[str, str, list[object]]]


# ---------------------------------------------------------------- identifiers


def luhn_digit(body: str) -> str:
    total = 0
    for index, char in enumerate(reversed(body)):
        digit = int(char) * (2 if index % 2 == 0 else 1)
        total += digit - 9 if digit > 9 else digit
    return str(-total % 10)


def digits(r: random.Random, count: int, first: str = "0123456789") -> str:
    return r.choice(first) + "".join(r.choice(string.digits) for _ in range(count - 1))


def day(r: random.Random, low: int, high: int) -> date:
    return date(low, 1, 1) + timedelta(days=r.randrange((high - low) * 365))


def cn_id(r: random.Random) -> str:
    area = r.choice(
        ["110105", "310104", "440305", "330106", "510107", "420102", "320506", "610113"]
    )
    body = area + day(r, 1950, 2006).strftime("%Y%m%d") + digits(r, 3)
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(a) * b for a, b in zip(body, weights, strict=True)) % 11]


def cn_mobile(r: random.Random) -> str:
    return r.choice(["138", "139", "150", "158", "186", "177", "199"]) + digits(r, 8)


def uscc(r: random.Random) -> str:
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    body = (
        "91"
        + r.choice(["110105", "310104", "440305"])
        + "".join(r.choice(alphabet) for _ in range(9))
    )
    total = sum(alphabet.index(c) * pow(3, i, 31) for i, c in enumerate(body))
    return body + alphabet[(31 - total % 31) % 31]


def iban_de(r: random.Random) -> str:
    body = digits(r, 18)
    check = 98 - int(body + "131400") % 97
    return f"DE{check:02d}{body}"


def card(r: random.Random) -> str:
    body = r.choice(["4", "51", "52", "55", "4539"])
    body += digits(r, 15 - len(body))
    return body + luhn_digit(body)


def imei(r: random.Random) -> str:
    body = "35" + digits(r, 12)
    return body + luhn_digit(body)


def ssn(r: random.Random) -> str:
    return f"{r.randint(100, 665):03d}-{r.randint(1, 99):02d}-{r.randint(1, 9999):04d}"


def rrn(r: random.Random) -> str:
    born = day(r, 1950, 1999)
    body = born.strftime("%y%m%d") + r.choice("12") + digits(r, 5)
    total = sum(int(a) * b for a, b in zip(body, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5), strict=True))
    return f"{body[:6]}-{body[6:]}{(11 - total % 11) % 10}"


def my_number(r: random.Random) -> str:
    body = digits(r, 11)
    total = (
        sum(int(a) * b for a, b in zip(body, (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2), strict=True)) % 11
    )
    return body + str(0 if total <= 1 else 11 - total)


def cpf(r: random.Random) -> str:
    body = digits(r, 9)
    for _ in range(2):
        rest = sum(int(c) * w for c, w in zip(body, range(len(body) + 1, 1, -1), strict=True)) % 11
        body += str(0 if rest < 2 else 11 - rest)
    return f"{body[:3]}.{body[3:6]}.{body[6:9]}-{body[9:]}"


def cnpj(r: random.Random) -> str:
    body = digits(r, 8) + "0001"
    for weights in ((5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2), (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)):
        rest = sum(int(c) * w for c, w in zip(body, weights, strict=True)) % 11
        body += str(0 if rest < 2 else 11 - rest)
    return f"{body[:2]}.{body[2:5]}.{body[5:8]}/{body[8:12]}-{body[12:]}"


def dni(r: random.Random) -> str:
    number = r.randint(10_000_000, 79_999_999)
    return f"{number}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


def siret(r: random.Random) -> str:
    body = digits(r, 13, "345678")
    return body + luhn_digit(body)


def nir(r: random.Random) -> str:
    body = (
        r.choice("12")
        + f"{r.randint(40, 99)}{r.randint(1, 12):02d}{r.randint(1, 95):02d}"
        + digits(r, 6)
    )
    return body + f"{97 - int(body) % 97:02d}"


def ean13(r: random.Random) -> str:
    body = "4" + digits(r, 11)
    total = sum(int(c) * (3 if i % 2 else 1) for i, c in enumerate(body))
    return body + str(-total % 10)


# ---------------------------------------------------------------- plain values

EN_FIRST = "Liam Olivia Noah Emma Darnell Keisha Priya Arjun Wei Sofia Mateo Aaliyah Connor Maeve Tyrone Latoya Brett Paige Dominic Giselle Harold Beatrix Quincy Odette Marlon Tamsin".split()
EN_LAST = "Smith Johnson Okafor Nguyen Abernathy Castellano Whitfield Kowalski Sharma Delgado Fitzgerald Harrington McAllister Ogilvie Pemberton Rutherford Yamamoto Zielinski Thornbury Vance Hargrove Beckett".split()
DE_FIRST = "Jürgen Anneliese Tobias Mareike Holger Saskia Bernd Friederike Lutz Wiebke Torben Gudrun Henning Svenja Ralf Annegret Jonas Lena Karl Heike".split()
DE_LAST = "Müller Schmidt Großmann Lüdtke Krämer Pfeiffer Sauerland Dörfler Weißenborn Hagedorn Kuhlmann Brandstetter Ostermann Schröder Vogelsang Winterfeld".split()
FR_FIRST = "Amélie Thibault Océane Gaëtan Bérénice Loïc Clémence Rémi Capucine Yannick Élodie Bastien Solène Maxence".split()
FR_LAST = "Lefèvre Dubois Charpentier Marchand Delacroix Rousseau Bourgeois Girard Fontenelle Mercier Picard Vasseur Lemoine".split()
ES_FIRST = "Guadalupe Íñigo Rocío Álvaro Montserrat Joaquín Pilar Ximena Rodrigo Begoña Andrés Lucía Fermín".split()
ES_LAST = "García Hernández Ibáñez Echeverría Domínguez Zapatero Villanueva Quintana Orozco Benavides Peña Salcedo".split()
PT_FIRST = "João Conceição Thiago Fabiana Gustavo Letícia Vinícius Larissa Otávio Raquel Caetano Iracema".split()
PT_LAST = "Silva Oliveira Cavalcanti Figueiredo Magalhães Nogueira Pacheco Queiroz Teixeira Assunção".split()
CN_FAMILY, CN_GIVEN = (
    "王李张刘陈杨赵黄周吴徐孙马朱胡林郭何",
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红建国志文辉",
)
JP_FAMILY = (
    "佐藤 鈴木 高橋 田中 渡辺 伊藤 山本 中村 小林 加藤 吉田 山田 大野 宮崎 榎本 柏木".split()
)
JP_GIVEN = "翔太 美咲 健一 陽菜 大輔 由美子 拓海 結衣 誠 恵子 颯太 千尋".split()
JP_KANA = "サトウ ショウタ|スズキ ミサキ|タカハシ ケンイチ|タナカ ヒナ|ワタナベ ダイスケ|イトウ ユミコ|エノモト チヒロ|カシワギ マコト".split(
    "|"
)
KR_FAMILY, KR_GIVEN = (
    "김이박최정강조윤장임한오",
    "민준 서연 지훈 하은 영수 미영 도윤 수빈 재현 은지 상철 정희".split(),
)
CITIES_US = [
    ("Springfield", "IL"),
    ("Austin", "TX"),
    ("Portland", "OR"),
    ("Tampa", "FL"),
    ("Boise", "ID"),
    ("Dayton", "OH"),
    ("Eugene", "OR"),
    ("Macon", "GA"),
]
COMPANIES = "Hollow Creek Logistics LLC|Brightwater Dental Inc.|Meridian Freight Corp|Oakline Software Ltd|Northgate Foods plc|Tallgrass Energy Partners LP|Vantage Steel Company|Kestrel Analytics Inc|Pinnacle Roofing LLC|Solera Pharmaceuticals".split(
    "|"
)
COMPANIES_DE = "Nordlicht Maschinenbau GmbH|Alpenblick Touristik AG|Hagedorn & Söhne KG|Rheintal Logistik GmbH & Co. KG|Sonnenfeld Apotheke e.K.|Weserkraft Energie eG|Kranich Verlag GmbH".split(
    "|"
)
COMPANIES_CN = "上海云帆信息技术有限公司|北京华泽贸易有限公司|深圳市宏达电子有限公司|广州启明医药股份有限公司|杭州蓝海网络科技有限公司|成都锦程物流有限公司".split(
    "|"
)
COMPANIES_JP = "株式会社青葉商事|東都電機株式会社|有限会社みどり製作所|株式会社北斗システム|さくら物産株式会社|日進運輸株式会社".split(
    "|"
)
COMPANIES_KR = "(주)한빛소프트|주식회사 대성물산|㈜누리테크|미래전자 주식회사|(주)동해건설".split(
    "|"
)
COMPANIES_BR = "Padaria Estrela do Sul Ltda|Metalúrgica Horizonte S.A.|Comércio de Tecidos Aurora ME|Transportes Rio Claro Ltda|Construtora Vale Verde S/A".split(
    "|"
)
JOBS = "Software Engineer|Registered Nurse|Accountant|Sales Manager|Truck Driver|Data Analyst|Line Cook|Paralegal|HR Coordinator|Civil Engineer".split(
    "|"
)
DISEASES = "Hypertension|Type 2 diabetes|Asthma|Migraine|Acute bronchitis|Major depressive disorder|Osteoarthritis|Pneumonia|Anemia|Chronic kidney disease".split(
    "|"
)
DRUGS = "Metformin 500 mg|Lisinopril 10 mg|Albuterol inhaler|Sertraline 50 mg|Ibuprofen 400 mg|Amoxicillin|Atorvastatin 20 mg".split(
    "|"
)
PROSE = [
    "Customer called about a late delivery and asked for a refund of the shipping fee.",
    "Very satisfied with the service, would recommend to colleagues and friends.",
    "Follow up next week; the device still shows an error after the last update.",
    "Asked whether the warranty covers water damage, sent the brochure by post.",
    "Order arrived with a broken lid. Replacement was sent the same day.",
    "Prefers contact in the evening because of shift work at the plant.",
]
PRODUCTS = "Oak Side Table|Wireless Mouse|Stainless Kettle|Yoga Mat|LED Desk Lamp|Canvas Backpack|Ceramic Mug Set|Garden Hose 20m|Noise Cancelling Headphones|Trail Running Shoes".split(
    "|"
)


def pick(options: list[str]) -> Make:
    return lambda r: r.choice(options)


def full(first: list[str], last: list[str], form: str = "{f} {l}") -> Make:
    return lambda r: form.format(f=r.choice(first), l=r.choice(last))


def cn_name(r: random.Random) -> str:
    return r.choice(CN_FAMILY) + "".join(r.choice(CN_GIVEN) for _ in range(r.choice([1, 2, 2])))


def kr_name(r: random.Random) -> str:
    return r.choice(KR_FAMILY) + r.choice(KR_GIVEN)


def email(first: list[str], last: list[str]) -> Make:
    def make(r: random.Random) -> str:
        user = f"{r.choice(first)}.{r.choice(last)}{r.randint(1, 99)}".lower()
        table = str.maketrans("äöüßéèêçãâíóúáñôàëï", "aousee" + "ecaaiouanoaei")
        host = r.choice(["example.com", "mail.example.org", "example.net"])
        return "".join(c for c in user.translate(table) if c.isascii()) + "@" + host

    return make


def sparse(make: Make, share: float) -> Make:
    return lambda r: make(r) if r.random() < share else None


def integers(low: int, high: int) -> Make:
    return lambda r: r.randint(low, high)


def money(low: float, high: float) -> Make:
    return lambda r: f"{r.uniform(low, high):.2f}"


def when(low: int, high: int, form: str = "%Y-%m-%d") -> Make:
    return lambda r: day(r, low, high).strftime(form)


def street_us(r: random.Random) -> str:
    return f"{r.randint(10, 9999)} {r.choice(['Maple', 'Birch', 'Quarry', 'Harbor', 'Mill'])} {r.choice(['St', 'Avenue', 'Rd', 'Lane', 'Blvd'])}"


def street_de(r: random.Random) -> str:
    return f"{r.choice(['Lindenstraße', 'Am Mühlbach', 'Goethestr.', 'Bahnhofstraße', 'Kirchweg', 'Birkenallee'])} {r.randint(1, 120)}"


def address_cn(r: random.Random) -> str:
    return f"{r.choice(['上海市浦东新区', '北京市朝阳区', '广东省深圳市南山区'])}{r.choice(['世纪大道', '建国路', '科苑路'])}{r.randint(1, 900)}号{r.randint(1, 30)}室"


def address_jp(r: random.Random) -> str:
    return f"{r.choice(['東京都港区', '大阪府大阪市北区', '神奈川県横浜市西区'])}{r.choice(['芝公園', '梅田', '高島'])}{r.randint(1, 5)}-{r.randint(1, 20)}-{r.randint(1, 9)}"


def address_kr(r: random.Random) -> str:
    return f"{r.choice(['서울특별시 강남구', '부산광역시 해운대구', '경기도 성남시 분당구'])} {r.choice(['테헤란로', '센텀중앙로', '판교역로'])} {r.randint(1, 300)}"


def nanp(r: random.Random) -> str:
    return f"({r.randint(201, 989)}) {r.randint(200, 999)}-{r.randint(0, 9999):04d}"


def ipv4(r: random.Random) -> str:
    return ".".join(str(r.randint(1, 254)) for _ in range(4))


def uuid4(r: random.Random) -> str:
    h = f"{r.getrandbits(128):032x}"
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"


def word_code(pattern: str) -> Make:
    def make(r: random.Random) -> str:
        return "".join(
            r.choice(string.ascii_uppercase)
            if c == "A"
            else r.choice(string.digits)
            if c == "9"
            else c
            for c in pattern
        )

    return make


AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/{}.0 Safari/537.36"

Spec = list[tuple[str, str, Make]]


def _specs() -> dict[str, Spec]:
    """Every table as (header, gold, factory); `serial` columns are filled by `tables`."""
    n, e = "none", EN_FIRST
    return {
        "crm-en": [
            ("customer_id", "record-id", word_code("C999999")), ("FirstName", "person-name", pick(e)),
            ("LastName", "person-name", pick(EN_LAST)), ("Company", "organisation", pick(COMPANIES)),
            ("Email", "email", email(e, EN_LAST)), ("Phone 1", "phone", nanp),
            ("Street Address", "address", street_us), ("City", "address", lambda r: r.choice(CITIES_US)[0]),
            ("State", "address", lambda r: r.choice(CITIES_US)[1]), ("ZIP", "address", lambda r: digits(r, 5, "123456789")),
            ("Subscription Date", "date", when(2019, 2024)), ("Website", "url", lambda r: f"https://www.{r.choice(['acme', 'borealis', 'cobalt'])}{r.randint(1, 99)}.example.com/"),
            ("lead_status", n, pick(["new", "open", "won", "lost"])), ("lead_score", n, integers(0, 100)),
            ("email_verified", n, integers(0, 1)),
        ],
        "people-headerless": [
            ("column_1", "person-name", full(e, EN_LAST)), ("column_2", "email", email(e, EN_LAST)),
            ("column_3", "date-of-birth", when(1945, 2004)), ("column_4", "gender", pick(["M", "F"])),
            ("column_5", "national-id", ssn), ("column_6", "phone", nanp), ("column_7", "address", street_us),
            ("column_8", n, integers(1, 5)), ("column_9", "ip", ipv4), ("column_10", n, money(1, 900)),
        ],
        "misleading": [
            ("email", n, pick(["0", "1"])), ("phone", n, pick(["mobile", "landline"])), ("value", "email", email(e, EN_LAST)),
            ("code", "finance-account", card), ("name", "person-name", full(EN_LAST, e, "{f}, {l}")), ("ref", "finance-account", iban_de),
        ],
        "patients-en": [
            ("patient_id", "record-id", lambda r: f"P{r.randint(10000, 99999)}"), ("Name", "person-name", full(e, EN_LAST)),
            ("DOB", "date-of-birth", when(1930, 2015, "%m/%d/%Y")), ("Sex", "gender", pick(["Male", "Female"])),
            ("blood_type", "health", pick(["A+", "O-", "B+", "AB-", "O+"])), ("diagnosis", "health", pick(DISEASES)),
            ("icd10", "health", pick(["E11.9", "I10", "J45.909", "F32.1", "N18.3", "G43.909"])), ("medication", "health", pick(DRUGS)),
            ("attending_physician", "person-name", full(e, EN_LAST, "Dr. {f} {l}")), ("Hospital", "organisation", pick(["Mercy General Hospital", "St. Brigid Medical Center", "Lakeside Clinic"])),
            ("insurance_provider", "health-finance", pick(["Aetna", "Cigna", "Medicare", "Blue Cross"])), ("policy_number", "health-finance", word_code("AAA9999999")),
            ("billing_amount", "health-finance", money(100, 50000)), ("admission_date", "date", when(2020, 2024)), ("discharge_date", "date", when(2020, 2024)),
            ("date_of_death", "date-of-death", sparse(when(2020, 2024), 0.1)), ("room_number", n, integers(100, 499)), ("smoker", "health", pick(["yes", "no"])),
        ],
        "hr-en": [
            ("EmployeeNumber", "record-id", integers(1000, 99999)), ("Full Name", "person-name", full(e, EN_LAST)), ("JobRole", "occupation", pick(JOBS)),
            ("Department", "occupation", pick(["Sales", "Engineering", "Human Resources", "Finance", "Legal"])), ("Salary", "income", integers(30000, 180000)),
            ("HireDate", "date", when(2005, 2024)), ("MaritalStatus", "family-status", pick(["Single", "Married", "Divorced"])),
            ("Race", "ethnicity", pick(["White", "Black or African American", "Asian", "Hispanic"])), ("Age", "age", integers(19, 66)),
            ("dependents", "family-status", integers(0, 5)), ("religion", "religion", pick(["Christian", "Muslim", "None", "Hindu", "Jewish"])),
            ("union_member", "political-opinion", pick(["Y", "N"])), ("PerformanceRating", n, integers(1, 5)), ("OverTime", n, pick(["Yes", "No"])),
            ("bank_account", "finance-account", lambda r: digits(r, 10)), ("disability", "health", pick(["none", "hearing", "mobility"])),
        ],
        "bank-en": [
            ("account_no", "finance-account", lambda r: digits(r, 12, "123456789")), ("holder", "person-name", full(e, EN_LAST)), ("iban", "finance-account", iban_de),
            ("bic", "finance-account", pick(["DEUTDEFF", "COBADEFFXXX", "BNPAFRPP", "INGBNL2A"])), ("card_number", "finance-account", card), ("cvv", "credential", lambda r: digits(r, 3, "123456789")),
            ("txn_amount", n, money(1, 5000)), ("currency", n, pick(["EUR", "USD", "GBP"])), ("txn_date", "date", when(2023, 2025)),
            ("merchant", "organisation", pick(COMPANIES)), ("merchant_category_code", n, pick(["5411", "5812", "5999", "4111"])), ("is_fraud", n, integers(0, 1)),
            ("password_hash", "credential", lambda r: "$2b$12$" + "".join(r.choice(string.ascii_letters + string.digits) for _ in range(53))),
        ],
        "weblog": [
            ("remote_addr", "ip", ipv4), ("timestamp", "date", lambda r: day(r, 2023, 2025).strftime("%d/%b/%Y:12:%M:%S +0000")),
            ("request", "url", lambda r: f"GET /{r.choice(['index', 'cart', 'login'])}.html?id={r.randint(1, 999)} HTTP/1.1"), ("status", n, pick(["200", "404", "301", "500"])),
            ("bytes", n, integers(100, 90000)), ("referer", "url", lambda r: f"https://example.com/{r.randint(1, 99)}"), ("user_agent", "device-id", lambda r: AGENT.format(r.randint(90, 130))),
            ("session_id", "credential", lambda r: f"{r.getrandbits(128):032x}"), ("browser", n, pick(["Chrome", "Safari", "Firefox", "Edge"])), ("duration_ms", n, integers(5, 4000)),
            ("app_version", n, lambda r: f"{r.randint(1, 9)}.{r.randint(0, 20)}.{r.randint(0, 9)}"),
        ],
        "devices": [
            ("imei", "device-id", imei), ("mac", "device-id", lambda r: ":".join(f"{r.getrandbits(8):02x}" for _ in range(6))), ("ip_v6", "ip", lambda r: f"2001:db8:{r.getrandbits(16):x}::{r.getrandbits(16):x}"),
            ("lat", "location", lambda r: f"{r.uniform(-60, 60):.6f}"), ("lon", "location", lambda r: f"{r.uniform(-170, 170):.6f}"), ("battery", n, integers(1, 100)), ("firmware", n, lambda r: f"v{r.randint(1, 4)}.{r.randint(0, 30)}"),
            ("last_seen", "date", lambda r: str(1_690_000_000 + r.randint(0, 10**7))), ("model", n, pick(["XT-200", "XT-210", "Nova 3"])),
        ],
        "companies-en": [
            ("company_name", "organisation", lambda r: f"{r.choice(EN_LAST)} {r.choice(['Logistics', 'Foods', 'Steel', 'Labs'])} {r.randint(1, 99)} {r.choice(['Inc', 'LLC', 'Ltd'])}"),
            ("ein", "record-id-org", word_code("99-9999999")), ("phone", "org-phone", nanp), ("address", "org-address", street_us), ("city", "org-address", lambda r: r.choice(CITIES_US)[0]),
            ("website", "url", lambda r: f"www.firm{r.randint(1, 999)}.com"), ("employees", n, integers(3, 9000)), ("industry", n, pick(["Retail", "Mining", "Software"])), ("founded", "date", integers(1900, 2020)), ("revenue", n, integers(10**5, 10**9)),
        ],
        "products": [
            ("id", n, integers(1, 99999)), ("name", n, pick(PRODUCTS)), ("sku", n, word_code("AAA-9999")), ("ean", n, ean13), ("price", n, money(3, 500)), ("color", n, pick(["Black", "White", "Green", "Gray", "Brown"])),
            ("colour_hex", n, lambda r: f"#{r.getrandbits(24):06x}"), ("stock_qty", n, integers(0, 500)), ("category", n, pick(["Kitchen", "Sports", "Garden"])), ("brand", "organisation", pick(["Northgate Foods plc", "Kestrel Inc", "Vantage Company", "Oakline Ltd"])),
            ("description", "free-text", pick(["A sturdy table made of solid oak with a natural oil finish.", "Lightweight mouse with silent clicks and a two year battery.", "Boils one litre of water in under three minutes, auto shut-off."])), ("rating", n, lambda r: f"{r.uniform(1, 5):.1f}"), ("weight_kg", n, money(0.1, 40)),
        ],
        "orders": [
            ("order_id", n, lambda r: f"ORD-{digits(r, 8)}"), ("customer_id", "record-id", integers(1000, 9999)), ("invoice_no", n, word_code("INV-999999")), ("order_date", "date", when(2022, 2025)), ("amount", n, money(5, 900)), ("discount_pct", n, integers(0, 50)),
            ("status", n, pick(["shipped", "pending", "returned"])), ("tracking", n, lambda r: "1Z" + word_code("999AA9999999999999")(r)), ("shipping_address", "address", street_us), ("payment_method", n, pick(["card", "cash", "transfer"])),
        ],
        "school-decoys": [
            ("ACADEMIC_YEAR_CODE", n, pick(["1999/2000", "2000/2001", "2001/2002"])), ("SCN", n, word_code("SCN-999")), ("course", n, pick(["Algebra I", "World History", "Chemistry"])), ("grade", n, pick(["A", "B", "C"])), ("student_no", "record-id", lambda r: digits(r, 8, "123")), ("isbn", n, lambda r: "978" + digits(r, 10)), ("credits", n, integers(1, 6)), ("public_key_len", n, pick(["1024", "2048"])),
        ],
        "social": [
            ("username", "username", lambda r: f"{r.choice(e).lower()}_{r.choice(['x', 'gamer', 'photo'])}{r.randint(1, 999)}"), ("tweet", "free-text", pick(PROSE)), ("followers", n, integers(0, 9000)), ("profile_url", "url", lambda r: f"https://social.example/{r.randint(1, 9999)}"), ("created_at", "date", lambda r: day(r, 2015, 2024).strftime("%Y-%m-%dT10:11:12Z")), ("verified", n, pick(["true", "false"])), ("lang", n, pick(["en", "de", "fr"])),
        ],
        "survey": [
            ("respondent_id", "record-id", integers(1, 9999)), ("age_group", "age", pick(["18-24", "25-34", "35-44", "45-54", "65+"])), ("gender_identity", "gender", pick(["Woman", "Man", "Non-binary", "Prefer not to say"])), ("political_affiliation", "political-opinion", pick(["Democrat", "Republican", "Independent"])), ("household_income", "income", pick(["<25k", "25k-50k", "50k-100k", ">100k"])), ("q1_satisfaction", n, integers(1, 5)), ("q2", n, pick(["Agree", "Neutral", "Disagree"])), ("comments", "free-text", pick(PROSE)), ("ethnicity", "ethnicity", pick(["White", "Mixed", "Asian", "Black"])), ("num_children", "family-status", integers(0, 4)),
        ],
        "genetics": [
            ("subject_id", "record-id", lambda r: f"SUBJ{r.randint(100, 999)}"), ("rsid", "genetic", lambda r: f"rs{r.randint(1000, 9999999)}"), ("genotype", "genetic", pick(["AA", "AG", "GG", "CT", "TT"])), ("chromosome", "genetic", pick(["1", "2", "X", "17"])), ("fingerprint_template", "biometric", lambda r: "".join(r.choice(string.ascii_letters) for _ in range(60))), ("face_embedding", "biometric", lambda r: "[" + ", ".join(f"{r.uniform(-1, 1):.3f}" for _ in range(4)) + "]"),
        ],
        "kunden-de": [
            ("Kunden-Nr.", "record-id", lambda r: f"K{digits(r, 6)}"), ("Anrede", "gender", pick(["Herr", "Frau"])), ("Vorname", "person-name", pick(DE_FIRST)), ("Nachname", "person-name", pick(DE_LAST)), ("Geb.-Dat.", "date-of-birth", when(1940, 2004, "%d.%m.%Y")), ("Straße", "address", street_de), ("PLZ", "address", lambda r: digits(r, 5)), ("Ort", "address", pick(["Köln", "Erfurt", "Bremen", "Ulm", "Fulda"])), ("Tel.", "phone", lambda r: f"0{r.randint(30, 999)} {digits(r, 6)}"), ("E-Mail", "email", email(DE_FIRST, DE_LAST)), ("IBAN", "finance-account", iban_de), ("Familienstand", "family-status", pick(["ledig", "verheiratet", "geschieden"])), ("Konfession", "religion", pick(["ev", "rk", "keine", "orthodox"])), ("Beruf", "occupation", pick(["Tischler", "Lehrerin", "Ingenieur", "Kaufmann", "Ärztin"])), ("Bruttogehalt", "income", integers(24000, 110000)), ("Bemerkung", "free-text", pick(["Kunde bittet um Rückruf nach 18 Uhr wegen Vertrag.", "Hat im letzten Jahr zweimal reklamiert, sehr freundlich.", "Lieferung bitte beim Nachbarn im Erdgeschoss abgeben."])), ("Rabatt", n, integers(0, 20)), ("Umsatz", n, money(0, 9999)),
        ],
        "firmen-de": [
            ("Firma", "organisation", lambda r: f"{r.choice(DE_LAST)} {r.choice(['Maschinenbau', 'Logistik', 'Verlag'])} {r.choice(['GmbH', 'AG', 'KG'])}"), ("USt-IdNr", "record-id-org", lambda r: f"DE{digits(r, 9)}"), ("Anschrift", "org-address", street_de), ("Telefon", "org-phone", lambda r: f"+49 {r.randint(30, 999)} {digits(r, 6)}"), ("Ansprechpartner", "person-name", full(DE_FIRST, DE_LAST)), ("Mitarbeiterzahl", n, integers(1, 5000)), ("Branche", n, pick(["Handel", "Bau", "IT"])),
        ],
        "patients-de": [
            ("Patientennummer", "record-id", lambda r: digits(r, 7, "123456789")), ("Name", "person-name", full(DE_LAST, DE_FIRST, "{f}, {l}")), ("Geschlecht", "gender", pick(["m", "w", "d"])), ("Diagnose", "health", pick(["Bluthochdruck", "Asthma bronchiale", "Migräne", "Diabetes mellitus"])), ("Krankenkasse", "health-finance", pick(["AOK", "Barmer", "TK", "DAK"])), ("Versichertennummer", "health-finance", lambda r: word_code("A999999999")(r)), ("Aufnahmedatum", "date", when(2021, 2025, "%d.%m.%Y")), ("Blutgruppe", "health", pick(["A+", "0+", "B-", "AB+"])),
        ],
        "clients-fr": [
            ("N° client", "record-id", lambda r: digits(r, 6)), ("Civilité", "gender", pick(["M.", "Mme"])), ("Prénom", "person-name", pick(FR_FIRST)), ("Nom", "person-name", pick(FR_LAST)), ("Date de naissance", "date-of-birth", when(1938, 2003, "%d/%m/%Y")), ("Adresse", "address", lambda r: f"{r.randint(1, 99)} {r.choice(['rue de la Gare', 'avenue Foch', 'impasse des Lilas', 'boulevard Voltaire'])}"), ("Code postal", "address", lambda r: digits(r, 5)), ("Ville", "address", pick(["Lyon", "Nantes", "Pau", "Brest"])), ("Téléphone portable", "phone", lambda r: "06 " + " ".join(digits(r, 2) for _ in range(4))), ("Courriel", "email", email(FR_FIRST, FR_LAST)), ("N° sécurité sociale", "national-id", nir), ("Situation familiale", "family-status", pick(["marié", "célibataire", "divorcé", "veuf"])), ("Profession", "occupation", pick(["infirmier", "comptable", "avocat", "boulanger"])), ("Salaire annuel", "income", integers(18000, 90000)), ("Montant commande", n, money(10, 900)),
        ],
        "entreprises-fr": [
            ("Raison sociale", "organisation", pick(["Les Jardins de Provence SARL", "Boulangerie Petit SAS", "Transports Girard SA", "Atelier Mécanique du Rhône SARL"])), ("SIRET", "record-id-org", siret), ("Siège social", "org-address", lambda r: f"{r.randint(1, 99)} rue de l'Industrie"), ("Effectif", n, integers(1, 900)), ("Chiffre d'affaires", n, integers(10**4, 10**8)),
        ],
        "clientes-es": [
            ("DNI", "national-id", dni), ("Nombre", "person-name", pick(ES_FIRST)), ("Apellidos", "person-name", full(ES_LAST, ES_LAST)), ("Fecha de nacimiento", "date-of-birth", when(1940, 2004, "%d/%m/%Y")), ("Sexo", "gender", pick(["Hombre", "Mujer"])), ("Dirección", "address", lambda r: f"Calle {r.choice(['Mayor', 'del Pez', 'Alcalá', 'Olmo'])} {r.randint(1, 90)}"), ("Ciudad", "address", pick(["Madrid", "Vigo", "Sevilla", "Jaén"])), ("Teléfono móvil", "phone", lambda r: f"6{digits(r, 2)} {digits(r, 3)} {digits(r, 3)}"), ("Correo electrónico", "email", email(ES_FIRST, ES_LAST)), ("Estado civil", "family-status", pick(["soltero", "casado", "viudo"])), ("Ocupación", "occupation", pick(["abogado", "enfermera", "albañil", "maestro"])), ("Observaciones", "free-text", pick(["El cliente solicita factura con los datos fiscales de su empresa.", "Pendiente de llamar para confirmar la cita del próximo lunes."])), ("Importe", n, money(5, 800)),
        ],
        "pacientes-pt": [
            ("Prontuário", "record-id", lambda r: digits(r, 6)), ("Nome do paciente", "person-name", full(PT_FIRST, PT_LAST)), ("CPF", "national-id", cpf), ("Data de nascimento", "date-of-birth", when(1935, 2015, "%d/%m/%Y")), ("Sexo", "gender", pick(["M", "F"])), ("Celular", "phone", lambda r: f"({r.randint(11, 99)}) 9{digits(r, 4)}-{digits(r, 4)}"), ("Endereço", "address", lambda r: f"Rua {r.choice(['das Flores', 'Sete de Setembro', 'do Comércio'])}, {r.randint(1, 900)}"), ("CEP", "address", lambda r: f"{digits(r, 5)}-{digits(r, 3)}"), ("Convênio", "health-finance", pick(["Unimed", "Amil", "SUS", "Particular"])), ("Diagnóstico", "health", pick(["Hipertensão", "Diabetes tipo 2", "Asma", "Dengue"])), ("Nome da mãe", "person-name", full(PT_FIRST, PT_LAST)), ("Renda mensal", "income", money(1200, 20000)),
        ],
        "empresas-br": [
            ("razao_social", "organisation", pick(COMPANIES_BR)), ("cnpj", "record-id-org", cnpj), ("telefone", "org-phone", lambda r: f"({r.randint(11, 99)}) 3{digits(r, 3)}-{digits(r, 4)}"), ("logradouro", "org-address", lambda r: f"Av. Brasil, {r.randint(1, 900)}"), ("capital_social", n, integers(10**4, 10**7)),
        ],
        "cn-customers": [
            ("客户编号", "record-id", lambda r: f"KH{digits(r, 6)}"), ("姓名", "person-name", cn_name), ("性别", "gender", pick(["男", "女"])), ("身份证号", "national-id", cn_id), ("手机号", "phone", cn_mobile), ("家庭住址", "address", address_cn), ("出生日期", "date-of-birth", when(1950, 2006)), ("民族", "ethnicity", pick(["汉族", "回族", "满族", "壮族"])), ("婚姻状况", "family-status", pick(["已婚", "未婚", "离异"])), ("政治面貌", "political-opinion", pick(["群众", "中共党员", "共青团员"])), ("月收入", "income", integers(3000, 60000)), ("银行卡号", "finance-account", lambda r: (b := "622202" + digits(r, 12)) + luhn_digit(b)), ("邮箱", "email", lambda r: f"user{r.randint(1, 9999)}@example.cn"), ("订单金额", n, money(10, 5000)), ("备注", "free-text", pick(["客户要求周末送货上门，请提前电话联系确认时间。", "该客户投诉过一次物流问题，已处理完毕并道歉。"])), ("微信号", "username", lambda r: f"wx_{''.join(r.choice(string.ascii_lowercase) for _ in range(6))}")
        ],
        "cn-pinyin": [
            ("xm", "person-name", cn_name), ("sfz", "national-id", cn_id), ("sjh", "phone", cn_mobile), ("csrq", "date-of-birth", when(1950, 2006, "%Y%m%d")), ("xb", "gender", pick(["1", "2"])), ("dz", "address", address_cn), ("bz", "free-text", pick(["家属代办，材料齐全，已经复印存档。", "需补交收入证明材料后再审核一次。"])), ("je", n, money(1, 999)),
        ],
        "cn-headerless": [
            ("f1", "person-name", cn_name), ("f2", "national-id", cn_id), ("f3", "phone", cn_mobile), ("f4", "address", address_cn), ("f5", n, integers(1, 9)), ("f6", n, pick(["是", "否"])),
        ],
        "cn-hospital": [
            ("病历号", "record-id", lambda r: digits(r, 8, "123456789")), ("患者姓名", "person-name", cn_name), ("年龄", "age", integers(1, 95)), ("诊断", "health", pick(["高血压", "2型糖尿病", "冠心病", "慢性胃炎", "肺炎"])), ("科室", "health", pick(["心内科", "内分泌科", "呼吸科"])), ("主治医师", "person-name", cn_name), ("入院日期", "date", when(2021, 2025)), ("医疗费用", "health-finance", money(100, 50000)), ("医保类型", "health-finance", pick(["城镇职工医保", "城乡居民医保", "自费"])), ("血型", "health", pick(["A型", "B型", "O型", "AB型"])), ("过敏史", "health", pick(["无", "青霉素过敏", "海鲜过敏"])), ("床位号", n, integers(1, 60)),
        ],
        "cn-companies": [
            ("企业名称", "organisation", pick(COMPANIES_CN)), ("统一社会信用代码", "record-id-org", uscc), ("法定代表人", "person-name", cn_name), ("注册地址", "org-address", address_cn), ("联系电话", "org-phone", lambda r: f"0{r.choice(['10', '21', '755'])}-{digits(r, 8, '23456789')}"), ("注册资本", n, pick(["500万元", "1000万元", "3000万元"])), ("成立日期", "date", when(1998, 2022)), ("经营状态", n, pick(["存续", "注销"])),
        ],
        "cn-products": [
            ("商品编号", n, word_code("SP999999")), ("商品名称", n, pick(["无线鼠标", "保温杯", "蓝牙耳机", "白色衬衫", "高山茶叶", "金属书架", "黄油饼干"])), ("单价", n, money(5, 900)), ("库存", n, integers(0, 999)), ("上架时间", "date", when(2022, 2025)), ("供应商", "organisation", pick(COMPANIES_CN)),
        ],
        "jp-customers": [
            ("顧客番号", "record-id", lambda r: digits(r, 7)), ("氏名", "person-name", lambda r: f"{r.choice(JP_FAMILY)} {r.choice(JP_GIVEN)}"), ("フリガナ", "person-name", pick(JP_KANA)), ("生年月日", "date-of-birth", when(1945, 2005, "%Y/%m/%d")), ("性別", "gender", pick(["男", "女"])), ("郵便番号", "address", lambda r: f"{digits(r, 3)}-{digits(r, 4)}"), ("住所", "address", address_jp), ("電話番号", "phone", lambda r: f"0{r.choice(['90', '80', '70'])}-{digits(r, 4)}-{digits(r, 4)}"), ("メールアドレス", "email", email(e, EN_LAST)), ("勤務先", "organisation", pick(COMPANIES_JP)), ("職業", "occupation", pick(["会社員", "公務員", "自営業", "学生"])), ("マイナンバー", "national-id", my_number), ("年収", "income", integers(200, 1500)), ("購入金額", n, integers(100, 99999)), ("備考", "free-text", pick(["平日の夜に電話連絡を希望しているとのこと。", "前回の配送が遅れたためお詫びの連絡済み。"]))
        ],
        "jp-romaji": [
            ("shimei", "person-name", lambda r: r.choice(["Sato Kenji", "Suzuki Hanako", "Takahashi Yui", "Ito Daisuke", "Enomoto Chihiro"])), ("jusho", "address", address_jp), ("denwa", "phone", lambda r: f"03-{digits(r, 4)}-{digits(r, 4)}"), ("seinengappi", "date-of-birth", when(1950, 2004)), ("kingaku", n, integers(100, 9999)),
        ],
        "kr-members": [
            ("회원번호", "record-id", lambda r: digits(r, 6)), ("성명", "person-name", kr_name), ("주민등록번호", "national-id", rrn), ("휴대폰", "phone", lambda r: f"010-{digits(r, 4)}-{digits(r, 4)}"), ("주소", "address", address_kr), ("이메일", "email", lambda r: f"user{r.randint(1, 9999)}@example.kr"), ("생년월일", "date-of-birth", when(1950, 2004)), ("직장명", "organisation", pick(COMPANIES_KR)), ("혼인여부", "family-status", pick(["미혼", "기혼"])), ("종교", "religion", pick(["불교", "기독교", "무교", "천주교"])), ("연봉", "income", integers(2500, 12000)), ("주문금액", n, integers(1000, 90000)), ("비고", "free-text", pick(["평일 오후에만 연락 가능하다고 요청하였음.", "배송지 변경 요청이 있어 처리 완료하였습니다."]))
        ],
        "int-ids": [
            ("passenger", "person-name", full(e, EN_LAST)), ("aadhaar", "national-id", lambda r: aadhaar(r)), ("mobile", "phone", lambda r: int(digits(r, 10, "6789"))), ("card", "finance-account", lambda r: int(card(r))), ("pin", "credential", integers(1000, 9999)), ("seat", n, word_code("99A")), ("fare", n, integers(20, 900)),
        ],
        "sparse": [
            ("id", "record-id", lambda r: uuid4(r)), ("email", "email", sparse(email(e, EN_LAST), 0.1)), ("phone", "phone", sparse(nanp, 0.1)), ("middle_name", "person-name", sparse(pick(e), 0.2)), ("dob", "date-of-birth", sparse(when(1950, 2000), 0.3)), ("notes", "free-text", sparse(pick(PROSE), 0.2)), ("opt_in", n, pick(["true", "false"])),
        ],
        "serials": [
            ("Name", "person-name", full(e, EN_LAST)), ("Birth Date", "date-of-birth", integers(18000, 38000)), ("Start Date", "date", integers(42000, 45500)), ("last_login_ts", "date", lambda r: 1_600_000_000_000 + r.randint(0, 10**11)), ("score", n, integers(0, 100)),
        ],
        "open-data": [
            ("district_code", n, word_code("99")), ("population", n, integers(1000, 10**6)), ("median_age", n, money(30, 50)), ("area_km2", n, money(1, 900)), ("year", "date", integers(2001, 2023)), ("unemployment_rate", n, money(1, 15)), ("latitude", "location", lambda r: f"{r.uniform(40, 55):.5f}"), ("longitude", "location", lambda r: f"{r.uniform(-5, 15):.5f}"),
        ],
        "deaths": [
            ("a", "person-name", full(e, EN_LAST)), ("born", "date-of-birth", when(1880, 1950)), ("died", "date-of-death", sparse(when(1955, 2020), 0.7)), ("occupation", "occupation", pick(["painter", "writer", "engineer", "farmer"])), ("nationality", "ethnicity", pick(["American", "German", "French"])), ("birthplace", "location", pick(["Springfield, Illinois", "Lyon, France", "Bremen, Germany"])),
        ],
    }  # fmt: skip


def aadhaar(r: random.Random) -> int:
    """Return a 12-digit number with a Verhoeff digit found by trial against the group table."""
    d = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 4, 0, 6, 7, 8, 9, 5], [2, 3, 4, 0, 1, 7, 8, 9, 5, 6], [3, 4, 0, 1, 2, 8, 9, 5, 6, 7], [4, 0, 1, 2, 3, 9, 5, 6, 7, 8], [5, 9, 8, 7, 6, 0, 4, 3, 2, 1], [6, 5, 9, 8, 7, 1, 0, 4, 3, 2], [7, 6, 5, 9, 8, 2, 1, 0, 4, 3], [8, 7, 6, 5, 9, 3, 2, 1, 0, 4], [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]]  # fmt: skip
    p = [list(range(10)), [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
    while len(p) < 8:
        p.append([p[-1][p[1][i]] for i in range(10)])
    body = digits(r, 11, "23456789")
    for last in "0123456789":
        check = 0
        for index, char in enumerate(reversed(body + last)):
            check = d[check][p[index % 8][int(char)]]
        if check == 0:
            return int(body + last)
    raise AssertionError("Verhoeff always has one digit")


def tables(seed: int = 7, rows: int = 300) -> list[Table]:
    """Return the labelled tables, columns in a shuffled but fixed order."""
    out: list[Table] = []
    for name, spec in _specs().items():
        r = random.Random(f"{seed}-{name}")
        columns = [(header, gold, [make(r) for _ in range(rows)]) for header, gold, make in spec]
        r.shuffle(columns)
        out.append(Table(name, columns))
    return out
