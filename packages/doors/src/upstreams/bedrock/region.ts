/** A region of AWS's commercial and US government parts, as `us-east-1`. */
const REGION = /^(?!cn-)[a-z]{2}(-gov)?-[a-z]{2,16}-\d{1,2}$/;

/** Whether this can be a region: it becomes a part of a host's name. */
export function isAwsRegion(region: string): boolean {
  return REGION.test(region);
}
