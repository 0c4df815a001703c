import { constants, homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Time, as everything but the process boundary sees it. Tests pass a simulated one. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  nowMs(): number;
  /** Monotonic, microseconds (fractional) since an origin that all threads and processes of the machine share. */
  monotonicUs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts. `ref: false`: does not keep the process alive. */
  sleep(ms: number, signal?: AbortSignal, options?: { ref?: boolean }): Promise<void>;
  /** Runs `run` after `ms`; the result cancels it. Where a clock has none, `sleep` does, at a higher price. */
  after?(ms: number, run: () => void): () => void;
}

/** A text sink: stdout, stderr, or a buffer in a test. */
export interface Output {
  write(text: string): void;
  readonly isTTY: boolean;
  /** Width in columns; 80 off a terminal. */
  readonly columns: number;
  /** The Node stream behind it, for ink; absent in tests. */
  readonly stream?: NodeJS.WriteStream;
}

/** Uniform in [0, 1). Seeded, so that a run can be repeated. */
export type Rng = () => number;

/** Everything a command may take from its process. Nothing else in `src` or `commands` touches `process`. */
export interface Runtime {
  /** Arguments after the program's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly pid: number;
  readonly execPath: string;
  readonly platform: NodeJS.Platform;
  readonly versions: { node: string; ragctl: string };
  readonly stdin: { isTTY: boolean; stream: NodeJS.ReadableStream };
  readonly stdout: Output;
  readonly stderr: Output;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Aborts on the first SIGINT or SIGTERM: finish what is in flight, heal, report. */
  readonly signal: AbortSignal;
  /** Aborts on the second: stop now (what can be resumed is on disk). */
  readonly hardSignal: AbortSignal;
  /** `$XDG_STATE_HOME/ragctl`, or `~/.local/state/ragctl`. */
  readonly stateDir: string;
}

/** The reason that `Runtime.signal` aborts with. */
export class Interrupted extends Error {
  readonly signalName: "SIGINT" | "SIGTERM";
  constructor(signalName: "SIGINT" | "SIGTERM") {
    super(`interrupted by ${signalName}`);
    this.name = "Interrupted";
    this.signalName = signalName;
  }
}

export const realClock: Clock = {
  nowMs: () => Date.now(),
  monotonicUs: () => {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1e6 + nanoseconds / 1e3;
  },
  sleep: async (ms, signal, options) => {
    try {
      await delay(ms, undefined, signal ? { ...options, signal } : options);
    } catch (error) {
      throw signal?.aborted ? signal.reason : error;
    }
  },
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** `clock.after`, whatever the clock has. */
export function runAfter(clock: Clock, ms: number, run: () => void): () => void {
  if (clock.after) return clock.after(ms, run);
  const cancelled = new AbortController();
  clock.sleep(ms, cancelled.signal).then(run, () => undefined);
  return () => cancelled.abort();
}

/**
 * Mulberry32: 32 bits of state, enough for choices and jitter, and the same on every platform.
 * @param seed any integer; only its low 32 bits count
 */
export function seededRng(seed: number): Rng {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** What a library takes from the process that it is part of: nothing is subscribed to, and nothing of it is changed. */
export function libraryContext(): Pick<Runtime, "env" | "cwd" | "clock" | "rng"> {
  return { env: process.env, cwd: process.cwd(), clock: realClock, rng: seededRng(Date.now() ^ process.pid) };
}

export function stateDirOf(env: Readonly<Record<string, string | undefined>>): string {
  const base = env["XDG_STATE_HOME"];
  return join(base?.startsWith("/") ? base : join(homedir(), ".local", "state"), "ragctl");
}

/** Builds the Runtime of a real process and subscribes to its signals. Called once, by `bin`. */
export function processRuntime(version: string): Runtime {
  const soft = new AbortController();
  const hard = new AbortController();
  const onSignal = (name: "SIGINT" | "SIGTERM") => {
    const reason = new Interrupted(name);
    if (soft.signal.aborted) {
      hard.abort(reason);
      // A third one must always work, even if something holds the event loop's attention.
      process.once(name, () => process.exit(128 + constants.signals[name]));
    } else {
      soft.abort(reason);
      process.once(name, () => onSignal(name));
    }
  };
  process.once("SIGINT", () => onSignal("SIGINT"));
  process.once("SIGTERM", () => onSignal("SIGTERM"));
  // A reader that goes away (`ragctl … | head`) is not an error of ours.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  return {
    argv: process.argv.slice(2),
    env: process.env,
    cwd: process.cwd(),
    pid: process.pid,
    execPath: process.execPath,
    platform: process.platform,
    versions: { node: process.versions.node, ragctl: version },
    // Getters: making a stream takes milliseconds, which `--help` need not pay.
    stdin: {
      get isTTY() {
        return process.stdin.isTTY === true;
      },
      get stream() {
        return process.stdin;
      },
    },
    stdout: streamOutput(() => process.stdout),
    stderr: streamOutput(() => process.stderr),
    clock: realClock,
    rng: seededRng(Number(process.env["RAGCTL_SEED"] ?? Date.now() ^ process.pid)),
    signal: soft.signal,
    hardSignal: hard.signal,
    stateDir: stateDirOf(process.env),
  };
}

function streamOutput(stream: () => NodeJS.WriteStream): Output {
  return {
    write: (text) => void stream().write(text),
    get isTTY() {
      return stream().isTTY === true;
    },
    get columns() {
      return stream().isTTY ? stream().columns || 80 : 80;
    },
    get stream() {
      return stream();
    },
  };
}
