const months = 'January February March April May June July August September October November December'.split(' ');
const weekdays = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');

/** `datetime.strftime` in the C locale, local time; a directive outside the table is refused. */
export function strftime(date: Date, format: string): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const month = months[date.getMonth()] ?? '';
  const weekday = weekdays[date.getDay()] ?? '';
  const hour12 = date.getHours() % 12 === 0 ? 12 : date.getHours() % 12;
  const dayOfYear = Math.round(
    (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - Date.UTC(date.getFullYear(), 0, 0)) / 864e5,
  );
  const known: Record<string, string | number> = {
    Y: date.getFullYear(),
    y: two(date.getFullYear() % 100),
    m: two(date.getMonth() + 1),
    d: two(date.getDate()),
    B: month,
    b: month.slice(0, 3),
    h: month.slice(0, 3),
    A: weekday,
    a: weekday.slice(0, 3),
    H: two(date.getHours()),
    I: two(hour12),
    M: two(date.getMinutes()),
    S: two(date.getSeconds()),
    p: date.getHours() < 12 ? 'AM' : 'PM',
    j: String(dayOfYear).padStart(3, '0'),
    '%': '%',
    '-d': date.getDate(),
    '-m': date.getMonth() + 1,
    '-H': date.getHours(),
    '-I': hour12,
    '-M': date.getMinutes(),
    e: String(date.getDate()).padStart(2, ' '),
    F: `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`,
    T: `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`,
    w: date.getDay(),
  };
  return format.replace(/%(-?[^])/g, (whole, directive: string) => {
    const text = known[directive];
    if (text === undefined) throw new RangeError(`strftime directive ${whole} is not supported`);
    return String(text);
  });
}
