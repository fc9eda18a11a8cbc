"""reader: answers questions about another process, one JSON object a line on stdin, one on stdout.

It stands where that process can be seen: in the same container, in a container that shares its PID namespace, or on
the host. Standard library only, Python 3.6 and later; needs envprobe.py beside it, or as a module that is already
loaded. It reads, and runs nothing but the probe itself. Files are read below the root of the process: links are
followed inside that root only, only regular files are opened, sizes are bounded.

    {"op": "find", "names": ["tensorflow_model_server"]}            processes that may be the one that serves
    {"op": "fingerprint", "pid": 7, "env": [], "label": null}       the fingerprint of a process; "key": in hexadecimal
    {"op": "process", "pid": 7}                                     its words, binary, start, folder, environment
    {"op": "read", "pid": 7, "path": "/etc/x", "limit": 100}        the first bytes of a file
    {"op": "tree", "pid": 7, "path": "/models/m", "depth": 3}       what lies below a folder
    {"op": "packages", "pid": 7, "names": ["..."]}                  versions in the Debian package database
    {"op": "full", "pid": 7, "arguments": []}                       the probe run by the process's own Python
"""

import base64
import json
import os
import re
import stat
import subprocess
import sys
import time

if __name__ == "__main__" and "envprobe" not in sys.modules:
    sys.dont_write_bytecode = True
import envprobe

LARGEST_READ = 64 << 20
MOST_ENTRIES = 20000
MOST_PROCESSES = 4096
FULL_LIMIT_S = 600
TENSORFLOW_FILE = re.compile(r"/(?:libtensorflow(?:_framework|_cc)?\.so|_pywrap_tensorflow)")


class Refusal(Exception):
    """The question cannot be answered; the text says why."""


def answer(request, root="/proc"):
    """The answer to one question, or {"error": reason}."""
    try:
        return OPERATIONS[request["op"]](root, request)
    except (Refusal, envprobe.Gone, envprobe.Unread) as error:
        return {"error": envprobe.masked(str(error))}
    except (OSError, ValueError, RecursionError) as error:
        reason = envprobe.masked(envprobe.reason_of(error))
        return {"error": reason, "denied": isinstance(error, PermissionError)}


# -- finding the process that serves


def find(root, request):
    """Every process that can be seen, except this one: what it is and whether it may be read."""
    host = envprobe.Files()
    space = request.get("space")
    found = []
    for name in sorted((name for name in os.listdir(root) if name.isdigit()), key=int)[:MOST_PROCESSES]:
        pid = int(name)
        if request.get("only") not in (None, pid):
            continue
        proc = "%s/%s" % (root, name)
        if pid == os.getpid() or (space and link(proc + "/ns/pid") != space) or not is_process(host, proc):
            continue
        if request.get("apart") and link(proc + "/ns/mnt") == link(root + "/self/ns/mnt"):
            continue
        found.append(describe(host, proc, pid, request.get("names", ())))
    return {"processes": found}


