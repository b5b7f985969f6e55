"""Whose data it is: the jurisdictions of the persons in a table, by evidence in their rows.

Evidence, strongest first: a country column, a national identifier whose form belongs to one
country, the calling code of a telephone number (ITU-T E.164), the country of an IBAN (ISO 13616).
None of it proves residence in law; the report says which evidence carried each count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from entrepot.port.detect.sketch import DistinctCounter, distinct_of
from entrepot.port.model import Category, ColumnReport, Residence, Verdict

PERSONS_MAX = 100_000
"""Person keys kept per jurisdiction before its count becomes an estimate (about 1 %)."""
JURISDICTIONS_MAX = 250
"""Jurisdictions counted one by one; the rarest beyond that are left out and said so."""

_COUNTRY_HEADER = frozenset(
    """country nation nationality countrycode land staat herkunftsland pays país pais nacionalidad
    nacionalidade nazione paese kraj страна 国家 国籍 國家 國籍 国 国名 나라 국가 국적 guojia guoji
    citizenship residence""".split()
)
_CALLING_CODES = """
1 US, 7 RU, 20 EG, 27 ZA, 30 GR, 31 NL, 32 BE, 33 FR, 34 ES, 36 HU, 39 IT, 40 RO, 41 CH, 43
AT, 44 GB, 45 DK, 46 SE, 47 NO, 48 PL, 49 DE, 51 PE, 52 MX, 54 AR, 55 BR, 56 CL, 57 CO, 60
MY, 61 AU, 62 ID, 63 PH, 64 NZ, 65 SG, 66 TH, 81 JP, 82 KR, 84 VN, 86 CN, 90 TR, 91 IN, 92
PK, 94 LK, 98 IR, 212 MA, 213 DZ, 216 TN, 234 NG, 250 RW, 254 KE, 351 PT, 352 LU, 353 IE,
354 IS, 356 MT, 357 CY, 358 FI, 359 BG, 370 LT, 371 LV, 372 EE, 380 UA, 381 RS, 385 HR, 386
SI, 420 CZ, 421 SK, 423 LI, 852 HK, 853 MO, 886 TW, 880 BD, 966 SA, 971 AE, 972 IL, 974 QA,
998 UZ
"""
_ALPHA3 = """
AFGAF ALBAL DZADZ ANDAD AGOAO ARGAR ARMAM AUSAU AUTAT AZEAZ BHSBS BHRBH BGDBD BRBBB BLRBY
BELBE BLZBZ BENBJ BTNBT BOLBO BIHBA BWABW BRABR BRNBN BGRBG BFABF BDIBI KHMKH CMRCM CANCA
CPVCV CAFCF TCDTD CHLCL CHNCN COLCO COMKM COGCG CODCD CRICR CIVCI HRVHR CUBCU CYPCY CZECZ
DNKDK DJIDJ DMADM DOMDO ECUEC EGYEG SLVSV GNQGQ ERIER ESTEE SWZSZ ETHET FJIFJ FINFI FRAFR
GABGA GMBGM GEOGE DEUDE GHAGH GRCGR GRDGD GTMGT GINGN GNBGW GUYGY HTIHT HNDHN HKGHK HUNHU
ISLIS INDIN IDNID IRNIR IRQIQ IRLIE ISRIL ITAIT JAMJM JPNJP JORJO KAZKZ KENKE KWTKW KGZKG
LAOLA LVALV LBNLB LSOLS LBRLR LBYLY LIELI LTULT LUXLU MACMO MDGMG MWIMW MYSMY MDVMV MLIML
MLTMT MRTMR MUSMU MEXMX MDAMD MCOMC MNGMN MNEME MARMA MOZMZ MMRMM NAMNA NPLNP NLDNL NZLNZ
NICNI NERNE NGANG PRKKP MKDMK NORNO OMNOM PAKPK PANPA PNGPG PRYPY PERPE PHLPH POLPL PRTPT
PRIPR QATQA ROURO RUSRU RWARW SMRSM STPST SAUSA SENSN SRBRS SYCSC SLESL SGPSG SVKSK SVNSI
SOMSO ZAFZA KORKR SSDSS ESPES LKALK SDNSD SURSR SWESE CHECH SYRSY TWNTW TJKTJ TZATZ THATH
TLSTL TGOTG TTOTT TUNTN TURTR TKMTM UGAUG UKRUA AREAE GBRGB USAUS URYUY UZBUZ VUTVU VENVE
VNMVN YEMYE ZMBZM ZWEZW GIBGI GGYGG JEYJE IMNIM FROFO ATAAQ ASMAS ABWAW CYMKY BMUBM CUWCW
GRLGL GLPGP MTQMQ REURE PYFPF NCLNC PSEPS
"""
CALLING_CODES = dict(re.findall(r"(\d+)\s([A-Z]{2})", _CALLING_CODES))
ALPHA3 = {word[:3]: word[3:] for word in _ALPHA3.split()}
_CODES = frozenset(ALPHA3.values())


@dataclass(frozen=True, slots=True)
class _Source:
    """One column that says something of residence."""

    column: str
    kind: str
    jurisdiction: str = ""


class ResidenceCounter:
    """Counts distinct persons per jurisdiction from the evidence in their rows."""

    def __init__(self, columns: list[ColumnReport], names: Mapping[str, str]) -> None:
        """`names` maps lower-case country names to ISO 3166-1 alpha-2 codes."""
        self._sources = _sources(columns)
        self._countries = {
            **{code3.lower(): code for code3, code in ALPHA3.items()},
            **{code.lower(): code for code in ALPHA3.values()},
            "uk": "GB",
            **names,
        }
        self._counters: dict[str, DistinctCounter] = {}
        self.left_out = 0
        """Rows whose jurisdiction was beyond the limit of jurisdictions counted."""

    @property
    def evidence(self) -> list[str]:
        """The columns relied on, in words, strongest first."""
        return [f"{s.kind} in {s.column}" for s in self._sources]

    def feed(self, frame: pl.DataFrame, persons: pl.Series) -> None:
        """Count one frame; `persons` holds the person key of each row."""
        if not self._sources:
            return
        where = self._where(frame, self._sources[0])
        for source in self._sources[1:]:
            # Weaker evidence is read only for a frame in which stronger evidence has gaps.
            if not where.has_nulls():
                break
            where = where.fill_null(self._where(frame, source))
        rows = pl.DataFrame([where.alias("where"), persons.alias("person")]).drop_nulls()
        for (code,), group in rows.group_by("where"):
            name = str(code)
            if name not in self._counters and len(self._counters) >= JURISDICTIONS_MAX:
                self.left_out += group.height
                continue
            counter = self._counters.setdefault(name, DistinctCounter(PERSONS_MAX))
            counter.add(distinct_of(group["person"].to_numpy()))

    def _where(self, frame: pl.DataFrame, source: _Source) -> pl.Series:
        """Return the jurisdiction of each row by one source; null where it says nothing."""
        column = frame[source.column]
        if source.kind != "country":
            return frame.select(self._read(source)).to_series()
        named = column.unique().drop_nulls().to_frame()  # few countries, read once each
        codes = named.select(self._read(source)).to_series()
        return column.replace_strict(named.to_series(), codes, default=None)

    def _read(self, source: _Source) -> pl.Expr:
        text = pl.col(source.column).cast(pl.String).str.strip_chars()
        if source.kind == "country":
            return text.str.to_lowercase().replace_strict(self._countries, default=None)
        if source.jurisdiction:
            filled = text.str.len_bytes() > 0
            return pl.when(filled).then(pl.lit(source.jurisdiction))
        if source.kind == "IBAN country":
            return text.str.extract(r"^([A-Z]{2})\d{2}")
        code = text.str.extract(r"^(?:\+|00)(\d{1,3})")
        return pl.coalesce(
            code.str.head(width).replace_strict(CALLING_CODES, default=None) for width in (3, 2, 1)
        )

    def report(self, persons: int) -> list[Residence]:
        """Return the jurisdictions, most persons first; `persons` is the whole table's count."""
        counts = {code: counter.count() for code, counter in self._counters.items()}
        return [
            Residence(code, count, round(count / persons, 4) if persons else 0.0, self.evidence)
            for code, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        ]


def _sources(columns: list[ColumnReport]) -> list[_Source]:
    found: list[_Source] = []
    for c in columns:
        words = set(re.split(r"[\W_]+", c.name.lower()))
        if "country" in c.subtype or (words & _COUNTRY_HEADER and c.distinct <= 300):
            found.append(_Source(c.name, "country"))
    for c in columns:
        if c.verdict != Verdict.FOUND:
            continue
        of = _country_of(c.subtype)
        if c.category == Category.NATIONAL_ID and of:
            found.append(_Source(c.name, "national identifier", of))
        elif c.category == Category.PHONE:
            found.append(_Source(c.name, "calling code"))
            if of:
                found.append(_Source(c.name, "national form of number", of))
        elif c.category == Category.FINANCE_ACCOUNT and "iban" in c.subtype:
            found.append(_Source(c.name, "IBAN country"))
    return found


def _country_of(subtype: str) -> str:
    """Return the country whose identifier a subtype names (`uk-nino` → GB), or nothing."""
    prefix = re.match(r"([a-z]{2})-", subtype)
    code = {"UK": "GB"}.get(prefix[1].upper(), prefix[1].upper()) if prefix else ""
    return code if code in _CODES else ""
