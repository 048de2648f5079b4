/** The way of a number over the last minutes, without a scale. What it says is beside it as a number. */
export function Spark({ values, length }: { values: number[]; length: number }) {
  const top = Math.max(...values, 1e-9);
  const start = length - values.length;
  const points = values.map((value, i) => `${(((start + i) / (length - 1)) * 96).toFixed(1)} ${(19 - (value / top) * 18).toFixed(1)}`);
  return (
    <svg class="spark" viewBox="0 0 96 20" aria-hidden="true">
      {points.length > 1 && <path d={`M${points.join('L')}`} />}
    </svg>
  );
}
