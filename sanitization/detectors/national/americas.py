"""Numbers that states of the Americas give to people and firms."""

from sanitization.detectors.national import checks
from sanitization.detectors.national.numbers import ANY_DIGIT, LETTERS_AND_DIGITS, NationalNumber


class ArgentineCuit(NationalNumber):
    """Argentine tax numbers."""

    rule = "ar_cuit"
    aliases = ("AR_CUIT",)
    context = ("cuit", "cuil")
    separated = "-"
    value = r"\d{2}-?\d{8}-?\d"
    standard = "ar.cuit"


class BrazilianCpf(NationalNumber):
    """Brazilian taxpayer numbers of people."""

    rule = "br_cpf"
    aliases = ("BR_CPF",)
    context = ("cpf",)
    separated = "."
    value = r"\d{3}\.?\d{3}\.?\d{3}-?\d{2}"
    standard = "br.cpf"


class BrazilianCnpj(NationalNumber):
    """Brazilian taxpayer numbers of firms."""

    rule = "br_cnpj"
    aliases = ("BR_CNPJ",)
    context = ("cnpj",)
    separated = "."
    value = r"\d{2}\.?\d{3}\.?\d{3}/?\d{4}-?\d{2}"
    standard = "br.cnpj"


class CanadianSin(NationalNumber):
    """Canadian social insurance numbers."""

    rule = "ca_sin"
    aliases = ("CA_SIN",)
    context = ("sin", "social", "insurance", "nas", "assurance", "sociale")
    value = r"\d{3}[ -]?\d{3}[ -]?\d{3}"
    standard = "ca.sin"


class ChileanRut(NationalNumber):
    """Chilean tax numbers."""

    rule = "cl_rut"
    aliases = ("CL_RUT",)
    context = ("rut", "run")
    value = r"\d{1,2}\.?\d{3}\.?\d{3}-[0-9Kk]"
    standard = "cl.rut"


class ColombianNit(NationalNumber):
    """Colombian tax numbers."""

    rule = "co_nit"
    aliases = ("CO_NIT",)
    context = ("nit",)
    value = r"\d{3}\.?\d{3}\.?\d{3}-\d"
    standard = "co.nit"


class DominicanCedula(NationalNumber):
    """Dominican identity numbers."""

    rule = "do_cedula"
    aliases = ("DO_CEDULA",)
    context = ("cédula", "cedula")
    value = r"\d{3}-?\d{7}-?\d"
    standard = "do.cedula"


class EcuadorianCi(NationalNumber):
    """Ecuadorian identity numbers."""

    rule = "ec_ci"
    aliases = ("EC_CI",)
    context = ("cédula", "cedula")
    value = r"\d{10}"
    standard = "ec.ci"


class MexicanCurp(NationalNumber):
    """Mexican population registry codes."""

    rule = "mx_curp"
    aliases = ("MX_CURP",)
    context = ("curp",)
    weak = 0.6
    value = r"[A-Z]{4}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d"
    standard = "mx.curp"


class MexicanRfc(NationalNumber):
    """Mexican taxpayer codes."""

    rule = "mx_rfc"
    aliases = ("MX_RFC",)
    context = ("rfc",)
    value = r"[A-ZÑ&]{3,4}\d{6}[A-Z0-9]{3}"
    standard = "mx.rfc"


class UsItin(NationalNumber):
    """US individual taxpayer numbers."""

    rule = "us_itin"
    aliases = ("US_ITIN",)
    context = ("itin", "taxpayer")
    separated = "-"
    value = r"9\d{2}[- ]?\d{2}[- ]?\d{4}"
    valid = staticmethod(checks.us_itin)


class UsEin(NationalNumber):
    """US employer numbers."""

    rule = "us_ein"
    aliases = ("US_EIN",)
    context = ("ein", "fein", "employer", "tax id", "tin")
    value = r"\d{2}-\d{7}"
    standard = "us.ein"


class UsMbi(NationalNumber):
    """US Medicare beneficiary identifiers."""

    rule = "us_mbi"
    needs = LETTERS_AND_DIGITS
    aliases = ("US_MBI",)
    context = ("medicare", "mbi")
    value = r"[1-9][A-Za-z][A-Za-z0-9]\d-?[A-Za-z][A-Za-z0-9]\d-?[A-Za-z]{2}\d{2}"
    valid = staticmethod(checks.us_mbi)


class UsNpi(NationalNumber):
    """US provider identifiers."""

    rule = "us_npi"
    aliases = ("US_NPI",)
    context = ("npi", "provider")
    value = r"[12]\d{9}|[12]\d{3}[ -]\d{3}[ -]\d{3}"
    valid = staticmethod(checks.us_npi)


class UsPassport(NationalNumber):
    """US passport numbers."""

    rule = "us_passport"
    aliases = ("US_PASSPORT",)
    context = ("passport",)
    value = r"[A-Za-z]?\d{8}|\d{9}"


class UsDriverLicense(NationalNumber):
    """US driving licence numbers."""

    rule = "us_driver_license"
    needs = ANY_DIGIT
    aliases = ("US_DRIVER_LICENSE",)
    context = (
        "driver's license",
        "driver license",
        "drivers license",
        "driver's licence",
        "driving licen",
        "dl number",
        "dl #",
        "dl#",
        "license number",
        "license no",
        "driver lic",
    )
    value = (
        r"(?i:[A-Z]\d{3,8}|[A-Z]{2}\d{3,7}|\d{7,9}|[A-Z]\d{3}[- ]\d{3,4}[- ]\d{2,3}[- ]\d{3}|[A-Z]\d{12,14})"
    )
    valid = staticmethod(checks.us_dl)


class UsRouting(NationalNumber):
    """US bank routing numbers."""

    rule = "aba_routing_number"
    aliases = ("ABA_ROUTING_NUMBER",)
    context = ("routing", "aba", "rtn", "bank", "transit")
    value = r"\d{4}-?\d{4}-?\d"
    valid = staticmethod(checks.us_rtn)


class UsBankNumber(NationalNumber):
    """US bank account numbers."""

    rule = "us_bank_number"
    aliases = ("US_BANK_NUMBER",)
    context = ("bank account", "account number", "account no", "acct", "checking", "savings account")
    value = r"\d{8,17}"
    valid = staticmethod(checks.digits)


class DeaNumber(NationalNumber):
    """US medical certificates: registration numbers of the DEA."""

    rule = "medical_license"
    aliases = ("MEDICAL_LICENSE",)
    context = ("dea", "medical", "certificate", "prescri", "license")
    value = r"[ABCDEFGHJKLMPRSTUXabcdefghjklmprstux][A-Za-z9]\d{7}|[ABCDEFGHJKLMPRSTUX]\d{8}"
    valid = staticmethod(checks.dea)
