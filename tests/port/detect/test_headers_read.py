# ruff: noqa: E501 (tables of vectors: one case per line)
"""What headers say, in many languages and spellings, and what they must not say."""

from __future__ import annotations

import pytest

from entrepot.port.detect.headers import read_header, tokens
from entrepot.port.model import Category as C

NAMED = {
    "first_name": C.PERSON_NAME, "LastName": C.PERSON_NAME, "客户姓名": C.PERSON_NAME, "xm": C.PERSON_NAME,
    "氏名": C.PERSON_NAME, "shimei": C.PERSON_NAME, "Nachname": C.PERSON_NAME, "prénom": C.PERSON_NAME,
    "apellidos": C.PERSON_NAME, "nome da mãe": C.PERSON_NAME, "성명": C.PERSON_NAME,
    "E-Mail-Adresse": C.EMAIL, "Kundenemail": C.EMAIL, "メールアドレス": C.EMAIL, "correo electrónico": C.EMAIL,
    "sjh": C.PHONE, "手机号码": C.PHONE, "Tel. mobil": C.PHONE, "電話番号": C.PHONE, "휴대폰 번호": C.PHONE, "celular": C.PHONE,
    "SSN": C.NATIONAL_ID, "sfz": C.NATIONAL_ID, "身份证号": C.NATIONAL_ID, "주민등록번호": C.NATIONAL_ID,
    "Steuer-ID": C.NATIONAL_ID, "マイナンバー": C.NATIONAL_ID, "PassportNo": C.NATIONAL_ID,
    "Straße": C.ADDRESS, "Rechnungsadresse": C.ADDRESS, "PLZ": C.ADDRESS, "住所": C.ADDRESS, "code postal": C.ADDRESS,
    "Geb.-Dat.": C.DATE_OF_BIRTH, "csrq": C.DATE_OF_BIRTH, "生年月日": C.DATE_OF_BIRTH, "fecha de nacimiento": C.DATE_OF_BIRTH,
    "dateOfBirth": C.DATE_OF_BIRTH, "DOB": C.DATE_OF_BIRTH, "Sterbedatum": C.DATE_OF_DEATH, "死亡日期": C.DATE_OF_DEATH,
    "hire_date": C.DATE, "password_updated_at": C.DATE, "insurance start date": C.DATE,
    "IPAddress": C.IP, "client_ip": C.IP, "mac address": C.DEVICE_ID, "user-agent": C.DEVICE_ID, "车牌号": C.DEVICE_ID,
    "Gehalt": C.INCOME, "年収": C.INCOME, "annual_salary": C.INCOME, "IBAN": C.FINANCE_ACCOUNT, "银行卡号": C.FINANCE_ACCOUNT,
    "customer_id": C.RECORD_ID, "Kunden-Nr.": C.RECORD_ID, "学号": C.RECORD_ID, "supplierId": C.RECORD_ID_ORG, "SIRET": C.RECORD_ID_ORG,
    "company name": C.ORGANISATION, "会社名": C.ORGANISATION, "hospital_phone": C.ORG_PHONE, "取引先住所": C.ORG_ADDRESS,
    "marital.status": C.FAMILY_STATUS, "Konfession": C.RELIGION, "民族": C.ETHNICITY, "政治面貌": C.POLITICAL_OPINION,
    "diagnosis": C.HEALTH, "血型": C.HEALTH, "rsid": C.GENETIC, "fingerprint": C.BIOMETRIC,
}  # fmt: skip


@pytest.mark.parametrize(("header", "category"), NAMED.items())
def test_headers_name_their_category(header: str, category: C) -> None:
    assert read_header(header).top is category


@pytest.mark.parametrize(
    "header",
    ["public_key_len", "carpet", "mileage", "percentage", "INTRODUCTORY", "column_1", "", "product_name",
     "order_id", "postage", "passage", "valid", "SCN-125", "x", "???", "12345"],
)  # fmt: skip
def test_words_never_match_inside_words(header: str) -> None:
    assert all(weight < 3 for weight in read_header(header).weights.values())


def test_flags_and_derived_values_weaken_a_header() -> None:
    assert read_header("email").weight(C.EMAIL) > 2 * read_header("email_verified").weight(C.EMAIL)
    assert read_header("phone").weight(C.PHONE) > 2 * read_header("phone_type").weight(C.PHONE)


def test_entities_decide_whose_number_it_is() -> None:
    assert read_header("patient no").top is C.RECORD_ID
    assert read_header("vendor code").top is C.RECORD_ID_ORG
    assert read_header("invoice number").top is None


def test_tokens_split_case_scripts_and_compounds() -> None:
    assert tokens("customerFirstName") == ["customer", "first", "name"]
    assert tokens("Sheet1!IPAddress2") == ["ip", "address", "2"]
    assert tokens("客户ID")[-1] == "id"
