"""Keys of code hosts, registries, build services and developers' tools."""

from sanitization.detectors.vendors.forms import HEX, UUID, named, token

TABLE = (
    token("bitbucket_app_password", "ATBB", "[A-Za-z0-9]{28,40}", "Bitbucket: app passwords."),
    named("sourcegraph_old_token", "sourcegraph", f"{HEX}{{40}}", "Sourcegraph: tokens of the first form."),
    token("crates_token", "cio", "[A-Za-z0-9]{32}", "crates.io: API tokens."),
    token(
        "packagist_token",
        "packagist_ort_ packagist_out_ packagist_uut_ packagist_ack_",
        "[a-f0-9]{40,80}",
        "Packagist: organization, user and API tokens.",
    ),
    named("cloudsmith_key", "cloudsmith", f"{HEX}{{40}}", "Cloudsmith: API keys."),
    token(
        "jetbrains_token",
        "perm: perm-",
        r"[A-Za-z0-9=]{4,60}\.[A-Za-z0-9=]{2,60}\.[A-Za-z0-9]{20,60}",
        "JetBrains Hub, Space and YouTrack: permanent tokens.",
    ),
    token("postman_collection_key", "PMAT-", "[A-Z0-9]{26}", "Postman: collection access keys."),
    named("gitea_token", "gitea forgejo codeberg", f"{HEX}{{40}}", "Gitea and Forgejo: access tokens."),
    token("launchdarkly_key", "sdk- api- mob-", UUID, "LaunchDarkly: SDK, API and mobile keys."),
    named("browserstack_key", "browserstack", "[A-Za-z0-9]{20}", "BrowserStack: access keys."),
    named("saucelabs_key", "sauce saucelabs", UUID, "Sauce Labs: access keys, which are UUIDs."),
    named("honeybadger_key", "honeybadger", "[A-Za-z0-9]{20,40}|hbp_[A-Za-z0-9]{36}", "Honeybadger: keys."),
    named("airbrake_key", "airbrake", f"{HEX}{{32}}|{HEX}{{40}}", "Airbrake: project and user keys."),
    named(
        "codeclimate_token",
        "codeclimate code_climate cc_test_reporter",
        f"{HEX}{{40}}|{HEX}{{64}}",
        "Code Climate: tokens.",
    ),
    named("coveralls_token", "coveralls", "[A-Za-z0-9]{32,37}", "Coveralls: repository tokens."),
    token("crowdin_token", "crowdin_", "[a-f0-9]{80}", "Crowdin: personal access tokens."),
    named("lokalise_token", "lokalise", f"{HEX}{{40}}", "Lokalise: API tokens."),
    token("statsig_key", "secret- console-", "[A-Za-z0-9]{40,46}", "Statsig: server and console keys."),
)
