"""A schedule: which faults, where and when, as a function of a seed. Values only; rig.py carries it out."""
import dataclasses
import random

# What a fault backend is told, made of a random generator. The key is the kind's name.
COMMANDS = {
    "latency": lambda r: f"latency {r.choice((10, 50, 200, 700, 2000, 5000))}",
    "fail": lambda r: f"fail {r.choice((14, 14, 14, 4, 10, 1))} {r.choice((5, 30, 70, 100))}",
    "throttle": lambda r: f"fail {r.choice((8, 14))} {r.choice((30, 100))} {r.choice((0, 100, 500, 2000))}",
    "refuse": lambda r: f"fail {r.choice((3, 7, 8, 12, 13, 16))} {r.choice((5, 50, 100))}",
    "partial": lambda r: f"partial {r.choice((5, 50, 100))}",
    "max_bytes": lambda r: f"max_bytes {r.choice((2000, 8000, 20000))}",
    "rst": lambda r: f"rst {r.choice((2, 7, 8, 11))} {r.choice((5, 50, 100))}",
    "tcp_reset": lambda r: f"tcp_reset {r.choice((2, 10, 50))}",
    "no_trailers": lambda r: f"no_trailers {r.choice((5, 50))}",
    "close_after_request": lambda r: f"close_after_request {r.choice((2, 20, 100))}",
    "goaway": lambda r: f"goaway {r.choice(('graceful', 'immediate', 'every 50', 'every 300'))}",
    "half_close": lambda r: "half_close",
    "window0": lambda r: "window0",
    "max_streams": lambda r: f"max_streams {r.choice((0, 1, 3))}",
    "blackhole": lambda r: "blackhole",
}
PROCESS_KINDS = ("kill", "stop")
ROUTER_KINDS = ("router_term", "router_kill", "router_stop", "router_hup", "router_files", "router_memory")
DNS_KINDS = ("dns_mode", "dns_scale")
DNS_MODES = ("nxdomain", "servfail", "refused", "silent", "nodata", "garbage", "wrong_id", "flap", "huge")
DEFAULT_KINDS = (*COMMANDS, *PROCESS_KINDS, "router_term", "router_kill", "router_stop")


@dataclasses.dataclass
class Event:
    at_s: float          # after the load began
    kind: str
    where: int           # which backend or router
    detail: str
    length_s: float


@dataclasses.dataclass
class Plan:
    seed: int
    routers: int = 1
    backends: int = 4
    uses_dns: bool = False
    rate: int = 120
    callers: int = 32
    cancel_percent: int = 0
    deadline_ms: int = 0        # of every call; 0: all kinds
    tries: int = 6
    is_impatient: bool = False
    is_large: bool = False      # all requests, not one of four
    is_single_trace: bool = False   # each request concerns one backend
    is_far: bool = False        # the backends are behind a wire that can be cut (far_network.py)
    spans_max: int = 200
    compression: str = "gzip"
    memory_mib: int = 256
    files_max: int = 0
    warm_s: float = 2
    faults_s: float = 20
    heal_s: float = 9
    kinds: tuple = ()
    events: list = dataclasses.field(default_factory=list)

    @property
    def load_s(self):
        return self.warm_s + self.faults_s + self.heal_s

    def title(self):
        return (f"seed {self.seed}: {self.routers} routers, {self.backends} backends, "
                f"{'dns' if self.uses_dns else 'static'}, {','.join(self.kinds) or 'no faults'}")


