"""Where clients find the gateway, which an environment variable says, and what its models are called."""

import os

BASE = os.environ.get("GATEWAY_BASE", "")
KEY = os.environ.get("GATEWAY_KEY", "")
MODEL = "smollm2-135m"
VECTORS = "e5"
