import type { SyncInterceptor } from "./join-point.js";

/** Asked at each call, so that a rebinding shows at the next one, also on objects that were built before. */
export type InterceptorSource = () => SyncInterceptor;

// Of this module and not of `globalThis`: several extensions share one extension host, and one of them must not
// mirror into what another has installed.
let installed: InterceptorSource | undefined;

/** Makes `source` the one that decorators ask. The answer puts back the one before, unless another took its place since. */
export function installInterceptorSource(source: InterceptorSource): () => void {
  const previous = installed;
  installed = source;
  return () => {
    if (installed === source) installed = previous;
  };
}

/** `undefined` where no mirror is installed, or where its interceptor cannot be had: the call is then a plain one. */
export function installedInterceptor(): SyncInterceptor | undefined {
  if (installed === undefined) return undefined;
  try {
    return installed();
  } catch {
    return undefined;
  }
}
