import type { LoadResult } from "../result.ts";
import { joinWindows } from "./join.ts";
import { promText, windowSamples, type PromSample } from "./prometheus.ts";
import { remoteWriteBody } from "./remote-write.ts";

/** Windows on their way to Prometheus while a run goes. Nothing here can fail the run. */
export interface Pusher {
  /** When the measured part began, ms since the epoch; windows wait for it. */
  startedAt(atMs: number): void;
  window(window: LoadResult["windows"][number]): void;
  /** Sends what is left; resolves whatever becomes of it. */
  end(): Promise<void>;
}

export interface PushOptions {
  url: URL;
  /** On every sample: the run, the cluster. */
  labels: Readonly<Record<string, string>>;
  /** Called once, with the first problem. */
  warn: (text: string) => void;
  fetch?: typeof globalThis.fetch;
}

const windowsPerPush = 5;
/** A receiver that is away must not let the queue grow with the run. */
const mostQueued = 600;
const timeoutMs = 5_000;

/** Whether this is a Pushgateway (`…/metrics/job/NAME`); everything else is taken for a remote-write receiver. */
export function isPushgateway(url: URL): boolean {
  return url.pathname.includes("/metrics/job");
}

/** Pushes windows in their order, a few at a time: to a remote-write receiver all of them, to a Pushgateway the newest. */
export function createPusher({ url, labels, warn, fetch = globalThis.fetch }: PushOptions): Pusher {
  let startedAtMs: number | undefined;
  let queue: LoadResult["windows"] = [];
  /** The newest second, which may get more windows. */
  let open: LoadResult["windows"][number] | undefined;
  let sending: Promise<void> | undefined;
  let warned = false;
  const fail = (problem: string) => {
    if (!warned) warn(`the push to ${url.origin}${url.pathname} failed (${problem}); the run goes on without it`);
    warned = true;
  };
  const send = async (samples: readonly PromSample[]) => {
    try {
      const answer = await fetch(...pushRequest(url, samples));
      if (!answer.ok) fail(`status ${answer.status}`);
      await answer.body?.cancel();
    } catch (error) {
      fail(error instanceof Error && error.cause instanceof Error ? error.cause.message : (error as Error).message);
    }
  };
  const flush = async () => {
    const began = startedAtMs;
    if (began === undefined) {
      sending = undefined;
      return;
    }
    while (queue.length > 0) {
      const taken = isPushgateway(url) ? queue.slice(-1) : queue;
      queue = [];
      await send(taken.flatMap((window) => windowSamples(window, began, labels)));
    }
    sending = undefined;
  };
  return {
    startedAt(atMs) {
      startedAtMs = atMs;
    },
    window(window) {
      if (open?.second === window.second) {
        open = joinWindows(open, window);
        return;
      }
      if (open) queue.push(open);
      open = window;
      if (queue.length > mostQueued) queue.shift();
      if (queue.length >= windowsPerPush) sending ??= flush();
    },
    async end() {
      await sending;
      if (open) queue.push(open);
      open = undefined;
      await flush();
    },
  };
}

function pushRequest(url: URL, samples: readonly PromSample[]): [URL, RequestInit] {
  const target = new URL(url);
  const headers: Record<string, string> = { "user-agent": "ragctl" };
  if (url.username !== "") {
    const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers["authorization"] = `Basic ${Buffer.from(credentials).toString("base64")}`;
    target.username = "";
    target.password = "";
  }
  const signal = AbortSignal.timeout(timeoutMs);
  if (isPushgateway(url)) {
    headers["content-type"] = "text/plain; version=0.0.4";
    return [target, { method: "PUT", headers, body: promText(samples), signal }];
  }
  Object.assign(headers, {
    "content-type": "application/x-protobuf",
    "content-encoding": "snappy",
    "x-prometheus-remote-write-version": "0.1.0",
  });
  return [target, { method: "POST", headers, body: new Uint8Array(remoteWriteBody(samples)), signal }];
}
