/** What the node says it is. It speaks Qdrant 1.18's REST API (in part), and clients check that version; the title tells. */
export const about = {
  title: "ragctl embedded node (speaks a part of Qdrant's REST API)",
  version: "1.18.0",
} as const;
