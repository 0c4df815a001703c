import type { z } from "zod";
import type { ClusterConfig } from "../config/schema.ts";
import type { ProcessIdentity } from "../process-identity.ts";
import type { Impairment } from "../proxy/contract.ts";
import type { Clock } from "../runtime.ts";

export type { Impairment };

/**
 * A fault's life (DESIGN.md, "Fault"): prepare → record on disk → the watchdog acknowledges it → inject → the lease is
 * renewed for as long as the fault shall last → heal → probe proves it → the record goes. Healing is data, not a
 * closure: whoever finds the record, in whatever process, must be able to undo what it says.
 *
 * A fault is written against a capability of its target, a `Host` (the process of a node) or a `Link` (the network before
 * it), and not against the kind of target: `hostOf(target)` and `linkOf(target)` say what there is.
 */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** How long a fault outlives an injector that has stopped renewing; and how often a living one renews. */
export const leaseTtlMs = 5_000;
export const leaseRenewMs = 1_000;

/** A process of this machine. Targets are plain data: what `heal` needs in a process that knows nothing else. */
export interface ProcessTarget {
  kind: "process";
  node: string;
  /** The process that had the node when the fault was prepared. */
  process: ProcessIdentity;
  /** Answers 2xx when the node serves; `redis://` where a PING is asked instead. */
  readyUrl: string;
  /** Where clients reach it, where a fault proxy stands before it: nobody is let in there before the process listens. */
  frontUrl?: string;
  /** Who can start it again; absent for a node known by its pid file alone. */
  supervisor?: { dir: string; clusterId: string };
  /** Absolute; for a node that no supervisor of ours runs. */
  pidFile?: string;
}

/** The fault proxy that `up` puts in front of each node, spoken to at its socket. */
export interface ProxyTarget {
  kind: "proxy";
  node: string;
  socket: string;
  clusterId: string;
  /** Of the cluster; a deleted one has nothing to heal. */
  dir: string;
  /** The proxy's name at that socket. */
  proxy: string;
  /** Where clients connect, and what stands behind. */
  url: string;
  upstreamUrl: string;
}

/** A proxy of a toxiproxy server. */
export interface ToxiproxyTarget {
  kind: "toxiproxy";
  node: string;
  /** Its HTTP API: `http://host:8474`. */
  api: string;
  proxy: string;
  readyUrl: string;
  /** As the server said when the fault was prepared: what heals puts the proxy back as it was. */
  listen: string;
  upstream: string;
}

/** Another machine. Keys are named, never held. */
export interface SshTarget {
  kind: "ssh";
  node: string;
  host: string;
  /** Absent: what ssh's own config says. */
  port?: number;
  user?: string;
  identityFile?: string;
  /** `-o` options of ssh: `UserKnownHostsFile=…`. */
  options?: string[];
  /** Become root by `sudo -n`. */
  sudo?: boolean;
  /** systemd unit of the node, or the file that holds its pid. */
  unit?: string;
  pidFile?: string;
  /** The node's port on that host. */
  servicePort: number;
  readyUrl: string;
  /** What that host can do, as it was found when the target was resolved. */
  facts: SshFacts;
}

export interface SshFacts {
  root: boolean;
  /** The packet filter answers. */
  iptables: boolean;
  /** tc can shape traffic; and netem can delay it, which is a kernel module that is often missing. */
  shaping: boolean;
  netem: boolean;
  systemd: boolean;
}

/** A service that is spoken to in its own words: a Redis. Without its credentials, which stay in the config. */
interface ServiceTarget {
  kind: "service";
  node: string;
  url: string;
}

/** How a node is reached by faults. Containers and pods each become a member here and a line of `targets`. */
export type Target = ProcessTarget | ProxyTarget | ToxiproxyTarget | SshTarget | ServiceTarget;
export type TargetKind = Target["kind"];

/** What is on disk before anything is broken. Immutable once written: the lease is renewed beside it, so nobody can resurrect a healed record. */
export interface HealRecord {
  schemaVersion: 1;
  id: string;
  /** The command that injected it; several records may share one. */
  act: string;
  fault: string;
  cluster: string;
  target: Target;
  /** What this kind of fault needs to be undone beyond the target. */
  undo: Json;
  createdAt: number;
  lease: {
    owner: ProcessIdentity;
    ttlMs: number;
    /** True: the user asked for no end, so only `chaos heal`, or a probe that says "gone", ends it. */
    hold: boolean;
  };
}

/** active: the fault is there. gone: proven not to be. unknown: neither could be shown. */
export type Probe = "active" | "gone" | "unknown";

export interface FaultDeps {
  clock: Clock;
  /** Gives up what is being waited for; a heal that was begun can be begun again. */
  signal?: AbortSignal;
  /** The Node binary, for what a fault starts (a burner). Always there in `prepare` and `inject`. */
  execPath?: string;
  /** In `prepare` and `inject` alone: whoever heals may know nothing but the record. */
  cluster?: ClusterConfig;
  /** In `prepare`: the fault shall last until it is healed by hand. */
  hold?: boolean;
}

type Impact = "silences" | "weakens";

/** A schema of options, with the codecs of the config (`durationMs`, `fraction`, …), every key described: flags are made from it. */
export type OptionsSchema<Options> = z.ZodType<Options> & { readonly shape: z.ZodRawShape };

