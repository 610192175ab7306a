/**
 * What the hosts need of what they adopt, so as not to break on it: what every version of Roo-Code and its forks writes, and
 * no more, since the next one will write something else beside it.
 */

/** A task of the history: listed by its id, sorted by its date, shown by its text. */
export function isTask(item: unknown): boolean {
  if (!isObject(item)) return false;
  const { id, ts, task } = item;
  return typeof id === "string" && id !== "" && Number.isFinite(ts) && isTextIfAny(task);
}

/** All profiles of a user, by their names; a host may keep them in a form of its own, and only who has the key has written it. */
export function isProviderProfiles(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { currentApiConfigName, apiConfigs, modeApiConfigs } = value;
  return (
    (apiConfigs === undefined || isObjectOf(apiConfigs, isObject)) &&
    isTextIfAny(currentApiConfigName) &&
    (modeApiConfigs === undefined || isObjectOf(modeApiConfigs, isText))
  );
}

export function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** Each mode is found by its slug and named in a menu. */
export function areModes(value: unknown): boolean {
  const isMode = (mode: unknown) => isObject(mode) && isText(mode["slug"]) && isTextIfAny(mode["name"]);
  return Array.isArray(value) && value.every(isMode);
}

/** The ids of profiles, each with whether it is pinned. */
export function arePinned(value: unknown): boolean {
  return isObjectOf(value, (isPinned) => typeof isPinned === "boolean");
}

/** A host that has no servers may not name them. */
export function isMcpSettings(value: unknown): boolean {
  return isObject(value) && (value["mcpServers"] === undefined || isObjectOf(value["mcpServers"], isObject));
}

function isTextIfAny(value: unknown): boolean {
  return value === undefined || isText(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isObjectOf(value: unknown, isMember: (member: unknown) => boolean): boolean {
  return isObject(value) && Object.values(value).every(isMember);
}
