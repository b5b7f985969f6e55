"""The same small table in several languages, and its expected reading."""

from __future__ import annotations

import polars as pl

ZH_HANS = {
    "姓名": ["王伟", "李娜", "张丽华", "刘洋", "陈静", "赵敏"],
    "地址": [
        "北京市海淀区中关村大街27号",
        "上海市浦东新区世纪大道100号",
        "广州市天河区体育西路3号",
        "深圳市南山区科技园南路8号",
        "成都市武侯区人民南路4段",
        "南京市鼓楼区中山路55号",
    ],
    "备注": ["客户, 重要", '他说"好"', "", "第一行\n第二行", "无", "已付款"],
    "编号": ["1001", "1002", "1003", "1004", "1005", "1006"],
}
ZH_HANT = {
    "姓名": ["陳志明", "林淑芬", "黃建國", "張雅婷", "李家豪", "王美玲"],
    "地址": [
        "臺北市大安區忠孝東路四段1號",
        "新北市板橋區文化路二段88號",
        "臺中市西屯區臺灣大道三段99號",
        "高雄市左營區博愛二路777號",
        "香港九龍彌敦道678號",
        "臺南市東區中華東路三段10號",
    ],
    "備註": ["客戶, 重要", '他說"好"', "", "第一行\n第二行", "無", "已付款"],
    "編號": ["1001", "1002", "1003", "1004", "1005", "1006"],
}
JA = {
    "氏名": ["佐藤 健", "鈴木 花子", "高橋 一郎", "田中 美咲", "渡辺 翔", "伊藤 陽菜"],
    "フリガナ": [
        "サトウ ケン",
        "スズキ ハナコ",
        "タカハシ イチロウ",
        "タナカ ミサキ",
        "ワタナベ ショウ",
        "イトウ ヒナ",
    ],
    "住所": [
        "東京都新宿区西新宿2-8-1",
        "大阪府大阪市北区梅田3丁目",
        "神奈川県横浜市中区日本大通1",
        "愛知県名古屋市中村区名駅1-1",
        "北海道札幌市中央区北3条西6",
        "福岡県福岡市博多区東公園7-7",
    ],
    "備考": ["顧客, 重要", '「はい」と"言"った', "", "一行目\n二行目", "なし", "支払い済み"],
}
DE = {
    "Name": [
        "Jürgen Müller",
        "Käthe Groß",
        "Søren Ångström",
        "François Lefèvre",
        "José Muñoz",
        "Zoë Brontë",
    ],
    "Straße": [
        "Königsallee 1",
        "Große Straße 22",
        "Ærøvej 3",
        "Rue de l'Église 4",
        "Calle Peña 5",
        "Höhenweg 6",
    ],
    "Notiz": ["Kunde, wichtig", 'er sagt "ja"', "", "Zeile 1\nZeile 2", "keine", "für später"],
    "Nummer": ["1001", "1002", "1003", "1004", "1005", "1006"],
}
KO = {
    "이름": ["김민준", "이서연", "박지훈", "최수빈", "정예은", "강도윤"],
    "주소": [
        "서울특별시 강남구 테헤란로 1",
        "부산광역시 해운대구 우동 2",
        "대구광역시 중구 동성로 3",
        "인천광역시 남동구 구월동 4",
        "경기도 수원시 영통구 5",
        "제주특별자치도 제주시 6",
    ],
    "비고": ["고객, 중요", '그는 "네"라고', "", "첫째 줄\n둘째 줄", "없음", "지불 완료"],
}
BY_ENCODING = {
    "utf-8": ZH_HANS,
    "utf-8-sig": JA,
    "utf-16": ZH_HANT,
    "utf-16-le": DE,
    "utf-16-be": ZH_HANS,
    "utf-32": KO,
    "gb18030": ZH_HANS,
    "gbk": ZH_HANS,
    "big5": ZH_HANT,
    "cp950": ZH_HANT,
    "shift_jis": JA,
    "cp932": JA,
    "euc_jp": JA,
    "cp949": KO,
    "latin-1": DE,
    "cp1252": DE,
}
"""Codec → a table that it can hold."""

MIXED = {
    **{key: ZH_HANS[key] for key in ("姓名", "地址")},
    "Notiz": DE["Notiz"],
    "メモ": JA["備考"],
}
"""A table that only Unicode formats can hold."""


def frame_of(table: dict[str, list[str]], *, repeat: int = 1) -> pl.DataFrame:
    """Return the table as text columns, `repeat` times over; "" stays the empty string."""
    return pl.DataFrame({name: cells * repeat for name, cells in table.items()})


def csv_text(table: dict[str, list[str]], *, delimiter: str = ",", end: str = "\r\n") -> str:
    """Return the table as CSV after RFC 4180, written by hand and not by the code under test."""

    def quoted(cell: str) -> str:
        if cell == "" or any(char in cell for char in (delimiter, '"', "\n", "\r")):
            return '"' + cell.replace('"', '""') + '"'
        return cell

    rows = [list(table), *zip(*table.values(), strict=True)]
    return end.join(delimiter.join(quoted(cell) for cell in row) for row in rows) + end
