/** The first of those that weigh least; `undefined` of none. Who came first stands first. */
export function leastFirst<T>(waiting: readonly T[], weight: (one: T) => number): T | undefined {
  let [least] = waiting;
  for (const one of waiting) if (least !== undefined && weight(one) < weight(least)) least = one;
  return least;
}
