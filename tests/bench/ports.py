#!/usr/bin/env python3
"""Published ports beside other forwarders: medians of interleaved rounds. Runs as root in an outer network namespace
(rk-t-outer), tools as the test user.
ports.py [-r ROUNDS] [-s SECONDS] [-c COLUMN,...] [-f FORWARDER,...] [-o FILE.json] [-g PLOT.svg] [-i] [-t]
prints Markdown; -i: CPUs never halt; -t: CPU time is the server's and the forwarder's, not the forwarder's alone"""
import argparse, ctypes, json, os, re, shutil, signal, statistics, subprocess, sys, tempfile, time

INST, STAGE = os.environ["RK_TEST_INST"], os.environ["RK_TEST_STAGE"]
T = tempfile.mkdtemp(dir=os.environ.get("TMPDIR"))
os.chmod(T, 0o777)
AS = ["as_user"]
NGINX, IPERF, IPERF2 = 8080, 5201, 5202  # in each forwarder's namespace; outside: base + n
COLUMNS = [
    "bulk1",
    "bulk1r",
    "bulk8",
    "bulk8r",
    "new1",
    "new32",
    "keep1",
    "keep32",
    "udp",
    "udpr",
    "echo1",
    "echo32",
]
UNIT = {
    "bulk": ("Gbit/s", "s per GB"),
    "new": ("connections/s", "us each"),
    "keep": ("requests/s", "us each"),
    "body": ("Gbit/s", "s per GB"),  # large answers of nginx
    "udp": ("datagrams/s received", "us each"),
    "echo": ("echoes/s", "us each"),
}
kind = lambda c: c.rstrip("0123456789r")
LIBC = ctypes.CDLL(None)
LIBC.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: what a forwarder leaves behind comes to us
procs = []


def start(cmd, **kw):
    p = subprocess.Popen(
        cmd,
        stdin=kw.pop("stdin", subprocess.DEVNULL),
        stdout=kw.pop("stdout", open(T + "/log", "a")),
        stderr=open(T + "/log", "a"),
        start_new_session=True,
        **kw
    )
    procs.append(p)
    return p


def children(pid):
    out = [pid]
    try:
        for t in os.listdir("/proc/%d/task" % pid):
            for c in open("/proc/%d/task/%s/children" % (pid, t)).read().split():
                out += children(int(c))
    except OSError:
        pass
    return out


def cpu(pids):  # nanoseconds on a CPU, all threads
    n = 0
    for p in pids:
        try:
            for t in os.listdir("/proc/%d/task" % p):
                n += int(open("/proc/%d/task/%s/schedstat" % (p, t)).read().split()[0])
        except OSError:
            pass
    return n


def named(pid, *names):  # descendants whose program is one of these
    out = []
    for p in children(pid):
        try:
            c = open("/proc/%d/comm" % p).read().strip()
        except OSError:
            continue
        if c in names:
            out.append(p)
    return out


AUTOGROUP = "/proc/sys/kernel/sched_autogroup_enabled"
grouped = None


def awake():
    """A spinner of the idle class on each CPU: halting and waking a virtual CPU costs 10-50 us, and would drown what is
    measured. Autogroups are off meanwhile: a spinner in a group is not seen to be idle, and each session would be
    weighed as one task.
    """
    global grouped
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if os.path.exists(AUTOGROUP):
        grouped = open(AUTOGROUP).read()
        open(AUTOGROUP, "w").write("0")
    for n in os.sched_getaffinity(0):
        if os.fork():
            continue
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        LIBC.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
        os.sched_setaffinity(0, [n])
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        while True:
            pass


SERVERS = T + "/servers.sh"
open(T + "/nginx.conf", "w").write(
    """user root; worker_processes 1; daemon off; master_process off; pid %s/nginx.pid.X; error_log /dev/null;
events { worker_connections 8192; }
http { access_log off; keepalive_requests 1000000000; client_body_temp_path %s/b; proxy_temp_path %s/p;
fastcgi_temp_path %s/f; uwsgi_temp_path %s/u; scgi_temp_path %s/s;
server { listen %d reuseport backlog=4096; location / { return 200 "hello\\n"; }
location /body { sendfile on; root %s; } } }"""
    % (T, T, T, T, T, T, NGINX, T)
)
with open(T + "/body", "wb") as f:
    f.truncate(64 << 20)
