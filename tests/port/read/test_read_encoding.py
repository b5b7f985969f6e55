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
