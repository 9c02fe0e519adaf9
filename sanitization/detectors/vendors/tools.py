"""Keys of design, content, data and office services."""

from sanitization.detectors.base import PatternDetector
from sanitization.detectors.vendors.forms import LEFT, Named, Secret, Token
from sanitization.rules import Category


class OnePasswordKey(Token):
    """1Password secret keys."""

    rule = "onepassword_key"
    keywords = ("a3-",)
    value = r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}"


class OnePasswordServiceToken(PatternDetector):
    """1Password service account tokens, which are longer than what is judged at once."""

    rule = "onepassword_token"
    category = Category.SECRET
    keywords = ("ops_ey",)
    version = 2
    pattern = rf"{LEFT}(?P<value>ops_eyJ[A-Za-z0-9+/]{{100,}}={{0,3}})"


class AdafruitKey(Named):
    """Adafruit IO keys."""

    rule = "adafruit_key"
    names = "adafruit"
    value = r"[A-Za-z0-9_-]{32}|aio_[A-Za-z0-9]{28}"


class AgeKey(Token):
    """Secret keys of the age encryption tool."""

    rule = "age_secret_key"
    keywords = ("age-secret-key-",)
    value = r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"
    randomness = 0.0


class AirtableKey(Named):
    """Airtable API keys."""

    rule = "airtable_key"
    names = "airtable"
    value = r"[A-Za-z0-9]{17}"


class AirtableToken(Token):
    """Airtable personal access tokens."""

    rule = "airtable_token"
    keywords = ("pat",)
    value = r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"


class AlgoliaKey(Named):
    """Algolia API keys."""

    rule = "algolia_key"
    names = "algolia"
    value = r"[a-z0-9]{32}"


class CloseKey(Named):
    """Close CRM API keys."""

    rule = "close_key"
    names = "closecrm|close_crm|close_api"
    value = r"api_[A-Za-z0-9]{22}\.[A-Za-z0-9]{22}"


class ContentfulToken(Named):
    """Contentful delivery and management tokens."""

    rule = "contentful_token"
    names = "contentful"
    value = r"[A-Za-z0-9=_-]{43}|CFPAT-[A-Za-z0-9_-]{43}"


class FigmaToken(Token):
    """Figma access tokens."""

    rule = "figma_token"
    keywords = ("figd_", "figu_", "figor_")
    value = r"fig(?:d|u|or)_[A-Za-z0-9_-]{40,60}"


class FigmaKey(Named):
    """Figma access tokens of old versions."""

    rule = "figma_key"
    names = "figma"
    value = r"\d{4,7}-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


class FreemiusKey(Named):
    """Freemius secret keys."""

    rule = "freemius_key"
    names = "secret_key"
    value = r"""sk_[^\s'\"<>]{29}"""


class IntraSecret(Named):
    """42 Intra client secrets."""

    rule = "intra42_secret"
    names = "intra42|s-s4t2ud-|s-s4t2af-"
    value = r"s-s4t2(?:ud|af)-[a-f0-9]{64}"


class Intra42Token(Token):
    """42 Intra client secrets by themselves."""

    rule = "intra42_token"
    keywords = ("s-s4t2ud-", "s-s4t2af-")
    value = r"s-s4t2(?:ud|af)-[a-f0-9]{64}"


class LinearKey(Token):
    """Linear API keys."""

    rule = "linear_key"
    keywords = ("lin_api_", "lin_oauth_")
    value = r"lin_(?:api|oauth)_[A-Za-z0-9]{40,64}"


class LinearSecret(Named):
    """Linear client secrets."""

    rule = "linear_secret"
    names = "linear"
    value = r"[a-f0-9]{32}"


class LookerKey(Named):
    """Looker client ids and secrets."""

    rule = "looker_key"
    names = "looker"
    value = r"[A-Za-z0-9]{20}|[A-Za-z0-9]{24}"


class MapboxToken(Token):
    """Mapbox tokens."""

    rule = "mapbox_token"
    keywords = ("pk.ey", "sk.ey", "tk.ey")
    value = r"[pst]k\.ey[A-Za-z0-9_-]{58,300}\.[A-Za-z0-9_-]{20,30}"


