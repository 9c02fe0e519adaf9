"""Keys of monitoring, analytics, identity and error tracking."""

from sanitization.detectors.vendors.forms import Named, Token


class AmplitudeKey(Named):
    """Amplitude API keys."""

    rule = "amplitude_key"
    names = "amplitude"
    value = r"[a-f0-9]{32}"


class AuthressKey(Named):
    """Authress access keys in a telling place."""

    rule = "authress_key"
    names = "authress"
    value = (
        r"(?:sc|ext|scauth"
        r"|authress)_[A-Za-z0-9]{5,30}\.[A-Za-z0-9]{4,6}\.acc[_-][A-Za-z0-9-]{10,32}\.[A-Za-z0-9+/_=-]{30,120}"
    )


class AuthressAccessKey(Token):
    """Authress service client access keys."""

    rule = "authress_access_key"
    keywords = ("sc_", "ext_", "scauth_", "authress_")
    value = (
        r"(?:sc|ext|scauth"
        r"|authress)_[A-Za-z0-9]{5,30}\.[A-Za-z0-9]{4,6}\.acc[_-][A-Za-z0-9-]{10,32}\.[A-Za-z0-9+/_=-]{30,120}"
    )


class BeamerKey(Named):
    """Beamer API tokens."""

    rule = "beamer_key"
    names = "beamer"
    value = r"b_[A-Za-z0-9=_-]{44}"


class BugsnagKey(Named):
    """Bugsnag API keys."""

    rule = "bugsnag_key"
    names = "bugsnag"
    value = r"[a-f0-9]{32}"


class DatadogKey(Named):
    """Datadog API and application keys."""

    rule = "datadog_key"
    names = "datadog|dd_api|dd_app|dd-api|dd-app"
    value = r"[a-z0-9]{40}|[a-f0-9]{32}"


class DynatraceToken(Token):
    """Dynatrace API tokens."""

    rule = "dynatrace_token"
    keywords = ("dt0c", "dt0s")
    value = r"dt0[cs]\d{2}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{64}"


class FullStoryKey(Named):
    """FullStory API keys."""

    rule = "fullstory_key"
    names = "fullstory"
    value = r"[A-Za-z0-9+/]{40,80}={0,2}"


class GrafanaToken(Token):
    """Grafana API keys, Cloud and service account tokens."""

    rule = "grafana_token"
    keywords = ("eyjrijoi", "glc_", "glsa_")
    value = (
        r"eyJrIjoi[A-Za-z0-9+/_-]{60,400}={0,3}|glc_[A-Za-z0-9+/_-]{32,400}={0,3}"
        r"|glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}"
    )


class HoneycombKey(Named):
    """Honeycomb API keys."""

    rule = "honeycomb_key"
    names = "honeycomb"
    value = r"[A-Za-z0-9]{32}|hc[a-z]ik_[a-z0-9]{58}"


class LaunchDarklyToken(Named):
    """LaunchDarkly access tokens."""

    rule = "launchdarkly_token"
    names = "launchdarkly"
    value = (
        r"(?:api|sdk|mob)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
        r"|[A-Za-z0-9=_-]{40}"
    )


class MixpanelKey(Named):
    """Mixpanel project tokens and secrets."""

    rule = "mixpanel_key"
    names = "mixpanel"
    value = r"[a-f0-9]{32}"


class NewRelicKey(Token):
    """New Relic user, insert, browser and licence keys."""

    rule = "new_relic_key"
    keywords = ("nrak-", "nrii-", "nrjs-", "nraa-", "nral")
    value = (
        r"NRAK-[A-Za-z0-9]{27}|NRII-[A-Za-z0-9-]{32}|NRJS-[a-f0-9]{19}|NRAA-[A-Za-z0-9]{27}"
        r"|[a-f0-9]{36}NRAL"
    )


class NewRelicId(Named):
    """New Relic user API ids."""

    rule = "new_relic_id"
    names = "new-relic|newrelic|new_relic"
    value = r"[A-Za-z0-9]{64}"


class OktaToken(Named):
    """Okta API tokens."""

    rule = "okta_token"
    names = "okta"
    value = r"00[A-Za-z0-9=_-]{40}"


class OpsgenieKey(Named):
    """Opsgenie API keys."""

    rule = "opsgenie_key"
    names = "opsgenie"
    value = r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"


class PagerDutyKey(Named):
    """PagerDuty API keys."""

    rule = "pagerduty_key"
    names = "pagerduty|pager_duty|pd_api"
    value = r"[A-Za-z0-9+_-]{20}|u\+[A-Za-z0-9_+-]{18}"


class PostHogKey(Token):
    """PostHog personal and project keys."""

    rule = "posthog_key"
    keywords = ("phx_", "phc_")
    value = r"ph[xc]_[A-Za-z0-9]{40,50}"


class RollbarToken(Named):
    """Rollbar access tokens."""

    rule = "rollbar_token"
    names = "rollbar"
    value = r"[a-f0-9]{32}"


class SegmentKey(Named):
    """Segment write keys."""

    rule = "segment_key"
    names = "segment_write|segment_key|segment_api|segment"
    value = r"[A-Za-z0-9]{32}"


class SentryToken(Token):
    """Sentry organization and user tokens."""

    rule = "sentry_token"
    keywords = ("sntrys_", "sntryu_", "sntryi_")
    value = r"sntrys_eyJ[A-Za-z0-9+/]{40,400}={0,2}_[A-Za-z0-9+/]{43}|sntry[ui]_[a-f0-9]{64}"


class SentryKey(Named):
    """Sentry access tokens of old versions."""

    rule = "sentry_key"
    names = "sentry"
    value = r"[a-f0-9]{64}"


class SplunkToken(Named):
    """Splunk HTTP event collector tokens."""

    rule = "splunk_token"
    names = "splunk"
    value = r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"


class SumoLogicId(Named):
    """Sumo Logic access ids and keys."""

    rule = "sumologic_id"
    keywords = ("sumo",)
    names = r"sumo[ _]?(?:logic|access|api|id|key|secret|token)"
    value = r"su[A-Za-z0-9]{12}|[A-Za-z0-9]{64}"
