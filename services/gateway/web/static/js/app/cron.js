// Times of a schedule: five cron fields for Starling, plain choices for people.

export const WEEKDAYS = [
  ["mon", "Monday"],
  ["tue", "Tuesday"],
  ["wed", "Wednesday"],
  ["thu", "Thursday"],
  ["fri", "Friday"],
  ["sat", "Saturday"],
  ["sun", "Sunday"],
];
export const EVERY_HOURS = [1, 2, 3, 4, 6, 8, 12];
const NAMED = { "@hourly": "0 */1 * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * sun", "@monthly": "0 0 1 * *" };

/** @typedef {{every: "hours" | "day" | "week" | "month" | "cron", time: string, weekday: string, day: number, hours: number, cron: string}} When */

/** @returns {When} */
export const usualTime = () => ({ every: "day", time: "03:00", weekday: "sun", day: 1, hours: 6, cron: "0 3 * * *" });

const two = (n) => String(n).padStart(2, "0");
const dayName = (text) => WEEKDAYS[(Number(text) + 6) % 7]?.[0] ?? text.toLowerCase();

/** The plain choice that means the same, or "cron" where there is none. @returns {When} */
export function readCron(cron) {
  const when = { ...usualTime(), cron };
  const text = NAMED[cron.trim().toLowerCase()] ?? cron.trim();
  const hours = /^0 (?:\*|\*\/(\d+)) \* \* \*$/.exec(text);
  if (hours && EVERY_HOURS.includes(Number(hours[1] ?? 1))) return { ...when, every: "hours", hours: Number(hours[1] ?? 1) };
  const found = /^(\d{1,2}) (\d{1,2}) (\*|\d{1,2}) \* (\*|[0-7]|[A-Za-z]{3})$/.exec(text);
  if (!found) return { ...when, every: "cron" };
  const [, minute, hour, day, weekday] = found;
  const timed = { ...when, time: `${two(hour)}:${two(minute)}` };
  if (day === "*" && weekday === "*") return { ...timed, every: "day" };
  if (day === "*") return { ...timed, every: "week", weekday: dayName(weekday) };
  return weekday === "*" ? { ...timed, every: "month", day: Number(day) } : { ...when, every: "cron" };
}

/** @param {When} when */
export function writeCron({ every, time, weekday, day, hours, cron }) {
  const [hour, minute] = time.split(":").map(Number);
  return { hours: `0 */${hours} * * *`, day: `${minute} ${hour} * * *`, week: `${minute} ${hour} * * ${weekday}`, month: `${minute} ${hour} ${day} * *`, cron: cron.trim() }[every];
}

/** "every day at 03:00", or the cron text itself */
export function cronWords(text) {
  const { every, time, weekday, day, hours } = readCron(text);
  return {
    hours: hours === 1 ? "every hour" : `every ${hours} hours`,
    day: `every day at ${time}`,
    week: `every ${WEEKDAYS.find(([key]) => key === weekday)?.[1]} at ${time}`,
    month: `on day ${day} of every month at ${time}`,
    cron: `at “${text}”`,
  }[every];
}
