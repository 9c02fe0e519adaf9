"""Keys of source code hosts, package registries and builds."""

from sanitization.detectors.vendors.forms import Named, Token


class ArtifactoryToken(Token):
    """Artifactory API keys and reference tokens."""

    rule = "artifactory_token"
    keywords = ("akcp", "cmvmdgtu")
    value = r"AKCp[A-Za-z0-9]{60,80}|cmVmdGtu[A-Za-z0-9]{56}"


class BitbucketKey(Named):
    """Bitbucket client ids and secrets."""

    rule = "bitbucket_key"
    names = "bitbucket"
    value = r"[A-Za-z0-9]{32}|[A-Za-z0-9=_-]{64}"


class BitbucketToken(Token):
    """Bitbucket app passwords and repository tokens."""

    rule = "bitbucket_token"
    keywords = ("atbb", "atctt3")
    value = r"ATBB[A-Za-z0-9]{32}|ATCTT3[A-Za-z0-9_=-]{100,300}"


class BuildkiteToken(Token):
    """Buildkite user access tokens."""

    rule = "buildkite_token"
    keywords = ("bkua_",)
    value = r"bkua_[a-f0-9]{40}"


class CircleCiToken(Named):
    """CircleCI personal and project tokens."""

    rule = "circleci_token"
    names = "circleci|circle_ci|circle_token|circle-token"
    value = r"[a-f0-9]{40}|CCIPAT_[A-Za-z0-9_]{20,80}"


class ClojarsToken(Token):
    """Clojars deploy tokens."""

    rule = "clojars_token"
    keywords = ("clojars_",)
    value = r"(?i:CLOJARS_)[A-Za-z0-9]{60}"


class CodecovToken(Named):
    """Codecov upload tokens."""

    rule = "codecov_token"
    names = "codecov"
    value = r"[A-Za-z0-9]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"


class DockerToken(Token):
    """Docker Hub access tokens."""

    rule = "docker_token"
    keywords = ("dckr_pat_", "dckr_oat_")
    value = r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,60}"


class DroneToken(Named):
    """Drone CI tokens."""

    rule = "droneci_token"
    names = "droneci|drone_token|drone-token"
    value = r"[A-Za-z0-9]{32}"


class GitHubToken(Token):
    """Personal, OAuth, user-to-server, server and refresh tokens of GitHub, and fine-grained ones."""

    rule = "github_token"
    keywords = ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_")
    value = r"gh[opsur]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255}"


class GitLabToken(Token):
    """GitLab tokens: personal, deploy, runner, trigger, feed, mail, agent, job; session cookies."""

    rule = "gitlab_token"
    keywords = (
        "glpat-",
        "gldt-",
        "glrt-",
        "glrtr-",
        "glptt-",
        "glft-",
        "glimt-",
        "glagent-",
        "gloas-",
        "glcbt-",
        "glsoat-",
        "glffct-",
        "glwt-",
        "gr1348941",
        "_gitlab_session=",
    )
    value = (
        # A run without a hyphen, longer than any prefix, keeps text that repeats a prefix free of candidates.
        r"gl(?:pat|dt|rt|rtr|ptt|ft|imt|agent|oas|cbt|soat|ffct|wt)-[A-Za-z0-9_.=-]{0,40}[A-Za-z0-9_]{8}"
        r"[A-Za-z0-9_.=-]{0,280}|GR1348941[A-Za-z0-9_-]{20,40}|_gitlab_session=[A-Za-z0-9]{32}"
    )

    def accept(self, candidate: str) -> int:
        return super().accept(candidate) if len(candidate) >= 25 else 0


class JenkinsToken(Named):
    """Jenkins API tokens."""

    rule = "jenkins_token"
    names = "jenkins"
    value = r"11[a-f0-9]{32}|[a-f0-9]{32}"


class JfrogToken(Named):
    """JFrog API keys and identity tokens."""

    rule = "jfrog_token"
    names = "jfrog|artifactory|bintray|xray"
    value = r"[A-Za-z0-9]{73}|[A-Za-z0-9]{64}"


class NpmToken(Token):
    """Granular and classic access tokens of npm."""

    rule = "npm_token"
    keywords = ("npm_",)
    value = r"npm_[A-Za-z0-9]{36,64}"


class NuGetKey(Token):
    """NuGet API keys."""

    rule = "nuget_key"
    keywords = ("oy2",)
    value = r"oy2[a-z0-9]{43}"


class PyPiToken(Token):
    """Upload tokens of PyPI: macaroons, whose first bytes name the index."""

    rule = "pypi_token"
    keywords = ("pypi-",)
    value = r"pypi-[A-Za-z0-9_]{8}[A-Za-z0-9_-]{42,490}"


class RubyGemsToken(Token):
    """RubyGems API tokens."""

    rule = "rubygems_token"
    keywords = ("rubygems_",)
    value = r"rubygems_[a-f0-9]{48}"


class SnykToken(Token):
    """Snyk platform tokens."""

    rule = "snyk_token"
    keywords = ("snyk_uat.", "snyk_sat.")
    value = r"snyk_[us]at\.[A-Za-z0-9]{8}\.[A-Za-z0-9_.-]{40,200}"


class SnykKey(Named):
    """Snyk API keys, which are UUIDs."""

    rule = "snyk_key"
    names = "snyk"
    value = r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"


class SonarToken(Token):
    """SonarQube user, project and analysis tokens."""

    rule = "sonar_token"
    keywords = ("squ_", "sqp_", "sqa_")
    value = r"sq[upa]_[a-f0-9]{40}"


class SonarKey(Named):
    """Sonar tokens of old versions."""

    rule = "sonar_key"
    names = "sonar.login|sonar_login|sonar_token|sonartoken|sonarqube|sonarcloud|sonar"
    value = r"(?:sq[upa]_)?[A-Za-z0-9=_-]{40}"
    randomness = 2.5


class SourcegraphToken(Token):
    """Sourcegraph access tokens."""

    rule = "sourcegraph_token"
    keywords = ("sgp_", "slk_")
    value = r"sgp_(?:[a-fA-F0-9]{16}|local)_[a-fA-F0-9]{40}|sgp_[a-fA-F0-9]{40}|slk_[a-f0-9]{64}"


class TravisToken(Named):
    """Travis CI access tokens."""

    rule = "travisci_token"
    names = "travis"
    value = r"[A-Za-z0-9_-]{22}"


class AtlassianToken(Token):
    """Atlassian API tokens."""

    rule = "atlassian_token"
    keywords = ("atatt3",)
    value = r"ATATT3[A-Za-z0-9_=-]{100,400}"


class AtlassianKey(Named):
    """Atlassian API tokens of old versions."""

    rule = "atlassian_key"
    names = "atlassian|confluence|jira"
    value = r"[A-Za-z0-9]{20}[a-f0-9]{4}|[A-Za-z0-9]{24}"
