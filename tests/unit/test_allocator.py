"""Tuning of the C library's allocator."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import textwrap

import pytest

_COUNTING = textwrap.dedent("""
    import ctypes, sys
    from vasari.retrieval.allocator import FOR_PICTURES, return_large_blocks

    class Mallinfo(ctypes.Structure):
        _fields_ = [(name, ctypes.c_size_t) for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")]

    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.mallinfo2.restype = Mallinfo
    if sys.argv[1] == "fixed":
        return_large_blocks(FOR_PICTURES)
    libc.free(libc.malloc(4_000_000))  # from now on malloc would keep blocks as large as that
    before = libc.mallinfo2().hblkhd
    libc.malloc(3_000_000)
    print(libc.mallinfo2().hblkhd - before >= 3_000_000)
""")


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="glibc only"
)
@pytest.mark.parametrize(("how", "mapped"), [("fixed", "True"), ("left", "False")])
def test_pixels_of_photos_go_back_to_the_system(how: str, mapped: str) -> None:
    """A block of the size of a decoded photo is mapped, and so given back, also after others like it were freed."""
    ran = subprocess.run([sys.executable, "-c", _COUNTING, how], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [mapped]
