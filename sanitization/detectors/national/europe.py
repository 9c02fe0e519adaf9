"""Numbers that European states give to people and firms; two of them have modules of their own."""

from sanitization.detectors.national import checks
from sanitization.detectors.national.numbers import ANY_DIGIT, LETTERS_AND_DIGITS, NationalNumber
from sanitization.spans import Action


class AustrianSocialSecurity(NationalNumber):
    """Austrian social security numbers."""

    rule = "at_vnr"
    aliases = ("AT_VNR",)
    context = ("sozialversicherung", "svnr", "sv-nummer", "versicherungsnummer", "social")
    value = r"\d{4} ?\d{6}"
    standard = "at.vnr"


class BelgianNationalNumber(NationalNumber):
    """Belgian national register numbers."""

    rule = "be_nn"
    aliases = ("BE_NN",)
    context = ("rijksregister", "national", "registre", "insz", "niss", "nationaal")
    value = r"\d{2}[. ]?\d{2}[. ]?\d{2}[- ]?\d{3}[. ]?\d{2}"
    standard = "be.nn"


class BulgarianEgn(NationalNumber):
    """Bulgarian personal numbers."""

    rule = "bg_egn"
    aliases = ("BG_EGN",)
    context = ("egn", "егн", "personal", "единен")
    value = r"\d{10}"
    standard = "bg.egn"


class SwissAhv(NationalNumber):
    """Swiss social security numbers."""

    rule = "ch_ahv"
    aliases = ("CH_AHV",)
    context = ("ahv", "avs", "ssn", "sozialversicherung")
    separated = "."
    value = r"756\.?\d{4}\.?\d{4}\.?\d{2}"
    standard = "ch.ssn"


class CzechBirthNumber(NationalNumber):
    """Czech and Slovak birth numbers."""

    rule = "cz_rc"
    aliases = (
        "CZ_RC",
        "SK_RC",
    )
    context = ("rodné", "rodne", "birth")
    value = r"\d{6}/?\d{3,4}"
    standard = "cz.rc"


class DanishCpr(NationalNumber):
    """Danish personal numbers."""

    rule = "dk_cpr"
    aliases = ("DK_CPR",)
    context = ("cpr", "personnummer")
    value = r"\d{6}-?\d{4}"
    standard = "dk.cpr"


class EstonianIk(NationalNumber):
    """Estonian personal codes."""

    rule = "ee_ik"
    aliases = ("EE_IK",)
    context = ("isikukood", "personal")
    value = r"\d{11}"
    standard = "ee.ik"


class SpanishNif(NationalNumber):
    """Spanish tax numbers of people."""

    rule = "es_nif"
    aliases = ("ES_NIF",)
    context = ("nif", "dni")
    weak = 0.6
    value = r"\d{7,8}[- ]?[A-Za-z]"
    valid = staticmethod(checks.es_nif)


class SpanishNie(NationalNumber):
    """Spanish identity numbers of foreigners."""

    rule = "es_nie"
    aliases = ("ES_NIE",)
    context = ("nie",)
    weak = 0.6
    value = r"[XYZxyz][- ]?\d{7}[- ]?[A-Za-z]"
    valid = staticmethod(checks.es_nif)


class SpanishPassport(NationalNumber):
    """Spanish passport numbers."""

    rule = "es_passport"
    aliases = ("ES_PASSPORT",)
    context = ("pasaporte", "passport")
    value = r"[A-Za-z]{3}\d{6}"


class FinnishHetu(NationalNumber):
    """Finnish personal identity codes."""

    rule = "fi_personal_identity_code"
    aliases = ("FI_PERSONAL_IDENTITY_CODE",)
    context = ("henkilötunnus", "hetu")
    weak = 0.6
    value = r"\d{6}[+ABCDEFYXWVUabcdefyxwvu-]\d{3}[0-9A-FHJ-NPR-Ya-fhj-npr-y]"
    valid = staticmethod(checks.fi_hetu)


