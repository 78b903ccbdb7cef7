"""Has PyPI's `standardwebhooks` verify the `{ "secret", "headers", "body" }` on standard input.

It prints the type of the event, or fails.
"""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

message = json.load(sys.stdin)
try:
    event = Webhook(message["secret"]).verify(message["body"], message["headers"])
except WebhookVerificationError as refusal:
    sys.exit(f"refused: {refusal}")
print(event["type"])
