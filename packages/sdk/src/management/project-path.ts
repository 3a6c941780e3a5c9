/** `/v1/projects/{ref}` */
export function projectPath(ref: string): string {
  return `/v1/projects/${encodeURIComponent(ref)}`;
}
