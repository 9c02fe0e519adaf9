"""Keys of clouds, hosting and infrastructure."""

from sanitization.detectors.vendors.forms import LEFT, RIGHT, Named, Secret, Token


class AlibabaAccessKey(Token):
    """Alibaba Cloud AccessKey ids."""

    rule = "alibaba_access_key"
    keywords = ("ltai",)
    value = r"LTAI[A-Za-z0-9]{12,30}"


class AlibabaSecretKey(Named):
    """Alibaba Cloud AccessKey secrets."""

    rule = "alibaba_secret_key"
    names = "alibaba|aliyun"
    value = r"[A-Za-z0-9]{30}"


class AwsBedrockKey(Token):
    """Amazon Bedrock API keys, long-lived and short-lived."""

    rule = "aws_bedrock_key"
    keywords = ("absk", "bedrock-api-key-")
    value = r"ABSK[A-Za-z0-9+/]{80,269}={0,2}|bedrock-api-key-[A-Za-z0-9+/=_-]{20,400}"


class AzureAdSecret(Secret):
    """Client secrets of Microsoft Entra ID applications."""

    rule = "azure_ad_secret"
    keywords = ("q~",)
    randomness = 3.0
    version = 2
    pattern = r"(?:[^\w~.-]|\\[nrt])(?P<value>[\w~.]{3}\dQ~[\w~.-]{31,34})(?:[^\w~-]|$)"


class AzureDevOpsToken(Named):
    """Azure DevOps personal access tokens."""

    rule = "azure_devops_token"
    names = "azure_devops|azuredevops|vsts|azdo"
    value = r"[a-z2-7]{52}"


class CiscoMerakiKey(Named):
    """Cisco Meraki dashboard API keys."""

    rule = "cisco_meraki_key"
    names = "meraki"
    value = r"[a-f0-9]{40}"


class ClickHouseKey(Token):
    """ClickHouse Cloud API secrets."""

    rule = "clickhouse_key"
    keywords = ("4b1d",)
    value = r"4b1d[A-Za-z0-9]{38}"


class CloudflareKey(Named):
    """Cloudflare API tokens and global API keys."""

    rule = "cloudflare_key"
    names = "cloudflare|cf_api|cf-api|cf_global"
    value = r"[A-Za-z0-9_-]{40}|[a-f0-9]{37}"


class CloudflareOriginKey(Token):
    """Cloudflare Origin CA keys."""

    rule = "cloudflare_origin_key"
    keywords = ("v1.0-",)
    value = r"v1\.0-[a-f0-9]{24}-[a-f0-9]{146}"


class CloudinaryUrl(Token):
    """Cloudinary environment URLs, which hold key and secret."""

    rule = "cloudinary_url"
    keywords = ("cloudinary://",)
    value = r"cloudinary://\d{10,20}:[A-Za-z0-9_-]{20,40}@[a-z0-9_-]{1,60}"


class CockroachKey(Named):
    """CockroachDB Cloud API keys."""

    rule = "cockroachdb_key"
    names = "cockroach"
    value = r"CCDB1_[A-Za-z0-9]{22}_[A-Za-z0-9]{40}"


class ConfluentKey(Named):
    """Confluent access tokens and secrets."""

    rule = "confluent_key"
    names = "confluent"
    value = r"[A-Za-z0-9]{16}|[A-Za-z0-9+/]{64}"


class DatabricksToken(Token):
    """Databricks access tokens."""

    rule = "databricks_token"
    keywords = ("dapi", "dose", "dkea")
    value = r"(?:dapi|dose|dkea)[a-f0-9]{32}(?:-\d)?"


class DefinedNetworkingToken(Token):
    """Defined Networking API tokens."""

    rule = "defined_networking_token"
    keywords = ("dnkey-",)
    value = r"dnkey-[a-zA-Z0-9=_-]{26}-[a-zA-Z0-9=_-]{52}"


