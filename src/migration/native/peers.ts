import type { NativeConsensus, NativeNode } from "../../sharding/native/index.ts";
import type { PeerView } from "../../stores/contract.ts";
import type { NodeAnswer } from "./views.ts";

export interface PeerMap {
  nodes: NativeNode[];
  nodeOf: ReadonlyMap<number, string>;
  notes: string[];
}

/**
 * Which peer each configured node is: those that answer say it themselves. One that does not is what an earlier plan knew it
 * as, else the only peer at its host name, else the only peer left for the only node left. A peer that is no node's becomes
 * `peer-{id}`.
 * @param view the latest of the cluster
 * @param known peer ids by node, of an earlier look
 */
export function mapPeers(answers: readonly NodeAnswer[], view: PeerView, known: Readonly<Record<string, number>> = {}): PeerMap {
  const members = new Map(view.peers.map((peer) => [peer.peerId, peer]));
  const nodeOf = new Map<number, string>();
  const notes: string[] = [];
  const problems = new Map<string, string>();
  for (const { id, peer, problem } of answers) {
    if (!peer) problems.set(id, problem ?? "does not answer");
    else if (!members.has(peer.peerId)) problems.set(id, "is a member of another cluster, or has not joined this one");
    else if (nodeOf.has(peer.peerId)) problems.set(id, `is the same peer as ${nodeOf.get(peer.peerId)}`);
    else nodeOf.set(peer.peerId, id);
  }
  const alive = new Set(nodeOf.values());
  const silent = answers.filter(({ id, peer }) => !alive.has(id) && !peer);
  const claim = (peerId: number | undefined, id: string) => {
    if (peerId !== undefined && members.has(peerId) && !nodeOf.has(peerId)) nodeOf.set(peerId, id);
  };
  for (const { id } of silent) claim(known[id], id);
  const open = () => ({
    nodes: silent.filter(({ id }) => ![...nodeOf.values()].includes(id)),
    peers: view.peers.filter(({ peerId }) => !nodeOf.has(peerId)),
  });
  for (const { id, url } of open().nodes) {
    const at = open().peers.filter(({ uri }) => hostOf(uri) === hostOf(url));
    const rivals = open().nodes.filter((node) => hostOf(node.url) === hostOf(url));
    if (at.length === 1 && rivals.length === 1) claim(at[0]!.peerId, id);
  }
  const left = open();
  if (left.nodes.length === 1 && left.peers.length === 1) claim(left.peers[0]!.peerId, left.nodes[0]!.id);

  const peerOf = new Map([...nodeOf].map(([peerId, id]) => [id, peerId]));
  const nodes = answers.map(({ id, url, zone, weight }): NativeNode => {
    const node: NativeNode = { id, url, weight, alive: alive.has(id) };
    const peerId = peerOf.get(id);
    const problem = problems.get(id);
    if (peerId !== undefined) node.peerId = peerId;
    if (zone !== undefined) node.zone = zone;
    if (problem !== undefined) {
      node.problem = problem;
      notes.push(`${id} ${problem}`);
    }
    return node;
  });
  for (const { peerId, uri } of open().peers) {
    const id = `peer-${peerId}`;
    nodeOf.set(peerId, id);
    nodes.push({ id, peerId, weight: 1, alive: false, problem: "is no configured node" });
    notes.push(`peer ${peerId} at ${uri} is no node of the config, so that ragctl cannot ask it: it is called ${id}`);
  }
  return { nodes, nodeOf, notes };
}

/**
 * Whether a majority of the voters answers and follows one leader. Peers that no configured node is cannot be asked, and do
 * not count as answering.
 */
export function consensusOf(answers: readonly NodeAnswer[], { nodes, nodeOf }: PeerMap, view: PeerView): NativeConsensus {
  const alive = new Set(nodes.filter((node) => node.alive).map(({ id }) => id));
  const asked = answers.flatMap(({ id, peer }) => (peer && alive.has(id) ? [peer] : []));
  const voters = view.peers.length - asked.filter(({ voter }) => !voter).length;
  const voting = asked.filter(({ voter }) => voter);
  const leader = view.leader;
  const following = voting.filter(
    (peer) => peer.working && peer.leader !== null && peer.leader === leader && peer.term === view.term,
  );
  const majority = Math.floor(voters / 2) + 1;
  const consensus: NativeConsensus = {
    leader: leader === null ? null : (nodeOf.get(leader) ?? `peer-${leader}`),
    voters,
    answering: voting.length,
    quorum: following.length >= majority,
    pendingOperations: Math.max(0, ...asked.map(({ pendingOperations }) => pendingOperations)),
  };
  if (!consensus.quorum)
    consensus.problem =
      voting.length < majority
        ? `${voting.length} of ${voters} peers answer, and a majority is ${majority}`
        : leader === null
          ? "the peers know of no leader"
          : `${following.length} of ${voters} peers follow ${consensus.leader}, and a majority is ${majority}`;
  return consensus;
}

function hostOf(uri: string): string {
  return URL.parse(uri)?.hostname ?? uri;
}
