"""The filter of system calls that every sandbox has, as a classic BPF program.

Refused is by name; what is newer than the table is answered as an older kernel would. One process without children is
what most of the rest stands on: memory is bounded by that process's, nothing survives it, and the one pid that signals
may go to is known.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable
from typing import NamedTuple

from gptoss.tools.sandbox.syscalls import LAST, X86_64, Architecture, number_of

# Operations of classic BPF, and where `struct seccomp_data` has its fields.
LOAD, JUMP_EQUAL, JUMP_GREATER, JUMP_GREATER_EQUAL, JUMP_SET = 0x20, 0x15, 0x25, 0x35, 0x45
AND, RETURN = 0x54, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
# Bit of the numbers of the x32 ABI, whose calls are those of x86-64 under other numbers.
_X32 = 0x40000000

# CLONE_VM, FS, FILES, SIGHAND and THREAD: what all threads of Python share. Descriptors of its own would be uncounted.
_CLONE_SHARED = 0x00000100 | 0x00000200 | 0x00000400 | 0x00000800 | 0x00010000
# CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, and CLONE_NEWTIME's bit in unshare's form.
_CLONE_NEW = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000
_CLONE_NEW |= 0x40000000
_AF_UNIX, _SOCK_STREAM, _SOCK_TYPE_MASK = 1, 1, 0xF
# TCGETS, TCGETS2, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX. Others type into terminals, have signals sent, or
# change attributes of files that may only be read.
_IOCTLS = (0x5401, 0x802C542A, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# PR_SET_PDEATHSIG and PR_SET_DUMPABLE: it ends with its host, which can see what it holds.
_PRCTLS = (1, 4)
# F_SETOWN, F_SETSIG, F_SETOWN_EX: a file's owner gets any signal, whoever that is. F_SETLEASE, F_NOTIFY: others' files.
# F_SETPIPE_SZ: of what pipes hold, a user has so much in all its processes.
_FCNTLS = (8, 10, 15, 1024, 1026, 1031)
# Nothing, and CLOSE_RANGE_CLOEXEC. With CLOSE_RANGE_UNSHARE a thread would have descriptors of its own, uncounted.
_CLOSE_RANGES = (0, 4)

# No process but this one, and no program but the one that runs.
_PROCESSES = ("fork", "vfork", "execve", "execveat")
# Namespaces and mounts, old and new.
_NAMESPACES = (
    *("unshare", "setns", "chroot", "pivot_root", "mount", "umount2", "move_mount", "open_tree"),
    *("fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "statmount", "listmount"),
)
# Every socket; a socketpair stays (asyncio wakes itself by one), held below to streams, which reach nobody else.
_SOCKETS = ("socket", "connect", "bind", "listen", "accept", "accept4", "recvmmsg")
# Other processes' memory, descriptors and pages.
_OTHERS = (
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease"),
    *("pidfd_open", "pidfd_getfd", "pidfd_send_signal", "kcmp", "migrate_pages", "move_pages"),
    *("get_robust_list", "ioprio_set"),
)
# Kernel interfaces with a history of holes, and ways around checks of paths.
_KERNEL = (
    *("bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter"),
    *("io_uring_register", "io_setup", "keyctl", "add_key", "request_key", "open_by_handle_at"),
    *("name_to_handle_at", "lookup_dcookie", "lsm_set_self_attr"),
    # Who opens which files is not for others to watch.
    *("fanotify_init", "fanotify_mark", "inotify_init", "inotify_init1", "inotify_add_watch"),
)
# Descriptors on their way to itself, and memory, that no limit of the process counts: a page in a pipe keeps all of the
# two megabytes that it is of, when these are unmapped.
_MEMORY = (
    *("vmsplice", "splice", "tee"),
    *(
        "sendmsg",
        "sendmmsg",
        "memfd_create",
        "memfd_secret",
        "shmget",
        "shmat",
        "shmctl",
        "shmdt",
        "semget",
        "semop",
    ),
    *("semctl", "semtimedop", "msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink"),
    "mq_notify",
)
_ADMINISTRATION = (
    *("init_module", "finit_module", "delete_module", "create_module", "kexec_load", "swapon"),
    *("kexec_file_load", "swapoff", "reboot", "settimeofday", "clock_settime", "clock_adjtime"),
    *("adjtimex", "acct", "quotactl", "quotactl_fd", "syslog", "sethostname", "setdomainname"),
    *("personality", "iopl", "ioperm", "modify_ldt", "nfsservctl", "vhangup", "uselib", "ustat"),
    *("sysfs", "_sysctl", "sync", "syncfs"),
)
# Links and devices: there is nothing in the folder that could lead whoever reads it elsewhere.
_LINKS = ("symlink", "symlinkat", "link", "linkat", "mknod", "mknodat")
# Programs that copy files ask for these and go on where a file system has none.
_ATTRIBUTES = (
    *("setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr"),
    *("getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr"),
)
REFUSED = (
    *(_PROCESSES + _NAMESPACES + _SOCKETS + _OTHERS + _KERNEL),
    *(_MEMORY + _ADMINISTRATION + _LINKS),
)
UNSUPPORTED = _ATTRIBUTES
# Landlock has no say on these, and the user's own files may be in reach there.
REFUSED_ON_HOST_FILES = (
    *("truncate", "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown"),
    *("fchownat", "utime", "utimes", "futimesat", "utimensat"),
)
# Takes a disk's room without writing, faster than anybody can watch.
UNSUPPORTED_ON_HOST_FILES = ("fallocate",)


class Instruction(NamedTuple):
    """One instruction; the jumps are how many of the next ones are left out."""

    code: int
    if_true: int
    if_false: int
    value: int


def program(architecture: Architecture, pid: int, *, on_host_files: bool) -> list[Instruction]:
    """The filter of a process.

    pid            its own, as it sees it itself: the one that signals may go to
    on_host_files  whether its files are among the user's, not on a file system of its own
    """
    refused, unsupported = [*REFUSED], [*UNSUPPORTED]
    if on_host_files:
        refused += REFUSED_ON_HOST_FILES
        unsupported += UNSUPPORTED_ON_HOST_FILES
    made = [
        # Another architecture's calls have other numbers: there is no telling what they are.
        _load(_ARCHITECTURE),
        Instruction(JUMP_EQUAL, 1, 0, architecture.audit),
        Instruction(RETURN, 0, 0, KILL),
        _load(_NUMBER),
    ]
    if architecture is X86_64:
        made += [Instruction(JUMP_GREATER_EQUAL, 0, 1, _X32), _fail(errno.ENOSYS)]
    made += [Instruction(JUMP_GREATER, 0, 1, LAST), _fail(errno.ENOSYS)]
    for names, number in ((refused, errno.EPERM), (unsupported, errno.ENOTSUP)):
        for name in names:
            made += _if_call(architecture, name, [_fail(number)])
    for name, block in _looked_at(pid).items():
        made += _if_call(architecture, name, block)
    return [*made, _allow()]


def assembled(instructions: Iterable[Instruction]) -> bytes:
    """Instructions as the kernel takes them: `struct sock_filter` each, in the machine's order of bytes."""
    return b"".join(struct.pack("=HBBI", *each) for each in instructions)


