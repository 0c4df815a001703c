import { PassThrough } from "node:stream";
import { main } from "../../commands/main.ts";
import type { ExitCode } from "../../src/errors.ts";
import { Interrupted, realClock, seededRng, type Clock, type Output, type Runtime } from "../../src/runtime.ts";

export interface FakeRuntimeOptions {
  argv?: string[];
  env?: Record<string, string | undefined>;
  cwd: string;
  isTTY?: boolean;
  columns?: number;
  clock?: Clock;
  seed?: number;
  stdin?: string;
}

export interface FakeRuntime extends Runtime {
  stdoutText(): string;
  stderrText(): string;
  /** What Ctrl-C does: the first aborts `signal`, the second `hardSignal`. */
  interrupt(name?: "SIGINT" | "SIGTERM"): void;
}

/** A Runtime whose outputs are strings and whose state lives under `cwd`. */
export function fakeRuntime(options: FakeRuntimeOptions): FakeRuntime {
  const soft = new AbortController();
  const hard = new AbortController();
  const stdout = bufferOutput(options);
  const stderr = bufferOutput(options);
  const stdin = new PassThrough();
  stdin.end(options.stdin ?? "");
  return {
    argv: options.argv ?? [],
    env: { ...options.env },
    cwd: options.cwd,
    pid: process.pid,
    execPath: process.execPath,
    platform: process.platform,
    versions: { node: process.versions.node, ragctl: "0.0.0-test" },
    stdin: { isTTY: options.isTTY ?? false, stream: stdin },
    stdout,
    stderr,
    clock: options.clock ?? realClock,
    rng: seededRng(options.seed ?? 1),
    signal: soft.signal,
    hardSignal: hard.signal,
    stateDir: `${options.cwd}/.state/ragctl`,
    stdoutText: () => stdout.text,
    stderrText: () => stderr.text,
    interrupt: (name = "SIGINT") => (soft.signal.aborted ? hard : soft).abort(new Interrupted(name)),
  };
}

export interface CliResult {
  exitCode: ExitCode;
  stdout: string;
  stderr: string;
  /** The parsed JSON document; throws where stdout is not exactly one. */
  json: () => any; // oxlint-disable-line typescript/no-explicit-any -- tests read whatever a command printed
}

/** Runs one command line in-process. */
export async function runCli(argv: string[], options: Omit<FakeRuntimeOptions, "argv">): Promise<CliResult> {
  const runtime = fakeRuntime({ ...options, argv });
  const exitCode = await main(runtime);
  const stdout = runtime.stdoutText();
  return { exitCode, stdout, stderr: runtime.stderrText(), json: () => JSON.parse(stdout) };
}

function bufferOutput({ isTTY = false, columns = 80 }: FakeRuntimeOptions): Output & { text: string } {
  return {
    text: "",
    isTTY,
    columns,
    write(chunk) {
      this.text += chunk;
    },
  };
}
