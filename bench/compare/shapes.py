"""What is measured: the shapes of load, and the settings of the proxies that they need.

A reach is the ratio of CPU time per span to a peer's that is aimed at.
"""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Setting:
    """How every proxy of a shape is set up. Shapes with equal settings share their processes."""
    backends: int = 4
    compression: str = "none"   # from the clients and to the backends
    tls: bool = False           # from the clients and to the backends
    receiver: str = "grpc"      # or "http"
    workers: int = 1


@dataclasses.dataclass(frozen=True)
class Shape:
    """What the clients do."""
    name: str
    title: str
    spans: int
    connections: int
    in_flight: int  # per connection
    pool: int = 64
    setting: Setting = Setting()
    peers: tuple = ()
    variants: tuple = ()    # (name, Setting): further spanrings in the same rounds
    reach: tuple = ()       # (peer or variant, ratio)
    is_quick: bool = False

    def arguments(self):
        setting = self.setting
        arguments = ["--spans", self.spans, "--connections", self.connections, "--in-flight", self.in_flight,
                     "--pool", self.pool]
        if setting.compression != "none":
            arguments += ["--encoding", setting.compression]
        if setting.receiver == "http":
            arguments += ["--http"]
        if setting.tls:
            arguments += ["--tls"]
        return arguments


ALL = ("nginx", "haproxy", "collector")
SHAPES = (
    Shape("10", "10 spans, 4 connections x 8", 10, 4, 8, peers=ALL),
    Shape("100", "100 spans, 4 connections x 8", 100, 4, 8, is_quick=True,
          peers=(*ALL, "collector_queue"), reach=(("nginx", 0.65), ("collector", 1 / 25))),
    Shape("1000", "1000 spans, 4 connections x 4", 1000, 4, 4, pool=16, is_quick=True, peers=ALL,
          reach=(("nginx", 1.0), ("collector", 1 / 20))),
    Shape("connections", "100 spans, 64 connections x 1", 100, 64, 1, is_quick=True, peers=ALL,
          reach=(("nginx", 0.85),)),
    Shape("one", "100 spans, 1 in flight", 100, 1, 1, is_quick=True, peers=ALL, reach=(("nginx", 1.2),)),
    Shape("backends", "100 spans, 4 x 8, 300 backends", 100, 4, 8, setting=Setting(backends=300),
          peers=("nginx", "collector"), variants=(("3 backends", Setting(backends=3)),),
          reach=(("3 backends", 1.3),)),
    Shape("gzip", "100 spans, 4 x 8, gzip in and out", 100, 4, 8, is_quick=True,
          setting=Setting(compression="gzip"), peers=("collector", "collector_queue"),
          reach=(("collector", 1 / 10),)),
    Shape("zstd", "100 spans, 4 x 8, zstd in and out", 100, 4, 8, setting=Setting(compression="zstd"),
          peers=("collector",)),
    Shape("http", "100 spans, OTLP/HTTP/1.1, 32 connections x 1", 100, 32, 1, setting=Setting(receiver="http"),
          peers=("collector",)),
    Shape("tls", "100 spans, 4 x 8, TLS in and out", 100, 4, 8, setting=Setting(tls=True),
          peers=("nginx", "collector")),
)


def by_name(names):
    known = {shape.name: shape for shape in SHAPES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise RuntimeError(f"no shape {', '.join(unknown)}; there are: {', '.join(known)}")
    return tuple(known[name] for name in names)


def hosts(count):
    """Loopback addresses of `count` backends; no two settings of one run share an address by chance of a port."""
    return [f"127.{20 + count % 100}.{1 + i // 200}.{1 + i % 200}" for i in range(count)]
