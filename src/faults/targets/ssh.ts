import { dirname, resolve } from "node:path";
import type { ClusterConfig } from "../../config/schema.ts";
import { RagctlError } from "../../errors.ts";
import { realClock } from "../../runtime.ts";
import type { SshTarget } from "../contract.ts";
import { remoteFacts } from "../remote/facts.ts";
import { configuredTarget, readyUrlOf } from "./configured.ts";
import type { Subject, TargetResolver } from "./index.ts";

/** A machine that ssh reaches: its units, its processes, its packet filter. */
export const sshTarget: TargetResolver = {
  kind: "ssh",
  summary: "a machine behind ssh: systemd units or pid files, iptables, tc",
  async resolve(cluster, subject) {
    const configured = configuredTarget(subject, "ssh");
    if (!configured) return { impossible: `the config says no ssh host for ${subject.id}: \`target: { kind: ssh, host: … }\`` };
    const { kind: _, identityFile, servicePort, sudo, ...rest } = configured;
    const address: Omit<SshTarget, "facts"> = {
      kind: "ssh",
      node: subject.id,
      ...present(rest),
      ...(identityFile === undefined ? {} : { identityFile: keyFile(cluster, identityFile) }),
      ...(sudo ? { sudo } : {}),
      servicePort: servicePort ?? portOf(subject),
      readyUrl: readyUrlOf(subject),
    };
    try {
      return { target: { ...address, facts: await remoteFacts(address, { clock: realClock }) } };
    } catch (error) {
      if (!(error instanceof RagctlError)) throw error;
      return { impossible: error.hint === undefined ? error.message : `${error.message} (${error.hint})` };
    }
  },
};

function portOf({ url }: Subject): number {
  const { port, protocol } = new URL(url);
  if (port !== "") return Number(port);
  return { "http:": 80, "https:": 443, "redis:": 6379, "rediss:": 6379 }[protocol] ?? 80;
}

/** Relative to the config; `~` is left to ssh. */
function keyFile({ source }: ClusterConfig, path: string): string {
  return path.startsWith("~") ? path : resolve(source.file ? dirname(source.file) : ".", path);
}

type Present<T> = { [K in keyof T]: Exclude<T[K], undefined> };
function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>;
}
