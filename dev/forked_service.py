"""``labeling`` commands, each in a process of its own that is forked from this one, which has imported the service."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module

from dev.forks import await_orders

# What the commands import when they start, or with the first requests.
MODULES = (
    "labeling_provider.cli",
    "labeling_provider.service.__main__",
    "labeling_provider.service.app",
    "labeling_provider.service.cloud.openid",
    "labeling_provider.service.database.migrations",
    "moto.cognitoidp.models",
    "moto.iam.models",
    "moto.s3.models",
    "moto.sagemaker.models",
    "moto.sns.models",
    "moto.sqs.models",
    "moto.sts.models",
)


def main() -> None:
    """Import, then fork."""
    gc.disable()
    # It sets what moto reads when it is imported.
    import_module("labeling_provider.service.cloud.embedded.server").Moto("us-east-1")
    for name in MODULES:
        import_module(name)
    # moto's ids come from it, and no two processes may give the same.
    os.register_at_fork(after_in_child=import_module("moto.moto_api._internal").mock_random.seed)
    if await_orders():
        if "MOVED_CLOCK" in os.environ:
            # What Python reads when it starts.
            import_module("dev.moved.sitecustomize")
        sys.exit(import_module("labeling_provider.cli").main())


if __name__ == "__main__":
    main()
