// In place of `@vscode/ripgrep-universal`, which brings a program for every platform. Nobody searches in these tests but VS
// Code itself, for files that extensions wait for; this finds none.
exports.rgPath = "true";
