"""Keys of office tools, storage, maps, weather, media and other data services."""

from sanitization.detectors.vendors.forms import HEX, UUID, named, token

TABLE = (
    named(
        "box_secret",
        "box_client box_developer",
        "[A-Za-z0-9]{32}",
        "Box: client secrets and developer tokens.",
    ),
    named("guardian_key", "guardian_api", UUID, "The Guardian: API keys, which are UUIDs."),
    named("clickup_token", "clickup", r"pk_\d{6,10}_[A-Z0-9]{32}", "ClickUp: personal tokens."),
    named("todoist_token", "todoist", f"{HEX}{{40}}", "Todoist: API tokens."),
    token("adafruit_token", "aio_", "[A-Za-z0-9]{28}", "Adafruit IO: keys."),
    named("weatherapi_key", "weatherapi weather_api", f"{HEX}{{31,32}}", "WeatherAPI: API keys."),
    named("tomtom_key", "tomtom", "[A-Za-z0-9]{32}", "TomTom: API keys."),
    named("here_key", "here_api hereapi here_app", "[A-Za-z0-9_-]{43}", "HERE: API keys."),
    named("opencage_key", "opencage", f"{HEX}{{32}}", "OpenCage: API keys."),
    named("newsapi_key", "newsapi news_api", f"{HEX}{{32}}", "NewsAPI: API keys."),
    named("unsplash_key", "unsplash", "[A-Za-z0-9_-]{43}", "Unsplash: access and secret keys."),
    named("pexels_key", "pexels", "[A-Za-z0-9]{56}", "Pexels: API keys."),
    named("giphy_key", "giphy", "[A-Za-z0-9]{32}", "Giphy: API keys."),
    named("tmdb_key", "tmdb themoviedb", f"{HEX}{{32}}", "TMDB: API keys."),
    named("strava_secret", "strava", f"{HEX}{{40}}", "Strava: client secrets and tokens."),
    named("fitbit_secret", "fitbit", f"{HEX}{{32}}", "Fitbit: client secrets."),
    named("pipedrive_token", "pipedrive", f"{HEX}{{40}}", "Pipedrive: API tokens."),
    named("docusign_key", "docusign", UUID, "DocuSign: integration and secret keys, which are UUIDs."),
    named("hellosign_key", "hellosign dropbox_sign", f"{HEX}{{64}}", "Dropbox Sign: API keys."),
    named("webflow_token", "webflow", f"{HEX}{{64}}", "Webflow: API tokens."),
    named("ghost_key", "ghost", f"{HEX}{{24}}:{HEX}{{64}}", "Ghost: admin API keys."),
    named("coda_token", "coda", UUID, "Coda: API tokens, which are UUIDs."),
    token("miro_token", "eyJtaXJvLm9yaWdpbiI6", "[A-Za-z0-9_-]{20,200}", "Miro: access tokens."),
    token("lark_secret", "t-g1 u-g1", "[A-Za-z0-9_-]{30,60}", "Lark: tenant and user access tokens."),
    token("apify_token", "apify_api_", "[A-Za-z0-9]{34,38}", "Apify: API tokens."),
    named(
        "scrapingbee_key", "scrapingbee scraperapi", "[A-Z0-9]{80}|[a-f0-9]{32}", "Scraping services: keys."
    ),
    named("cloudconvert_key", "cloudconvert", "[A-Za-z0-9_-]{60,110}", "CloudConvert: API keys."),
    named("imgur_secret", "imgur", f"{HEX}{{40}}", "Imgur: client secrets."),
)
