import { ExitCode, RagctlError } from "../errors.ts";
import type { FaultDeps } from "./contract.ts";

export interface Toxic {
  name: string;
  type: string;
  stream: "upstream" | "downstream";
  /** Share of connections that it falls on, [0, 1]. */
  toxicity: number;
  attributes: Record<string, number>;
}

export interface ToxicProxy {
  name: string;
  listen: string;
  upstream: string;
  enabled: boolean;
  toxics: Toxic[];
}

const answerMs = 3_000;

/** One proxy of a toxiproxy server, by its HTTP API; every question is bounded in time, as the server may hang (toxiproxy#558). */
export class ToxiproxyApi {
  private readonly api: string;
  readonly name: string;

  constructor(api: string, name: string) {
    this.api = api;
    this.name = name;
  }

  /** The proxy with its toxics; undefined where there is none of that name. */
  async read(deps: FaultDeps): Promise<ToxicProxy | undefined> {
    return (await this.ask("GET", this.path(), undefined, deps, [404])) as ToxicProxy | undefined;
  }

  /** Adds it; one of that name that is there already stays. */
  async addToxic(toxic: Toxic, deps: FaultDeps): Promise<void> {
    await this.ask("POST", `${this.path()}/toxics`, toxic, deps, [409]);
  }

  async deleteToxic(name: string, deps: FaultDeps): Promise<void> {
    await this.ask("DELETE", `${this.path()}/toxics/${encodeURIComponent(name)}`, undefined, deps, [404]);
  }

  /** Disabled, it refuses connections, and closes those that there are. */
  async enable(enabled: boolean, deps: FaultDeps): Promise<void> {
    await this.ask("POST", this.path(), { enabled }, deps);
  }

  async create(proxy: Omit<ToxicProxy, "toxics">, deps: FaultDeps): Promise<void> {
    await this.ask("POST", "/proxies", proxy, deps, [409]);
  }

  async delete(deps: FaultDeps): Promise<void> {
    await this.ask("DELETE", this.path(), undefined, deps, [404]);
  }

  private path(): string {
    return `/proxies/${encodeURIComponent(this.name)}`;
  }

  /** @returns the answer's JSON; undefined for a status in `fine` @throws RagctlError exit 3 */
  private async ask(method: string, path: string, body: unknown, { signal }: FaultDeps, fine: number[] = []): Promise<unknown> {
    const { request } = await import("undici");
    const timeout = AbortSignal.timeout(answerMs);
    try {
      const response = await request(new URL(path, this.api), {
        method: method as "GET",
        signal: signal ? AbortSignal.any([timeout, signal]) : timeout,
        headers: { "content-type": "application/json", "user-agent": "ragctl" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.body.text();
      const { statusCode } = response;
      if (fine.includes(statusCode)) return undefined;
      if (statusCode >= 300) throw this.problem(`it answered ${statusCode} to ${method} ${path}: ${text.trim().slice(0, 200)}`);
      return text === "" ? undefined : JSON.parse(text);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (error instanceof RagctlError) throw error;
      if (timeout.aborted)
        throw this.problem(
          `it did not answer within ${answerMs / 1000} s about ${this.name}`,
          "toxiproxy hangs where a client does not read what it asked for: restart toxiproxy-server, which ends every toxic",
        );
      throw this.problem((error as Error).message);
    }
  }

  private problem(what: string, hint = "start toxiproxy-server there, or change `api` of the node's target"): RagctlError {
    return new RagctlError(`the toxiproxy at ${this.api}: ${what}`, {
      code: "toxiproxy-failed",
      exitCode: ExitCode.unreachable,
      hint,
    });
  }
}