os.chmod(T + "/body", 0o644)
open(SERVERS, "w").write(
    """ip link set lo up 2>/dev/null; cd %s
nginx -e /dev/null -c %s/nginx.conf -g 'pid %s/nginx.pid.'$$';' 2>/dev/null &
rk-t-udpecho serve 7000 & iperf3 -s -p %d >/dev/null & exec iperf3 -s -p %d > /dev/null"""
    % (T, T, T, IPERF2, IPERF)
)
open(T + "/nginx.conf", "r+").close()
conf = open(T + "/nginx.conf").read().replace("pid %s/nginx.pid.X; " % T, "")
open(T + "/nginx.conf", "w").write(conf)
for f in (SERVERS, T + "/nginx.conf"):
    os.chmod(f, 0o755)


class Forwarder:
    host = "127.0.0.1"
    udp = False
    iperf = True
    total = False

    def __init__(self, name, base):
        self.name, self.base = name, base

    def port(self, p):
        return p + self.base

    def ports(self):
        return [NGINX, IPERF, IPERF2]

    def pids(self):
        return children(self.p.pid)

    def cpu(self):
        return cpu(self.pids()) + (cpu(children(self.server.pid)) if self.total else 0)


class Direct(Forwarder):
    udp = True

    def start(self):
        self.p = self.server = start(AS + ["sh", SERVERS])

    def pids(self):
        return []


class Rk(Forwarder):
    udp = True

    def start(self):
        d = os.environ["RK_TEST_XDG"] + "/bench"
        chain = ["rk-state", d, "rk-userns", "rk-idmap", "rk-net", "-d", "none", "sh", SERVERS]
        self.server = start(AS + chain)
        specs = ["127.0.0.1:%d:%d/tcp" % (self.port(p), p) for p in self.ports()] + [
            "127.0.0.1:%d:%d/udp" % (self.port(p), p) for p in (7000, IPERF, IPERF2)
        ]
        for _ in range(100):
            if os.path.exists(d + "/child_pid"):
                break
            time.sleep(0.05)
        self.p = start(AS + ["rk-portd", d])
        subprocess.run(AS + ["rk-port", "add", d] + specs, stdout=subprocess.DEVNULL, check=True)

    def pids(self):
        return named(self.p.pid, "rk-relay", "rk-portd")


class Bypass(Forwarder):  # the servers have the host's sockets: rk-portd and rk-bypassd are idle
    def start(self):
        d = os.environ["RK_TEST_XDG"] + "/bypass"
        subprocess.run(AS + ["mkdir", "-p", d + "/ports"], check=True)
        for p in self.ports():
            text = "127.0.0.1:%d:%d/tcp" % (self.port(p), p)
            tee = AS + ["tee", "%s/ports/%d" % (d, p)]
            subprocess.run(tee, input=text, stdout=subprocess.DEVNULL, text=True, check=True)
        self.p = start(AS + ["rk-portd", d])
        while not os.path.exists("%s/ports.status/%d" % (d, IPERF2)):
            time.sleep(0.05)
        chain = ["rk-state", d, "rk-userns", "rk-idmap", "rk-net", "-n", "none", "rk-bypass", "sh", SERVERS]
        self.server = start(AS + chain)
        for _ in range(200):
            if all("via=bypass" in open("%s/ports.status/%d" % (d, p)).read() for p in self.ports()):
                break
            time.sleep(0.05)
        else:
            raise SystemExit("rk-bypass: " + open("%s/ports.status/%d" % (d, NGINX)).read())
        found = subprocess.run(["pgrep", "-f", "^rk-bypassd " + d], capture_output=True, text=True).stdout
        self.daemon = [int(p) for p in found.split()]

    def pids(self):
        return named(self.p.pid, "rk-relay", "rk-portd") + self.daemon


class Listen(Forwarder):  # nginx accepts on the host's socket: there is no forwarder
    iperf = False

    def start(self):
        own = T + "/listen.conf"
        conf = open(T + "/nginx.conf").read()
        conf = conf.replace("master_process off;", "pid %s/listen.pid;" % T)
        conf = conf.replace("listen %d reuseport" % NGINX, "listen 127.0.0.1:%d" % self.port(NGINX))
        with open(own, "w") as f:
            f.write(conf)
        os.chmod(own, 0o644)
        chain = ["rk-listen", "-e", "nginx", "127.0.0.1:%d:80/tcp" % self.port(NGINX), "rk-userns", "rk-idmap"]
        chain += ["rk-net", "-d", "none", "rk-confine", "nginx", "-e", "/dev/null", "-c", own]
        self.p = self.server = start(AS + chain)

    def pids(self):
        return []


