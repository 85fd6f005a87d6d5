"""ONNX Runtime, without its telemetry and without what it says about it."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

_importing = threading.Lock()


def onnx_runtime() -> Any:
    """The module `onnxruntime`, imported once, with its telemetry off.

    While it is imported it wants to keep a device id below HOME, and where that cannot be written it says so on
    stderr, before anybody could turn that off (1.25): descriptor 2 leads nowhere meanwhile.
    """
    with _importing:
        if "onnxruntime" in sys.modules:
            return sys.modules["onnxruntime"]
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            import onnxruntime
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)
        onnxruntime.disable_telemetry_events()
        return onnxruntime
