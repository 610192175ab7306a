/** Sets a key as the latest; of more than `limit` the one that was set longest ago gives way. */
export function setLast<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, limit: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > limit) map.delete(map.keys().next().value!);
}
