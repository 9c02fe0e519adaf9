"""Keys of payment, banking and commerce services, and of exchanges."""

from sanitization.detectors.vendors.forms import Named, Token


class AdyenKey(Token):
    """Adyen API keys."""

    rule = "adyen_key"
    keywords = ("aqe",)
    value = r"AQE[A-Za-z0-9]{6}[A-Za-z0-9+/=.-]{60,140}"


class BittrexKey(Named):
    """Bittrex access and secret keys."""

    rule = "bittrex_key"
    names = "bittrex"
    value = r"[a-z0-9]{32}"


class BraintreeToken(Token):
    """Braintree access tokens."""

    rule = "braintree_token"
    keywords = ("access_token$",)
    value = r"access_token\$(?:production|sandbox)\$[a-z0-9]{16}\$[a-f0-9]{32}"


class CoinbaseKey(Named):
    """Coinbase access tokens."""

    rule = "coinbase_key"
    names = "coinbase"
    value = r"[A-Za-z0-9_-]{64}"


class DuffelToken(Token):
    """Duffel API tokens."""

    rule = "duffel_token"
    keywords = ("duffel_",)
    value = r"duffel_(?:test|live)_[A-Za-z0-9_=-]{43}"


class EasyPostKey(Token):
    """EasyPost API keys, live and test."""

    rule = "easypost_key"
    keywords = ("ezak", "eztk")
    value = r"EZ[AT]K[A-Za-z0-9]{54}"


class EtsyKey(Named):
    """Etsy API keys."""

    rule = "etsy_key"
    names = "etsy"
    value = r"[a-z0-9]{24}"


class FinicityKey(Named):
    """Finicity API tokens and client secrets."""

    rule = "finicity_key"
    names = "finicity"
    value = r"[a-f0-9]{32}|[a-z0-9]{20}"


class FinnhubToken(Named):
    """Finnhub API tokens."""

    rule = "finnhub_token"
    names = "finnhub"
    value = r"[a-z0-9]{20}"


class FlutterwaveKey(Token):
    """Flutterwave public, secret and encryption keys."""

    rule = "flutterwave_key"
    keywords = ("flwpubk", "flwseck")
    value = r"FLW(?:PUB|SEC)K(?:_TEST)?-[A-Ha-h0-9]{32}-X|FLWSECK_TEST-[A-Ha-h0-9]{12}"


class FreshBooksToken(Named):
    """FreshBooks access tokens."""

    rule = "freshbooks_token"
    names = "freshbooks"
    value = r"[a-z0-9]{64}"


class GoCardlessToken(Named):
    """GoCardless API tokens."""

    rule = "gocardless_token"
    names = "gocardless"
    value = r"live_[A-Za-z0-9=_-]{40}"


class KrakenKey(Named):
    """Kraken exchange API keys."""

    rule = "kraken_key"
    names = "kraken"
    value = r"[A-Za-z0-9/=_+-]{80,90}"


class KucoinKey(Named):
    """KuCoin access and secret keys."""

    rule = "kucoin_key"
    names = "kucoin"
    value = r"[a-f0-9]{24}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"


class LobKey(Named):
    """Lob API keys."""

    rule = "lob_key"
    names = "lob"
    value = r"(?:live|test)_[a-f0-9]{35}|(?:live|test)_pub_[a-f0-9]{31}"


class MonzoPlaid(Token):
    """Plaid access tokens."""

    rule = "plaid_token"
    keywords = ("access-sandbox-", "access-development-", "access-production-")
    value = (
        r"access-(?:sandbox|development"
        r"|production)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    )


class PlaidKey(Named):
    """Plaid client ids and secrets."""

    rule = "plaid_key"
    names = "plaid"
    value = r"[A-Za-z0-9]{24}|[A-Za-z0-9]{30}"


class RazorpayKey(Token):
    """Razorpay API keys."""

    rule = "razorpay_key"
    keywords = ("rzp_live_", "rzp_test_")
    value = r"rzp_(?:live|test)_[A-Za-z0-9]{14,24}"


class ShippoToken(Token):
    """Shippo API tokens."""

    rule = "shippo_token"
    keywords = ("shippo_",)
    value = r"shippo_(?:live|test)_[a-fA-F0-9]{40}"


class ShopifyToken(Token):
    """Access tokens of Shopify's public, custom and private apps, and shared secrets."""

    rule = "shopify_token"
    keywords = ("shpat_", "shpca_", "shppa_", "shpss_", "shptka_")
    value = r"shp(?:at|ca|pa|ss|tka)_[a-fA-F0-9]{32}"


class SquareToken(Token):
    """Square access tokens and application secrets."""

    rule = "square_token"
    keywords = ("eaaa", "sq0atp-", "sq0csp-", "sq0idp-")
    value = r"EAAA[A-Za-z0-9_-]{22,60}|sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,60}"


class SquarespaceToken(Named):
    """Squarespace access tokens."""

    rule = "squarespace_token"
    names = "squarespace"
    value = r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"


class StripeKey(Token):
    """Secret and restricted keys of Stripe, and webhook secrets; publishable keys are public."""

    rule = "stripe_key"
    keywords = ("sk_live_", "sk_test_", "sk_prod_", "rk_live_", "rk_test_", "rk_prod_", "whsec_")
    value = r"[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,250}|whsec_[A-Za-z0-9]{32,100}"