class DigitalOceanToken(Token):
    """DigitalOcean personal, OAuth and refresh tokens."""

    rule = "digitalocean_token"
    keywords = ("dop_v1_", "doo_v1_", "dor_v1_")
    value = r"do[opr]_v1_[a-f0-9]{64}"


class DopplerToken(Token):
    """Doppler personal, service, CLI and audit tokens."""

    rule = "doppler_token"
    keywords = ("dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit.")
    value = r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}"


class FastlyToken(Named):
    """Fastly API tokens."""

    rule = "fastly_token"
    names = "fastly"
    value = r"[A-Za-z0-9=_-]{32}"


class FlyToken(Token):
    """Fly.io access tokens."""

    rule = "fly_token"
    keywords = ("fo1_", "fm1a_", "fm1r_", "fm2_")
    value = r"fo1_[A-Za-z0-9_-]{43}|fm1[ar]_[A-Za-z0-9+/]{90,460}={0,3}|fm2_[A-Za-z0-9+/]{90,460}={0,3}"


class HarnessKey(Token):
    """Harness personal and service account tokens."""

    rule = "harness_key"
    keywords = ("pat.", "sat.")
    value = r"(?:pat|sat)\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}"


class HashiCorpTerraformToken(Token):
    """Terraform Cloud API tokens."""

    rule = "terraform_token"
    keywords = (".atlasv1.",)
    value = r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9=_-]{60,70}"


class HashiCorpTerraformPassword(Named):
    """Administrator passwords in Terraform configurations."""

    rule = "terraform_password"
    names = "administrator_login_password"
    randomness = 2.0
    value = r"[A-Za-z0-9=_!@#$%^&*-]{8,40}"


class VaultToken(Token):
    """HashiCorp Vault service, batch and recovery tokens."""

    rule = "vault_token"
    keywords = ("hvs.", "hvb.", "hvr.")
    value = r"hv[sbr]\.[A-Za-z0-9_-]{24,300}"


class VaultLegacyToken(Named):
    """HashiCorp Vault service tokens of old versions."""

    rule = "vault_legacy_token"
    names = "vault_token|vault-token|vault_root|vault"
    value = r"s\.[A-Za-z0-9]{24}"


class HerokuKey(Named):
    """Heroku API keys, which are UUIDs."""

    rule = "heroku_key"
    names = "heroku"
    value = r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"


class HerokuToken(Token):
    """Heroku API tokens."""

    rule = "heroku_token"
    keywords = ("hrku-",)
    value = r"HRKU-(?:AA[A-Za-z0-9_-]{58}|[a-f0-9]{8}-(?:[a-f0-9]{4}-){3}[a-f0-9]{12})"


class IbmKey(Named):
    """IBM Cloud API keys."""

    rule = "ibm_key"
    names = "ibm_cloud|ibmcloud|ibm_api|bluemix|softlayer"
    value = r"[A-Za-z0-9_-]{44}|[a-f0-9]{64}"


class InfracostKey(Token):
    """Infracost API keys."""

    rule = "infracost_key"
    keywords = ("ico-",)
    value = r"ico-[A-Za-z0-9]{32}"


class LinodeToken(Named):
    """Linode access tokens."""

    rule = "linode_token"
    names = "linode"
    value = r"[a-f0-9]{64}"


class NetlifyToken(Named):
    """Netlify access tokens."""

    rule = "netlify_token"
    names = "netlify"
    value = r"[A-Za-z0-9=_-]{40,46}|nfp_[A-Za-z0-9]{36}"


class OctopusKey(Token):
    """Octopus Deploy API keys."""

    rule = "octopus_key"
    keywords = ("api-",)
    value = r"API-[A-Z0-9]{26}"


class OpenShiftToken(Token):
    """OpenShift user tokens."""

    rule = "openshift_token"
    keywords = ("sha256~",)
    value = r"sha256~[A-Za-z0-9_-]{43}"


