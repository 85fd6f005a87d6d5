"""ONNX Runtime: opens every exported graph; without its telemetry, and without what it says about it.

Neither torch nor the package `onnx` is imported here.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

from retrieval.storage.names import as_utf8

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


def open_session(path: Path, threads: int | None, *, pack: bool = True) -> Any:
    """An inference session on the CPU over the graph in `path`.

    Without `pack` weights are used as they lie in the file. Packing them for the multiplication takes 0.1 to 0.3 s for
    a tower of ViT-B-32 and as much memory again, and is worth it from some inputs on: a text then takes 30 ms of
    processor time instead of 70.
    """
    runtime = onnx_runtime()
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.disable_prepacking", "0" if pack else "1")
    # Threads that spin while they wait take the processor from those that decode, and from whatever comes next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.intra_op_num_threads = threads or 0
    with as_utf8(path) as name:
        return runtime.InferenceSession(str(name), options, providers=["CPUExecutionProvider"])
