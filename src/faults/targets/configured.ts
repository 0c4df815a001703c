import type { TargetConfig } from "../../config/schema.ts";
import type { Target } from "../contract.ts";
import type { Subject } from "./index.ts";

/** What the config says of how to reach a node by this kind. */
export function configuredTarget<K extends TargetConfig["kind"]>(
  { target }: Pick<Subject, "target">,
  kind: K,
): Extract<TargetConfig, { kind: K }> | undefined {
  const all = target === undefined ? [] : Array.isArray(target) ? target : [target];
  return all.find((each): each is Extract<TargetConfig, { kind: K }> => each.kind === kind);
}

/** Answers 2xx, or to a PING where it is Redis, when the node serves. Stands in heal records, so it names nobody's password. */
export function readyUrlOf({ url, role }: Pick<Subject, "url" | "role">): string {
  return withoutCredentials(role === "cache" ? url : new URL("/readyz", url).href);
}

/** Where something is, and not how to get in: user, password and query (`redis://…?password=…`) are left out. */
export function withoutCredentials(url: string): string {
  const bare = new URL(url);
  bare.username = "";
  bare.password = "";
  bare.search = "";
  return bare.href;
}

/** The cluster of `up` that a target belongs to. */
export function clusterIdOf(target: Target): string | undefined {
  if (target.kind === "process") return target.supervisor?.clusterId;
  return target.kind === "proxy" ? target.clusterId : undefined;
}
