import { hostLabel } from '@karta/protocol';

/** Where a data plane is reached while none has told. */
const LOCAL_DATA_URL = 'http://localhost:8000';

/** The URL below which a project has its `/sessions`, by the org's slug and the ref. */
export type ProjectUrl = (orgSlug: string, ref: string) => string;

/**
 * URLs of projects: on a host of their own below `domain`, over TLS but for `localhost`; without a
 * domain on the data plane's own address.
 */
export function projectUrls(domain: string | null, dataUrl: () => string | null): ProjectUrl {
  return (orgSlug, ref) => {
    const base = dataUrl() ?? LOCAL_DATA_URL;
    const label = hostLabel(ref, orgSlug);
    // A project from before the length was looked at has no host.
    if (domain === null || label.length > 63) return `${base}/v1/projects/${ref}`;
    if (!/^(?:.+\.)?localhost$/.test(domain)) return `https://${label}.${domain}/v1`;
    const { port } = new URL(base);
    return `http://${label}.${domain}${port === '' ? '' : `:${port}`}/v1`;
  };
}
