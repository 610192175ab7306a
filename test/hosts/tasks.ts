/** A task as the miniature hosts list it. */
export interface HistoryItem {
  readonly id: string;
  /** When it was last worked on, milliseconds since 1970. */
  readonly ts: number;
  task: string;
  mode?: string;
}

export function task(id: string, ts: number, text = `Task ${id}`): HistoryItem {
  return { id, ts, task: text };
}

/** `count` of them, older ones first, as a host that pushes has them. */
export function tasks(count: number): HistoryItem[] {
  return Array.from({ length: count }, (_item, index) => task(`task-${index}`, index + 1));
}
