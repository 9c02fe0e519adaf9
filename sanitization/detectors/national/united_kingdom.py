"""Numbers of the United Kingdom."""

from sanitization.detectors.national import checks
from sanitization.detectors.national.numbers import LETTERS_AND_DIGITS, NationalNumber
from sanitization.spans import Action


class BritishNhs(NationalNumber):
    """NHS numbers of England, Wales and the Isle of Man."""

    rule = "uk_nhs"
    aliases = ("UK_NHS",)
    context = ("nhs", "national", "health", "health")
    value = r"\d{3}[ -]?\d{3}[ -]?\d{4}"
    standard = "gb.nhs"


class BritishNino(NationalNumber):
    """British National Insurance numbers."""

    rule = "uk_nino"
    aliases = ("UK_NINO",)
    weak = 0.6
    value = r"(?i:[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D])"
    valid = staticmethod(checks.uk_nino)


class BritishPassport(NationalNumber):
    """British passport numbers."""

    rule = "uk_passport"
    aliases = ("UK_PASSPORT",)
    context = ("passport",)
    value = r"[A-Za-z]{2}\d{7}|\d{9}"


class BritishDrivingLicence(NationalNumber):
    """British driving licence numbers."""

    rule = "uk_driving_licence"
    aliases = ("UK_DRIVING_LICENCE",)
    context = ("driving", "licence", "license", "dvla")
    value = r"[A-Za-z9]{5}\d{6}[A-Za-z9]{2}[A-Za-z0-9]{3}"
    valid = staticmethod(checks.uk_dl)


class BritishPostcode(NationalNumber):
    """British postcodes."""

    rule = "uk_postcode"
    needs = LETTERS_AND_DIGITS
    aliases = ("UK_POSTCODE",)
    default = Action.OFF
    weak = 0.6
    value = r"(?:GIR ?0AA|[A-Za-z]{1,2}\d[A-Za-z0-9]? ?\d[A-Za-z]{2})"
    valid = staticmethod(checks.uk_postcode)


class BritishVehicle(NationalNumber):
    """British vehicle registrations."""

    rule = "uk_vehicle_registration"
    needs = LETTERS_AND_DIGITS
    aliases = ("UK_VEHICLE_REGISTRATION",)
    context = ("car", "reg", "registration", "plate", "vehicle")
    default = Action.OFF
    value = r"(?i:[A-Z]{2}\d{2}[ -]?[A-Z]{3}|[A-Z]\d{1,3}[ -]?[A-Z]{3}|[A-Z]{3}[ -]?\d{1,3}[A-Z])"
    valid = staticmethod(checks.uk_vrm)
