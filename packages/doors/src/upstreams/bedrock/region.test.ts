import { awsRegion } from '@karta/protocol';
import { expect, it } from 'vitest';
import { bedrockUpstream } from './bedrock.ts';

it.each(['us-east-1', 'eu-central-2', 'us-gov-west-1', 'ap-southeast-12'])(
  '%s is one',
  (region) => {
    expect(awsRegion.parse(region)).toBe(region);
    const { endpoint } = bedrockUpstream({ region, baseUrl: null });
    expect(endpoint).toBe(`https://bedrock-runtime.${region}.amazonaws.com`);
  },
);

it.each([
  ...['evil.example', 'us-east-1.evil.example', 'us-east-1/', 'us-east-1#', 'us-east-1@evil'],
  ...['..', '', 'US-EAST-1', 'cn-north-1', 'localhost', '127.0.0.1', 'a-b-1:80'],
])('"%s" is none, and is connected to by nobody', (region) => {
  expect(awsRegion.safeParse(region).success).toBe(false);
  expect(() => bedrockUpstream({ region, baseUrl: null })).toThrow(/no region/);
});
