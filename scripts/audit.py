"""
Known vulnerabilities in what constraints.txt pins, by pip-audit. Exits with 1 where it finds any.

It asks a service besides the package index. Where that cannot be reached, or does not know a package (a
mirror often has no advisories), this says so and fails nothing: a check that depends on the network is no
check of the code.
"""

import json
import subprocess
import sys

COMMAND = ["pip-audit", "-r", "constraints.txt", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
SECONDS = 120


def main() -> int:
    try:
        done = subprocess.run([*COMMAND, "-f", "json"], capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        print("NOT AUDITED: the advisory service did not answer.")
        return 0
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print("NOT AUDITED: the advisory service cannot be reached.")
        return 0
    unknown = [one["name"] for one in found if "skip_reason" in one]
    vulnerable = [one for one in found if one.get("vulns")]
    for one in vulnerable:
        for hole in one["vulns"]:
            print(f"{one['name']} {one['version']}: {hole['id']}, fixed in {hole['fix_versions'] or 'none'}")
    if unknown:
        print(
            f"NOT AUDITED: {len(unknown)} of {len(found)} packages; the service has no advisories for them."
        )
    return 1 if vulnerable else 0


if __name__ == "__main__":
    sys.exit(main())
