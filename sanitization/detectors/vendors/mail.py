"""Keys of mail, push, voice and social services."""

from sanitization.detectors.vendors.forms import HEX, UUID, named, token

TABLE = (
    token(
        "zapier_webhook",
        "hooks.zapier.com/hooks/catch/",
        r"\d{4,10}/[a-z0-9]{6,10}",
        "Zapier: webhook addresses.",
    ),
    token(
        "teams_webhook",
        "webhook.office.com/webhookb2/ outlook.office.com/webhook/",
        rf"{UUID}@{UUID}/IncomingWebhook/{HEX}{{32}}/{UUID}(?:/[A-Za-z0-9_-]{{20,80}})?",
        "Microsoft Teams: webhook addresses.",
    ),
    named("sparkpost_key", "sparkpost", f"{HEX}{{40}}", "SparkPost: API keys."),
    named("mandrill_key", "mandrill", "(?:md-)?[A-Za-z0-9_-]{22}", "Mandrill: API keys."),
    named("mailjet_key", "mailjet", f"{HEX}{{32}}", "Mailjet: API keys and secrets."),
    token("mailersend_token", "mlsn.", "[a-f0-9]{64}", "MailerSend: API tokens."),
    named("mailerlite_key", "mailerlite", f"{HEX}{{32}}", "MailerLite: API keys."),
    token(
        "onesignal_key", "os_v2_app_ os_v2_org_", "[a-z2-7]{90,110}", "OneSignal: app and organization keys."
    ),
    named("pusher_secret", "pusher", f"{HEX}{{20}}", "Pusher: keys and secrets."),
    named(
        "ably_key",
        "ably_api ably_key ably_token ably_root",
        r"[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{6}:[A-Za-z0-9_-]{16,43}",
        "Ably: API keys.",
    ),
    named("plivo_token", "plivo", "[A-Za-z0-9]{40}", "Plivo: auth tokens."),
    token("telnyx_key", "KEY0", "[A-F0-9]{31}_[A-Za-z0-9]{22}", "Telnyx: API keys."),
    named(
        "line_token",
        "line_channel line_messaging line_notify",
        "[A-Za-z0-9+/]{140,180}={0,2}|[A-Za-z0-9]{43}|[a-f0-9]{32}",
        "LINE: channel tokens and secrets.",
    ),
    token("klaviyo_key", "pk_", "[a-f0-9]{34}", "Klaviyo: private keys."),
    named("iterable_key", "iterable", f"{HEX}{{32}}", "Iterable: API keys."),
    named("braze_key", "braze", UUID, "Braze: REST keys, which are UUIDs."),
    token("instagram_token", "IGQV IGAA", "[A-Za-z0-9_-]{100,300}", "Instagram: access tokens."),
    token(
        "twitter_bearer_token",
        "AAAAAAAAAAAAAAAAAAAAA",
        "[A-Za-z0-9%]{60,120}",
        "Twitter: bearer tokens.",
        randomness=2.5,
    ),
    token("pinterest_token", "pina_", "[A-Za-z0-9]{32,80}", "Pinterest: access tokens."),
    named("reddit_secret", "reddit", "[A-Za-z0-9_-]{27,30}", "Reddit: client secrets."),
    named("tiktok_secret", "tiktok", "[A-Za-z0-9]{32,40}", "TikTok: client secrets."),
    named("spotify_secret", "spotify", f"{HEX}{{32}}", "Spotify: client ids and secrets."),
    named("customerio_key", "customerio customer_io", f"{HEX}{{20}}|{HEX}{{32}}", "Customer.io: API keys."),
    named("freshdesk_key", "freshdesk", "[A-Za-z0-9]{20}", "Freshdesk: API keys."),
    named("helpscout_secret", "helpscout", "[A-Za-z0-9]{32}", "Help Scout: application secrets."),
    named("zoom_secret", "zoom", "[A-Za-z0-9]{32}", "Zoom: client secrets."),
    named(
        "webex_token",
        "webex",
        "[A-Za-z0-9]{64}_[A-Za-z0-9]{4}_[a-f0-9-]{36}|[a-f0-9]{64}",
        "Webex: bot tokens and client secrets.",
    ),
)
