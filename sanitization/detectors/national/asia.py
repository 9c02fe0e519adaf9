"""Numbers that states of Asia, Africa and the Pacific give to people and firms."""

from sanitization.detectors.national import checks
from sanitization.detectors.national.numbers import ANY_DIGIT, LETTERS_AND_DIGITS, NationalNumber


class AustralianAbn(NationalNumber):
    """Australian business numbers."""

    rule = "au_abn"
    aliases = ("AU_ABN",)
    context = ("abn", "australian", "business")
    value = r"\d{2} ?\d{3} ?\d{3} ?\d{3}"
    standard = "au.abn"


class AustralianAcn(NationalNumber):
    """Australian company numbers."""

    rule = "au_acn"
    aliases = ("AU_ACN",)
    context = ("acn", "australian", "company")
    value = r"\d{3} ?\d{3} ?\d{3}"
    standard = "au.acn"


class AustralianTfn(NationalNumber):
    """Australian tax file numbers."""

    rule = "au_tfn"
    aliases = ("AU_TFN",)
    context = ("tfn", "tax", "file")
    value = r"\d{3} ?\d{3} ?\d{2,3}"
    standard = "au.tfn"


class AustralianMedicare(NationalNumber):
    """Australian Medicare numbers."""

    rule = "au_medicare"
    aliases = ("AU_MEDICARE",)
    context = ("medicare",)
    value = r"[2-6]\d{3} ?\d{5} ?\d"
    valid = staticmethod(checks.au_medicare)


class ChineseRic(NationalNumber):
    """Chinese resident identity numbers."""

    rule = "cn_ric"
    aliases = ("CN_RIC",)
    context = ("身份证", "resident", "identity")
    version = 2
    value = r"\d{17}[0-9Xx]"
    valid = staticmethod(checks.cn_ric)


class IndonesianNik(NationalNumber):
    """Indonesian identity numbers."""

    rule = "id_nik"
    aliases = ("ID_NIK",)
    context = ("nik", "ktp")
    value = r"\d{16}"
    standard = "id.nik"


class IsraeliId(NationalNumber):
    """Israeli identity numbers."""

    rule = "il_idnr"
    aliases = ("IL_IDNR",)
    context = ("teudat", "zehut", "תעודת", "מספר")
    value = r"\d{9}"
    standard = "il.idnr"


class IndianAadhaar(NationalNumber):
    """Indian Aadhaar numbers."""

    rule = "in_aadhaar"
    aliases = ("IN_AADHAAR",)
    context = ("aadhaar", "aadhar", "uidai")
    value = r"\d{12}|\d{4} \d{4} \d{4}|\d{4}-\d{4}-\d{4}|\d{4}:\d{4}:\d{4}"
    valid = staticmethod(checks.in_aadhaar)


class IndianPan(NationalNumber):
    """Indian permanent account numbers."""

    rule = "in_pan"
    needs = LETTERS_AND_DIGITS
    aliases = ("IN_PAN",)
    context = ("pan", "permanent", "account")
    value = r"(?i:[A-Z]{5}\d{4}[A-Z])"


class IndianVoter(NationalNumber):
    """Indian voter identity numbers."""

    rule = "in_voter"
    aliases = ("IN_VOTER",)
    context = ("voter", "epic", "election")
    value = r"[A-Za-z]{3}\d{7}"


class IndianPassport(NationalNumber):
    """Indian passport numbers."""

    rule = "in_passport"
    aliases = ("IN_PASSPORT",)
    context = ("passport",)
    value = r"[A-Za-z][1-9]\d{5}[1-9]|[A-Za-z][1-9]\d{6}"


class IndianGstin(NationalNumber):
    """Indian goods and services tax numbers."""

    rule = "in_gstin"
    needs = LETTERS_AND_DIGITS
    aliases = ("IN_GSTIN",)
    context = ("gst",)
    weak = 0.6
    value = r"(?:0[1-9]|[12]\d|3[0-8])[A-Za-z]{5}\d{4}[A-Za-z][1-9A-Za-z][Zz][0-9A-Za-z]"
    valid = staticmethod(checks.in_gstin)


class IndianVehicle(NationalNumber):
    """Indian vehicle registrations."""

    rule = "in_vehicle_registration"
    needs = ANY_DIGIT
    aliases = ("IN_VEHICLE_REGISTRATION",)
    context = ("registration", "plate", "vehicle", "bike", "car", "rto")
    value = r"[A-Z]{2} ?\d{2} ?[A-Z]{1,3} ?\d{4}"


class JapaneseMyNumber(NationalNumber):
    """Japanese individual numbers."""

    rule = "jp_my_number"
    version = 2
    aliases = ("JP_MY_NUMBER",)
    context = ("my number", "individual number", "マイナンバー", "個人番号")
    value = r"\d{12}|\d{4}[ -]\d{4}[ -]\d{4}"
    standard = "jp.in_"


class KoreanRrn(NationalNumber):
    """Korean resident registration numbers."""

    rule = "kr_rrn"
    aliases = ("KR_RRN",)
    context = ("rrn", "주민등록", "주민", "resident")
    separated = "-"
    value = r"\d{6}-?[1-4]\d{6}"
    valid = staticmethod(checks.kr_rrn)


