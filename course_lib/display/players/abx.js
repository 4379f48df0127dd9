// A blind test of two sounds: X is one of them, and again one of them in every round.

export const ROUNDS = 10;

// How likely guessing is to be right so often, or more often.
export function byGuessing(right, rounds = ROUNDS) {
  let ways = 1;
  let sum = 0;
  for (let k = 0; k <= rounds; k++) {
    if (k >= right) sum += ways;
    ways *= (rounds - k) / (k + 1);
  }
  return sum / 2 ** rounds;
}

export function verdict(right) {
  const p = byGuessing(right);
  const often = `Guessing is right so often, or more often, in ${(100 * p).toFixed(1)} % of such tests`;
  return `${right} of ${ROUNDS} right. ${often}: ${
    p < 0.05
      ? "you very likely hear the difference."
      : "this does not show that you hear a difference, nor that there is none."
  }`;
}
