import { defaultCapabilities, type NodeEndpoint, type VectorStoreDriver } from "../contract.ts";
import { qdrantControl } from "./control.ts";
import { qdrantData } from "./data.ts";

const capabilities = {
  ...defaultCapabilities,
  supportsShardMove: true,
  supportsSnapshots: true,
  supportsAliases: true,
  supportsConditionalUpsert: true,
  // The server's `max_request_size_mb` is 32 by default.
  maxBodyBytes: 32_000_000,
};

/** Qdrant 1.16 to 1.19, and the embedded node, which speaks the part of it that ragctl uses. */
export const qdrant: VectorStoreDriver = {
  name: "qdrant",
  capabilities,
  headers,
  data: (collection, vectorName) => qdrantData(collection, vectorName, capabilities),
  control: (node) => qdrantControl(node, headers(node)),
};

function headers({ apiKey }: NodeEndpoint): Record<string, string> {
  return apiKey === undefined ? {} : { "api-key": apiKey };
}
