import { priceOf } from '@karta/protocol';
import { BUILT_IN_PRICE_BOOK } from '@karta/protocol/built-in-prices';
import { describe, expect, it } from 'vitest';
import { bedrockModel, withoutProfile } from './model-name.ts';

describe('a model on Bedrock', () => {
  it.each([
    ['claude-sonnet-4-5', 'us-east-1', 'us.anthropic.claude-sonnet-4-5-20250929-v1:0'],
    ['claude-sonnet-4-5-20250929', 'us-west-2', 'us.anthropic.claude-sonnet-4-5-20250929-v1:0'],
    ['claude-haiku-4-5', 'eu-central-1', 'eu.anthropic.claude-haiku-4-5-20251001-v1:0'],
    ['claude-opus-4-5', 'ap-northeast-1', 'global.anthropic.claude-opus-4-5-20251101-v1:0'],
    ['claude-opus-4-6', 'us-east-1', 'us.anthropic.claude-opus-4-6-v1'],
    ['claude-sonnet-4-6', 'us-gov-west-1', 'us-gov.anthropic.claude-sonnet-4-6'],
    ['claude-opus-4-7', 'sa-east-1', 'global.anthropic.claude-opus-4-7'],
  ])('%s in %s is %s, and has a price', (model, region, named) => {
    expect(bedrockModel(model, region)).toBe(named);
    expect(priceOf(BUILT_IN_PRICE_BOOK, 'bedrock', named, Date.now())).not.toBeNull();
  });

  it.each([
    'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
    'anthropic.claude-sonnet-4-6',
    'jp.anthropic.claude-sonnet-4-6',
    'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3',
  ])('keeps the name that Bedrock gives it: %s', (model) => {
    expect(bedrockModel(model, 'eu-west-1')).toBe(model);
  });

  it.each([
    'gpt-5',
    'meta.llama3-70b-instruct-v1:0',
    'claude-sonnet-4-5/../../x',
    'anthropic.claude-x?y=1',
    'arn:aws:s3:::bucket/key',
    'Claude-sonnet',
    '',
  ])('is none of another name: "%s"', (model) => {
    expect(bedrockModel(model, 'us-east-1')).toBeNull();
  });

  it('costs a tenth more outside the global profile', () => {
    const price = (model: string) => priceOf(BUILT_IN_PRICE_BOOK, 'bedrock', model, Date.now());
    const everywhere = price('global.anthropic.claude-opus-4-7');
    expect(everywhere).not.toBeNull();
    expect(price('us.anthropic.claude-opus-4-7')?.input).toBe(
      ((everywhere?.input ?? 0n) * 11n) / 10n,
    );
  });

  it('is counted by its own name', () => {
    expect(withoutProfile('us.anthropic.claude-opus-4-7')).toBe('anthropic.claude-opus-4-7');
    expect(withoutProfile('us-gov.anthropic.claude-opus-4-7')).toBe('anthropic.claude-opus-4-7');
    expect(withoutProfile('anthropic.claude-opus-4-7')).toBe('anthropic.claude-opus-4-7');
  });
});
