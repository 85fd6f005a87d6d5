"""malloc tuning (M_MMAP_THRESHOLD of glibc): large blocks are mapped, and go back to the system when freed.

The C library's allocator raises by itself the size from which it maps blocks, up to 32 MiB, and then keeps what each
thread has freed: twelve pictures of 200 MB, decoded two at a time, left a process of 2.8 GB, and 200 of 12 megapixels
left 50 MiB in the one that indexed them.
"""

from __future__ import annotations

import ctypes
import gc
import sys

_M_MMAP_THRESHOLD = -3  # malloc.h of glibc
MEBIBYTE = 1024 * 1024
FOR_ANSWERS = 8 * MEBIBYTE  # a picture's pixels are in blocks of 16 MiB, a model's sums are mostly smaller
FOR_PICTURES = 2 * MEBIBYTE  # the file of a photo of 12 megapixels, and its pixels at a quarter


def return_large_blocks(size: int) -> None:
    """Have blocks of so many bytes mapped, in this process; of no effect where the C library is another."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # musl has none, and always gives back
        mallopt(_M_MMAP_THRESHOLD, size)


def give_back_memory() -> None:
    """Have the system take back what is free by now (malloc_trim of glibc)."""
    gc.collect()  # models are full of circles
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
