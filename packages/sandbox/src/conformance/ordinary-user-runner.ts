import { inspect } from 'node:util';
import { z } from 'zod';
import { escapeCases } from '../escape/cases/all.ts';
import { type Case, runCase } from './case.ts';
import { conformanceCases } from './cases/all.ts';
import { drivers } from './drivers.ts';

/** Runs the named cases it is told of, on the driver of namespaces, as whoever it was started. */
const suites: Readonly<Record<string, readonly Case[]>> = {
  conformance: conformanceCases,
  escape: escapeCases,
};
const order = z.object({ suite: z.string(), name: z.string() });

process.on('message', (message) => {
  const { suite, name } = order.parse(message);
  const found = suites[suite]?.find((entry) => entry.name === name);
  const ran =
    found === undefined
      ? Promise.reject(new Error('no such case'))
      : runCase(found, drivers.namespace);
  void ran.then(
    () => process.send?.({ name, error: null }),
    (error: unknown) => process.send?.({ name, error: inspect(error) }),
  );
});
