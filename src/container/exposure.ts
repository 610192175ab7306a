/** What is to be said of a file of secrets that others than its owner may read, by its mode. */
export function describeExposure(path: string, mode: number, platform = process.platform): readonly string[] {
  // On Windows the bits say nothing of who may read it.
  if (platform === "win32" || (mode & 0o077) === 0) return [];
  const bits = (mode & 0o777).toString(8).padStart(3, "0");
  return [
    `${path} can be read by others than its owner (mode ${bits}): chmod 600 ${path}, and rotate the key if they may have.`,
  ];
}
