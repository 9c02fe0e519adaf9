"""Credentials whose shape no single vendor owns: tokens, keys and passwords in a telling place."""

from sanitization.detectors.base import PatternDetector


class JsonWebToken(PatternDetector):
    """RFC 7519 in compact form: two base64url JSON objects and a signature, which may be empty."""

    rule = "jwt"
    keywords = ("ey",)
    pattern = r"ey[A-Za-z0-9_-]{15,}\.ey[A-Za-z0-9_-]{15,}\.(?:[A-Za-z0-9_-]{10,}={0,2})?"


class UrlPassword(PatternDetector):
    """The password in scheme://user:password@host (RFC 3986, section 3.2.1)."""

    rule = "url_password"
    score = 0.95
    keywords = ("://",)
    pattern = (
        r"[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s/?#:\"'<>]{0,128}:"
        r"(?P<value>[^\s/@\[\]\"'<>`]{1,256})@[A-Za-z0-9\[]"
    )


class AwsSecretKey(PatternDetector):
    """The 40 characters of an AWS secret access key, which only their name tells from any hash."""

    rule = "aws_secret_key"
    keywords = ("secret",)
    pattern = (
        r"(?i:aws.{0,20}secret|secret.{0,3}access.{0,3}key|secret.{0,3}key)[\w .-]{0,20}"
        r"[\"']?\s{0,3}(?i:=>|:=|=|:|is|,)\s{0,3}[\"'`]?"
        r"(?P<value>[A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)"
    )


class AzureStorageKey(PatternDetector):
    """Azure storage account keys: 64 bytes in base64, always with two equals signs."""

    rule = "azure_storage_key"
    keywords = ("==",)
    pattern = r"[^A-Za-z0-9/+](?P<value>[A-Za-z0-9/+]{86}==)"
