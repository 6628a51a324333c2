"""How the engine runs: every knob with its unit, its default and its bounds.

What the engine trades is a preset's matter (`config.preset`). Where a knob's value
comes from is `config.sources`' matter: defaults, a TOML file, the environment, the
command line.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from config.bounds import Group, bounded
from config.live import LiveGroup
from config.outside import HeartbeatGroup, NoticesGroup

Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Milliseconds = Annotated[int, Meta(ge=0, le=3_600_000)]
Restarts = Annotated[int, Meta(ge=0, le=1000)]
PositiveMoney = Annotated[Decimal, bounded(gt=0)]


class LogFormat(StrEnum):
    """How log lines look."""

    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    """The least severe line that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class EngineGroup(Group, frozen=True, kw_only=True):
    """The engine itself."""

    engine_id: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,20}$")] = "main"
    data_dir: Annotated[str, Meta(min_length=1, max_length=4096)] = "breakout-data"
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 1
    equity_usd: PositiveMoney = Decimal(10_000)  # of the paper account at first start


class MarketGroup(Group, frozen=True, kw_only=True):
    """Which market is traded."""

    spec: Annotated[str, Meta(pattern=r"^(demo|(replay|exchange):.+)$")] = "demo"
    #: How many symbols, or which (A,B,C); empty: all.
    symbols: Annotated[str, Meta(max_length=65_536)] = ""
    #: Market seconds in a second, or max.
    speed: Annotated[str, Meta(pattern=r"^(max|[0-9]{1,6}(\.[0-9]{1,3})?)$")] = "60"
    #: Past that the demo lives through, or an exchange is asked for, at first.
    warmup_hours: Annotated[float, Meta(ge=0, le=240)] = 26.0


class PaperGroup(Group, frozen=True, kw_only=True):
    """The paper exchange and its modelled book, on the pessimistic side."""

    latency_ms: Milliseconds = 50  # from sending to matching, one way
    spread_per_range: Annotated[float, Meta(ge=0, le=1)] = 0.05  # half, of a minute's
    half_spread_bps_min: Annotated[float, Meta(ge=0, le=1000)] = 0.5
    half_spread_bps_max: Annotated[float, Meta(ge=0, le=1000)] = 25.0
    depth_minutes: Annotated[float, Meta(gt=0, le=1440)] = 3.0  # of turnover, 30 bps
    depth_floor_usd: Annotated[float, Meta(gt=0, le=1e9)] = 500.0
    refill_ms: Annotated[int, Meta(ge=1, le=3_600_000)] = 1_000
    #: Partial fills: all fills in a bar take at most this share of its volume.
    volume_share_max: Annotated[float, Meta(gt=0, le=1)] = 0.1
    leverage_max: PositiveMoney = Decimal(10)  # where shorting is allowed; spot is 1


class ClockGroup(Group, frozen=True, kw_only=True):
    """How far our clock may be from the exchange's, and how that is measured."""

    round_seconds: Seconds = 60.0
    samples: Annotated[int, Meta(ge=1, le=25)] = 5  # of one round; their median counts
    round_trip_ms_max: Milliseconds = 2_000  # a slower answer is dropped
    warn_ms: Milliseconds = 250
    refuse_ms: Milliseconds = 500  # entries are refused from here on
    halt_ms: Milliseconds = 1_000
    failed_rounds_max: Annotated[int, Meta(ge=1, le=60)] = 3  # then it is UNKNOWN


class FeedGroup(Group, frozen=True, kw_only=True):
    """How old a symbol's data may be; a market of bars adds its bar's length."""

    entries_ms_max: Milliseconds = 5_000  # entries are refused from here on
    stale_ms_max: Milliseconds = 15_000
    reconnect_ms_max: Milliseconds = 20_000
    late_close_ms_max: Milliseconds = 3_000  # a candle that closes later is marked


class StreamGroup(Group, frozen=True, kw_only=True):
    """How an exchange is listened to; empty addresses: the exchange's own."""

    stream_url: Annotated[str, Meta(max_length=2048, pattern=r"^(wss?://.+)?$")] = ""
    rest_url: Annotated[str, Meta(max_length=2048, pattern=r"^(https?://.+)?$")] = ""
    depth: bool = True  # keep order books, for depth and imbalance
    #: A message waits so long for others, at most, where many come: a wake-up costs as
    #: much as dozens of messages. Own orders do not come this way. 0: none waits.
    breath_ms: Annotated[int, Meta(ge=0, le=100)] = 5


