/** Kinds of values that several sections of the config file share. */
import { z } from "zod";

/** Node's timers fire at once above this. */
const longestTimerMs = 2_147_483_647;

export const milliseconds = () => z.int().min(1).max(longestTimerMs);
export const bytes = () => z.int().min(1);
export const text = () => z.string().regex(/\S/, "must not be empty: give it a value or leave the key out");

/** A date, or a date and time with its zone: nothing that another machine would read differently. */
export const isPointInTime = (value: string): boolean =>
  z.union([z.iso.date(), z.iso.datetime({ offset: true }), z.iso.datetime({ offset: true, precision: -1 })]).safeParse(value).success;