class FrenchNir(NationalNumber):
    """French social security numbers."""

    rule = "fr_nir"
    aliases = ("FR_NIR",)
    context = ("nir", "sécurité", "securite", "insee")
    weak = 0.6
    value = r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?\d[0-9AB] ?\d{3} ?\d{3} ?\d{2}"
    standard = "fr.nir"


class GreekAmka(NationalNumber):
    """Greek social security numbers."""

    rule = "gr_amka"
    aliases = ("GR_AMKA",)
    context = ("amka", "αμκα")
    value = r"\d{11}"
    standard = "gr.amka"


class CroatianOib(NationalNumber):
    """Croatian personal identification numbers."""

    rule = "hr_oib"
    aliases = ("HR_OIB",)
    context = ("oib",)
    value = r"\d{11}"
    standard = "hr.oib"


class IrishPps(NationalNumber):
    """Irish personal public service numbers."""

    rule = "ie_pps"
    aliases = ("IE_PPS",)
    context = ("pps", "ppsn")
    weak = 0.6
    value = r"\d{7}[A-Wa-w][A-IWa-iw]?"
    standard = "ie.pps"


class IcelandicKennitala(NationalNumber):
    """Icelandic identity numbers."""

    rule = "is_kennitala"
    aliases = ("IS_KENNITALA",)
    context = ("kennitala",)
    value = r"\d{6}-?\d{4}"
    standard = "is_.kennitala"


class ItalianFiscalCode(NationalNumber):
    """Italian fiscal codes."""

    rule = "it_fiscal_code"
    needs = ""  # all its digits may be letters
    aliases = ("IT_FISCAL_CODE",)
    context = ("codice", "fiscale")
    weak = 0.6
    value = r"(?i:[A-Z]{6}[0-9LMNP-V]{2}[ABCDEHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z])"


class ItalianVat(NationalNumber):
    """Italian VAT numbers."""

    rule = "it_vat_code"
    aliases = ("IT_VAT_CODE",)
    context = ("iva", "partita", "vat")
    value = r"\d{11}"
    standard = "it.iva"


class ItalianIdentityCard(NationalNumber):
    """Italian identity card numbers."""

    rule = "it_identity_card"
    aliases = ("IT_IDENTITY_CARD",)
    context = ("carta", "identità", "identita", "identity")
    value = r"[A-Za-z]{2}\d{5}[A-Za-z]{2}|[A-Za-z]{2} ?\d{7}|\d{7}[A-Za-z]{2}"


class ItalianPassport(NationalNumber):
    """Italian passport numbers."""

    rule = "it_passport"
    aliases = ("IT_PASSPORT",)
    context = ("passaporto", "passport")
    value = r"[A-Za-z]{2}\d{7}"


class ItalianDriverLicense(NationalNumber):
    """Italian driving licence numbers."""

    rule = "it_driver_license"
    needs = LETTERS_AND_DIGITS
    aliases = ("IT_DRIVER_LICENSE",)
    context = ("patente", "licenza", "driv")
    value = r"[A-Za-z]{2}\d{7}[A-Za-z]|[Uu]1[BCDFGHLJKMNPRSTUWYXZ0-9bcdfghljkmnprstuwyxz]{7}[A-Za-z]"


class LithuanianCode(NationalNumber):
    """Lithuanian personal codes."""

    rule = "lt_asmens"
    aliases = ("LT_ASMENS",)
    context = ("asmens", "kodas")
    value = r"\d{11}"
    standard = "lt.asmens"


class DutchBsn(NationalNumber):
    """Dutch citizen service numbers."""

    rule = "nl_bsn"
    aliases = ("NL_BSN",)
    context = ("bsn", "burgerservice", "sofi")
    value = r"\d{9}|\d{4}[. ]\d{2}[. ]\d{3}"
    standard = "nl.bsn"


