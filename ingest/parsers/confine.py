"""What a child process gives up before it reads a hostile file: resources and the network."""

from __future__ import annotations

import ctypes
import platform
import resource
import struct
import sys
from typing import Any

from ingest.parsers.limits import MEBIBYTE, ParseLimits

_FILE_BYTES = MEBIBYTE  # only Python's own byte-code cache is ever written
_OPEN_FILES = 64

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_ALLOW = 0x7FFF0000
_REFUSE_EPERM = 0x00050001
_LOAD_WORD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K
_X32_BIT = 0x40000000
# Audit architecture, then: socket, connect, socketpair, ptrace, execve, execveat, fork, vfork.
_SYSTEM_CALLS = {
    "x86_64": (0xC000003E, (41, 42, 53, 101, 59, 322, 57, 58)),
    "aarch64": (0xC00000B7, (198, 203, 199, 117, 221, 281)),
}
_REFUSED_EVENTS = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "urllib.")


def confine(limits: ParseLimits, *, memory_bytes: int) -> None:
    """Apply every limit to this process. There is no way back, so only a child may call it."""
    _limit(resource.RLIMIT_CORE, 0, 0)
    _limit(resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 1)
    _limit(resource.RLIMIT_FSIZE, _FILE_BYTES, _FILE_BYTES)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES, _OPEN_FILES)
    _limit(resource.RLIMIT_AS, memory_bytes, memory_bytes)
    sys.addaudithook(_refuse_network)
    refuse_system_calls()


def refuse_system_calls() -> bool:
    """Forbid sockets and new programs to native code too; return whether the kernel agreed.

    A filter needs no privilege, unlike a network namespace, and so works in a plain container.
    Where it is not to be had (another system or processor) the audit hook still guards Python code.
    """
    known = _SYSTEM_CALLS.get(platform.machine())
    if not sys.platform.startswith("linux") or known is None:
        return False
    instructions = _filter_program(*known)
    size = len(instructions) // 8
    buffer = ctypes.create_string_buffer(instructions, len(instructions))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", size, ctypes.addressof(buffer)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0) == 0)


def _filter_program(architecture: int, calls: tuple[int, ...]) -> bytes:
    """Return BPF code: refuse the listed calls and foreign call tables, allow the rest."""
    refuse_at = len(calls) + 5
    code = [
        (_LOAD_WORD, 0, 0, 4),  # the architecture
        (_JUMP_EQUAL, 0, refuse_at - 2, architecture),
        (_LOAD_WORD, 0, 0, 0),  # the call's number
        (_JUMP_AT_LEAST, refuse_at - 4, 0, _X32_BIT),
    ]
    code += [(_JUMP_EQUAL, refuse_at - 5 - at, 0, number) for at, number in enumerate(calls)]
    code += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE_EPERM)]
    return b"".join(struct.pack("HBBI", *instruction) for instruction in code)


def _limit(kind: int, soft: int, hard: int) -> None:
    """Lower a limit; one that is already lower stays."""
    _, ceiling = resource.getrlimit(kind)
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    try:
        resource.setrlimit(kind, (soft, hard))
    except (ValueError, OSError):
        # macOS has no usable RLIMIT_AS; the wall clock and the CPU limit still hold there.
        if sys.platform.startswith("linux"):
            raise


def _refuse_network(event: str, _arguments: tuple[Any, ...]) -> None:
    if event.startswith(_REFUSED_EVENTS):
        raise PermissionError(f"A parser may not use {event}.")
