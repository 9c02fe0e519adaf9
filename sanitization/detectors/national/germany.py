"""Numbers of Germany."""

from sanitization.detectors.national import checks
from sanitization.detectors.national.numbers import LETTERS_AND_DIGITS, NationalNumber


class GermanTaxId(NationalNumber):
    """German tax identification numbers."""

    rule = "de_tax_id"
    aliases = ("DE_TAX_ID",)
    context = ("steuer", "idnr", "tax", "tin", "steueridentifikation")
    value = r"\d{2} ?\d{3} ?\d{3} ?\d{3}"
    valid = staticmethod(checks.de_idnr)


class GermanVat(NationalNumber):
    """German VAT identification numbers."""

    rule = "de_vat_id"
    aliases = ("DE_VAT_ID",)
    version = 2
    context = ("ust-id", "ustid", "umsatzsteuer", "steuer", "vat", "tva", "iva")
    alone = 0.6  # as it is printed, with its check digit; "de 123 456 789" are words of other languages
    value = r"(?i:DE)[ .-]?[1-9]\d{2}[ .-]?\d{3}[ .-]?\d{3}"

    def rate(self, text: str, begin: int) -> float:
        score = super().rate(text, begin)
        digits = "".join(filter(str.isdigit, text[begin : begin + 15]))[:9]
        printed = text.startswith("DE", begin) and checks.de_vat(digits)
        return max(score, self.alone) if printed else score


class GermanSocialSecurity(NationalNumber):
    """German pension insurance numbers."""

    rule = "de_social_security"
    aliases = ("DE_SOCIAL_SECURITY",)
    context = ("rentenversicherung", "sozialversicherung", "rvnr", "svnr", "versicherungsnummer")
    value = r"\d{2} ?\d{6} ?[A-Za-z] ?\d{3}"
    valid = staticmethod(checks.de_social)


class GermanHealthInsurance(NationalNumber):
    """German health insurance numbers."""

    rule = "de_health_insurance"
    aliases = ("DE_HEALTH_INSURANCE",)
    context = ("kvnr", "krankenversicher", "krankenkasse", "egk", "versichertennummer", "health", "insurance")
    value = r"[A-Za-z]\d{9}"
    valid = staticmethod(checks.de_health)


class GermanPhysicianNumber(NationalNumber):
    """German physician numbers."""

    rule = "de_lanr"
    aliases = ("DE_LANR",)
    context = ("lanr", "arztnummer", "arzt", "physician")
    value = r"\d{9}"
    valid = staticmethod(checks.de_lanr)


class GermanPracticeNumber(NationalNumber):
    """German practice numbers."""

    rule = "de_bsnr"
    aliases = ("DE_BSNR",)
    context = ("bsnr", "betriebsstätte", "betriebsstatte", "praxis")
    value = r"\d{9}"
    valid = staticmethod(checks.de_bsnr)


class GermanIdCard(NationalNumber):
    """German identity card numbers."""

    rule = "de_id_card"
    needs = LETTERS_AND_DIGITS
    aliases = ("DE_ID_CARD",)
    context = ("personalausweis", "ausweis", "ausweisnummer", "id", "card", "identity")
    value = r"[LMNPRTVWXYCFGHJKlmnprtvwxycfghjk][CFGHJKLMNPRTVWXYZcfghjklmnprtvwxyz0-9]{8}\d?"
    valid = staticmethod(checks.de_id_card)


class GermanPassport(NationalNumber):
    """German passport numbers."""

    rule = "de_passport"
    needs = LETTERS_AND_DIGITS
    aliases = ("DE_PASSPORT",)
    context = ("reisepass", "pass-nr", "passnummer", "pass", "passport")
    value = r"[CFGHJKcfghjk][CFGHJKLMNPRTVWXYZcfghjklmnprtvwxyz0-9]{8}\d?"
    valid = staticmethod(checks.de_document)
