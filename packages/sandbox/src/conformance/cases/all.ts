import type { Case } from '../case.ts';
import { hostCases } from './hosts.ts';
import { limitCases } from './limits.ts';
import { portCases } from './ports.ts';
import { processCases } from './processes.ts';
import { protectionCases } from './protection.ts';
import { readingCases } from './reading.ts';
import { streamCases } from './streams.ts';
import { volumeCases } from './volumes.ts';

/** What every driver of the port must do. */
export const conformanceCases: Case[] = [
  ...streamCases,
  ...processCases,
  ...portCases,
  ...hostCases,
  ...volumeCases,
  ...protectionCases,
  ...limitCases,
  ...readingCases,
];
