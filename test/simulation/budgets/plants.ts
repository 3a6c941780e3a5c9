/**
 * Mistakes planted at the seams between the shipped parts, one at a time: what the product would do
 * if it made them. Each must be seen by the comparison, or its silence would say nothing.
 */
export const PLANTS = [
  'the control plane leases more than is left',
  'a lease of doors that have been replaced is granted',
  'a closed block gives back what open calls hold',
  'what earlier doors took is not told',
  'a call is sent before its reservation is on disk',
  'the output limit is not lowered',
  'calls that broke off are not booked',
  'an event that is told again counts again',
  'the journal is acknowledged before the outbox has the calls',
  'a block goes on beyond its window',
  'a call is booked in the window in which it ends',
  'events do not say which block they took from',
  'a call is sent again when its reservation has returned',
  'what a call leaves over returns twice',
  'what doors that have ended settled is booked as it was reserved',
  'nothing is left where all that is wanted is not left',
  'a call costs what its model costs when it is over',
] as const;

export type Plant = (typeof PLANTS)[number];
