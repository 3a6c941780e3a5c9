/** `global`, one of the large parts of the world, or a region as `us-east5`. */
const LOCATION = /^(global|us|eu|[a-z]{2,16}-[a-z]{4,16}\d{1,2})$/;

/** Whether this can be a location of Vertex: it becomes a part of a host's name. */
export function isVertexLocation(location: string): boolean {
  return LOCATION.test(location);
}

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
