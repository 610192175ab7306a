/** What `scripts/e2e.mjs` has got ready. @throws Error if it was not that which started the tests. */
export function prepared(name: keyof typeof VARIABLES): string {
  const value = process.env[VARIABLES[name]];
  if (value === undefined)
    throw new Error(`Expected ${VARIABLES[name]}: these tests are started by \`npm run test:e2e\``);
  return value;
}

const VARIABLES = {
  /** The command that starts VS Code, as JSON. */
  codeServer: "E2E_CODE_SERVER",
  /** The extension, as it is shipped. */
  vsix: "E2E_VSIX",
  /** The npm package, as it is shipped. */
  tarball: "E2E_TARBALL",
  /** The same persistence without the mirror. */
  plainVsix: "E2E_PLAIN_VSIX",
  /** What saves and shows on command. */
  driverVsix: "E2E_DRIVER_VSIX",
} as const;
