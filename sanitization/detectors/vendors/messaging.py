"""Keys of mail, chat, telephony and social services."""

from sanitization.detectors.vendors.forms import LEFT, Named, Secret, Token


class AdobeClientId(Named):
    """Adobe client ids."""

    rule = "adobe_client_id"
    names = "adobe"
    value = r"[A-Fa-f0-9]{32}"


class AdobeSecret(Token):
    """Adobe client secrets."""

    rule = "adobe_secret"
    keywords = ("p8e-",)
    value = r"p8e-[A-Za-z0-9]{32}"


class AsanaKey(Named):
    """Asana client ids and secrets."""

    rule = "asana_key"
    names = "asana"
    randomness = 2.0
    value = r"\d{16}|[A-Za-z0-9]{32}"


class AsanaToken(Named):
    """Asana personal access tokens."""

    rule = "asana_token"
    names = "asana"
    value = r"\d/\d{16}(?:/\d{16})?:[a-f0-9]{32}"


class DiscordKey(Named):
    """Discord public keys, client ids and client secrets."""

    rule = "discord_key"
    names = "discord"
    randomness = 2.0
    value = r"[a-f0-9]{64}|\d{18,19}|[A-Za-z0-9=_-]{32}"


class DropboxToken(Named):
    """Dropbox API secrets, short-lived and long-lived tokens."""

    rule = "dropbox_token"
    names = "dropbox"
    value = r"[a-z0-9]{15}|sl\.[A-Za-z0-9=_-]{135,200}|[a-z0-9]{11}AAAAAAAAAA[A-Za-z0-9=_-]{43}"


class DropboxShortToken(Token):
    """Dropbox short-lived access tokens."""

    rule = "dropbox_short_token"
    keywords = ("sl.",)
    value = r"sl\.(?:u\.)?[A-Za-z0-9_-]{130,500}"


class FacebookToken(Token):
    """Facebook page and user access tokens."""

    rule = "facebook_token"
    keywords = ("eaam", "eaac", "eaab", "eaag")
    value = r"EAA[MCBG][A-Za-z0-9]{100,300}"


class FacebookSecret(Named):
    """Facebook application secrets."""

    rule = "facebook_secret"
    names = "facebook|fb_app|fb_secret|fb_client"
    value = r"[a-f0-9]{32}"


class FacebookAppToken(Secret):
    """Facebook access tokens of applications: the id, a bar, and the secret."""

    rule = "facebook_app_token"
    keywords = ("|", "%7c")
    needs = r"\d{15}(?:\||%7[Cc])[A-Za-z0-9_-]{27}"
    version = 2
    pattern = rf"{LEFT}(?P<value>\d{{15,16}}(?:\||%7[Cc])[A-Za-z0-9_-]{{27,40}})(?:[^A-Za-z0-9_-]|$)"


class FlickrToken(Named):
    """Flickr access tokens."""

    rule = "flickr_token"
    names = "flickr"
    value = r"[a-z0-9]{32}"


class FrameIoToken(Token):
    """Frame.io API tokens."""

    rule = "frameio_token"
    keywords = ("fio-u-",)
    value = r"fio-u-[A-Za-z0-9=_-]{64}"


class GitterToken(Named):
    """Gitter access tokens."""

    rule = "gitter_token"
    names = "gitter"
    value = r"[A-Za-z0-9_-]{40}"


class HubSpotKey(Named):
    """HubSpot API keys."""

    rule = "hubspot_key"
    names = "hubspot"
    value = r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"


class HubSpotToken(Token):
    """HubSpot private app tokens."""

    rule = "hubspot_token"
    keywords = ("pat-na", "pat-eu", "pat-ap")
    value = r"pat-(?:na|eu|ap)\d-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


class IntercomToken(Named):
    """Intercom API tokens."""

    rule = "intercom_token"
    names = "intercom"
    value = r"[A-Za-z0-9=_-]{60}"


class LinkedInKey(Named):
    """LinkedIn client ids and secrets."""

    rule = "linkedin_key"
    names = "linkedin|linked-in|linked_in"
    randomness = 2.0
    value = r"[A-Za-z0-9]{14}|[A-Za-z0-9]{16}"


class MailChimpNamed(Named):
    """MailChimp API keys."""

    rule = "mailchimp_api_key"
    names = "mailchimp|mail_chimp|mailgun"
    value = r"[a-f0-9]{32}-us\d{1,2}"


class MailgunKey(Token):
    """Mailgun private and public API keys."""

    rule = "mailgun_key"
    keywords = ("key-", "pubkey-")
    value = r"(?:pub)?key-[a-f0-9]{32}"


class MailgunSigningKey(Named):
    """Mailgun webhook signing keys."""

    rule = "mailgun_signing_key"
    names = "mailgun"
    value = r"[a-f0-9]{32}-[a-f0-9]{8}-[a-f0-9]{8}"


class MattermostToken(Named):
    """Mattermost access tokens."""

    rule = "mattermost_token"
    names = "mattermost"
    value = r"[a-z0-9]{26}"


