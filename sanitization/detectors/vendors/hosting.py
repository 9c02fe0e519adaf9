"""Keys of hosts, databases, networks and what infrastructure is built with."""

from sanitization.detectors.vendors.forms import HEX, UUID, named, token

TABLE = (
    named(
        "aws_session_token",
        "aws_session_token session_token sessiontoken x-amz-security-token",
        r"[A-Za-z0-9/+]{100,300}={0,2}",
        "AWS: session tokens of temporary credentials (STS).",
    ),
    token(
        "azure_sas_signature",
        "sig=",
        "[A-Za-z0-9%+/]{43,63}(?:%3[Dd]|=)|[A-Za-z0-9_-]{43}",
        "Azure: signatures of shared access signatures, and of the addresses that start a Logic App.",
        version=2,
    ),
    named(
        "azure_function_key",
        "functions-key functionskey",
        r"[A-Za-z0-9_-]{44}AzFu[A-Za-z0-9_-]{5,8}={0,2}",
        "Azure Functions: host and function keys.",
    ),
    named("tencent_secret_key", "tencent qcloud", "[A-Za-z0-9]{32}", "Tencent Cloud: secret keys."),
    token("volcengine_access_key", "AKLT", "[A-Za-z0-9+/_-]{40,60}={0,2}", "Volcengine: access keys."),
    token("digitalocean_spaces_key", "DO00", "[A-Z0-9]{16}", "DigitalOcean Spaces: access key ids."),
    token("scaleway_access_key", "SCW", "[A-Z0-9]{17}", "Scaleway: access key ids."),
    named("hetzner_token", "hetzner hcloud", "[A-Za-z0-9]{64}", "Hetzner Cloud: API tokens."),
    token("yandex_oauth_token", "y0_ y1_ y2_ y3_", "[A-Za-z0-9_-]{39,80}", "Yandex: OAuth tokens."),
    token(
        "flyio_token",
        "fo1_ fm1a_ fm1r_ fm2_",
        r"[A-Za-z0-9+/_-]{43,490}={0,3}",
        "Fly.io: access tokens and macaroons.",
    ),
    named("railway_token", "railway", UUID, "Railway: account and project tokens, which are UUIDs."),
    token("neon_key", "napi_", "[a-z0-9]{60,68}", "Neon: API keys."),
    token("cockroach_key", "CCDB1_", "[A-Za-z0-9]{22}_[A-Za-z0-9]{40}", "CockroachDB Cloud: API keys."),
    token("mongodb_atlas_secret", "mdb_sa_sk_", "[A-Za-z0-9_-]{40}", "MongoDB Atlas: client secrets."),
    named("mongodb_atlas_key", "atlas", UUID, "MongoDB Atlas: private API keys, which are UUIDs."),
    token("aiven_password", "AVNS_", "[A-Za-z0-9_-]{19}", "Aiven: passwords of services."),
    named("upstash_token", "upstash", "[A-Za-z0-9_-]{36}|A[A-Za-z0-9_=-]{40,110}", "Upstash: REST tokens."),
    token("elastic_cloud_key", "essu_", "[A-Za-z0-9+/_-]{40,120}={0,2}", "Elastic Cloud: API keys."),
    named(
        "elastic_key", "elastic es_api", "[A-Za-z0-9+/_-]{56,64}={0,2}", "Elasticsearch: encoded API keys."
    ),
    named("consul_token", "consul nomad", UUID, "HashiCorp Consul and Nomad: ACL tokens, which are UUIDs."),
    named(
        "ngrok_token", "ngrok", "[A-Za-z0-9]{26,28}_[A-Za-z0-9]{20,22}", "ngrok: auth tokens and API keys."
    ),
    token("teleport_token", "teleport-join-", "[a-f0-9]{32}", "Teleport: join tokens."),
    named("rancher_token", "rancher", "token-[a-z0-9]{5}:[a-z0-9]{54}", "Rancher: API tokens."),
    named(
        "bunny_key",
        "bunny bunnycdn",
        f"{UUID}(?:{UUID})?|{HEX}{{8}}-{HEX}{{4}}-{HEX}{{4}}-{HEX}{{12}}-{HEX}{{4}}-{HEX}{{4}}",
        "Bunny: account and storage keys.",
    ),
    named("godaddy_key", "godaddy", "[A-Za-z0-9]{10,14}_[A-Za-z0-9]{22}", "GoDaddy: API keys."),
    named("gandi_key", "gandi", "[A-Za-z0-9]{24}|[a-f0-9]{40}", "Gandi: API keys and personal tokens."),
    named("namecheap_key", "namecheap", "[a-f0-9]{32}", "Namecheap: API keys."),
    named("dnsimple_token", "dnsimple", "[A-Za-z0-9]{32}|dnsimple_[au]_[A-Za-z0-9]{32}", "DNSimple: tokens."),
)
