"""Programs that try to get out of a sandbox. Each prints `OPEN` and how, where it gets something that it must not.

What they name as `given` is what `matrix.py` has prepared for them: a secret, listeners, other processes. They aim at
nothing else. `REFUSALS` are also run without a sandbox, where each must print `OPEN`: so that none is closed because it
is wrong itself.
"""

from __future__ import annotations

PRELUDE = """
import ctypes, errno, json, os, signal, socket, struct, sys, threading, time
given = json.loads(GIVEN)
libc = ctypes.CDLL(None, use_errno=True)

def call(name, *arguments, wanted=(errno.EPERM, errno.ENOSYS)):
    "A system call by its name; an error of another kind than a refusal is no refusal."
    number = given["numbers"][name]
    if number is None:
        raise OSError(errno.ENOSYS, "no such call")
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = libc.syscall(ctypes.c_long(number), *words)
    if result == -1 and ctypes.get_errno() in wanted:
        raise OSError(ctypes.get_errno(), "refused")
    return result

def attempt(**attempts):
    for name, each in attempts.items():
        try:
            got = each()
        except (OSError, RuntimeError, EOFError):
            continue
        print("OPEN", name, repr(got)[:200])
    print("tried", len(attempts))

def read(path):
    with open(path, "rb") as file:
        return file.read(200)

def write(path):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(descriptor, b"x")
    return os.close(descriptor)

def undone(result, undo):
    "Nothing of it stays where it worked."
    undo(result)
    return result
"""

