import type { ProcessIdentity } from "../process-identity.ts";
import type { ProxyReply, ProxyRequest, ProxySpec, ProxyStatus } from "./contract.ts";
import { Proxy, type ProxyDeps } from "./proxy.ts";

/** All proxies of one process, and what is asked of them. */
export class Proxies {
  readonly #deps: ProxyDeps;
  readonly #process: ProcessIdentity;
  readonly #proxies = new Map<string, Proxy>();

  constructor(process: ProcessIdentity, specs: readonly ProxySpec[], deps: ProxyDeps) {
    this.#process = process;
    this.#deps = deps;
    this.#apply(specs);
  }

  handle(request: ProxyRequest): ProxyReply {
    switch (request.op) {
      case "status":
        return this.#ok();
      case "apply":
        this.#apply(request.proxies);
        return this.#ok();
      case "add": {
        const proxy = this.#proxies.get(request.proxy);
        if (!proxy) return this.#unknown(request.proxy);
        if (proxy.add(request.impairment)) return this.#ok();
        return { ok: false, code: "refused", error: `${request.impairment.id} has been healed` };
      }
      case "remove": {
        const proxy = this.#proxies.get(request.proxy);
        if (!proxy) return this.#unknown(request.proxy);
        proxy.remove(request.id);
        return this.#ok();
      }
      default:
        return {
          ok: false,
          code: "refused",
          error: `the proxy knows no request ${JSON.stringify(request)}; is it of another version?`,
        };
    }
  }

  close(): void {
    for (const proxy of this.#proxies.values()) proxy.close();
  }

  #apply(specs: readonly ProxySpec[]): void {
    const wanted = new Map(specs.map((spec) => [spec.name, spec]));
    for (const [name, proxy] of this.#proxies) {
      if (JSON.stringify(proxy.spec) === JSON.stringify(wanted.get(name))) continue;
      proxy.close();
      this.#proxies.delete(name);
    }
    for (const spec of specs) if (!this.#proxies.has(spec.name)) this.#proxies.set(spec.name, new Proxy(spec, this.#deps));
  }

  #ok(): { ok: true; status: ProxyStatus } {
    return { ok: true, status: { process: this.#process, proxies: [...this.#proxies.values()].map(({ state }) => state) } };
  }

  #unknown(name: string): ProxyReply {
    return {
      ok: false,
      code: "unknown-proxy",
      error: `there is no proxy ${name} here; there are ${[...this.#proxies.keys()].join(", ")}`,
    };
  }
}