class RootlessKit(Forwarder):
    udp = True
    program = "/usr/bin/rootlesskit"  # not the rootlesskit of this tree, which comes first in PATH

    def start(self):
        ports = [x for p in self.ports() for x in ("-p", "127.0.0.1:%d:%d/tcp" % (self.port(p), p))]
        ports += [x for p in (7000, IPERF, IPERF2) for x in ("-p", "127.0.0.1:%d:%d/udp" % (self.port(p), p))]
        env = dict(os.environ, XDG_RUNTIME_DIR=os.environ["RK_TEST_XDG"], HOME=os.environ["RK_TEST_HOME"])
        self.p = start(
            AS
            + [
                self.program,
                "--net=slirp4netns",
                "--port-driver=builtin",
                "--state-dir=" + os.environ["RK_TEST_XDG"] + "/" + self.name,
            ]
            + ports
            + ["sh", SERVERS],
            env=env,
        )

    def pids(self):
        return [
            p
            for p in children(self.p.pid)
            if p not in named(self.p.pid, "sh", "nginx", "iperf3", "rk-t-udpecho")
        ]


class RootlessKit3(RootlessKit):
    program = os.environ.get("RK_BENCH_PEER", "-") + "/rootlesskit"


class Pasta(
    Forwarder
):  # UDP: Debian 12's brings no answers back without its automatic -U, which takes the servers' ports
    def start(self):
        cmd = ["pasta", "-f", "-q", "--config-net", "-T", "none", "-U", "none"]
        for p in self.ports():
            cmd += ["-t", "127.0.0.1/%d:%d" % (self.port(p), p)]
        self.p = start(AS + cmd + ["--", "sh", SERVERS])

    def pids(self):
        return named(self.p.pid, "pasta", "pasta.avx2", "passt", "passt.avx2")


class Haproxy(Forwarder):  # in front of the direct servers: no namespace to cross
    def start(self):
        conf = T + "/haproxy.cfg"
        with open(conf, "w") as f:
            f.write(
                "global\n nbthread 1\n maxconn 4000\n maxpipes 500\n tune.pipesize 1048576\n"
                " stats socket %s/haproxy.sock mode 666\n"
                "defaults\n mode tcp\n timeout connect 5s\n timeout client 1h\n timeout server 1h\n"
                " option splice-request\n option splice-response\n"
                % T
            )
            for p in self.ports():
                f.write("listen l%d\n bind 127.0.0.1:%d\n server s 127.0.0.1:%d\n" % (p, self.port(p), p))
        self.p = start(AS + ["haproxy", "-q", "-db", "-f", conf])


class Floor(
    Forwarder
):  # what new connections and small messages cost at least; it cannot hold back a fast sender
    def start(self):
        self.p = start(AS + ["rk-t-relay"] + [str(x) for p in self.ports() for x in (self.port(p), p)])


class Socat(Forwarder):
    def start(self):
        self.ps = [
            start(
                AS
                + [
                    "socat",
                    "TCP-LISTEN:%d,bind=127.0.0.1,fork,reuseaddr,backlog=1024" % self.port(p),
                    "TCP:127.0.0.1:%d" % p,
                ]
            )
            for p in self.ports()
        ]

    def cpu(
        self,
    ):  # each connection is a child: the parent's own and its waited-for children's time, in ticks of 10 ms
        n = 0
        for p in self.ps:
            for c in children(p.pid):
                try:
                    n += sum(
                        int(x) for x in open("/proc/%d/stat" % c).read().rsplit(")", 1)[1].split()[11:15]
                    )
                except OSError:
                    pass  # ended meanwhile: counted with the parent's
        return n * 10**7


ALL = {
    "direct": Direct,
    "rk": Rk,
    "listen": Listen,
    "bypass": Bypass,
    "rootlesskit": RootlessKit,
    "rootlesskit3": RootlessKit3,
    "pasta": Pasta,
    "haproxy": Haproxy,
    "floor": Floor,
    "socat": Socat,
}


