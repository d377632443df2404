// Random numbers for tests, the same in every run (mulberry32).

export class Random {
  constructor(private state: number) {}

  // From 0 to 1.
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  between(least: number, most: number): number {
    return least + (most - least) * this.next();
  }

  below(n: number): number {
    return Math.floor(n * this.next());
  }
}

export function eachOf(n: number, test: (random: Random) => void): void {
  for (let seed = 1; seed <= n; seed++) test(new Random(seed));
}