def _looked_at(pid: int) -> dict[str, list[Instruction]]:
    """Calls that are decided by their arguments. A block leaves by a return on every way."""
    own = _unless(0, (pid,))
    self_alone = _unless(0, (0, pid))
    return {
        "clone": [
            _argument(0),
            Instruction(AND, 0, 0, _CLONE_SHARED),
            Instruction(JUMP_EQUAL, 0, 2, _CLONE_SHARED),
            _argument(0),
            Instruction(JUMP_SET, 0, 1, _CLONE_NEW),
            _fail(errno.EPERM),
            _allow(),
        ],
        # Its flags are in memory, where a filter cannot see them; the C library falls back to clone.
        "clone3": [_fail(errno.ENOSYS)],
        "socketpair": [
            _argument(0),
            Instruction(JUMP_EQUAL, 0, 3, _AF_UNIX),
            _argument(1),
            Instruction(AND, 0, 0, _SOCK_TYPE_MASK),
            Instruction(JUMP_EQUAL, 1, 0, _SOCK_STREAM),
            # A datagram's address could be any socket of this machine.
            _fail(errno.EPERM),
            _allow(),
        ],
        "sendto": [
            _argument(4),
            Instruction(JUMP_EQUAL, 0, 2, 0),
            _argument(4, high=True),
            Instruction(JUMP_EQUAL, 1, 0, 0),
            _fail(errno.EPERM),
            _allow(),
        ],
        "kill": own,
        "tkill": own,
        "tgkill": own,
        "rt_sigqueueinfo": own,
        "rt_tgsigqueueinfo": own,
        "prlimit64": self_alone,
        "sched_setaffinity": self_alone,
        "sched_setscheduler": self_alone,
        "sched_setparam": self_alone,
        "sched_setattr": self_alone,
        # PRIO_PROCESS, and the caller: a user's priority is that of everything it runs.
        "setpriority": [
            _argument(0),
            Instruction(JUMP_EQUAL, 0, 2, 0),
            _argument(1),
            Instruction(JUMP_EQUAL, 1, 0, 0),
            _fail(errno.EPERM),
            _allow(),
        ],
        "ioctl": _by_value(1, _IOCTLS, _allow(), _fail(errno.ENOTTY)),
        "prctl": _if_any(0, _PRCTLS),
        "fcntl": _if_any(1, _FCNTLS),
        "close_range": _by_value(2, _CLOSE_RANGES, _allow(), _fail(errno.EPERM)),
    }


def _if_call(architecture: Architecture, name: str, block: list[Instruction]) -> list[Instruction]:
    """A block for one call. Blocks load arguments over its number only where they also end."""
    number = number_of(name, architecture)
    if number is None:
        return []
    return [Instruction(JUMP_EQUAL, 0, len(block), number), *block]


def _unless(index: int, allowed: tuple[int, ...]) -> list[Instruction]:
    """Refuse a call unless an argument is one of these."""
    return _by_value(index, allowed, _allow(), _fail(errno.EPERM))


def _if_any(index: int, refused: tuple[int, ...]) -> list[Instruction]:
    """Refuse a call if an argument is one of these."""
    return _by_value(index, refused, _fail(errno.EPERM), _allow())


def _by_value(
    index: int, values: tuple[int, ...], then: Instruction, otherwise: Instruction
) -> list[Instruction]:
    last = len(values) - 1
    jumps = (Instruction(JUMP_EQUAL, 1 + last - n, 0, v) for n, v in enumerate(values))
    return [_argument(index), *jumps, otherwise, then]


def _argument(index: int, *, high: bool = False) -> Instruction:
    """Load half of an argument. Pids, flags and commands are 32 bits: the kernel drops the upper half, as this does."""
    return _load(_ARGUMENTS + 8 * index + 4 * high)


def _load(offset: int) -> Instruction:
    return Instruction(LOAD, 0, 0, offset)


def _fail(number: int) -> Instruction:
    return Instruction(RETURN, 0, 0, ERRNO | number)


def _allow() -> Instruction:
    return Instruction(RETURN, 0, 0, ALLOW)
