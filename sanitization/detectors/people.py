"""
What is said about people in words: names, addresses, dates of birth; and what leads to them: vehicles, places
and records of patients.

Names and addresses are found by the phrases around them, not by knowing what a name is. They and places are
off unless a policy asks for them.
"""

from sanitization.detectors.base import ContextualDetector, PatternDetector
from sanitization.spans import Action

_MONTHS = (
    r"(?i:jan(?:uary|uar|uari|vier|eiro)?|feb(?:ruary|ruar|ruari|rero|braio)?|f[ée]v(?:rier|ereiro)?|mar(?:ch|s|zo|ço)?|"
    r"märz|maart|apr(?:il|ile)?|avril|abril|may|mai|mei|mayo|maio|maggio|june?|juni|juin|junio|junho|giugno|july?|"
    r"juli|juillet|julio|julho|luglio|aug(?:ust|ustus)?|ao[ûu]t|agosto|sep(?:t(?:ember|embre|iembre)?)?|setembro|"
    r"settembre|oct(?:ober|obre|ubre)?|okt(?:ober)?|outubro|ottobre|nov(?:ember|embre|iembre|embro)?|"
    r"dec(?:ember)?|dez(?:ember|embro)?|d[ée]cembre|diciembre|dicembre|enero|gennaio)"
)
_CAPITAL = r"[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ'’-]{1,24}"
_VIN_VALUES = dict(
    zip(
        "ABCDEFGHJKLMNPRSTUVWXYZ",
        (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9),
        strict=True,
    )
)
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


class DateOfBirth(ContextualDetector):
    """Dates next to a word that says that somebody was born on them."""

    rule = "date_of_birth"
    aliases = ("DATE_OF_BIRTH",)
    version = 2
    context = (
        *(
            "born",
            "birth",
            "dob",
            "d.o.b",
            "geboren",
            "geburtsdatum",
            "né le",
            "née le",
            "naissance",
            "nacimiento",
        ),
        *(
            "nacido",
            "nacida",
            "nascita",
            "nato il",
            "nata il",
            "nascimento",
            "nascido",
            "nascida",
            "geboorte",
        ),
        *("född", "født", "fødsel", "syntym", "urodzen", "narozen", "doğum", "дата рождения", "родился"),
        *("родилась", "出生", "生年月日", "生まれ", "생년월일"),
    )
    weak = 0.2
    needs = r"\d"
    pattern = (
        r"[^A-Za-z0-9](?P<value>\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})|\d{4}[./-]\d{1,2}[./-]\d{1,2}"
        rf"|\d{{1,2}}(?:st|nd|rd|th|\.|er|º)?(?: of| de)? {_MONTHS}\.?,?(?: de| del)? \d{{4}}"
        rf"|{_MONTHS}\.? \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}"
        r"|\d{4} ?[年년] ?\d{1,2} ?[月월] ?\d{1,2} ?[日일]?)"
        r"(?:[^A-Za-z0-9]|$)"
    )


class Vin(ContextualDetector):
    """Vehicle identification numbers of 17 characters with the check digit of North America (49 CFR 565)."""

    rule = "vin"
    aliases = ("VIN",)
    context = ("vin", "vehicle identification", "chassis", "fahrgestell")
    weak = 0.4
    needs = r"\d"
    pattern = r"[^A-Za-z0-9](?P<value>[A-HJ-NPR-Z0-9]{17})(?:[^A-Za-z0-9]|$)"

    def accept(self, candidate: str) -> int:
        if candidate.isdigit() or candidate.isalpha():
            return 0
        values = [int(char) if char.isdigit() else _VIN_VALUES[char] for char in candidate]
        rest = sum(value * weight for value, weight in zip(values, _VIN_WEIGHTS, strict=True)) % 11
        return len(candidate) if candidate[8] == ("X" if rest == 10 else str(rest)) else 0


class LicensePlate(ContextualDetector):
    """Number plates of vehicles, next to a word that says so."""

    rule = "license_plate"
    aliases = ("LICENSE_PLATE",)
    context = (
        *(
            "license plate",
            "licence plate",
            "number plate",
            "plate number",
            "registration plate",
            "numberplate",
        ),
        *("kennzeichen", "immatriculation", "matrícula", "targa", "kenteken", "rejestracyjn", "номер машины"),
    )
    weak = 0.1
    needs = r"\d"
    pattern = (
        r"[^A-Za-z0-9-](?P<value>[A-Z]{1,3}[ -]?\d{2,4}[ -]?[A-Z]{1,3}"
        r"|[A-ZÄÖÜ]{1,3}[ -]?[A-Z]{1,2}[ -]?\d{1,4}[EH]?"
        r"|\d{1,4}[ -]?[A-Z]{2,3}[ -]?\d{0,4})(?:[^A-Za-z0-9-]|$)"
    )

    def accept(self, candidate: str) -> int:
        return len(candidate) if 5 <= sum(map(str.isalnum, candidate)) <= 9 else 0


