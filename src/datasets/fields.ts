/** Names that columns of vectors and of texts usually have, best first. */
export const defaultVectorFields = ["vector", "embedding", "emb", "embeddings"] as const;
export const defaultTextFields = ["text", "query", "question", "content", "title"] as const;