class MessageBirdToken(Named):
    """MessageBird API tokens and client ids."""

    rule = "messagebird_token"
    names = "messagebird|message-bird|message_bird"
    value = r"[A-Za-z0-9]{25}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"


class PostmarkKey(Named):
    """Postmark server tokens."""

    rule = "postmark_key"
    names = "postmark|x-postmark-server-token"
    value = r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"


class ResendKey(Token):
    """Resend API keys."""

    rule = "resend_key"
    keywords = ("re_",)
    value = r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}"


class SendbirdId(Named):
    """Sendbird access tokens and application ids."""

    rule = "sendbird_id"
    names = "sendbird"
    value = r"[a-f0-9]{40}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"


class SendGridKey(Token):
    """SendGrid API keys: an id and a secret, both in base64url."""

    rule = "sendgrid_key"
    keywords = ("sg.",)
    value = r"SG\.[A-Za-z0-9_=.-]{60,80}"


class SendinblueKey(Token):
    """Brevo (Sendinblue) API and SMTP keys."""

    rule = "sendinblue_key"
    keywords = ("xkeysib-", "xsmtpsib-")
    value = r"(?:xkeysib|xsmtpsib)-[a-f0-9]{64}-[A-Za-z0-9]{16}"


class SlackToken(Token):
    """Bot, user, app, workspace and configuration tokens of Slack, and incoming webhook addresses."""

    rule = "slack_token"
    version = 2
    keywords = ("xox", "xapp-", "https://hooks.slack.com", "http://hooks.slack.com", "hooks.slack.com")
    value = (
        r"xox[bep](?:\.xox[bp])?-[A-Za-z0-9-]{0,40}[A-Za-z0-9]{10}[A-Za-z0-9-]{0,360}|xox[acdr]-[A-Za-z0-9%-]{0,40}"
        r"[A-Za-z0-9%]{8}[A-Za-z0-9%-]{0,360}|xox[os]-\d[A-Za-z0-9-]{10,100}"
        r"|xapp-\d-[A-Za-z0-9-]{10,200}"
        r"|(?:https?://)?hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,80}"
    )

    def accept(self, candidate: str) -> int:
        *before, last = candidate.rstrip("-").split("-")
        owned = any(part.isdigit() and len(part) > 4 for part in before)  # the numbers of team and bot
        numbered = owned or any(map(str.isdigit, last))
        return super().accept(candidate) if numbered and any(map(str.isalpha, last)) else 0


class TwilioKey(Token):
    """Twilio API key ids and account ids; with the secret beside them they are a login."""

    rule = "twilio_key"
    needs = r"(?:SK|AC)[0-9a-fA-F]{8}"
    value = r"(?:SK|AC)[0-9a-fA-F]{32}"


class TwilioAuthToken(Named):
    """Twilio auth tokens."""

    rule = "twilio_auth_token"
    names = "twilio"
    value = r"[a-f0-9]{32}"


class TwitchToken(Named):
    """Twitch API tokens."""

    rule = "twitch_token"
    names = "twitch"
    value = r"[a-z0-9]{30}"


class TwitterKey(Named):
    """Twitter API keys, secrets, access and bearer tokens."""

    rule = "twitter_key"
    names = "twitter"
    value = (
        r"[A-Za-z0-9]{25}|[A-Za-z0-9]{50}|[A-Za-z0-9]{45}|\d{15,25}-[A-Za-z0-9]{20,40}"
        r"|A{20,24}[A-Za-z0-9%]{80,110}"
    )


class ZendeskKey(Named):
    """Zendesk secret keys."""

    rule = "zendesk_key"
    names = "zendesk"
    value = r"[A-Za-z0-9]{40}"


class VonageKey(Named):
    """Vonage (Nexmo) API keys and secrets."""

    rule = "vonage_key"
    names = "vonage|nexmo"
    randomness = 2.0
    value = r"[A-Za-z0-9]{16}|[a-f0-9]{8}"


class TelegramBotToken(Secret):
    """The bot's number, a colon, and 35 characters that begin with A."""

    rule = "telegram_bot_token"
    keywords = (":a",)
    version = 2
    pattern = rf"(?:{LEFT}|bot)(?P<value>\d{{5,16}}:A[A-Za-z0-9_-]{{34}})(?:[^A-Za-z0-9_-]|$)"


class DiscordToken(Secret):
    """Bot tokens (a user id, a time and a signature in base64url) and webhook addresses."""

    rule = "discord_token"
    keywords = (".", "discord")
    pattern = (
        rf"{LEFT}(?P<value>[MNO][A-Za-z0-9_-]{{23,27}}\.[A-Za-z0-9_-]{{6}}\.[A-Za-z0-9_-]{{27,80}}"
        r"|https://(?:canary\.|ptb\.)?discord(?:app)?\.com/api/webhooks/\d{17,20}/[A-Za-z0-9_-]{60,120})"
    )
