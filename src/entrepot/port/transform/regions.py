"""Countries to world regions (United Nations M49, geographic regions), as one generalisation step.

Keys are ISO 3166-1 alpha-2 and alpha-3 codes and English short names, all in lower case. A value
that is not known becomes `other`, never itself.
"""

from __future__ import annotations

from typing import Final

import polars as pl

_M49: Final = {
    "Northern Africa": "dz/dza/algeria eg/egy/egypt ly/lby/libya ma/mar/morocco sd/sdn/sudan"
    " tn/tun/tunisia",
    "Sub-Saharan Africa": "ao/ago/angola bj/ben/benin bw/bwa/botswana bf/bfa/burkina_faso"
    " bi/bdi/burundi cm/cmr/cameroon cv/cpv/cabo_verde cf/caf/central_african_republic"
    " td/tcd/chad km/com/comoros cg/cog/congo cd/cod/democratic_republic_of_the_congo"
    " ci/civ/côte_d'ivoire dj/dji/djibouti gq/gnq/equatorial_guinea er/eri/eritrea"
    " sz/swz/eswatini et/eth/ethiopia ga/gab/gabon gm/gmb/gambia gh/gha/ghana gn/gin/guinea"
    " gw/gnb/guinea-bissau ke/ken/kenya ls/lso/lesotho lr/lbr/liberia mg/mdg/madagascar"
    " mw/mwi/malawi ml/mli/mali mr/mrt/mauritania mu/mus/mauritius mz/moz/mozambique"
    " na/nam/namibia ne/ner/niger ng/nga/nigeria rw/rwa/rwanda st/stp/sao_tome_and_principe"
    " sn/sen/senegal sc/syc/seychelles sl/sle/sierra_leone so/som/somalia za/zaf/south_africa"
    " ss/ssd/south_sudan tz/tza/tanzania tg/tgo/togo ug/uga/uganda zm/zmb/zambia"
    " zw/zwe/zimbabwe re/reu/réunion",
    "Northern America": "us/usa/united_states ca/can/canada bm/bmu/bermuda gl/grl/greenland",
    "Latin America and the Caribbean": "ar/arg/argentina bs/bhs/bahamas bb/brb/barbados"
    " bz/blz/belize bo/bol/bolivia br/bra/brazil cl/chl/chile co/col/colombia cr/cri/costa_rica"
    " cu/cub/cuba dm/dma/dominica do/dom/dominican_republic ec/ecu/ecuador sv/slv/el_salvador"
    " gd/grd/grenada gt/gtm/guatemala gy/guy/guyana ht/hti/haiti hn/hnd/honduras jm/jam/jamaica"
    " mx/mex/mexico ni/nic/nicaragua pa/pan/panama py/pry/paraguay pe/per/peru"
    " pr/pri/puerto_rico lc/lca/saint_lucia sr/sur/suriname tt/tto/trinidad_and_tobago"
    " uy/ury/uruguay ve/ven/venezuela aw/abw/aruba gp/glp/guadeloupe mq/mtq/martinique"
    " ky/cym/cayman_islands",
    "Central Asia": "kz/kaz/kazakhstan kg/kgz/kyrgyzstan tj/tjk/tajikistan tm/tkm/turkmenistan"
    " uz/uzb/uzbekistan",
    "Eastern Asia": "cn/chn/china hk/hkg/hong_kong mo/mac/macao jp/jpn/japan kr/kor/south_korea"
    " kp/prk/north_korea mn/mng/mongolia tw/twn/taiwan",
    "South-eastern Asia": "bn/brn/brunei kh/khm/cambodia id/idn/indonesia la/lao/laos"
    " my/mys/malaysia mm/mmr/myanmar ph/phl/philippines sg/sgp/singapore th/tha/thailand"
    " tl/tls/timor-leste vn/vnm/vietnam",
    "Southern Asia": "af/afg/afghanistan bd/bgd/bangladesh bt/btn/bhutan in/ind/india ir/irn/iran"
    " mv/mdv/maldives np/npl/nepal pk/pak/pakistan lk/lka/sri_lanka",
    "Western Asia": "am/arm/armenia az/aze/azerbaijan bh/bhr/bahrain cy/cyp/cyprus ge/geo/georgia"
    " iq/irq/iraq il/isr/israel jo/jor/jordan kw/kwt/kuwait lb/lbn/lebanon om/omn/oman"
    " ps/pse/palestine qa/qat/qatar sa/sau/saudi_arabia sy/syr/syria tr/tur/türkiye"
    " ae/are/united_arab_emirates ye/yem/yemen -/-/turkey",
    "Eastern Europe": "by/blr/belarus bg/bgr/bulgaria cz/cze/czechia hu/hun/hungary"
    " md/mda/moldova pl/pol/poland ro/rou/romania ru/rus/russia sk/svk/slovakia"
    " ua/ukr/ukraine -/-/czech_republic",
    "Northern Europe": "dk/dnk/denmark ee/est/estonia fi/fin/finland is/isl/iceland ie/irl/ireland"
    " lv/lva/latvia lt/ltu/lithuania no/nor/norway se/swe/sweden gb/gbr/united_kingdom"
    " uk/-/great_britain fo/fro/faroe_islands im/imn/isle_of_man je/jey/jersey gg/ggy/guernsey",
    "Southern Europe": "al/alb/albania ad/and/andorra ba/bih/bosnia_and_herzegovina hr/hrv/croatia"
    " gr/grc/greece va/vat/holy_see it/ita/italy mt/mlt/malta me/mne/montenegro"
    " mk/mkd/north_macedonia pt/prt/portugal sm/smr/san_marino rs/srb/serbia si/svn/slovenia"
    " es/esp/spain gi/gib/gibraltar",
    "Western Europe": "at/aut/austria be/bel/belgium fr/fra/france de/deu/germany"
    " li/lie/liechtenstein lu/lux/luxembourg mc/mco/monaco nl/nld/netherlands"
    " ch/che/switzerland",
    "Oceania": "au/aus/australia nz/nzl/new_zealand fj/fji/fiji pg/png/papua_new_guinea"
    " sb/slb/solomon_islands vu/vut/vanuatu ws/wsm/samoa to/ton/tonga ki/kir/kiribati"
    " fm/fsm/micronesia mh/mhl/marshall_islands nr/nru/nauru pw/plw/palau tv/tuv/tuvalu"
    " pf/pyf/french_polynesia nc/ncl/new_caledonia gu/gum/guam",
}

OTHER: Final = "other"


def _by_name() -> dict[str, str]:
    return {
        name.replace("_", " "): region
        for region, countries in _M49.items()
        for country in countries.split()
        for name in country.split("/")
        if name != "-"
    }


REGION_OF: Final = _by_name()
"""Lower-case code or English name → region."""


def regions(text: pl.Series) -> pl.Series:
    """Return the region of each country; unknown countries become `other`, nulls stay null."""
    names = text.str.strip_chars().str.to_lowercase()
    return names.replace_strict(REGION_OF, default=OTHER, return_dtype=pl.String).zip_with(
        names.is_not_null(), pl.Series([None], dtype=pl.String)
    )


def known_share(text: pl.Series) -> float:
    """Return the share of non-null values that are known as countries."""
    names = text.drop_nulls().str.strip_chars().str.to_lowercase()
    return int(names.is_in(list(REGION_OF)).sum()) / len(names) if len(names) else 0.0
