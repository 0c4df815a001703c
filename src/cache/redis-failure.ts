import { ExitCode, RagctlError } from "../errors.ts";

/** What a refusal stops: everything, writes alone, or whatever is done with this one key. */
export type RefusalScope = "all" | "writes" | "key";

interface Refusal {
  sign: RegExp;
  scope: RefusalScope;
  hint: string;
}

const refusals: readonly Refusal[] = [
  { sign: /^(NOAUTH|WRONGPASS|ERR invalid password|ERR AUTH)/, scope: "all", hint: "check cache.password of the config" },
  { sign: /^NOPERM/, scope: "all", hint: "this user's ACL lacks the command; grant it, or use another user" },
  {
    sign: /^OOM/,
    scope: "writes",
    hint: "the Redis is full and its policy is noeviction: raise maxmemory or set an allkeys policy",
  },
  {
    sign: /^READONLY/,
    scope: "writes",
    hint: "it is a replica: point the config at the primary, a sentinel or the cluster",
  },
  { sign: /^(MISCONF|NOREPLICAS)/, scope: "writes", hint: "the Redis itself is in trouble; its log says more" },
  { sign: /^(LOADING|CLUSTERDOWN|MASTERDOWN|TRYAGAIN)/, scope: "all", hint: "the Redis itself is in trouble; its log says more" },
  { sign: /^WRONGTYPE/, scope: "key", hint: "something else wrote that key: use another cache.namespace" },
  {
    sign: /cluster support disabled/,
    scope: "all",
    hint: "it is a single server: give cache.url instead of cache.cluster",
  },
  { sign: /^MOVED|cluster mode/, scope: "all", hint: "it is a Redis Cluster: list its nodes under cache.cluster" },
];

/** What OpenSSL and Node say of a connection that got as far as TLS. */
const tlsSigns: readonly Pick<Refusal, "sign" | "hint">[] = [
  { sign: /certificate required|handshake failure/i, hint: "it wants a client certificate: cache.tls.certFile and keyFile" },
  { sign: /altnames/i, hint: "its certificate is for another name: give that as cache.tls.serverName" },
  { sign: /certificate/i, hint: "name the certificate of whoever signed its own in cache.tls.caFile" },
  {
    sign: /wrong version number|packet length too long/i,
    hint: "perhaps it speaks no TLS on that port: redis:// instead of rediss://",
  },
];

/** The innermost thing said: ioredis wraps `connect ECONNREFUSED` in `Failed to refresh slots cache.` */
export function rootMessage(error: Error & { lastNodeError?: Error }): string {
  const inner = error.lastNodeError ?? (error instanceof AggregateError ? (error.errors[0] as Error | undefined) : undefined);
  const said = inner?.message || error.message;
  if (said === "Connection is closed.") return "no connection could be made";
  if (said === "Command timed out") return "no answer in time";
  return said || ((error as NodeJS.ErrnoException).code ?? error.name);
}

/**
 * Redis's own refusals (`-WRONGPASS …`, `-OOM …`) say what to do; whatever else failed, the server was not reached.
 * @param lastProblem what the connection last said, which a command that waited for it does not know
 * @returns `cache-refused` (its `details.scope` is what that stops) or `cache-unreachable`, exit 3
 */
export function asCacheError(error: Error, where: string, lastProblem: string | undefined): RagctlError {
  const said = rootMessage(error);
  for (const text of [said, lastProblem]) {
    const refusal = text === undefined ? undefined : refusals.find(({ sign }) => sign.test(text));
    if (refusal)
      return new RagctlError(`${where} refused: ${text}`, {
        code: "cache-refused",
        exitCode: ExitCode.unreachable,
        hint: refusal.hint,
        details: { scope: refusal.scope },
      });
  }
  const problem = lastProblem ?? said;
  return new RagctlError(`${where} could not be reached: ${problem}`, {
    code: "cache-unreachable",
    exitCode: ExitCode.unreachable,
    hint: tlsSigns.find(({ sign }) => sign.test(problem))?.hint ?? "check that it runs and that cache of the config points at it",
    cause: error,
  });
}

/** What a failure stops; all of it, where the server was not reached. */
export function scopeOf({ details }: RagctlError): RefusalScope {
  return (details as { scope?: RefusalScope } | undefined)?.scope ?? "all";
}
