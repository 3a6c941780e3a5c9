/** What a signing secret is bound to: moved to another endpoint's row it cannot be opened. */
export function sealContext(orgId: string, endpointId: string): readonly string[] {
  return ['webhook', orgId, endpointId];
}