def event(generator, plan, kind, at_s, end_s):
    length_s = min(generator.choice((0.3, 1, 2, 4)), end_s - at_s)
    if kind in COMMANDS:
        return Event(at_s, kind, generator.randrange(plan.backends), COMMANDS[kind](generator), length_s)
    if kind in PROCESS_KINDS:
        return Event(at_s, kind, generator.randrange(plan.backends), "", length_s)
    if kind == "dns_mode":
        return Event(at_s, kind, 0, generator.choice(DNS_MODES), length_s)
    if kind == "dns_scale":
        return Event(at_s, kind, 0, str(generator.randint(max(1, plan.backends // 2), plan.backends)), length_s)
    if kind in ("router_files", "router_memory"):
        return Event(at_s, kind, generator.randrange(plan.routers), "", length_s)
    return Event(at_s, kind, generator.randrange(plan.routers), "", min(length_s, 1))


def make_plan(seed, kinds=None, **fixed):
    """Everything that `fixed` leaves open is drawn from the seed. kinds: those to draw from, () for none."""
    generator = random.Random(seed)
    pool = list(DEFAULT_KINDS if kinds is None else kinds)
    drawn = dict(routers=generator.choice((1, 1, 2, 3)), backends=generator.choice((4, 5, 8)),
                 cancel_percent=generator.choice((0, 0, 5, 30)), tries=generator.choice((1, 6, 6)),
                 is_impatient=generator.random() < 0.2, spans_max=generator.choice((40, 200, 256)),
                 compression=generator.choice(("gzip", "gzip", "none")),
                 uses_dns=any(kind in DNS_KINDS for kind in pool))
    drawn.update(fixed)
    plan = Plan(seed, kinds=tuple(sorted(generator.sample(pool, min(len(pool), generator.randint(2, 5))))), **drawn)
    if "router_memory" in plan.kinds:
        plan.rate, plan.callers, plan.is_large = 200, 600, True  # enough to fill a small budget
    at_s, end_s = plan.warm_s, plan.warm_s + plan.faults_s
    while plan.kinds:
        at_s += generator.uniform(0.1, 1.2)
        if at_s >= end_s - 0.3:
            break
        plan.events.append(event(generator, plan, generator.choice(plan.kinds), at_s, end_s))
    return plan


def make_restart_plan(seed, kind, restarts=20, pause_s=2.5):
    """Three routers of which one after the other is ended (router_term, router_kill) and started again."""
    plan = Plan(seed, routers=3, faults_s=restarts * pause_s, kinds=(kind,))
    plan.events = [Event(plan.warm_s + i * pause_s, kind, i % plan.routers, "", 0.3) for i in range(restarts)]
    return plan


def make_bystander_plan(seed, kind, detail="", before_s=30, length_s=60):
    """One of four backends is in trouble for a minute. Callers enough that none of the others' is missed meanwhile, and
    none tries again: who waits for the sick one comes too late for its next call to another."""
    plan = Plan(seed, rate=150, callers=400, tries=1, faults_s=before_s + length_s, heal_s=12, is_single_trace=True,
                spans_max=120, kinds=(kind,))
    plan.events = [Event(plan.warm_s + before_s, kind, 0, detail, length_s)]
    return plan


def make_blackhole_plan(seed, length_s=10):
    """The wire to one of four backends is cut below TCP, later that to another."""
    plan = Plan(seed, rate=150, callers=400, faults_s=50, heal_s=12, is_single_trace=True, is_far=True, spans_max=120,
                kinds=("cut",))
    plan.events = [Event(plan.warm_s + 15, "cut", 0, "", length_s), Event(plan.warm_s + 33, "cut", 1, "", length_s)]
    return plan


def make_patient_blackhole_plan(seed, length_s=8):
    """The same for few callers with long deadlines: no call is given up before TCP says that the path is dead."""
    plan = Plan(seed, rate=60, callers=300, deadline_ms=10_000, faults_s=14, is_far=True, kinds=("cut",))
    plan.events = [Event(plan.warm_s + 4, "cut", 0, "", length_s)]
    return plan


def make_dns_plan(seed, length_s=300):
    """Every way in which DNS can fail, one after the other, for five minutes; no client tries a second time."""
    generator = random.Random(seed)
    plan = Plan(seed, uses_dns=True, rate=40, tries=1, faults_s=length_s, heal_s=10, kinds=("dns_mode",))
    at_s, end_s = plan.warm_s, plan.warm_s + length_s
    while at_s < end_s - 1:
        for mode in generator.sample(DNS_MODES, len(DNS_MODES)):
            if at_s < end_s - 1:
                plan.events.append(Event(at_s, "dns_mode", 0, mode, min(12, end_s - at_s)))
            at_s += 13
    return plan