def run(cmd, secs):
    try:
        return subprocess.run(
            AS + cmd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=secs + 20,
            text=True,
        ).stdout
    except subprocess.TimeoutExpired:
        return ""


def iperf(f, args, secs, port):
    out = run(["iperf3", "-J", "-c", f.host, "-p", str(f.port(port)), "-t", str(secs)] + args, secs)
    try:
        return json.loads(out)["end"]
    except (ValueError, KeyError):
        return None


def measure(f, column, secs):
    """(units per second, CPU seconds per unit) or None"""
    before = f.cpu()
    k = kind(column)
    number = re.sub(r"\D", "", column)
    units = rate = None
    if k == "bulk":
        e = iperf(f, ["-P", number] + (["-R"] if column.endswith("r") else []), secs, IPERF)
        if e and "sum_received" in e:
            units = e["sum_received"]["bytes"] / 1e9
            rate = e["sum_received"]["bits_per_second"] / 1e9
    elif k == "body":
        out = run(
            ["wrk", "-t1", "-c" + number, "-d%ds" % secs, "http://%s:%d/body" % (f.host, f.port(NGINX))], secs
        )
        m = re.search(r"requests in ([\d.]+)(ms|s), ([\d.]+)([MG])B read", out)
        if m:
            units = float(m[3]) * (2**20 if m[4] == "M" else 2**30) / 1e9
            rate = 8 * units / (float(m[1]) / (1000 if m[2] == "ms" else 1))
    elif k in ("new", "keep"):
        out = run(
            [
                "wrk",
                "-t1",
                "-c" + number,
                "-d%ds" % secs,
                "-H",
                "Connection: " + ("close" if k == "new" else "keep-alive"),
                "http://%s:%d/" % (f.host, f.port(NGINX)),
            ],
            secs,
        )
        m = re.search(r"(\d+) requests in ([\d.]+)(ms|s)", out)
        if m and int(m[1]):
            units = int(m[1])
            rate = units / (float(m[2]) / (1000 if m[3] == "ms" else 1))
    elif k == "udp":
        e = iperf(f, ["-u", "-b", "0", "-l", "1400"] + (["-R"] if column.endswith("r") else []), secs, IPERF2)
        if e and "sum" in e:
            units = e["sum"]["packets"] - e["sum"]["lost_packets"]
            rate = units / e["sum"]["seconds"]
    elif k == "echo":
        out = run(["rk-t-udpecho", "ask", f.host, str(f.port(7000)), number, str(secs)], secs)
        if out.strip():
            units = int(out)
            rate = units / secs
    used = (f.cpu() - before) / 1e9
    return (rate, used / units if used else 0.0) if units else None


COLOURS = {
    "rk": "#1b6e3c",
    "rootlesskit": "#9aa7b0",
    "rootlesskit3": "#5f7482",
    "pasta": "#d98e2b",
    "haproxy": "#7a5ea8",
    "socat": "#c9c9c9",
}


def draw(table, columns, path):
    """Bars: throughput as a share of direct loopback."""
    names = [n for n in table if n not in ("direct", "floor")]
    bar, gap, top, height = 9, 16, 40, 200
    group = bar * len(names) + gap
    width = 50 + group * len(columns) + 10
    out = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">'
        % (width, top + height + 40),
        '<rect width="100%" height="100%" fill="white"/>',
        '<text x="45" y="14">throughput through each forwarder, direct loopback = 1</text>',
    ]
    for i, n in enumerate(names):
        out.append(
            '<rect x="%d" y="20" width="10" height="10" fill="%s"/><text x="%d" y="29">%s</text>'
            % (45 + 95 * i, COLOURS.get(n, "#000"), 58 + 95 * i, n)
        )
    for r in (0, 0.25, 0.5, 0.75, 1):
        y = top + height * (1 - r)
        out.append(
            '<line x1="40" x2="%d" y1="%g" y2="%g" stroke="#ddd"/><text x="8" y="%g">%.2f</text>'
            % (width - 8, y, y, y + 4, r)
        )
    for k, c in enumerate(columns):
        x = 50 + k * group
        for i, n in enumerate(names):
            if c in table[n]:
                h = height * min(1, table[n][c]["ratio"])
                out.append(
                    '<rect x="%d" y="%g" width="%d" height="%g" fill="%s"><title>%s %s %.2f</title></rect>'
                    % (
                        x + i * bar,
                        top + height - h,
                        bar - 1,
                        h,
                        COLOURS.get(n, "#000"),
                        n,
                        c,
                        table[n][c]["ratio"],
                    )
                )
        out.append('<text x="%d" y="%d">%s</text>' % (x, top + height + 16, c))
    open(path, "w").write("\n".join(out + ["</svg>"]) + "\n")


