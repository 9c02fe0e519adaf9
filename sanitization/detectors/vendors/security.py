"""Keys of monitoring, identity and security services."""

from sanitization.detectors.vendors.forms import HEX, UUID, named, token

TABLE = (
    named(
        "bitwarden_token",
        "bitwarden bws_access",
        rf"0\.{UUID}\.[A-Za-z0-9]{{30}}:[A-Za-z0-9+/]{{22}}==",
        "Bitwarden: machine account tokens.",
    ),
    named(
        "newrelic_license_key",
        "new_relic newrelic",
        f"{HEX}{{36}}NRAL|eu01xx{HEX}{{34}}|{HEX}{{40}}",
        "New Relic: licence keys.",
    ),
    named("logdna_key", "logdna mezmo", f"{HEX}{{32}}", "Mezmo (LogDNA): ingestion and service keys."),
    named("loggly_token", "loggly", UUID, "Loggly: customer tokens, which are UUIDs."),
    named("logzio_token", "logzio logz_io", UUID, "Logz.io: account tokens."),
    named("statuspage_key", "statuspage", f"{UUID}|{HEX}{{64}}", "Statuspage: API keys."),
    named(
        "betterstack_token", "betterstack logtail betteruptime", "[A-Za-z0-9]{24}", "Better Stack: tokens."
    ),
    named("pingdom_token", "pingdom", "[A-Za-z0-9_-]{60,110}", "Pingdom: API tokens."),
    named(
        "uptimerobot_key",
        "uptimerobot uptime_robot",
        "[mu][0-9]{6,9}-[a-f0-9]{24,32}",
        "UptimeRobot: API keys.",
    ),
    token("checkly_key", "cu_ cs_", "[a-f0-9]{32}", "Checkly: user and service keys."),
    named("raygun_key", "raygun", "[A-Za-z0-9+/]{22}==|[A-Za-z0-9]{22}", "Raygun: API keys."),
    named("scout_key", "scout_key scoutapm", "[A-Za-z0-9]{20}", "Scout: agent keys."),
    named("appsignal_key", "appsignal", UUID, "AppSignal: push keys, which are UUIDs."),
    named("instana_key", "instana", "[A-Za-z0-9_-]{22}", "Instana: agent keys and tokens."),
    named("okta_secret", "okta", "[A-Za-z0-9_-]{40}|[A-Za-z0-9_-]{64}", "Okta: client secrets."),
    named("auth0_secret", "auth0", "[A-Za-z0-9_-]{64}|[A-Za-z0-9_-]{32}", "Auth0: client ids and secrets."),
    named("onelogin_secret", "onelogin", f"{HEX}{{64}}", "OneLogin: client ids and secrets."),
    named("jumpcloud_key", "jumpcloud", f"jca_[A-Za-z0-9]{{36}}|{HEX}{{40}}", "JumpCloud: API keys."),
    token("stytch_secret", "secret-live- secret-test-", "[A-Za-z0-9_=-]{36}", "Stytch: project secrets."),
    named("bitwarden_secret", "bitwarden bw_clientsecret", "[A-Za-z0-9]{30}", "Bitwarden: client secrets."),
    named("abuseipdb_key", "abuseipdb", f"{HEX}{{80}}", "AbuseIPDB: API keys."),
    named("censys_secret", "censys", "[A-Za-z0-9]{32}", "Censys: API secrets."),
    named("securitytrails_key", "securitytrails", "[A-Za-z0-9_]{32}", "SecurityTrails: API keys."),
    named("hibp_key", "hibp haveibeenpwned", f"{HEX}{{32}}", "Have I Been Pwned: API keys."),
    named("ipinfo_token", "ipinfo", f"{HEX}{{14}}", "IPinfo: access tokens.", randomness=2.3),
    named("ipstack_key", "ipstack", f"{HEX}{{32}}", "ipstack: access keys."),
    named("maxmind_old_key", "maxmind", "[A-Za-z0-9]{16}", "MaxMind: licence keys of the first form."),
    token("gitguardian_key", "ggapi_", "[A-Za-z0-9]{30,60}", "GitGuardian: API keys."),
    named("hackerone_token", "hackerone", "[A-Za-z0-9+/]{43}=", "HackerOne: API tokens."),
    named("rapid7_key", "rapid7 insightvm", UUID, "Rapid7: Insight platform keys, which are UUIDs."),
    named("tenable_key", "tenable", f"{HEX}{{64}}", "Tenable: access and secret keys."),
    named("recaptcha_key", "recaptcha", "6L[A-Za-z0-9_-]{38}", "reCAPTCHA: site and secret keys."),
    named("hcaptcha_secret", "hcaptcha", f"0x{HEX}{{40}}|ES_{HEX}{{32}}", "hCaptcha: secrets."),
    named("turnstile_secret", "turnstile", "0x4[A-Za-z0-9_-]{30,34}", "Cloudflare Turnstile: secrets."),
)
