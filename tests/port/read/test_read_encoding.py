"""Encodings are told apart on short columns of names and addresses."""

from __future__ import annotations

import pytest

from entrepot.port.read.encoding import detect_encoding

ZH = ["王伟", "李娜", "张丽华", "欧阳修", "司马光", "诸葛亮", "刘德华", "周杰伦", "章子怡", "姚明"]
ZH_ADDRESS = ["杭州市西湖区文三路", "郑州市金水区花园路", "哈尔滨市道里区", "乌鲁木齐市天山区"]
TW = [
    "陳水扁",
    "蔡英文",
    "馬英九",
    "林志玲",
    "周子瑜",
    "張惠妹",
    "鄧麗君",
    "羅大佑",
    "費玉清",
    "伍佰",
]
TW_ADDRESS = ["臺北市信義區市府路", "桃園市中壢區", "屏東縣恆春鎮", "嘉義市西區中山路"]
JP = [
    "山田太郎",
    "小林さくら",
    "加藤ひろし",
    "吉田美穂",
    "山口百恵",
    "松本人志",
    "井上陽水",
    "木村拓哉",
]
JP_KANJI = [
    "東京都千代田区丸の内",
    "京都府京都市左京区",
    "千葉県船橋市",
    "沖縄県那覇市",
    "長野県松本市",
]
JP_HALF = ["ﾀﾅｶ ﾀﾛｳ", "ｽｽﾞｷ ﾊﾅｺ", "ｻﾄｳ ｹﾝ", "ﾜﾀﾅﾍﾞ ﾏｻｵ", "ﾔﾏﾓﾄ ﾕｷ"]
KR = ["김철수", "이영희", "박지성", "손흥민", "김연아", "유재석", "강호동", "이순신", "홍길동"]
DE = ["Jürgen Groß", "Bärbel Müller", "Jörg Schäfer", "Günther Weiß", "Heinz Böhm"]
FR = ["Hélène Lefèvre", "François Mitterrand", "Anaïs Béranger", "Noël Pâris", "Agnès Côté"]
ES = ["José Núñez", "María Peña", "Íñigo Ibáñez", "Begoña Ordóñez", "Raúl Gutiérrez"]
PT = ["João Conceição", "Antônio Simões", "Inês Gonçalves", "Conceição Araújo"]
SV = ["Björn Åkesson", "Åsa Lindström", "Örjan Sjöberg", "Märta Nyström"]
SMART = ["the customer’s “own” words – always", "price: 30 € — agreed", "it’s fine…"]
PL = ["Łukasz Wójcik", "Agnieszka Dąbrowska", "Grażyna Kozłowska", "Świętosława Żółć"]
RU = ["Иван Петров", "Мария Сидорова", "Москва, ул. Ленина", "Санкт-Петербург"]

CASES = [
    ("gb18030", "gb18030", ZH),
    ("gbk", "gb18030", ZH_ADDRESS),
    ("big5", "big5", TW),
    ("cp950", "big5", TW_ADDRESS),
    ("shift_jis", "shift_jis", JP),
    ("cp932", "shift_jis", JP_KANJI),
    ("cp932", "shift_jis", JP_HALF),
    ("euc_jp", "euc-jp", JP),
    ("euc_kr", "euc-kr", KR),
    ("latin-1", "latin-1", DE),
    ("latin-1", "latin-1", FR),
    ("latin-1", "latin-1", ES),
    ("latin-1", "latin-1", PT),
    ("latin-1", "latin-1", SV),
    ("cp1252", "windows-1252", SMART),
    ("cp1250", "windows-1250", PL),
    ("cp1251", "windows-1251", RU),
    ("iso2022_jp", "iso-2022-jp", JP),
]


@pytest.mark.parametrize(("codec", "expected", "cells"), CASES)
def test_short_columns(codec: str, expected: str, cells: list[str]) -> None:
    text = "id,name\r\n" + "".join(f"{at},{cell}\r\n" for at, cell in enumerate(cells))
    assert detect_encoding(text.encode(codec), complete=True).name == expected


@pytest.mark.parametrize(("codec", "expected", "cells"), CASES)
def test_three_cells_suffice(codec: str, expected: str, cells: list[str]) -> None:
    text = "a,b\n" + "".join(f"{cell},x\n" for cell in cells[:3])
    assert detect_encoding(text.encode(codec), complete=True).name == expected


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("cells", [ZH, TW_ADDRESS, JP, KR, DE, RU])
def test_wide_forms_without_mark(codec: str, cells: list[str]) -> None:
    text = "姓名,b\n" + "".join(f"{cell},1\n" for cell in cells)
    found = detect_encoding(text.encode(codec), complete=True)
    assert (found.codec, found.mark_bytes) == (codec, 0)


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_marks(codec: str) -> None:
    content = "\ufeffname\nJürgen\n".encode(codec)
    found = detect_encoding(content, complete=True)
    assert found.codec == codec and found.name == f"{codec} with mark"
    assert content[found.mark_bytes :].decode(codec) == "name\nJürgen\n"


