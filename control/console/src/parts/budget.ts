// How counts by kind are written: those that are not zero, the largest first.

export function countsText(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .toSorted(([, one], [, other]) => other - one)
    .map(([kind, count]) => `${count} × ${kind}`)
    .join(", ");
}