# By name. Refused on every rung, to every user.
REFUSALS = {
    "passwd": "attempt(passwd=lambda: read('/etc/passwd'))",
    "secret": "attempt(secret=lambda: read(given['secret']), listed=lambda: os.listdir(given['outside']))",
    "environment": """
key = next((k for k, v in os.environ.items() if given['key'] in v), None)
if key: print("OPEN", key)
print("tried 1")
""",
    "proc_environ": """
def found():
    for pid in ["self", "1", str(given["pid"]), str(os.getppid()), *map(str, range(2, 50))]:
        try:
            if given["key"].encode() in open(f"/proc/{pid}/environ", "rb").read(): return pid
        except OSError: pass
    raise OSError
attempt(environ=found, listed=lambda: os.listdir("/proc"))
""",
    "proc_of_the_parent": """
attempt(
    fd=lambda: os.listdir(f"/proc/{given['pid']}/fd"),
    maps=lambda: read(f"/proc/{given['pid']}/maps"),
    memory=lambda: open(f"/proc/{given['pid']}/mem", "rb").close() or "opened",
    cmdline=lambda: read(f"/proc/{given['pid']}/cmdline"),
    own_executable=lambda: os.open("/proc/self/exe", os.O_RDWR),
)
""",
    "write_outside": """
attempt(
    outside=lambda: write(os.path.join(given["outside"], "written")),
    folder=lambda: os.mkdir(os.path.join(given["outside"], "made")),
    renamed=lambda: (open("leaves", "w").close(), os.rename("leaves", os.path.join(given["outside"], "renamed"))),
    up=lambda: write(os.path.join("..", "..", "..", "..", given["outside"].lstrip("/"), "up")),
    interpreter=lambda: write(os.path.join(given["packages"], "gptoss_written.py")),
)
""",
    "link_out": """
def through():
    os.symlink(given["secret"], "way")
    return read("way")
attempt(link=through, symlinkat=lambda: os.symlink("/etc", "etc", dir_fd=os.open(".", os.O_RDONLY)))
""",
    "plant": """
attempt(
    symlink=lambda: os.symlink("/etc/passwd", "planted"),
    hard=lambda: (open("one", "w").close(), os.link("one", "two")),
    fifo=lambda: os.mkfifo("pipe"),
    socket=lambda: os.mknod("sock", 0o140600),
)
""",
    "tcp": """
def connect():
    with socket.create_connection(given["tcp"], 1) as connection: connection.sendall(b"arrived"); return "sent"
attempt(
    connect=connect,
    raw=lambda: call("socket", socket.AF_INET, socket.SOCK_STREAM, 0),
    listen=lambda: socket.create_server(("127.0.0.1", 0)),
    six=lambda: socket.socket(socket.AF_INET6),
)
""",
    "udp": """
def send():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s: return s.sendto(b"arrived", tuple(given["udp"]))
attempt(udp=send)
""",
    "unix_path": """
def connect():
    with socket.socket(socket.AF_UNIX) as s: s.connect(given["unix"]); s.sendall(b"arrived"); return "sent"
def datagram(kind):
    one, two = socket.socketpair(socket.AF_UNIX, kind)
    return one.sendto(b"arrived", given["unix_datagrams"])
attempt(stream=connect, pair=lambda: datagram(socket.SOCK_DGRAM))
""",
    "unix_abstract": """
def connect():
    with socket.socket(socket.AF_UNIX) as s: s.connect(chr(0) + given["abstract"]); s.sendall(b"arrived"); return "sent"
attempt(stream=connect)
""",
    "other_sockets": """
attempt(
    netlink=lambda: call("socket", 16, socket.SOCK_RAW, 0),
    packet=lambda: call("socket", 17, socket.SOCK_RAW, 0),
    # What a kernel lacks is told by another error, which is no refusal.
    vsock=lambda: call("socket", 40, socket.SOCK_STREAM, 0),
    crypto=lambda: call("socket", 38, socket.SOCK_SEQPACKET, 0),
    bluetooth=lambda: call("socket", 31, socket.SOCK_RAW, 1),
)
""",
    "children": """
class Clone(ctypes.Structure): _fields_ = [("words", ctypes.c_uint64 * 11)]
def forked(make):
    pid = make()
    if pid == 0: os._exit(0)
    if pid > 0: os.waitpid(pid, 0)
    if pid < 0: raise OSError
    return pid
import subprocess
attempt(
    fork=lambda: forked(os.fork),
    of_c=lambda: forked(libc.fork),
    clone=lambda: forked(lambda: call("clone", signal.SIGCHLD, 0, 0, 0, 0)),
    clone3=lambda: forked(lambda: call("clone3", ctypes.byref(Clone((ctypes.c_uint64 * 11)(0, 0, 0, 0, 17))), 88)),
    spawn=lambda: os.posix_spawn("/usr/bin/true", ["true"], {}),
    popen=lambda: subprocess.run(["/usr/bin/true"]),
    system=lambda: os.system("true") and (_ for _ in ()).throw(OSError()),
)
""",
    "processes": """
import multiprocessing
def worked():
    worker = multiprocessing.get_context("fork").Process(target=int)
    worker.start(); worker.join()
    return worker.exitcode
attempt(multiprocessing=worked)
""",
    "signals": """
attempt(
    parent=lambda: os.kill(given["pid"], 0),
    raw=lambda: call("tgkill", given["pid"], given["pid"], 0),
    thread=lambda: call("tkill", given["pid"], 0),
    group=lambda: os.killpg(os.getpgid(0), 0),
    queued=lambda: call("rt_sigqueueinfo", given["pid"], 0, ctypes.create_string_buffer(128)),
    owner=lambda: __import__("fcntl").fcntl(os.pipe()[0], 8, given["pid"]),
)
""",
    "other_process": """
attempt(
    limits=lambda: __import__("resource").prlimit(given["pid"], 7),
    peek=lambda: call("process_vm_readv", given["pid"], 0, 0, 0, 0, 0),
    traced=lambda: call("ptrace", 16902, given["pid"], 0, 0),
    compared=lambda: call("kcmp", given["pid"], given["pid"], 0, 0, 0),
    pidfd=lambda: call("pidfd_open", given["pid"], 0),
    lists=lambda: call("get_robust_list", 1, 0, 0),
)
""",
    "other_priority": """
attempt(
    priority=lambda: call("setpriority", 2, os.getuid(), 0),
    nice=lambda: call("setpriority", 0, given["pid"], 0),
    affinity=lambda: call("sched_setaffinity", given["pid"], 8, ctypes.byref(ctypes.c_ulong(1))),
)
""",
    "kernel_interfaces": """
attempt(
    io_uring=lambda: call("io_uring_setup", 1, 0),
    userfaultfd=lambda: call("userfaultfd", 1),
    keys=lambda: call("keyctl", 0, -3, 0),
    add_key=lambda: call("add_key", 0, 0, 0, 0, 0),
    watches=lambda: call("inotify_init1", 0),
    handles=lambda: call("name_to_handle_at", -100, 0, 0, 0, 0),
    aio=lambda: call("io_setup", 1, 0),
)
""",
    "hidden_memory": """
attempt(
    memfd=lambda: call("memfd_create", b"x", 0),
    shared=lambda: undone(call("shmget", 0, 4096, 0o1600), lambda made: libc.shmctl(made, 0, None)),
    queue=lambda: undone(call("msgget", 0, 0o1600), lambda made: libc.msgctl(made, 0, None)),
    semaphore=lambda: undone(call("semget", 0, 1, 0o1600), lambda made: libc.semctl(made, 0, 0)),
    spliced=lambda: call("vmsplice", os.pipe()[1], ctypes.byref((ctypes.c_long * 2)(0, 0)), 1, 0),
    pipe=lambda: __import__("fcntl").fcntl(os.pipe()[1], 1031, 1 << 20),
    dev_shm=lambda: undone(write(given["shm"]), lambda _: os.unlink(given["shm"])),
)
""",
    "namespaces": """
attempt(
    unshared=lambda: call("unshare", 0x10000000),
    cloned=lambda: call("clone", 0x10000011, 0, 0, 0, 0) or os._exit(0),
    thread_of_it=lambda: call("clone", 0x10010000, 0, 0, 0, 0),
    tree=lambda: call("open_tree", -100, b"/", 1),
    opened=lambda: call("fsopen", b"tmpfs", 0),
    own=lambda: call("setns", 0, 0),
)
""",
    "terminal": """
def own():
    try: return os.open("/dev/tty", os.O_RDWR)
    except OSError as error:
        # It was reached, and there is none behind it.
        if error.errno == errno.ENXIO: return "reached"
        raise
attempt(tty=own, pts=lambda: os.openpty(), dev=lambda: os.open("/dev/ptmx", 2))
""",
    # Wherever a user may write, and where root may.
    # Where users may write, and where root may.
    "elsewhere": """
def made(folder):
    path = folder + "/gptoss-attack"
    return undone(write(path), lambda _: os.unlink(path))
folders = ("", "/mnt", "/etc", "/dev", "/usr", "/usr/local", "/var", "/var/tmp", "/run", "/root", "/home")
attempt(**{folder: lambda folder=folder: made(folder) for folder in folders})
""",
    "inherited": """
def found():
    for number in range(3, 400):
        try:
            os.lseek(number, 0, 0)
            if given["held"].encode() in os.read(number, 100): return number
        except OSError: pass
    raise OSError
attempt(descriptor=found)
""",
    "attributes_of_others": """
mine = given["mine"]
attempt(
    chmod=lambda: os.chmod(mine, 0o600),
    times=lambda: os.utime(mine),
    truncated=lambda: os.truncate(mine, 0),
    raw=lambda: libc.chmod(mine.encode(), 0o600) and (_ for _ in ()).throw(OSError()),
    owner=lambda: os.chown(mine, -1, -1),
    attribute=lambda: os.setxattr(mine, "user.x", b"1"),
)
""",
    "held_folders": """
def secret():
    for number in range(3, 1024):
        name = "../" * 30 + given["secret"].lstrip("/")
        try: return os.read(os.open(name, os.O_RDONLY, dir_fd=number), 100)
        except OSError: pass
    raise OSError
attempt(secret=secret)
""",
    "sent_descriptors": """
one, two = socket.socketpair()
attempt(sent=lambda: socket.send_fds(one, [b"x"], [0]))
""",
    "own_end": """
attempt(
    survives=lambda: call("prctl", 1, 0, 0, 0, 0),
    hides=lambda: call("prctl", 4, 0, 0, 0, 0),
)
""",
    "uncounted_descriptors": """
attempt(
    thread=lambda: call("clone", 0x3D0B00, 0, 0, 0, 0),
    files_of_a_thread=lambda: call("close_range", 9000, 9001, 2),
)
""",
    "newer_calls": """
def next_one():
    # Where there is one, it says what is wrong with its arguments.
    if libc.syscall(ctypes.c_long(463), 0, 0, 0, 0) == -1 and ctypes.get_errno() == errno.ENOSYS: raise OSError
    return ctypes.get_errno()
attempt(next=next_one)
""",
}

