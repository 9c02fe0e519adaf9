"""Keys of payment services, exchanges, market data and shops."""

from sanitization.detectors.vendors.forms import HEX, UUID, named, token

TABLE = (
    named(
        "paypal_secret", "paypal", "E[A-Za-z0-9_-]{79}|A[A-Za-z0-9_-]{79}", "PayPal: client ids and secrets."
    ),
    named("binance_key", "binance", "[A-Za-z0-9]{64}", "Binance: API and secret keys."),
    named("bitfinex_key", "bitfinex", "[A-Za-z0-9]{43}", "Bitfinex: API keys and secrets."),
    named("bitmex_key", "bitmex", "[A-Za-z0-9_-]{24}|[A-Za-z0-9_-]{48}", "BitMEX: key ids and secrets."),
    named("bybit_key", "bybit", "[A-Za-z0-9]{18}|[A-Za-z0-9]{36}", "Bybit: API keys and secrets."),
    named("okx_key", "okx okex", f"{UUID}|[A-F0-9]{{32}}", "OKX: API keys and secrets."),
    named("razorpay_secret", "razorpay", "[A-Za-z0-9]{24}", "Razorpay: key secrets."),
    named("mollie_key", "mollie", "(?:live|test)_[A-Za-z0-9]{30}", "Mollie: API keys."),
    named("dwolla_secret", "dwolla", "[A-Za-z0-9]{50}", "Dwolla: application keys and secrets."),
    token("brex_token", "bxt_", "[A-Za-z0-9]{36,80}", "Brex: user tokens."),
    token("mercury_token", "secret-token:mercury_production_", "[A-Za-z0-9_]{30,90}", "Mercury: API tokens."),
    named("recurly_key", "recurly", f"{HEX}{{32}}", "Recurly: private API keys."),
    named("chargebee_key", "chargebee", "(?:live|test)_[A-Za-z0-9]{32}", "Chargebee: API keys."),
    named("infura_key", "infura", f"{HEX}{{32}}", "Infura: project ids and secrets."),
    named("alchemy_key", "alchemy", "[A-Za-z0-9_-]{32}", "Alchemy: API keys."),
    named("etherscan_key", "etherscan", "[A-Z0-9]{34}", "Etherscan: API keys."),
    named("coinmarketcap_key", "coinmarketcap cmc_pro", UUID, "CoinMarketCap: API keys, which are UUIDs."),
    named("polygon_key", "polygon", "[A-Za-z0-9_]{32}", "Polygon.io: API keys."),
    named("alphavantage_key", "alphavantage alpha_vantage", "[A-Z0-9]{16}", "Alpha Vantage: API keys."),
    named("taxjar_key", "taxjar", f"{HEX}{{32}}", "TaxJar: API tokens."),
    named("bigcommerce_token", "bigcommerce", "[a-z0-9]{31}", "BigCommerce: access tokens."),
    named("amadeus_key", "amadeus", "[A-Za-z0-9]{32}", "Amadeus: API keys."),
)