class OvhKey(Named):
    """OVH application and consumer keys."""

    rule = "ovh_key"
    names = "ovh"
    value = r"[A-Za-z0-9]{16}|[A-Za-z0-9]{32}"


class PlanetScaleKey(Token):
    """PlanetScale tokens and passwords."""

    rule = "planetscale_key"
    keywords = ("pscale_tkn_", "pscale_oauth_", "pscale_pw_")
    value = r"pscale_(?:tkn|oauth|pw)_[A-Za-z0-9=._-]{32,64}"


class PrefectKey(Token):
    """Prefect API keys."""

    rule = "prefect_key"
    keywords = ("pnu_", "pnb_")
    value = r"pn[ub]_[A-Za-z0-9]{36}"


class PulumiToken(Token):
    """Pulumi access tokens."""

    rule = "pulumi_token"
    keywords = ("pul-",)
    value = r"pul-[a-f0-9]{40}"


class RenderKey(Token):
    """Render API keys."""

    rule = "render_key"
    keywords = ("rnd_",)
    value = r"rnd_[A-Za-z0-9]{28,40}"


class ScalingoToken(Token):
    """Scalingo API tokens."""

    rule = "scalingo_token"
    keywords = ("tk-us-", "tk-eu-")
    value = r"tk-(?:us|eu)-[A-Za-z0-9_-]{48}"


class ScalewayKey(Named):
    """Scaleway secret keys, which are UUIDs."""

    rule = "scaleway_key"
    names = "scaleway|scw_"
    value = r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"


class SettleMintToken(Token):
    """SettleMint personal, application and service tokens."""

    rule = "settlemint_token"
    keywords = ("sm_pat_", "sm_aat_", "sm_sat_")
    value = r"sm_(?:pat|aat|sat)_[A-Za-z0-9]{16}"


class SupabaseKey(Token):
    """Supabase access tokens and secret keys."""

    rule = "supabase_key"
    keywords = ("sbp_", "sb_secret_")
    value = r"sbp_[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{20,60}"


class TailscaleKey(Token):
    """Tailscale keys."""

    rule = "tailscale_key"
    keywords = ("tskey-",)
    value = r"tskey-(?:auth|api|client|scim|webhook)-[A-Za-z0-9]{6,24}-[A-Za-z0-9]{16,48}"


class TencentKey(Token):
    """Tencent Cloud secret ids."""

    rule = "tencent_key"
    keywords = ("akid",)
    value = r"AKID[A-Za-z0-9]{32}"


class UpCloudToken(Token):
    """UpCloud API tokens."""

    rule = "upcloud_token"
    keywords = ("ucat_",)
    value = r"ucat_[A-Z0-9]{26}"


class VercelToken(Named):
    """Vercel access tokens."""

    rule = "vercel_token"
    names = "vercel|zeit"
    value = r"[A-Za-z0-9]{24}"


class VultrKey(Named):
    """Vultr API keys."""

    rule = "vultr_key"
    names = "vultr"
    value = r"[A-Z0-9]{36}"


class YandexKey(Token):
    """Yandex Cloud API keys and IAM tokens."""

    rule = "yandex_key"
    keywords = ("aqvn", "t1.")
    value = r"AQVN[A-Za-z0-9_-]{35,38}|t1\.[A-Za-z0-9_-]{1,100}={0,2}\.[A-Za-z0-9_-]{86}={0,2}"


class YandexAwsKey(Named):
    """Static access keys of Yandex Object Storage."""

    rule = "yandex_aws_key"
    names = "yandex"
    value = r"YC[A-Za-z0-9_-]{38}"


class AwsAccessKey(Secret):
    """Access key ids of AWS users, roles, bearer tokens and old accounts."""

    rule = "aws_access_key"
    keywords = ("akia", "asia", "abia", "acca", "a3t")
    pattern = rf"{LEFT}(?P<value>(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{{16}}){RIGHT}"
