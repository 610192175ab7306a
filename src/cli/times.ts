/** A length of time in words, of its two largest units at most. */
export function describeSpan(spanMs: number): string {
  const seconds = Math.floor(spanMs / 1_000);
  const [minutes, hours, days] = [60, 3_600, 86_400].map((unit) => Math.floor(seconds / unit)) as [
    number,
    number,
    number,
  ];
  if (minutes === 0) return `${seconds} s`;
  if (hours === 0) return `${minutes} min`;
  return days === 0 ? `${hours} h` : `${days} d ${hours % 24} h`;
}

/** A moment, in UTC, to the second. */
export function describeTime(time: Date): string {
  return time.toISOString().slice(0, 19).replace("T", " ");
}
