import { expect, it } from 'vitest';
import { egressConfig } from './config.ts';

it('opens nothing by default', () => {
  expect(egressConfig.parse({})).toEqual({
    ...{ allow_private: [], dns_servers: [], hosts: {}, ca_certificates: [] },
  });
});

it('refuses what is no range, no address and no name', () => {
  for (const broken of [
    { allow_private: ['everything'] },
    { hosts: { 'mcp.internal': ['mcp'] } },
    { hosts: { 'mcp.internal': [] } },
    { hosts: { '10.0.0.1': ['10.0.0.1'] } },
    { ca_certificates: ['/etc/ssl/ca.pem'] },
  ]) {
    expect(egressConfig.safeParse(broken).success, JSON.stringify(broken)).toBe(false);
  }
});