def test_a_sample_cut_inside_a_character_is_still_utf8() -> None:
    content = "名,b\n".encode() * 100
    for cut in range(len(content) - 7, len(content)):
        assert detect_encoding(content[:cut], complete=False).name == "utf-8"


def test_one_damaged_byte_does_not_change_the_encoding() -> None:
    for codec, name in (("utf-8", "utf-8"), ("gb18030", "gb18030"), ("cp932", "shift_jis")):
        text = "".join(f"{cell},x\n" for cell in (JP_KANJI if codec == "cp932" else ZH_ADDRESS) * 9)
        content = bytearray(text.encode(codec))
        content[31] = 0xFF
        assert detect_encoding(bytes(content), complete=True).name == name


ENGLISH = "".join(
    f"{at},Customer number {at},{at} High Street,Leeds,paid in full on time\n" for at in range(200)
)
STRAYS_WEST = [
    "Café Nero", "Zoë Smith", "10° north", "£45.00", "½ pint", "naïve view", "Señor Frog",
    "MÜNCHEN", "São Paulo", "Ångström", "Günther Müller", "© 2024", "Ñandú", "Français",
    "à la carte", "crème", "“quoted”", "it’s", "a – b",
]  # fmt: skip
STRAYS_OTHER = [
    ("mac_roman", "Günther"), ("mac_roman", "São Paulo"), ("mac_roman", "Peña"),
    ("mac_roman", "Ångström"), ("mac_roman", "Citroën"), ("mac_roman", "it’s"),
    ("mac_roman", "the “Oak” – a pub"), ("mac_roman", "naïve view"), ("cp850", "naïve view"),
    ("cp850", "Ångström"), ("cp850", "Señor Frog"), ("cp850", "Québec"), ("cp850", "Citroën"),
]  # fmt: skip
STRAYS_REAL = [
    ("gb18030", "gb18030", "王伟"),
    ("gb18030", "gb18030", "北京市海淀区"),
    ("gb18030", "gb18030", "Zoë Smith"),
    ("cp932", "shift_jis", "佐藤 健"),
    ("cp932", "shift_jis", "東京都新宿区"),
    ("cp949", "euc-kr", "김민준"),
    ("cp950", "big5", "陳志明"),
    ("cp1251", "windows-1251", "Иван Петров"),
    ("cp1250", "windows-1250", "Łukasz Dąbrowski, Świętosława Kozłowska"),
]


def with_stray(cell: str, codec: str) -> bytes:
    return f"{ENGLISH}900,{cell},1 High St,York,x\n".encode(codec)


@pytest.mark.parametrize("cell", STRAYS_WEST)
def test_a_stray_western_character_in_an_english_table(cell: str) -> None:
    content = with_stray(cell, "cp1252")
    found = detect_encoding(content, complete=True)
    assert found.name in ("latin-1", "windows-1252")
    assert content.decode(found.codec).endswith(f"900,{cell},1 High St,York,x\n")
    assert found.warning == ""


@pytest.mark.parametrize(("codec", "cell"), STRAYS_OTHER)
def test_strays_of_an_unknown_code_page_make_no_eastern_text(codec: str, cell: str) -> None:
    found = detect_encoding(with_stray(cell, codec), complete=True)
    assert found.name in ("latin-1", "windows-1252")


@pytest.mark.parametrize(("codec", "name", "cell"), STRAYS_REAL)
def test_one_real_cell_in_an_english_table_is_believed(codec: str, name: str, cell: str) -> None:
    found = detect_encoding(with_stray(cell, codec), complete=True)
    assert (found.name, found.warning) == (name, "")


def test_bytes_that_nothing_explains_are_western_and_said_to_be_doubtful() -> None:
    damage = b"answer \x81\xca\x89\xdb\xd3\x89\xdb\xcfyes\x81\xca\x89\xdb\xd3\xe5\x9d] please\n"
    found = detect_encoding(ENGLISH.encode() + damage, complete=True)
    assert found.codec in ("latin-1", "cp1252")
    assert found.warning.startswith("15 bytes beyond ASCII at its start fit no encoding known")
    twice_converted = b"Ca\xcc_\xe5\xb1on City,Rub\xcc_\xe5\xa9n,Sheriff\xcc_\xe5\xc8s Office\n"
    found = detect_encoding(ENGLISH.encode() + twice_converted, complete=True)
    assert (found.name, "fit no encoding" in found.warning) == ("latin-1", True)


def test_latin1_where_the_sample_is_all_and_windows_1252_where_more_may_follow() -> None:
    content = with_stray("Zoë", "latin-1")
    assert detect_encoding(content, complete=True).name == "latin-1"
    assert detect_encoding(content, complete=False).name == "windows-1252"
