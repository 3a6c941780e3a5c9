/** One member of an application folder. `path` is relative, with `/`, in the folder's own spelling. */
export type Entry =
  | { kind: 'directory'; path: string }
  | {
      kind: 'file';
      path: string;
      /** Where its bytes are, relative to the folder: differs from `path` for a resolved link. */
      source: string;
      size: number;
      executable: boolean;
    }
  | { kind: 'link'; path: string; target: string };

/** Sorts by code unit, so that the order depends on no locale. */
export function byPath(a: { path: string }, b: { path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}