/** One kind of fault, a file of its own. Its summary stands in `names.ts`, where `--help` finds it without loading the fault. */
export interface Fault<Options = unknown> {
  readonly name: string;
  /** What `--help` says below the summary, and command lines with what they do. */
  readonly details?: string;
  readonly examples?: readonly (readonly [string, string])[];
  /** What it can act on: the kinds of target that will do, the best first. */
  readonly targets: readonly TargetKind[];
  /** What it is injected into: nodes unless said otherwise, every node of one zone, or the cluster's cache. */
  readonly scope?: "node" | "zone" | "cache";
  /** The fault's own flags, and what `with:` of a chaos profile may hold. */
  readonly options: OptionsSchema<Options>;
  /** False: cannot be undone, and is asked for twice. */
  readonly reversible: boolean;
  /** True: wants a yes even on a cluster that is not protected. */
  readonly severe?: boolean;
  /** True: may last without a lease until it is healed by hand, where no duration is given. */
  readonly mayHold?: boolean;
  /** What it does to a node, for the guards: `silences` (it no longer serves) unless said otherwise. */
  readonly impact?: Impact | ((options: Options) => Impact);
  /** How long healing may take until a probe must say "gone". */
  readonly healTimeoutMs: number;
  /** Whether this fault with these options is possible there; else a sentence why not. Asks nobody, and changes nothing. */
  possible?(target: Target, options: Options): true | string;
  /** Several ways to the same end, in order of preference: the first that is possible for every node is taken. */
  variants?(options: Options): readonly { options: Options; targets?: readonly TargetKind[] }[];
  /**
   * What `undo` of the record will hold. Changes nothing.
   * @throws RagctlError where this fault cannot be injected there, or could not be undone
   */
  prepare(target: Target, options: Options, deps: FaultDeps): Promise<Json>;
  /** Breaks it. The record is on disk by now. Checks the target's identity before it touches anything. */
  inject(record: HealRecord, deps: FaultDeps): Promise<void>;
  /** Where the target holds a lease of its own (a remote dead-man's timer, a burner): called about every second while the fault lasts. */
  renew?(record: HealRecord, deps: FaultDeps): Promise<void>;
  /** Undoes it: idempotent, bounded in time, harmless where nothing was injected or the target is no longer the same. */
  heal(record: HealRecord, deps: FaultDeps): Promise<void>;
  probe(record: HealRecord, deps: FaultDeps): Promise<Probe>;
}

export type HostSignal = "SIGKILL" | "SIGSTOP" | "SIGCONT";
type ProcessState = "running" | "stopped" | "gone";

/** A server process, wherever it runs. */
export interface Host {
  /** The process now, or undefined where none runs. */
  identify(deps: FaultDeps): Promise<ProcessIdentity | undefined>;
  /** Never signals another process than that one. False: it is no longer there. */
  signal(process: ProcessIdentity, signal: HostSignal, deps: FaultDeps): Promise<boolean>;
  state(process: ProcessIdentity, deps: FaultDeps): Promise<ProcessState>;
  /** Through whoever supervises it (up's supervisor, systemd); does nothing where it runs. @throws RagctlError where nobody can */
  start(deps: FaultDeps): Promise<void>;
  /** True, or a sentence why nobody could start it again. Asks nobody. */
  canStart(): true | string;
  /** Whether the cluster that the target belonged to is still there: a deleted one has nothing to heal. */
  remains(): boolean;
  /** How the node's readiness is answered: yes (2xx), no, refused (nobody listens), silent. */
  ready(deps: FaultDeps): Promise<"yes" | "no" | "refused" | "silent">;
  /** Sets a dead-man's timer where the node runs, where ragctl's own watchdog cannot vouch for it (ssh); renewed by `arm` again. */
  arm?(
    spec: { id: string; undo: { process: ProcessIdentity; by: "SIGCONT" | "start" }; ttlMs: number },
    deps: FaultDeps,
  ): Promise<void>;
  disarm?(id: string, deps: FaultDeps): Promise<void>;
  /** Where resources can be exhausted on purpose. */
  burner?: Burner;
}

/** What `exhaust` burns: cores (share of all, [0, 1]), memory, or space of the file system that `dir` is on. */
export interface BurnSpec {
  /** Of the record: names the burner, so that whoever heals finds it. */
  id: string;
  burn: { cpuShare?: number; memoryBytes?: number; disk?: { dir: string; bytes: number } };
  /** The burner ends by itself when it is not renewed for so long. */
  ttlMs: number;
}

export interface Burner {
  start(spec: BurnSpec, deps: FaultDeps): Promise<ProcessIdentity>;
  /** False where it is gone. */
  renew(id: string, deps: FaultDeps): Promise<boolean>;
  /** Ends it and frees what it took; idempotent. */
  stop(id: string, deps: FaultDeps): Promise<void>;
  runs(id: string, deps: FaultDeps): Promise<boolean>;
}

/** The network before a node. */
export interface Link {
  /** True, or a sentence why this way of reaching the node cannot do that. */
  supports(impairment: Omit<Impairment, "id">): true | string;
  /** Idempotent by id; on a remote host the dead-man's timer is set before. */
  add(impairment: Impairment, deps: FaultDeps): Promise<void>;
  /** Where it has a lease of its own. */
  renew?(id: string, deps: FaultDeps): Promise<void>;
  /** Idempotent, bounded in time even under traffic; discards bytes that it still holds. */
  remove(id: string, deps: FaultDeps): Promise<void>;
  has(id: string, deps: FaultDeps): Promise<boolean | "unknown">;
}