# Not closed in every rung: it prints what it sees.
METADATA = """
try: print("SEEN", os.stat("/etc/passwd").st_size)
except OSError: print("not seen")
"""

# Not run without a sandbox: they crash there, hit others, or are for kernels newer than this one.
NOT_BARE = {"uncounted_descriptors", "other_priority", "newer_calls"}

# Rows that are decided by what is left, or by how the cell ends: (code, reasons that are right).
EXHAUSTIONS = {
    "one_process_of_4_gb": (
        """
held = [bytearray(1 << 28) for _ in range(16)]
print("OPEN")
""",
        ("memory",),
    ),
    "endless_loop": ("while True: pass", ("timeout",)),
    "sleep": ("import time; time.sleep(1000)", ("timeout",)),
    "signals_ignored": (
        """
import signal
for number in (signal.SIGTERM, signal.SIGINT): signal.signal(number, signal.SIG_IGN)
while True: pass
""",
        ("timeout",),
    ),
    "exceptions_swallowed": (
        """
while True:
    try: sum(range(100))
    except BaseException: continue
""",
        ("timeout",),
    ),
    "long_power": ("x = 10 ** (10 ** 8)", ("timeout", "finished")),
    "endless_output": ("while True: print('x' * 1000)", ("output", "timeout")),
    "fast_output": (
        """
import os
block = b"x" * (1 << 20)
for _ in range(1024): os.write(1, block)
""",
        ("output", "timeout"),
    ),
    "one_large_file": (
        """
with open("large", "wb") as f:
    for _ in range(3 << 10): f.write(b"x" * (1 << 20))
print("OPEN")
""",
        ("error", "disk"),
    ),
    "many_files_of_4_gb": (
        """
for n in range(512):
    with open(f"part{n}", "wb") as f: f.write(b"x" * (8 << 20))
print("OPEN")
""",
        ("error", "disk"),
    ),
    "scratch": (
        """
for n in range(512):
    with open(f"/tmp/part{n}", "wb") as f: f.write(b"x" * (8 << 20))
print("OPEN")
""",
        ("error", "disk"),
    ),
    "a_hundred_thousand_files": (
        """
import os
for n in range(100_000): os.close(os.open(f"f{n}", os.O_CREAT | os.O_WRONLY))
print("OPEN")
""",
        ("error", "disk"),
    ),
    "deep_folders": (
        """
import os
for n in range(2000):
    os.mkdir("d"); os.chdir("d")
    with open("f", "wb") as f: f.write(b"x" * 100_000)
print("OPEN")
""",
        ("error", "disk"),
    ),
    "closed_folders": (
        """
import os, time
os.umask(0o777)
os.mkdir("closed")
time.sleep(0.3)
""",
        # Root can count what is in it.
        ("disk", "finished"),
    ),
    "files_without_names": (
        """
import os
held = []
for n in range(64):
    held.append(open("u", "wb", buffering=0)); os.unlink("u")
    for _ in range(8): held[-1].write(b"x" * (1 << 20))
print("OPEN")
""",
        ("error", "disk"),
    ),
    "mapped_files_without_names": (
        """
import mmap, os
held = []
for n in range(64):
    with open("u", "w+b") as f:
        f.truncate(8 << 20); held.append(mmap.mmap(f.fileno(), 8 << 20)); os.unlink("u")
    for at in range(0, 8 << 20, 4096): held[-1][at] = 1
print("OPEN")
""",
        ("error", "disk", "killed"),
    ),
    "a_page_of_each_file_mapped": (
        """
import ctypes, os, time
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
for n in range(16):
    with open("u", "wb+") as f:
        for _ in range(4): f.write(b"x" * (2 << 20))
        f.flush()
        libc.mmap(None, 4096, 1, 1, f.fileno(), 0)
    os.unlink("u")
    time.sleep(0.1)
print("OPEN")
""",
        ("error", "disk"),
    ),
    "reserved_room": (
        """
import os
for n in range(4096):
    with open(f"r{n}", "wb") as f: os.posix_fallocate(f.fileno(), 0, 8 << 20)
print("OPEN")
""",
        ("error", "disk"),
    ),
    "zip_bomb": (
        """
import io, zipfile
made = io.BytesIO()
with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as z:
    for n in range(4): z.writestr(f"b{n}", bytes(30 << 20))
with zipfile.ZipFile(made) as z: z.extractall("/mnt/data/bomb")
print("OPEN")
""",
        ("error", "disk"),
    ),
    # Each needs so little of its own that limits on memory let the machine run out of numbers before.
    "threads_of_small_stacks": (
        """
import threading, time
threading.stack_size(32 << 10)
for _ in range(10_000): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
print("OPEN")
""",
        ("threads",),
    ),
    "thread_bomb": (
        """
import threading, time
for _ in range(10_000): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
print("OPEN")
""",
        ("error", "memory", "killed", "timeout"),
    ),
    "all_timers_of_the_user": (
        """
import ctypes
libc = ctypes.CDLL(None)
event, made = (ctypes.c_int * 16)(0, 0, 0, 1), ctypes.c_int()
num = sum(libc.timer_create(1, event, ctypes.byref(made)) == 0 for _ in range(1000))
print("OPEN" if num > 200 else num)
""",
        ("finished",),
    ),
    # As process 1 of its namespace it does not get what has no handler.
    "alarm": (
        """
import signal, time
signal.setitimer(signal.ITIMER_REAL, 0.05)
time.sleep(0.3)
""",
        ("killed", "finished"),
    ),
    "exit_at_once": ("import os; os._exit(0)", ("killed",)),
    "crash": ("import ctypes; ctypes.string_at(0)", ("killed",)),
    # Calls of the older architecture have other numbers: 20 is getpid there, and writev here.
    "thirty_two_bits": (
        """
import ctypes, mmap, os, platform
if platform.machine() != "x86_64": os._exit(0)
code = mmap.mmap(-1, 4096, prot=7)
code.write(bytes.fromhex("b814000000cd80c3"))
at = ctypes.addressof(ctypes.c_char.from_buffer(code))
print("OPEN", ctypes.CFUNCTYPE(ctypes.c_int)(at)())
""",
        ("killed",),
    ),
    "closed_pipes": ("import os; os.closerange(0, 64)", ("killed",)),
}
