import { expect, it } from 'vitest';
import { webOrigin } from './web-origin.ts';

it.each([
  'https://shop.example',
  'http://localhost:3000',
  'https://xn--4ca.example',
  'http://[::1]:8080',
])('%s is an origin', (origin) => {
  expect(webOrigin.safeParse(origin).success).toBe(true);
});

it.each([
  ['*', 'any'],
  ['https://*.example', 'a wildcard'],
  ['https://shop.example/', 'a path'],
  ['https://SHOP.example', 'not as browsers write it'],
  ['https://shop.example:443', 'a port that browsers leave out'],
  ['https://me@shop.example', 'a name'],
  ['https://ä.example', 'not as browsers send it'],
  ['shop.example', 'no scheme'],
  ['null', 'no origin'],
  ['file://', 'none of the web'],
])('%s is refused: %s', (origin) => {
  expect(webOrigin.safeParse(origin).success).toBe(false);
});
