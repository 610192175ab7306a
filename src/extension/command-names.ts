/** What follows `redisMirrored.` in the manifest's commands: those that activation offers before what they do is loaded. */
export const COMMAND_NAMES = `showStatus syncNow restore preview enable disable setPassword showKey importKey rotateKey
  testConnection showLog refreshRecords openWalkthrough showMenu`.split(/\s+/);
