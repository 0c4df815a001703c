import { get as getHttp } from "node:http";
import { get as getHttps } from "node:https";
import { askRedis } from "./ready-redis.ts";

/** How a readiness URL answered: yes (2xx, or to a PING where it is Redis), no (any other answer), refused (nobody listens), silent (no answer in time). */
export type Readiness = "yes" | "no" | "refused" | "silent";

/**
 * Asks once, on a connection of its own: a kept-alive one would say how the process before this one was. Certificates are not
 * checked: nothing secret is sent, and whether somebody serves there is all that is asked.
 */
export function askReady(url: string, options: { timeoutMs: number; signal?: AbortSignal }): Promise<Readiness> {
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const signal = options.signal ? AbortSignal.any([timeout, options.signal]) : timeout;
  if (/^rediss?:/.test(url)) return askRedis(url, signal);
  return new Promise((resolve) => {
    const get = url.startsWith("https:") ? getHttps : getHttp;
    const request = get(url, { agent: false, signal, rejectUnauthorized: false }, (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      resolve(status >= 200 && status < 300 ? "yes" : "no");
    });
    request.on("error", () => resolve(signal.aborted ? "silent" : "refused"));
  });
}
