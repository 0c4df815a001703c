export { sizeCache } from "./size-cache.ts";