class ControlGroup(Group, frozen=True, kw_only=True):
    """The control plane's server."""

    host: Annotated[str, Meta(min_length=1, max_length=253)] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8000  # 0: no server
    connections_max: Annotated[int, Meta(ge=1, le=10_000)] = 64
    #: A browser keeps six connections and the stream; several may share one address.
    per_address_max: Annotated[int, Meta(ge=1, le=10_000)] = 24
    message_bytes_max: Annotated[int, Meta(ge=1024, le=16_777_216)] = 65_536
    stall_seconds_max: Annotated[float, Meta(ge=0.1, le=60)] = 2.0
    read_timeout_seconds: Annotated[int, Meta(ge=1, le=3600)] = 30
    ping_seconds: Annotated[float, Meta(ge=0.1, le=3600)] = 10.0
    rate_per_second: Annotated[float, Meta(gt=0, le=100_000)] = 10.0  # per token
    address_rate_per_second: Annotated[float, Meta(gt=0, le=1_000_000)] = 50.0
    #: PEM files, both or neither; with them it is https and wss, TLS 1.2 or newer.
    tls_certificate: Annotated[str, Meta(max_length=4096)] = ""
    tls_key: Annotated[str, Meta(max_length=4096)] = ""
    #: Serve in clear to whoever can reach the address: tokens can be read on the way.
    insecure_public: bool = False
    #: Names that this engine is called by beside its address: a.example,b.example.
    hosts: Annotated[str, Meta(max_length=4096)] = ""
    #: Pages that may command it beside its own, exact: https://a.example:8443,...
    origins: Annotated[str, Meta(max_length=4096)] = ""
    metrics_open: bool = False  # GET /metrics without a token, on loopback only


class SupervisionGroup(Group, frozen=True, kw_only=True):
    """How often each kind of child may be restarted within its period."""

    symbol_restarts_max: Restarts = 3  # beyond it the symbol is quarantined
    symbol_period_seconds: Seconds = 60.0
    feed_restarts_max: Restarts = 10  # beyond it the feed's symbols stay stale
    feed_period_seconds: Seconds = 300.0
    control_restarts_max: Restarts = 5  # beyond it the engine trades on, with an alarm
    control_period_seconds: Seconds = 60.0
    core_restarts_max: Restarts = 1  # journal, risk, reconcile; beyond it: stop
    core_period_seconds: Seconds = 300.0
    backoff_first_seconds: Seconds = 1.0
    backoff_max_seconds: Seconds = 60.0


class MonitorGroup(Group, frozen=True, kw_only=True):
    """What the resource monitor alarms about."""

    cpu_percent_max: Annotated[float, Meta(gt=0, le=100_000)] = 90.0  # of one core
    memory_mb_max: Annotated[int, Meta(ge=64, le=16_777_216)] = 2048
    disk_free_mb_min: Annotated[int, Meta(ge=1, le=1_073_741_824)] = 512
    #: Of the descriptors that the system allows this process.
    descriptors_percent_max: Annotated[float, Meta(gt=0, le=100)] = 80.0
    loop_lag_ms_max: Annotated[float, Meta(gt=0, le=60_000)] = 250.0


class LoggingGroup(Group, frozen=True, kw_only=True):
    """Log lines."""

    format: LogFormat = LogFormat.CONSOLE
    level: LogLevel = LogLevel.INFO


class Settings(Group, frozen=True, kw_only=True):
    """All engine settings."""

    engine: EngineGroup = EngineGroup()
    market: MarketGroup = MarketGroup()
    paper: PaperGroup = PaperGroup()
    clock: ClockGroup = ClockGroup()
    feed: FeedGroup = FeedGroup()
    streams: StreamGroup = StreamGroup()
    control: ControlGroup = ControlGroup()
    supervision: SupervisionGroup = SupervisionGroup()
    monitor: MonitorGroup = MonitorGroup()
    logging: LoggingGroup = LoggingGroup()
    live: LiveGroup = LiveGroup()
    notices: NoticesGroup = NoticesGroup()
    heartbeat: HeartbeatGroup = HeartbeatGroup()