def main():
    a = argparse.ArgumentParser()
    a.add_argument("-r", type=int, default=5)
    a.add_argument("-s", type=int, default=1)
    a.add_argument("-c", default=",".join(COLUMNS))
    a.add_argument("-f", default=",".join(f for f in ALL if f not in ("listen", "bypass")))
    a.add_argument("-o")
    a.add_argument("-g")
    a.add_argument("-i", action="store_true")
    a.add_argument("-t", action="store_true")
    a = a.parse_args()
    forwarders = []
    for i, name in enumerate(a.f.split(",")):
        f = ALL[name](name, 0 if name == "direct" else 10000 + 3000 * i)
        f.total = a.t
        own = name in ("direct", "rk", "listen", "bypass", "floor")
        if not own and not shutil.which(getattr(f, "program", name) or "-"):
            print("(no %s here)\n" % name)
            continue
        f.start()
        forwarders.append(f)
    if a.i:
        awake()
    time.sleep(2.5)
    got = {}
    for _ in range(a.r):
        for column in a.c.split(","):
            for f in forwarders:
                if (
                    kind(column) in ("udp", "echo")
                    and not f.udp
                    or kind(column) == "bulk"
                    and not f.iperf
                    or f.name == "floor"
                    and kind(column) not in ("new", "keep")
                ):
                    continue
                r = measure(f, column, a.s)
                if r:
                    got.setdefault(column, {}).setdefault(f.name, []).append(r)
                time.sleep(0.05)
    table = {}
    for title, cols in (
        ("TCP", [c for c in a.c.split(",") if kind(c) in ("bulk", "body", "new", "keep")]),
        ("UDP", [c for c in a.c.split(",") if kind(c) in ("udp", "echo")]),
    ):
        if not cols:
            continue
        print("| %s | %s |" % (title, " | ".join(cols)))
        print("| --- |" + " ---: |" * len(cols))
        for f in forwarders:
            cells = []
            for c in cols:
                rs = got.get(c, {}).get(f.name)
                if not rs:
                    cells.append("-")
                    continue
                rate, used = statistics.median(r[0] for r in rs), statistics.median(r[1] for r in rs)
                base = got.get(c, {}).get("direct")
                ratio = rate / statistics.median(r[0] for r in base) if base else 0
                table.setdefault(f.name, {})[c] = {"rate": rate, "cpu": used, "ratio": ratio, "n": len(rs)}
                large = kind(c) in ("bulk", "body")
                shown = "%.1f" % rate if large else "%d" % rate
                cells.append(
                    "%s (%.2f)" % (shown, ratio)
                    + (
                        ""
                        if f.name == "direct" and not a.t
                        else ", %s" % ("%.3f s/GB" % used if large else "%.1f us" % (used * 1e6))
                    )
                )
            print("| %s | %s |" % (f.name, " | ".join(cells)))
        print()
    losses = []
    for c in a.c.split(","):
        rk = table.get("rk", {}).get(c)
        for name in table:
            if (
                rk
                and name not in ("direct", "rk", "listen", "bypass", "floor")
                and c in table[name]
                and table[name][c]["rate"] > 1.05 * rk["rate"]
            ):
                losses.append(
                    "%s in %s (%.2f against %.2f)" % (name, c, table[name][c]["ratio"], rk["ratio"])
                )
    print("Columns in which a peer leads rk by more than 5 %%: %s." % (", ".join(losses) or "none"))
    if a.o:
        json.dump(table, open(a.o, "w"), indent=1)
    if a.g:
        draw(table, [c for c in a.c.split(",")], a.g)


try:
    main()
finally:
    if grouped:
        open(AUTOGROUP, "w").write(grouped)
    if os.environ.get("BENCH_LOG"):
        sys.stderr.write(open(T + "/log").read())
    while len(children(os.getpid())) > 1:
        for c in children(os.getpid())[1:]:
            try:
                os.kill(c, signal.SIGKILL)
            except OSError:
                pass
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            break
    shutil.rmtree(T, ignore_errors=True)
