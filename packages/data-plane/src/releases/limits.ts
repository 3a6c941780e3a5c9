/**
 * Bounds of what one publish may bring. They hold a published folder to what a sandbox can start
 * from in well under a second, and a mistake (`karta serve ~`) to a clear refusal.
 */
export const RELEASE_LIMITS = {
  /** Files, folders and links. */
  members: 50_000,
  /** All files together, in bytes. */
  totalBytes: 512 * 1024 * 1024,
  /** One file, in bytes. */
  fileBytes: 100 * 1024 * 1024,
  /** A path relative to the folder, in UTF-8 bytes. */
  pathBytes: 1024,
  /** One name of a path, in UTF-8 bytes: what file systems take. */
  nameBytes: 255,
  /** Folders within folders. */
  depth: 40,
  /** A text file that detection reads, in bytes. */
  textBytes: 1024 * 1024,
  /** Links followed before a chain of links counts as a circle. */
  linkHops: 40,
} as const;

/** Names that are never part of a release, at any depth: history, not application. */
export const EXCLUDED_NAMES: ReadonlySet<string> = new Set(['.git']);