def link(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""


def is_process(host, proc):
    """False for kernel threads and for processes that have ended."""
    return bool(host.text_or(proc + "/cmdline")) and envprobe.process_state(host, proc) not in ("Z", "X")


def describe(host, proc, pid, names):
    words = words_of(host, proc)
    binary = link(proc + "/exe")
    readable = bool(binary)
    try:
        mapped = envprobe.mapped_paths(host.text(proc + "/maps", 1 << 24))
    except OSError:
        mapped, readable = [], False
    stem = (binary or words[0]).rpartition("/")[2].replace(" (deleted)", "")
    python = any(re.search(r"/(?:lib)?python\d", path) for path in mapped + [binary])
    tensorflow = any(TENSORFLOW_FILE.search(path) for path in mapped)
    kind = "other"
    if any(stem == name or stem.endswith("/" + name) for name in names):
        kind = "server"
    elif tensorflow:
        kind = "tensorflow"
    elif python:
        kind = "python"
    return {"pid": pid, "kind": kind, "binary": binary, "name": stem, "readable": readable, "python": python}


def words_of(host, proc):
    words = host.text_or(proc + "/cmdline").split("\0")
    return [envprobe.visible(word) for word in (words[:-1] if words[-1:] == [""] else words)]


# -- one process


def fingerprint(root, request):
    return envprobe.fingerprint_of_process(
        request["pid"], root, request.get("label"), request.get("env", ()), key=key_of(request)
    )


def key_of(request):
    """The compare key, or None. It comes with the question and is kept nowhere: not in an argument, not in a file."""
    return bytes.fromhex(request["key"]) if request.get("key") else None


def process(root, request):
    """What a server's configuration starts from. The environment is complete: it does not leave the caller's memory."""
    proc = "%s/%d" % (root, request["pid"])
    host = envprobe.Files()
    if not os.path.isdir(proc):
        raise Refusal(envprobe.ENDED)
    environment = envprobe.parse_environment(host.text(proc + "/environ", 1 << 22))
    names = request.get("names", ())
    cpus = re.search(r"^Cpus_allowed_list:\s*(\S+)", host.text_or(proc + "/status"), re.M)
    return {
        "words": words_of(host, proc),
        "binary": link(proc + "/exe"),
        "folder": link(proc + "/cwd") or "/",
        "started": started(root, host, proc),
        "cpus": envprobe.count_range(cpus.group(1)) if cpus else None,
        "environment": {name: envprobe.visible(environment[name]) for name in names if name in environment},
    }


def started(root, host, proc):
    """Seconds since 1970, to a hundredth: /proc/stat gives the time of boot in whole seconds only."""
    ticks = envprobe.started_ticks(host, proc)
    uptime = host.text_or(root + "/uptime").split()
    if ticks is None or not uptime:
        return None
    return time.time() - float(uptime[0]) + ticks / float(os.sysconf("SC_CLK_TCK"))


def files_of(root, request):
    proc = "%s/%d/root" % (root, request["pid"])
    os.listdir(proc + "/")
    return envprobe.Files(proc)


def read(root, request):
    files = files_of(root, request)
    limit = min(int(request["limit"]), LARGEST_READ)
    place = files.locate(checked(request["path"]))
    # A fifo must not block and a link put there just now must not be followed.
    handle = os.open(place, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Refusal("not a regular file")
        data = b""
        while len(data) < limit:
            part = os.read(handle, min(1 << 20, limit - len(data)))
            if not part:
                break
            data += part
        return {"data": base64.b64encode(data).decode("ascii"), "size": os.fstat(handle).st_size}
    finally:
        os.close(handle)


def checked(path):
    if not path.startswith("/") or "\0" in path:
        raise Refusal("not an absolute path")
    return path


def tree(root, request):
    """[relative path, kind, size, last change] of everything below a folder. Links inside are named, not entered,
    except number-named ones at the top, which a server follows."""
    files = files_of(root, request)
    top = checked(request["path"]).rstrip("/") or "/"
    entries = []
    place = files.locate(top + "/.")
    if not stat.S_ISDIR(os.lstat(place).st_mode):
        raise Refusal("not a folder")
    waiting = [("", top, 0)]
    while waiting:
        relative, inside, depth = waiting.pop(0)
        for name in sorted(os.listdir(files.locate(inside + "/."))):
            if len(entries) >= MOST_ENTRIES:
                return {"entries": entries, "cut": True}
            path, below = relative + name, inside + "/" + name
            kind, said = kind_of(files, below, follow=True)
            entries.append([envprobe.visible(path), kind, said.st_size if said else 0, last_change(said)])
            if kind == "folder" and depth + 1 < request["depth"]:
                waiting.append((path + "/", below, depth + 1))
    return {"entries": entries, "cut": False}


def kind_of(files, path, follow):
    try:
        said = os.lstat(files.locate(path))
        if stat.S_ISLNK(said.st_mode) and follow:
            said = os.lstat(files.locate(files.inside(path)))
    except OSError:
        return "other", None
    for kind, test in (("file", stat.S_ISREG), ("folder", stat.S_ISDIR), ("link", stat.S_ISLNK)):
        if test(said.st_mode):
            return kind, said
    return "other", said


def last_change(said):
    return max(said.st_mtime, said.st_ctime) if said else 0.0


def packages(root, request):
    """{name: version} from /var/lib/dpkg/status."""
    files = files_of(root, request)
    text = files.read("/var/lib/dpkg/status", 64 << 20).decode("utf-8", "replace")
    found = {}
    for block in text.split("\n\n"):
        name = re.match(r"Package: (\S+)", block)
        version = re.search(r"^Version: (\S+)", block, re.M)
        if name and version and name.group(1) in request["names"] and "\nStatus: install ok installed" in block:
            found[name.group(1)] = version.group(1)
    return {"packages": found}


def full(root, request):
    """Run the probe under the Python of the process, else one that has TensorFlow, in the process's environment."""
    proc = "%s/%d" % (root, request["pid"])
    env = envprobe.parse_environment(envprobe.Files().text(proc + "/environ", 1 << 22))
    python = own_python(words_of(envprobe.Files(), proc), env) if request.get("python") else ""
    python = python or with_tensorflow(env) or sys.executable
    command = [python, "-"] + list(request.get("arguments", ()))
    pipes = key_pipe(key_of(request))
    try:
        run = subprocess.Popen(
            command + ["--compare-key=/dev/fd/%d" % pipe for pipe in pipes],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=pipes,
        )
        output, chatter = run.communicate(
            request["probe"].encode("utf-8"), timeout=request.get("patience_s", FULL_LIMIT_S)
        )
    except subprocess.TimeoutExpired:
        envprobe.kill_group(run.pid)
        raise Refusal("the probe did not end in time") from None
    finally:
        for pipe in pipes:
            os.close(pipe)
    if run.returncode != 0:
        last = chatter.decode("utf-8", "replace").strip().split("\n")[-1]
        raise Refusal("the probe ended with status %d: %s" % (run.returncode, last[:300]))
    return json.loads(output.decode("utf-8"))


def key_pipe(key):
    """The end of a pipe that a child reads the key from, as a list; none without a key."""
    if not key:
        return []
    end, start = os.pipe()
    os.write(start, key)  # a key is far smaller than a pipe holds
    os.close(start)
    return [end]


def own_python(words, env):
    """argv[0] of a virtual environment's Python is the link that makes it one; its exe is the base interpreter."""
    first = words[0] if words else ""
    if "/" in first:
        return first if os.path.isfile(first) and "python" in first.rpartition("/")[2] else ""
    for folder in env.get("PATH", "").split(":"):
        if folder and first.startswith("python") and os.access(folder + "/" + first, os.X_OK):
            return folder + "/" + first
    return ""


def with_tensorflow(env):
    """The first Python on the process's PATH that finds TensorFlow; "" if none does."""
    places = [env.get("VIRTUAL_ENV", "") + "/bin"] + env.get("PATH", "").split(":")
    for folder in places:
        for name in ("python3", "python"):
            path = folder + "/" + name
            if folder.startswith("/") and os.access(path, os.X_OK) and finds_tensorflow(path, env):
                return path
    return ""


def finds_tensorflow(python, env):
    question = "import importlib.util as u; print(u.find_spec('tensorflow') is not None)"
    try:
        said = subprocess.check_output(
            [python, "-c", question], env=env, stderr=subprocess.DEVNULL, timeout=20, cwd="/"
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return said.strip() == b"True"


def hello(_root, _request):
    return {"version": envprobe.VERSION, "python": "%d.%d.%d" % sys.version_info[:3], "pid": os.getpid()}


OPERATIONS = {
    "hello": hello,
    "find": find,
    "fingerprint": fingerprint,
    "process": process,
    "read": read,
    "tree": tree,
    "packages": packages,
    "full": full,
}


def main():
    """Until stdin ends: whoever asks has gone then, and this must not stay behind."""
    for line in sys.stdin:
        if line.strip():
            sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