class NorwegianNumber(NationalNumber):
    """Norwegian birth numbers."""

    rule = "no_fodselsnummer"
    aliases = ("NO_FODSELSNUMMER",)
    context = ("fødselsnummer", "fodselsnummer", "personnummer")
    value = r"\d{6} ?\d{5}"
    standard = "no.fodselsnummer"


class PolishPesel(NationalNumber):
    """Polish personal numbers."""

    rule = "pl_pesel"
    aliases = ("PL_PESEL",)
    context = ("pesel",)
    value = r"\d{11}"
    standard = "pl.pesel"


class PolishNip(NationalNumber):
    """Polish tax numbers."""

    rule = "pl_nip"
    aliases = ("PL_NIP",)
    context = ("nip",)
    value = r"\d{3}-?\d{3}-?\d{2}-?\d{2}"
    standard = "pl.nip"


class PortugueseNif(NationalNumber):
    """Portuguese tax numbers."""

    rule = "pt_nif"
    aliases = ("PT_NIF",)
    context = ("nif", "contribuinte")
    value = r"\d{9}|\d{3} \d{3} \d{3}"
    standard = "pt.nif"


class PortugueseCc(NationalNumber):
    """Portuguese citizen card numbers."""

    rule = "pt_cc"
    aliases = ("PT_CC",)
    context = ("cartão", "cartao", "cidadão", "cidadao")
    value = r"\d{8} ?\d ?[A-Z0-9]{2}\d"
    standard = "pt.cc"


class RomanianCnp(NationalNumber):
    """Romanian personal codes."""

    rule = "ro_cnp"
    aliases = ("RO_CNP",)
    context = ("cnp",)
    value = r"\d{13}"
    standard = "ro.cnp"


class SwedishPersonnummer(NationalNumber):
    """Swedish personal numbers."""

    rule = "se_personnummer"
    aliases = ("SE_PERSONNUMMER",)
    context = ("personnummer", "pnr", "personal", "identity", "code", "samordningsnummer")
    value = r"(?:\d{2})?\d{6}[-+]?\d{4}"
    valid = staticmethod(checks.se_person)


class SwedishOrgNumber(NationalNumber):
    """Swedish organisation numbers."""

    rule = "se_organisationsnummer"
    aliases = ("SE_ORGANISATIONSNUMMER",)
    context = ("organisationsnummer", "orgnr", "orgnummer", "organisation")
    value = r"\d{6}-?\d{4}"
    standard = "se.orgnr"


class SlovenianEmso(NationalNumber):
    """Slovenian personal numbers."""

    rule = "si_emso"
    aliases = ("SI_EMSO",)
    context = ("emšo", "emso")
    value = r"\d{13}"
    standard = "si.emso"


class TurkishId(NationalNumber):
    """Turkish identity numbers."""

    rule = "tr_national_id"
    aliases = ("TR_NATIONAL_ID",)
    context = ("tckn", "kimlik")
    value = r"\d{11}"
    standard = "tr.tckimlik"


class RussianInn(NationalNumber):
    """Russian taxpayer numbers."""

    rule = "ru_inn"
    aliases = ("RU_INN",)
    context = ("инн", "inn")
    value = r"\d{10}|\d{12}"
    standard = "ru.inn"


class UkrainianRntrc(NationalNumber):
    """Ukrainian taxpayer numbers."""

    rule = "ua_rntrc"
    aliases = ("UA_RNTRC",)
    context = ("рнокпп", "ідентифікаційний", "rntrc")
    value = r"\d{10}"
    standard = "ua.rntrc"


class TurkishPlate(NationalNumber):
    """Turkish vehicle registrations."""

    rule = "tr_license_plate"
    needs = ANY_DIGIT
    aliases = ("TR_LICENSE_PLATE",)
    context = ("plaka", "plate")
    default = Action.OFF
    value = r"(?:0[1-9]|[1-7]\d|8[01]) ?(?:[A-Z] ?\d{4,5}|[A-Z] \d{3}|[A-Z]{2} ?\d{3,4}|[A-Z]{3} ?\d{2,3})"
    valid = staticmethod(checks.tr_plate)
