/** Google's own address for a location. */
export function vertexAddress(location: string): string {
  switch (location) {
    case 'global':
      return 'https://aiplatform.googleapis.com/v1';
    case 'us':
    case 'eu':
      return `https://aiplatform.${location}.rep.googleapis.com/v1`;
    default:
      return `https://${location}-aiplatform.googleapis.com/v1`;
  }
}
