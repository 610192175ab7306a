import type * as redisClient from "./redis-client.js";

export type ClientModule = typeof redisClient;

let loaded: ClientModule | undefined;

/** Imports the client when it is first needed. @throws whatever the import does */
export async function loadClient(): Promise<ClientModule> {
  return (loaded ??= await import("./redis-client.js"));
}

/**
 * The one that connections are made with: a process may hold other copies of the client, whose classes are not those of
 * the errors here. `undefined` as long as there can be no connection.
 */
export function loadedClient(): ClientModule | undefined {
  return loaded;
}
