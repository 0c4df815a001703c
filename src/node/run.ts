import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { ExitCode, RagctlError } from "../errors.ts";
import type { Runtime } from "../runtime.ts";
import { Catalog } from "./catalog.ts";
import { openDatabase } from "./database.ts";
import { createServer } from "./server.ts";

export interface NodeOptions {
  /** 0: any free one; `Listening` says which. */
  port: number;
  host: string;
  /** Data directory; made where it is missing, held by one process at a time. */
  dir: string;
  apiKey?: string | undefined;
  /** Also survive a power failure, at the price of a disk sync for each write. */
  fsync?: boolean;
}

/** The one line that the node prints, as soon as it answers. */
export interface Listening {
  event: "listening";
  url: string;
  host: string;
  port: number;
  pid: number;
  dir: string;
}

/** How often graphs are looked at for saving. */
const saveEveryMs = 5000;
/** Indexing that an orderly stop still does, to spare the next start; a backlog that keeps writers waiting takes 0.3 s. */
const finishMs = 1000;
/** How long a stop waits for requests in flight. */
const closeMs = 3000;

/**
 * Runs a node until the runtime's signal, then saves and closes it; returns where it listened. Throws RagctlError: exit 7 where another process holds
 * the directory, 3 where the port is taken, 2 where one of them cannot be used at all.
 */
export async function runNode(
  runtime: Runtime,
  options: NodeOptions,
  onListening: (listening: Listening) => void | Promise<void>,
): Promise<Listening> {
  const dir = resolve(runtime.cwd, options.dir);
  const db = openDatabase({ dir, fsync: options.fsync ?? false, pid: runtime.pid });
  try {
    const catalog = new Catalog(db, dir, runtime.clock);
    const server = createServer({ catalog, clock: runtime.clock, apiKey: options.apiKey });
    const { port, host } = options;
    await server.listen({ port, host }).catch((error: NodeJS.ErrnoException) => {
      throw listenError(error, host, port);
    });
    const timer = setInterval(() => void catalog.saveGraphs({ force: false }), saveEveryMs);
    const address = server.addresses()[0] as AddressInfo;
    const shown = address.family === "IPv6" ? `[${address.address}]` : address.address;
    const url = `http://${shown}:${address.port}`;
    const listening: Listening = { event: "listening", url, host, port: address.port, pid: runtime.pid, dir };
    await onListening(listening);
    await aborted(runtime.signal);
    clearInterval(timer);
    catalog.indexer.close(finishMs);
    const impatience = setTimeout(() => server.server.closeAllConnections(), closeMs);
    await server.close();
    clearTimeout(impatience);
    await catalog.saveGraphs({ force: true });
    return listening;
  } finally {
    db.close();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    else signal.addEventListener("abort", () => done(), { once: true });
  });
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): RagctlError {
  if (error.code === "EADDRINUSE")
    return new RagctlError(`port ${port} of ${host} is in use`, {
      code: "port-in-use",
      exitCode: ExitCode.unreachable,
      hint: "stop what listens there, or choose another --port (0: any free one)",
      cause: error,
    });
  return new RagctlError(`cannot listen on ${host}:${port}: ${error.message}`, {
    code: "cannot-listen",
    exitCode: ExitCode.usage,
    hint: "give an address of this machine with --host, and a port that you may use with --port",
    cause: error,
  });
}