class KoreanFrn(NationalNumber):
    """Korean foreigner registration numbers."""

    rule = "kr_frn"
    aliases = ("KR_FRN",)
    context = ("frn", "외국인등록", "외국인", "foreigner")
    separated = "-"
    value = r"\d{6}-?[5-8]\d{6}"
    valid = staticmethod(checks.kr_frn)


class KoreanBrn(NationalNumber):
    """Korean business registration numbers."""

    rule = "kr_brn"
    aliases = ("KR_BRN",)
    context = ("brn", "사업자", "business")
    separated = "-"
    value = r"\d{3}-?\d{2}-?\d{5}"
    standard = "kr.brn"


class KoreanDriverLicense(NationalNumber):
    """Korean driving licence numbers."""

    rule = "kr_driver_license"
    aliases = ("KR_DRIVER_LICENSE",)
    context = ("license", "licence", "운전면허", "면허")
    value = r"\d{2}[- ]\d{2}[- ]\d{6}[- ]\d{2}"
    valid = staticmethod(checks.kr_dl)


class KoreanPassport(NationalNumber):
    """Korean passport numbers."""

    rule = "kr_passport"
    needs = LETTERS_AND_DIGITS
    aliases = ("KR_PASSPORT",)
    context = ("passport", "여권")
    value = r"[MSRODGmsrodg](?:\d{3}[A-Za-z]\d{4}|\d{8})"


class MalaysianNric(NationalNumber):
    """Malaysian identity numbers."""

    rule = "my_nric"
    aliases = ("MY_NRIC",)
    context = ("nric", "mykad")
    value = r"\d{6}-?\d{2}-?\d{4}"
    standard = "my.nric"


class NigerianNin(NationalNumber):
    """Nigerian identification numbers."""

    rule = "ng_nin"
    aliases = ("NG_NIN",)
    context = ("nin", "national", "identification")
    value = r"\d{11}"
    valid = staticmethod(checks.ng_nin)


class NigerianVehicle(NationalNumber):
    """Nigerian vehicle registrations."""

    rule = "ng_vehicle_registration"
    needs = LETTERS_AND_DIGITS
    aliases = ("NG_VEHICLE_REGISTRATION",)
    context = ("plate", "vehicle", "registration")
    value = r"[A-Za-z]{3}-?\d{3}[A-Za-z]{2}"


class NewZealandIrd(NationalNumber):
    """New Zealand tax numbers."""

    rule = "nz_ird"
    aliases = ("NZ_IRD",)
    context = ("ird",)
    value = r"\d{8,9}|\d{2,3}-\d{3}-\d{3}"
    standard = "nz.ird"


class PakistaniCnic(NationalNumber):
    """Pakistani identity card numbers."""

    rule = "pk_cnic"
    aliases = ("PK_CNIC",)
    context = ("cnic", "nadra")
    separated = "-"
    value = r"\d{5}-?\d{7}-?\d"
    standard = "pk.cnic"


class PhilippineTin(NationalNumber):
    """Philippine taxpayer numbers."""

    rule = "ph_tin"
    aliases = ("PH_TIN",)
    context = ("tin", "tax")
    value = r"\d{3}-?\d{3}-?\d{3}(?:-?\d{3,5})?"
    valid = staticmethod(checks.ph_tin)


class SingaporeNric(NationalNumber):
    """Singaporean identity numbers."""

    rule = "sg_nric_fin"
    aliases = ("SG_NRIC_FIN",)
    context = ("nric", "fin", "singapore")
    value = r"[A-Za-z]\d{7}[A-Za-z]"


class SingaporeUen(NationalNumber):
    """Singaporean entity numbers."""

    rule = "sg_uen"
    needs = LETTERS_AND_DIGITS
    aliases = ("SG_UEN",)
    context = ("uen",)
    value = r"\d{8,9}[A-Za-z]|[RSTrst]\d{2}[A-Za-z]{2}\d{4}[A-Za-z]|[Rr]\d{2}[A-Za-z]{2}\d{4}[A-Za-z]"
    standard = "sg.uen"


class ThaiTnin(NationalNumber):
    """Thai identity numbers."""

    rule = "th_tnin"
    aliases = ("TH_TNIN",)
    context = ("thai", "บัตรประชาชน", "เลขประจำตัว")
    value = r"\d{13}|\d-\d{4}-\d{5}-\d{2}-\d"
    valid = staticmethod(checks.th_pin)


class TaiwaneseId(NationalNumber):
    """Taiwanese identity numbers."""

    rule = "tw_id"
    aliases = ("TW_ID",)
    context = ("身分證", "身份證", "taiwan")
    value = r"[A-Z][12]\d{8}"
    valid = staticmethod(checks.tw_id)


class SouthAfricanId(NationalNumber):
    """South African identity numbers."""

    rule = "za_id_number"
    aliases = ("ZA_ID_NUMBER",)
    context = ("south", "african", "rsa", "id", "number", "permanent", "resident", "refugee")
    value = r"\d{13}|\d{6} \d{4} \d{3}"
    valid = staticmethod(checks.za_id)
