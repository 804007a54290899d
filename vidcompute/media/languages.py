"""Language tags: what containers write (ISO 639-2, or free text) as BCP 47 (RFC 5646)."""

import re

from vidcompute.errors import invalid

# ISO 639-2 codes, terminological and bibliographic, that have a two-letter code in ISO 639-1, as RFC 5646, 2.2.1 wants.
_PAIRS = """
aar:aa abk:ab afr:af aka:ak alb:sq amh:am ara:ar arg:an arm:hy asm:as ava:av ave:ae aym:ay aze:az bak:ba
bam:bm baq:eu bel:be ben:bn bih:bh bis:bi bod:bo bos:bs bre:br bul:bg bur:my cat:ca ces:cs cha:ch che:ce
chi:zh chu:cu chv:cv cor:kw cos:co cre:cr cym:cy cze:cs dan:da deu:de div:dv dut:nl dzo:dz ell:el eng:en
epo:eo est:et eus:eu ewe:ee fao:fo fas:fa fij:fj fin:fi fra:fr fre:fr fry:fy ful:ff geo:ka ger:de gla:gd
gle:ga glg:gl glv:gv gre:el grn:gn guj:gu hat:ht hau:ha hbs:sh heb:he her:hz hin:hi hmo:ho hrv:hr hun:hu
hye:hy ibo:ig ice:is ido:io iii:ii iku:iu ile:ie ina:ia ind:id ipk:ik isl:is ita:it jav:jv jpn:ja kal:kl
kan:kn kas:ks kat:ka kau:kr kaz:kk khm:km kik:ki kin:rw kir:ky kom:kv kon:kg kor:ko kua:kj kur:ku lao:lo
lat:la lav:lv lim:li lin:ln lit:lt ltz:lb lub:lu lug:lg mac:mk mah:mh mal:ml mao:mi mar:mr may:ms mkd:mk
mlg:mg mlt:mt mon:mn mri:mi msa:ms mya:my nau:na nav:nv nbl:nr nde:nd ndo:ng nep:ne nld:nl nno:nn nob:nb
nor:no nya:ny oci:oc oji:oj ori:or orm:om oss:os pan:pa per:fa pli:pi pol:pl por:pt pus:ps que:qu roh:rm
ron:ro rum:ro run:rn rus:ru sag:sg san:sa sin:si slk:sk slo:sk slv:sl sme:se smo:sm sna:sn snd:sd som:so
sot:st spa:es sqi:sq srd:sc srp:sr ssw:ss sun:su swa:sw swe:sv tah:ty tam:ta tat:tt tel:te tgk:tg tgl:tl
tha:th tib:bo tir:ti ton:to tsn:tn tso:ts tuk:tk tur:tr twi:tw uig:ug ukr:uk urd:ur uzb:uz ven:ve vie:vi
vol:vo wel:cy wln:wa wol:wo xho:xh yid:yi yor:yo zha:za zho:zh zul:zu
"""
_TWO_LETTERS = {pair[:3]: pair[4:] for pair in _PAIRS.split()}

UNDETERMINED = "und"
_TAG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8}){0,3}", re.IGNORECASE)
# RFC 5646, 2.1: language and its extensions, script, region, variants, extensions, private use; or that alone.
_WELL_FORMED = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?"
    r"|x(?:-[a-z0-9]{1,8})+",
    re.IGNORECASE,
)
_LONGEST = 63
_NOT_A_LANGUAGE = frozenset(("und", "mis", "mul", "zxx", "qaa", "xxx", "unk"))


def bcp47(written: str | None) -> str:
    """The BCP 47 tag for what a container says of a language; "und" where it says nothing that can be understood.

    >>> bcp47("ger"), bcp47("pt-BR"), bcp47("haw"), bcp47("English!")
    ('de', 'pt-BR', 'haw', 'und')
    """
    tag = (written or "").strip().strip("\0").replace("_", "-")
    if _TAG.fullmatch(tag) is None:
        return UNDETERMINED
    primary, *rest = tag.split("-")
    primary = primary.lower()
    if primary in _NOT_A_LANGUAGE:
        return UNDETERMINED
    return "-".join((_TWO_LETTERS.get(primary, primary), *(_cased(part) for part in rest)))


def parse_tag(written: str) -> str:
    """A BCP 47 tag as it is to be written, where it is a well-formed one; `language_invalid` otherwise.

    >>> parse_tag("EN-us"), parse_tag("ger"), parse_tag("zh-hant-TW-x-Mine"), parse_tag("und")
    ('en-US', 'de', 'zh-Hant-TW-x-mine', 'und')
    """
    if len(written) > _LONGEST or _WELL_FORMED.fullmatch(written) is None:
        detail = f"{written[:80]!r} is no BCP 47 language tag such as en, pt-BR or zh-Hant."
        raise invalid("language_invalid", detail)
    primary, *rest = written.lower().split("-")
    plain = next((place for place, part in enumerate((primary, *rest)) if len(part) == 1), len(rest) + 1)
    own = [_cased(part) if place < plain else part for place, part in enumerate(rest, 1)]
    return "-".join((_TWO_LETTERS.get(primary, primary), *own))


def _cased(subtag: str) -> str:
    """RFC 5646, 2.1.1: regions in capitals, scripts capitalized, the rest small."""
    if len(subtag) == 2:
        return subtag.upper()
    return subtag.capitalize() if len(subtag) == 4 and subtag.isalpha() else subtag.lower()
