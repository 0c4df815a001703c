export { defaultOverheadBytes, sizeCache, type SizeCacheOptions } from "./size-cache.ts";
