"""Keys of model providers, search services for models, and vector databases."""

from sanitization.detectors.vendors.forms import HEX, UUID, named, token

TABLE = (
    token("langfuse_key", "sk-lf-", UUID, "Langfuse: secret keys."),
    named("pinecone_old_key", "pinecone", UUID, "Pinecone: API keys of the first form, which are UUIDs."),
    token("voyage_key", "pa-", "[A-Za-z0-9_-]{43}", "Voyage AI: API keys."),
    token("jina_key", "jina_", "[A-Za-z0-9_-]{50,70}", "Jina: API keys."),
    token("tavily_key", "tvly-", "(?:dev-|prod-)?[A-Za-z0-9]{20,50}", "Tavily: API keys."),
    named("assemblyai_key", "assemblyai assembly_ai", f"{HEX}{{32}}", "AssemblyAI: API keys."),
    token("anyscale_key", "esecret_", "[A-Za-z0-9]{24,40}", "Anyscale: API keys."),
    named("comet_key", "comet", "[A-Za-z0-9]{25}", "Comet: API keys."),
    token("friendli_token", "flp_", "[A-Za-z0-9]{40,60}", "FriendliAI: personal access tokens."),
    token("runpod_key", "rpa_", "[A-Z0-9]{40}[a-z0-9]{6}", "RunPod: API keys."),
    token("modal_token", "ak- as-", "[A-Za-z0-9]{22}", "Modal: token ids and secrets."),
    token("firecrawl_key", "fc-", "[a-f0-9]{32}", "Firecrawl: API keys."),
    token("brave_key", "BSA", "[A-Za-z0-9_-]{28}", "Brave Search: API keys."),
    named("serpapi_key", "serpapi serp_api", f"{HEX}{{64}}", "SerpApi: API keys."),
    named("serper_key", "serper", f"{HEX}{{40}}", "Serper: API keys."),
    named("exa_key", "exa_api exasearch", UUID, "Exa: API keys, which are UUIDs."),
    named("clarifai_key", "clarifai", f"{HEX}{{32}}", "Clarifai: API keys and personal tokens."),
    named("scale_key", "scale_api scaleai", f"(?:live|test)_{HEX}{{32}}", "Scale AI: API keys."),
    named("ai21_key", "ai21", "[A-Za-z0-9]{32}", "AI21: API keys."),
    named("baseten_key", "baseten", r"[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}", "Baseten: API keys."),
    token("cursor_key", "key_", "[a-f0-9]{64}", "Cursor: API keys."),
    named("qdrant_key", "qdrant", "[A-Za-z0-9_-]{54}", "Qdrant Cloud: API keys."),
    named("deepl_key", "deepl", f"{UUID}(?::fx)?", "DeepL: authentication keys, which are UUIDs."),
)
