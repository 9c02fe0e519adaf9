"""Keys that vendors made recognizable: a prefix, an alphabet, a length.

Lengths are the documented or observed ones with room above: what follows the prefix without a break is
part of the key. Nothing alphanumeric may stand in front.
"""

from sanitization.detectors.base import PatternDetector

_LEFT = r"[^A-Za-z0-9]"
_RIGHT = r"(?:[^A-Za-z0-9]|$)"


class _VendorKey(PatternDetector):
    """A prefix alone is not a key: documentation writes ghp_xxxxxxxx. Random ones have more variety."""

    VARIETY = 10

    def accept(self, candidate: str) -> int:
        return len(candidate) if len(set(candidate)) >= self.VARIETY else 0


class AwsAccessKey(PatternDetector):
    """Access key ids of AWS users, roles, bearer tokens and old accounts."""

    rule = "aws_access_key"
    keywords = ("akia", "asia", "abia", "acca", "a3t")
    pattern = rf"{_LEFT}(?P<value>(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{{16}}){_RIGHT}"


class GitHubToken(_VendorKey):
    """Personal, OAuth, user-to-server, server and refresh tokens, and fine-grained ones."""

    rule = "github_token"
    keywords = ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_")
    pattern = rf"{_LEFT}(?P<value>gh[opsur]_[A-Za-z0-9]{{36,255}}|github_pat_[A-Za-z0-9_]{{22,255}})"


class GitLabToken(_VendorKey):
    """Personal, deploy, runner, trigger, feed, mail, agent, job and application tokens."""

    rule = "gitlab_token"
    keywords = ("gl", "gr1348941")
    pattern = (
        rf"{_LEFT}(?P<value>gl(?:pat|dt|rt|rtr|ptt|ft|imt|agent|oas|cbt|soat|ffct|wt)-[A-Za-z0-9_.-]{{20,300}}"
        r"|GR1348941[A-Za-z0-9_-]{20,40})"
    )


class SlackToken(PatternDetector):
    """Bot, user, app, workspace and configuration tokens, and incoming webhook addresses."""

    rule = "slack_token"
    keywords = ("xox", "xapp-", "hooks.slack.com")
    pattern = (
        rf"{_LEFT}(?P<value>xox(?:[abepr](?:\.xox[bp])?-|[os]-\d)[A-Za-z0-9-]{{10,}}|xapp-\d-[A-Za-z0-9-]{{10,}}"
        r"|(?:https?://)?hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,80})"
    )


class StripeKey(PatternDetector):
    """Secret and restricted keys, live and test, and webhook secrets; publishable keys are public."""

    rule = "stripe_key"
    keywords = ("sk_", "rk_", "whsec_")
    pattern = rf"{_LEFT}(?P<value>[sr]k_(?:live|test|prod)_[A-Za-z0-9]{{10,}}|whsec_[A-Za-z0-9]{{32,}})"


class GoogleKey(_VendorKey):
    """API keys, OAuth client secrets and access tokens."""

    rule = "google_key"
    keywords = ("aiza", "gocspx-", "ya29.")
    pattern = (
        rf"{_LEFT}(?P<value>AIza[A-Za-z0-9_-]{{35,60}}|GOCSPX-[A-Za-z0-9_-]{{28,60}}"
        r"|ya29\.[A-Za-z0-9_-]{20,400})"
    )


class OpenAiKey(PatternDetector):
    """User, project, service-account and admin keys, and those of services that copied the form."""

    rule = "openai_key"
    keywords = ("sk-",)
    pattern = rf"{_LEFT}(?P<value>sk-[A-Za-z0-9_-]{{20,220}})"

    def accept(self, candidate: str) -> int:
        # Anthropic's have a rule of their own, and `sk-` begins words in hyphenated names too.
        if candidate.startswith("sk-ant-") or not any(char.isdigit() for char in candidate):
            return 0
        return len(candidate) if max(map(len, candidate.split("-"))) >= 16 else 0


class AnthropicKey(PatternDetector):
    """API, admin and OAuth keys."""

    rule = "anthropic_key"
    keywords = ("sk-ant-",)
    pattern = rf"{_LEFT}(?P<value>sk-ant-[a-z]{{2,12}}\d{{0,4}}-[A-Za-z0-9_-]{{20,}})"


class HuggingFaceToken(_VendorKey):
    """User and organization tokens."""

    rule = "huggingface_token"
    keywords = ("hf_", "api_org_")
    pattern = rf"{_LEFT}(?P<value>(?:hf_|api_org_)[A-Za-z0-9]{{34,64}})"


class NpmToken(_VendorKey):
    """Granular and classic access tokens."""

    rule = "npm_token"
    keywords = ("npm_",)
    pattern = rf"{_LEFT}(?P<value>npm_[A-Za-z0-9]{{36,64}})"


class PyPiToken(_VendorKey):
    """Upload tokens: macaroons, whose first bytes name the index."""

    rule = "pypi_token"
    keywords = ("pypi-",)
    pattern = rf"{_LEFT}(?P<value>pypi-[A-Za-z0-9_-]{{50,500}})"


class SendGridKey(PatternDetector):
    """API keys: an id and a secret, both in base64url."""

    rule = "sendgrid_key"
    keywords = ("sg.",)
    pattern = rf"{_LEFT}(?P<value>SG\.[A-Za-z0-9_=.-]{{60,}})"


class TwilioKey(PatternDetector):
    """API key ids; with the secret beside them they are a login."""

    rule = "twilio_key"
    keywords = ("sk",)
    pattern = rf"{_LEFT}(?P<value>SK[0-9a-fA-F]{{32}}){_RIGHT}"


class TelegramBotToken(PatternDetector):
    """The bot's number, a colon, and 35 characters that begin with A."""

    rule = "telegram_bot_token"
    keywords = (":a",)
    pattern = r"(?:[^A-Za-z0-9]|bot)(?P<value>\d{5,16}:A[A-Za-z0-9_-]{34})(?:[^A-Za-z0-9_-]|$)"


class DiscordToken(PatternDetector):
    """Bot tokens (a user id, a time and a signature in base64url) and webhook addresses."""

    rule = "discord_token"
    keywords = (".", "discord")
    pattern = (
        rf"{_LEFT}(?P<value>[MNO][A-Za-z0-9_-]{{23,27}}\.[A-Za-z0-9_-]{{6}}\.[A-Za-z0-9_-]{{27,80}}"
        r"|https://(?:canary\.|ptb\.)?discord(?:app)?\.com/api/webhooks/\d{17,20}/[A-Za-z0-9_-]{60,})"
    )


class DigitalOceanToken(PatternDetector):
    """Personal, OAuth and refresh tokens."""

    rule = "digitalocean_token"
    keywords = ("_v1_",)
    pattern = rf"{_LEFT}(?P<value>do[opr]_v1_[a-f0-9]{{64}}){_RIGHT}"


class ShopifyToken(PatternDetector):
    """Access tokens of public, custom and private apps, and shared secrets."""

    rule = "shopify_token"
    keywords = ("shpat_", "shpca_", "shppa_", "shpss_")
    pattern = rf"{_LEFT}(?P<value>shp(?:at|ca|pa|ss)_[a-fA-F0-9]{{32}}){_RIGHT}"