class MapboxKey(Named):
    """Mapbox tokens in a telling place."""

    rule = "mapbox_key"
    names = "mapbox"
    value = r"pk\.[a-z0-9]{60}\.[a-z0-9]{22}"


class MaxMindKey(Token):
    """MaxMind licence keys."""

    rule = "maxmind_key"
    keywords = ("_mmk",)
    value = r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk"


class MondayToken(Named):
    """monday.com API tokens."""

    rule = "monday_token"
    names = "monday_api|monday_token"
    value = r"ey[A-Za-z0-9_-]{20,120}\.ey[A-Za-z0-9_-]{20,160}\.[A-Za-z0-9_-]{20,90}"


class NewYorkTimesKey(Named):
    """New York Times API keys."""

    rule = "nytimes_key"
    names = "nytimes|new-york-times|newyorktimes|new_york_times"
    value = r"[A-Za-z0-9=_-]{32}"


class NotionToken(Token):
    """Notion integration tokens."""

    rule = "notion_token"
    keywords = ("ntn_", "secret_")
    value = r"ntn_\d{11}[A-Za-z0-9]{35}|secret_[A-Za-z0-9]{43}"


class PostmanKey(Token):
    """Postman API keys."""

    rule = "postman_key"
    keywords = ("pmak-",)
    value = r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"


class RapidApiKey(Named):
    """RapidAPI access keys."""

    rule = "rapidapi_key"
    names = "rapidapi|rapid_api|x-rapidapi-key"
    value = r"[A-Za-z0-9_-]{50}"


class ReadMeKey(Token):
    """ReadMe API keys."""

    rule = "readme_key"
    keywords = ("rdme_",)
    value = r"rdme_[a-z0-9]{70}"


class SalesforceToken(Named):
    """Salesforce session ids."""

    rule = "salesforce_token"
    names = "salesforce|sfdc|sf_token"
    value = r"00D[A-Za-z0-9]{12}![A-Za-z0-9._]{80,120}"


class SidekiqSecret(Named):
    """Credentials of Sidekiq's gem server."""

    rule = "sidekiq_secret"
    names = "contribsys__com|contribsys_com|contribsys"
    value = r"[a-f0-9]{8}:[a-f0-9]{8}"
    randomness = 2.0

    def accept(self, candidate: str) -> int:
        return Secret.accept(self, candidate)  # eight digits may well all be letters


class SidekiqUrl(Secret):
    """Credentials of Sidekiq's gem server in an address."""

    rule = "sidekiq_url"
    keywords = ("https://", "http://")
    randomness = 2.0
    pattern = r"https?://(?P<value>[a-f0-9]{8}:[a-f0-9]{8})@(?:gems|enterprise)\.contribsys\.com"


class TrelloToken(Token):
    """Trello tokens."""

    rule = "trello_token"
    keywords = ("atta",)
    value = r"ATTA[a-f0-9]{60,72}"


class TrelloKey(Named):
    """Trello keys and tokens."""

    rule = "trello_key"
    names = "trello"
    value = r"[a-f0-9]{64}|[a-f0-9]{32}"


class TypeformToken(Token):
    """Typeform API tokens."""

    rule = "typeform_token"
    keywords = ("tfp_",)
    value = r"tfp_[A-Za-z0-9_.=-]{59}"


class WakaTimeKey(Named):
    """WakaTime API keys."""

    rule = "wakatime_key"
    names = "wakatime"
    value = r"(?:waka_)?[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"


class ShodanKey(Named):
    """Shodan API keys."""

    rule = "shodan_key"
    names = "shodan"
    value = r"[A-Za-z0-9]{32}"


class VirusTotalKey(Named):
    """VirusTotal API keys."""

    rule = "virustotal_key"
    names = "virustotal|virus_total|vt_api"
    value = r"[a-f0-9]{64}"


class OpenWeatherKey(Named):
    """OpenWeather API keys."""

    rule = "openweather_key"
    names = "openweather|owm_api"
    value = r"[a-f0-9]{32}"


class CalendlyToken(Named):
    """Calendly access tokens."""

    rule = "calendly_token"
    names = "calendly"
    value = r"ey[A-Za-z0-9_-]{20,100}\.ey[A-Za-z0-9_-]{20,200}\.[A-Za-z0-9_-]{20,90}"
