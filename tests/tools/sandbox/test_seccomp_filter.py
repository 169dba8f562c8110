"""The filter of system calls, run by a plain interpreter for both architectures, and its numbers."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from gptoss.tools.sandbox import seccomp
from gptoss.tools.sandbox.seccomp import ALLOW, ERRNO, KILL, assembled, program
from gptoss.tools.sandbox.syscalls import (
    AARCH64,
    ARCHITECTURES,
    LAST,
    NUMBERS,
    X86_64,
    Architecture,
    number_of,
)
from tests.tools.sandbox import bpf

PID = 4711
OTHER = 4712
EPERM, ENOSYS, ENOTSUP, ENOTTY = (
    ERRNO | each for each in (errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.ENOTTY)
)
HIGH = 1 << 32
architectures = pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
# Calls that Python cannot do without: on x86-64 and on aarch64.
NEEDED = {
    **{"read": (0, 63), "write": (1, 64), "mmap": (9, 222), "openat": (257, 56), "close": (3, 57)},
    **{"futex": (202, 98), "exit_group": (231, 94), "rt_sigaction": (13, 134), "brk": (12, 214)},
    **{"getrandom": (318, 278), "recvfrom": (45, 207), "pipe2": (293, 59)},
    **{"unlinkat": (263, 35), "mkdirat": (258, 34), "newfstatat": (262, 79), "mprotect": (10, 226)},
    **{"epoll_create1": (291, 20), "sched_yield": (24, 124)},
}


def decided(
    architecture: Architecture, number: int, *arguments: int, on_host_files: bool = False
) -> int:
    made = program(architecture, PID, on_host_files=on_host_files)
    return bpf.run(made, number, architecture.audit, arguments)


def of(
    architecture: Architecture, name: str, *arguments: int, on_host_files: bool = False
) -> int | None:
    number = number_of(name, architecture)
    if number is None:
        return None
    return decided(architecture, number, *arguments, on_host_files=on_host_files)


@architectures
def test_names(architecture: Architecture) -> None:
    for name in seccomp.REFUSED:
        assert of(architecture, name) in (EPERM, None), name
    for name in seccomp.UNSUPPORTED:
        assert of(architecture, name) == ENOTSUP, name
    for name in seccomp.REFUSED_ON_HOST_FILES:
        assert of(architecture, name) in (ALLOW, None), name
        assert of(architecture, name, on_host_files=True) in (EPERM, None), name
    for numbers in NEEDED.values():
        assert decided(architecture, numbers[architecture.column]) == ALLOW
        assert decided(architecture, numbers[architecture.column], on_host_files=True) == ALLOW


@architectures
def test_every_number_is_decided(architecture: Architecture) -> None:
    """Each of the table on purpose, all others allowed, whatever is newer as if it were not there."""
    known = {number_of(name, architecture) for name in NUMBERS}
    for number in range(LAST + 1):
        got = decided(architecture, number, on_host_files=True)
        assert number in known or got == ALLOW, number
    for number in (LAST + 1, 1000, 0x3FFFFFFF, 0x40000000, 0x40000000 + 41, 0xFFFFFFFF):
        assert decided(architecture, number) == ENOSYS


@architectures
def test_another_architecture_is_killed(architecture: Architecture) -> None:
    made = program(architecture, PID, on_host_files=False)
    for audit in (X86_64.audit, AARCH64.audit, 0x40000003, 0x40000028, 0):
        if audit != architecture.audit:
            assert bpf.run(made, 0, audit, ()) == KILL


@architectures
@pytest.mark.parametrize(
    ("name", "arguments", "wanted"),
    [
        # A thread, as the C library makes one, and what it uses for posix_spawn, fork and namespaces.
        ("clone", (0x3D0F00,), ALLOW),
        ("clone", (0x4111,), EPERM),
        ("clone", (0x01200011,), EPERM),
        ("clone", (0x10000000 | 0x3D0F00,), EPERM),
        ("clone", (0x00020000 | 0x3D0F00,), EPERM),
        ("clone", (0x40000000 | 0x3D0F00,), EPERM),
        ("clone", (HIGH | 0x11,), EPERM),
        ("clone3", (0, 88), ENOSYS),
        ("socketpair", (1, 1), ALLOW),
        ("socketpair", (1, 1 | 0o2000000 | 0o4000), ALLOW),
        ("socketpair", (1, 2), EPERM),
        ("socketpair", (1, 5), EPERM),
        ("socketpair", (2, 1), EPERM),
        ("socketpair", (HIGH | 2, 1), EPERM),
        ("sendto", (3, 0, 0, 0, 0, 0), ALLOW),
        ("sendto", (3, 0, 0, 0, 0x7F00, 16), EPERM),
        ("sendto", (3, 0, 0, 0, HIGH, 16), EPERM),
        ("kill", (PID, 9), ALLOW),
        ("kill", (OTHER, 9), EPERM),
        ("kill", (0, 9), EPERM),
        ("kill", (-1, 9), EPERM),
        ("kill", (-PID, 9), EPERM),
        # What the kernel does not look at does not decide.
        ("kill", (HIGH | OTHER, 9), EPERM),
        ("tgkill", (PID, OTHER, 9), ALLOW),
        ("tgkill", (OTHER, OTHER, 9), EPERM),
        ("tkill", (OTHER, 9), EPERM),
        ("rt_sigqueueinfo", (OTHER, 9), EPERM),
        ("rt_tgsigqueueinfo", (OTHER, OTHER, 9), EPERM),
        ("prlimit64", (0, 7), ALLOW),
        ("prlimit64", (PID, 7), ALLOW),
        ("prlimit64", (OTHER, 7), EPERM),
        ("setpriority", (0, 0, 5), ALLOW),
        ("setpriority", (0, OTHER, 5), EPERM),
        ("setpriority", (2, 0, 5), EPERM),
        ("sched_setaffinity", (0, 8), ALLOW),
        ("sched_setaffinity", (OTHER, 8), EPERM),
        ("ioctl", (0, 0x5401), ALLOW),
        ("ioctl", (0, 0x5413), ALLOW),
        ("ioctl", (0, 0x5421), ALLOW),
        ("ioctl", (0, HIGH | 0x5401), ALLOW),
        ("ioctl", (0, 0x5412), ENOTTY),
        ("ioctl", (0, 0x541C), ENOTTY),
        ("ioctl", (0, HIGH | 0x5412), ENOTTY),
        ("ioctl", (0, 0x8901), ENOTTY),
        ("ioctl", (0, 0x40086602), ENOTTY),
        ("ioctl", (0, 0x40806685), ENOTTY),
        ("prctl", (15, 0), ALLOW),
        ("prctl", (1, 0), EPERM),
        ("prctl", (HIGH | 1, 0), EPERM),
        ("prctl", (4, 0), EPERM),
        ("clone", (0x3D0F00 & ~0x400,), EPERM),
        ("fcntl", (0, 2), ALLOW),
        ("fcntl", (0, 1030), ALLOW),
        ("fcntl", (0, 8), EPERM),
        ("fcntl", (0, 10), EPERM),
        ("fcntl", (0, 15), EPERM),
        ("fcntl", (0, HIGH | 8), EPERM),
        ("fcntl", (0, 1031), EPERM),
        ("close_range", (3, 9, 0), ALLOW),
        ("close_range", (3, 9, 4), ALLOW),
        ("close_range", (3, 9, 2), EPERM),
        ("close_range", (3, 9, 6), EPERM),
    ],
)
def test_arguments(
    architecture: Architecture, name: str, arguments: tuple[int, ...], wanted: int
) -> None:
    assert of(architecture, name, *arguments) == wanted


@architectures
def test_the_kernel_takes_it(architecture: Architecture) -> None:
    """Short enough, every jump inside, every way ends in a return."""
    made = program(architecture, PID, on_host_files=True)
    assert len(made) < 4096
    for place, each in enumerate(made):
        if each.code & 7 == 5:
            assert place + 1 + max(each.if_true, each.if_false) < len(made)
    assert len(assembled(made)) == 8 * len(made)
    assert len(assembled(made)) < 4096


@pytest.mark.parametrize(
    ("architecture", "header"),
    [
        (X86_64, "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        (AARCH64, "/usr/include/asm-generic/unistd.h"),
    ],
)
def test_numbers_are_those_of_the_kernel(architecture: Architecture, header: str) -> None:
    if not Path(header).is_file():
        pytest.skip(f"no {header} here (linux-libc-dev)")
    text = Path(header).read_text()
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)$", text, re.MULTILINE)
    of_header = {name: int(number) for name, number in found}
    compared = 0
    for name in NUMBERS:
        number = number_of(name, architecture)
        if name in of_header:
            assert number == of_header[name], name
            compared += 1
        else:
            # The header may be older than the table; what it could know and does not have is not there.
            assert number is None or number > max(
                of_header[each] for each in ("futex_waitv", "close_range")
            ), name
    assert compared > 100


# What a sandbox must not have, as it was found by attacks; apart from the lists of the filter itself.
MUST_NOT = """
fork vfork execve execveat clone3
unshare setns chroot pivot_root mount umount2 move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr
socket connect bind listen accept accept4 sendmsg sendmmsg recvmmsg
ptrace process_vm_readv process_vm_writev process_madvise pidfd_open pidfd_getfd pidfd_send_signal kcmp
bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register io_setup
keyctl add_key request_key open_by_handle_at name_to_handle_at fanotify_init inotify_init1
memfd_create memfd_secret shmget shmat semget msgget mq_open
init_module finit_module delete_module kexec_load kexec_file_load swapon swapoff reboot
settimeofday clock_settime clock_adjtime adjtimex acct quotactl syslog sethostname setdomainname personality
symlink symlinkat link linkat mknod mknodat
setxattr lsetxattr fsetxattr removexattr
"""
MUST_NOT_ON_HOST_FILES = """
truncate chmod fchmod fchmodat fchmodat2 chown lchown fchown fchownat utime utimes futimesat utimensat fallocate
"""


@architectures
def test_what_attacks_need_is_refused(architecture: Architecture) -> None:
    refused = (EPERM, ENOSYS, ENOTSUP, None)
    for name in MUST_NOT.split():
        for on_host_files in (False, True):
            assert of(architecture, name, on_host_files=on_host_files) in refused, name
    for name in MUST_NOT_ON_HOST_FILES.split():
        assert of(architecture, name, on_host_files=True) in refused, name


def test_names_are_of_one_list() -> None:
    lists = (
        seccomp.REFUSED
        + seccomp.UNSUPPORTED
        + seccomp.REFUSED_ON_HOST_FILES
        + seccomp.UNSUPPORTED_ON_HOST_FILES
    )
    assert len(set(lists)) == len(lists)
    assert set(lists) <= NUMBERS.keys()
    for column in (0, 1):
        numbers = [each[column] for each in NUMBERS.values() if each[column] is not None]
        assert len(set(numbers)) == len(numbers)
