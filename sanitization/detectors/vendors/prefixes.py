"""Keys with a form of their own, of vendors whose other keys only their name tells."""

from sanitization.detectors.vendors.forms import LEFT, RIGHT, UUID, Secret, token


class AzureIdentifiableKey(Secret):
    """Azure keys with the signature of their service in them: DevOps (`AZDO`), Functions (`AzFu`), Search,
    Redis, Service Bus, Event Hubs, Relay, IoT, container registries, and others (`JQQJ`).

    Those of 88 characters are storage keys too. From Microsoft's patterns of identifiable keys (SEC101).
    """

    rule = "azure_identifiable_key"
    version = 2
    keywords = ("azdo", "jqqj", "azfu", "azse", "azca", "+asb", "+aeh", "+arm", "aiot", "+acr")
    _ANY, _BASE64 = "[A-Za-z0-9]", "[A-Za-z0-9+/]"
    pattern = (
        rf"{LEFT}(?P<value>{_ANY}{{76}}AZDO{_ANY}{{4}}|{_ANY}{{52}}JQQJ{_ANY}{{28}}"
        rf"|[A-Za-z0-9_-]{{44}}AzFu[A-Za-z0-9_-]{{5}}[AQgw]==|{_ANY}{{42}}AzSe[A-D]{_ANY}{{5}}"
        rf"|{_ANY}{{33}}AzCa[A-P]{_ANY}{{5}}=|{_BASE64}{{33}}(?:\+(?:ASb|AEh|ARm)|AIoT)[A-P]{_BASE64}{{5}}="
        rf"|{_BASE64}{{42}}\+ACR[A-D]{_BASE64}{{5}}){RIGHT}"
    )


class MailchimpKey(Secret):
    """Mailchimp API keys, which end with their data center."""

    rule = "mailchimp_key"
    keywords = ("-us",)
    pattern = rf"{LEFT}(?P<value>[a-f0-9]{{32}}-us[0-9]{{1,2}}){RIGHT}"


TABLE = (
    token("axiom_token", "xaat- xapt-", UUID, "Axiom: API and personal tokens."),
    token(
        "baidu_access_key", "ALTAK", "[A-Za-z0-9]{21,22}(?:/[a-f0-9]{32})?", "Baidu AI Cloud: access keys."
    ),
    token("browserbase_key", "bb_live_", "[A-Za-z0-9_-]{27}", "Browserbase: API keys."),
    token("cal_key", "cal_live_ cal_test_", "[a-f0-9]{32}", "Cal.com: API keys."),
    token(
        "circleci_pat",
        "CCIPAT_ CCIPRJ_",
        "[A-Za-z0-9]{20,24}_[a-f0-9]{40}",
        "CircleCI: tokens of people and projects.",
    ),
    token("clickup_key", "pk_", r"\d{6,10}_[A-Z0-9]{32}", "ClickUp: personal tokens."),
    token("contentful_pat", "CFPAT-", "[A-Za-z0-9_-]{43}", "Contentful: personal access tokens."),
    token(
        "convex_key",
        "prod: dev: preview:",
        r"[a-z]{2,12}-[a-z]{2,12}-\d{1,4}\|[A-Za-z0-9+/=]{40,160}",
        "Convex: deploy keys.",
    ),
    token("e2b_key", "e2b_", "[a-f0-9]{40}", "E2B: API keys."),
    token("elevenlabs_token", "sk_", "[a-f0-9]{48}", "ElevenLabs: API keys."),
    token("helicone_key", "sk-helicone-", "[a-z0-9]{7}(?:-[a-z0-9]{7}){3}", "Helicone: API keys."),
    token("endorlabs_key", "endr+", "[A-Za-z0-9-]{16}", "Endor Labs: API keys."),
    token(
        "honeycomb_ingest_key",
        "hcaik_ hcbik_ hcxik_ hcamk_ hcxmk_",
        "[a-z0-9]{50,64}",
        "Honeycomb: ingest and management keys.",
    ),
    token(
        "inngest_key",
        "signkey-prod- signkey-test- signkey-branch-",
        "[a-f0-9]{32,64}",
        "Inngest: signing keys.",
    ),
    token("intercom_key", "dG9rO", "[A-Za-z0-9+/]{54}=", "Intercom: access tokens."),
    token(
        "linkedin_secret",
        "WPL_AP0. WPL_AP1.",
        r"(?:[A-Za-z0-9]{1,20}\.)?[A-Za-z0-9+/]{6,24}={0,2}",
        "LinkedIn: client secrets.",
    ),
    token("lob_token", "live_ test_", "[a-f0-9]{35}|pub_[a-f0-9]{31}", "Lob: API keys."),
    token("rootly_token", "rootly_", "[a-f0-9]{64}", "Rootly: API keys."),
    token("together_token", "tgp_v1_", "[A-Za-z0-9_-]{43}", "Together AI: API keys."),
    token(
        "trigger_key", "tr_dev_ tr_prod_ tr_stg_ tr_pat_", "[A-Za-z0-9]{20,44}", "Trigger.dev: secret keys."
    ),
    token("vk_token", "vk1.a.", "[A-Za-z0-9_-]{80,300}", "VK: access tokens."),
)