_MINUTES = r"(?: ?\d{1,2}(?:\.\d{1,6})?[′'](?: ?\d{1,2}(?:\.\d{1,6})?[″\"])?)?"


class Coordinates(ContextualDetector):
    """Places on a map, to a hundred metres and less: decimals next to a word that says so, or degrees; off
    unless a policy asks for it, for most are nobody's."""

    rule = "coordinates"
    aliases = ("GPS_COORDINATES",)
    default = Action.OFF
    context = (
        *(
            "gps",
            "coordinate",
            "lat",
            "latitude",
            "lon",
            "lng",
            "long",
            "longitude",
            "location",
            "koordinaten",
        ),
        *("coordonnées", "coordenadas", "координаты"),
    )
    weak = 0.2
    alone = 0.7
    needs = r"\d"
    pattern = (
        r"[^A-Za-z0-9.-](?P<pair>-?\d{1,2}\.\d{3,15}°? ?[NSns]?[,;/ ]{1,3}"
        r"-?\d{1,3}\.\d{3,15}°?(?: ?[EWew]\b)?"
        rf"|\d{{1,2}}°{_MINUTES} ?[NS],? ?\d{{1,3}}°{_MINUTES} ?[EW])(?:[^A-Za-z0-9]|$)"
        r"|\b(?i:lat(?:itude)?|lon(?:g(?:itude)?)?|lng)[\"']?\s?[:=]\s?[\"']?(?P<single>-?\d{1,3}\.\d{3,15})"
    )

    def rate(self, text: str, begin: int) -> float:
        return self.alone if "°" in text[begin : begin + 12] else super().rate(text, begin)


class MedicalRecordNumber(ContextualDetector):
    """Numbers of patients and of their records, next to a word that says so."""

    rule = "medical_record_number"
    aliases = ("MEDICAL_RECORD_NUMBER",)
    context = (
        *(
            "mrn",
            "medical record",
            "health record",
            "patient id",
            "patient number",
            "patient no",
            "patient #",
        ),
        *("patientennummer", "patienten-nr", "numéro de patient", "número de paciente", "chart number"),
    )
    weak = 0.1
    needs = r"\d{4}"
    pattern = r"[^A-Za-z0-9](?P<value>[A-Z]{0,3}-?\d{5,10})(?:[^A-Za-z0-9]|$)"


class PersonName(PatternDetector):
    """Names behind a phrase that introduces one ("my name is …", "Dear Ms. …", "signed, …").

    Knows no names: one without such a phrase is not found, and `I am Happy` is taken for one.
    """

    rule = "person_name"
    aliases = ("PERSON",)
    default = Action.OFF
    score = 0.6
    pattern = (
        r"(?:(?i:my name is|my name's|i am called|name:|full name:|signed,|sincerely,|regards,)\s{1,3}"
        r"|(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herr|Frau|Monsieur|Madame|Señor|Señora|Signor|Signora)\.? )"
        rf"(?P<value>{_CAPITAL}(?: (?:[A-Z]\.|de|da|del|van|von|der|bin|al|{_CAPITAL})){{0,3}})"
    )


class StreetAddress(PatternDetector):
    """Street addresses: a house number and a street with its kind, or behind "I live at".

    Knows no towns, and only the kinds of street that are usual in English, German, French, Spanish, Italian.
    """

    rule = "street_address"
    aliases = ("ADDRESS", "STREET_ADDRESS")
    default = Action.OFF
    score = 0.6
    needs = r"\d"
    pattern = (
        rf"[^A-Za-z0-9](?P<value>\d{{1,5}}[A-Za-z]? (?:[NSEW]\.? )?(?:{_CAPITAL}|\d{{1,3}}(?:st|nd|rd|th))"
        rf"(?: {_CAPITAL}){{0,3}} (?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|"
        r"Place|Pl|Square|Sq|Terrace|Way|Parkway|Pkwy|Circle|Cir|Highway|Hwy|Close|Crescent|Row)\b\.?"
        r"(?:,? (?:Apt|Apartment|Suite|Ste|Unit|Flat|#)\.? ?[A-Za-z0-9-]{1,6})?"
        rf"|{_CAPITAL}(?:straße|strasse|weg|platz|gasse|allee) \d{{1,4}}[a-z]?"
        rf"|\d{{1,4}},? (?:rue|avenue|boulevard|place|chemin) (?:de |du |des |la |le |l'){{0,2}}{_CAPITAL}"
        rf"|(?:Calle|Avenida|Plaza|Via|Viale|Piazza) (?:de |del |la |di ){{0,2}}{_CAPITAL},? \d{{1,4}})"
    )
