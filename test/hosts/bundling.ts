import { join } from "node:path";
import { build, type BuildOptions } from "esbuild";
import { ROOT } from "../support/document.js";

/** How hosts bundle: to CommonJS, minified. */
export const HOST_OPTIONS = {
  bundle: true,
  minify: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  logLevel: "silent",
  tsconfigRaw: { compilerOptions: { experimentalDecorators: true } },
} as const satisfies BuildOptions;

/**
 * Bundles as hosts do: to CommonJS, minified, without the names that classes were given.
 * @param entry TypeScript that stands in `test/hosts`. @returns What esbuild had to say.
 */
export async function bundleAsHost(
  entry: string,
  outfile: string,
  options: Pick<BuildOptions, "external" | "plugins"> = {},
): Promise<readonly unknown[]> {
  const { warnings } = await build({
    stdin: { contents: entry, resolveDir: join(ROOT, "test/hosts"), loader: "ts" },
    outfile,
    ...HOST_OPTIONS,
    ...options,
  });
  return warnings;
}
